//! [`faults`]: what is wrong with an SVG that people are to read.

use roxmltree::{Document, Node};

/// A phone shows a picture at this width.
const PHONE: f64 = 358.0;

/// The smallest text there, in pixels.
const LEGIBLE: f64 = 9.5;

/// Returns what is wrong with a picture, a sentence each; nothing if it can be read.
///
/// It must be an SVG with a size, a title and a description; every text must be legible on a phone, lie inside the frame
/// and leave the other labels free; every colour must have a twin in a style sheet for dark pages. The width of a
/// text is estimated for a wide font, since a reader's font is not known.
#[must_use]
pub fn faults(svg: &str) -> Vec<String> {
    let document = match Document::parse(svg) {
        Ok(document) => document,
        Err(e) => return vec![format!("it is not XML: {e}")],
    };
    let root = document.root_element();
    let mut found = Vec::new();
    if !root.has_tag_name(("http://www.w3.org/2000/svg", "svg")) || root.attribute("role") != Some("img") {
        found.push("its root is not <svg role=\"img\">".to_owned());
    }
    for name in ["title", "desc"] {
        let text = root.children().find(|node| node.tag_name().name() == name).and_then(|node| node.text());
        if text.is_none_or(|text| text.trim().is_empty()) {
            found.push(format!("it has no <{name}>"));
        }
    }
    let view_box: Vec<f64> = root
        .attribute("viewBox")
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|n| n.parse().ok())
        .collect();
    let [0.0, 0.0, width, height] = view_box[..] else {
        found.push("it has no viewBox that begins at 0 0".to_owned());
        return found;
    };
    let frame = Extent { left: 0.0, top: 0.0, right: width, bottom: height };
    let labels: Vec<(String, f64, Extent)> = root
        .descendants()
        .filter(|node| node.has_tag_name("text") || node.tag_name().name() == "text")
        .map(extent)
        .collect();
    for (place, (text, size, extent)) in labels.iter().enumerate() {
        if text.is_empty() {
            found.push("a label is empty".to_owned());
        }
        if size * PHONE / width < LEGIBLE {
            found.push(format!("\"{text}\" is too small for a phone: {size} of {width}"));
        }
        if !frame.holds(extent) {
            found.push(format!("\"{text}\" leaves the frame: {extent:?}"));
        }
        for (other, _, _) in labels[..place].iter().filter(|(_, _, other)| other.meets(extent)) {
            found.push(format!("\"{text}\" and \"{other}\" cover each other"));
        }
    }
    found.extend(without_twin(&document));
    found
}

/// The colours that the style sheet for dark pages does not replace.
fn without_twin(document: &Document<'_>) -> Vec<String> {
    let styles: String = document
        .descendants()
        .filter(|node| node.tag_name().name() == "style")
        .filter_map(|node| node.text())
        .collect();
    let Some((_, dark)) = styles.split_once("prefers-color-scheme:dark") else {
        return vec!["it has no colours for dark pages".to_owned()];
    };
    let mut found = Vec::new();
    for node in document.descendants() {
        for property in ["fill", "stroke"] {
            let Some(colour) = node.attribute(property).filter(|colour| *colour != "none") else { continue };
            let missing = format!("{property} {colour} has no twin for dark pages");
            if !dark.contains(&format!("[{property}=\"{colour}\"]")) && !found.contains(&missing) {
                found.push(missing);
            }
        }
    }
    found
}

/// The rectangle that a label takes.
#[derive(Clone, Copy, Debug)]
struct Extent {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Extent {
    fn holds(&self, other: &Self) -> bool {
        self.left <= other.left
            && self.top <= other.top
            && other.right <= self.right
            && other.bottom <= self.bottom
    }

    fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

fn extent(node: Node<'_, '_>) -> (String, f64, Extent) {
    let inherited = |name: &str| node.ancestors().find_map(|node| node.attribute(name));
    let number = |name: &str| node.attribute(name).and_then(|n| n.parse::<f64>().ok()).unwrap_or_default();
    let text: String = node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect();
    let text = text.trim().to_owned();
    let size: f64 = inherited("font-size").and_then(|size| size.parse().ok()).unwrap_or_default();
    let bold = if inherited("font-weight") == Some("bold") { 1.08 } else { 1.0 };
    let wide = text.chars().map(em).sum::<f64>() * size * bold;
    // Along the line of the text, from its anchor; and across it, from its baseline.
    let along = match inherited("text-anchor") {
        Some("middle") => (-wide / 2.0, wide / 2.0),
        Some("end") => (-wide, 0.0),
        _ => (0.0, wide),
    };
    let baseline = match node.attribute("dy") {
        Some(dy) if dy.ends_with("em") => dy.trim_end_matches("em").parse().unwrap_or(0.0) * size,
        Some(dy) if dy.ends_with("ex") => dy.trim_end_matches("ex").parse().unwrap_or(0.0) * size / 2.0,
        _ => 0.0,
    };
    let across = (baseline - size * 0.76, baseline + size * 0.22);
    let (x, y) = (number("x"), number("y"));
    let upright = node.attribute("transform").is_some_and(|transform| transform.starts_with("rotate(270"));
    let extent = if upright {
        Extent { left: x + across.0, right: x + across.1, top: y - along.1, bottom: y - along.0 }
    } else {
        Extent { left: x + along.0, right: x + along.1, top: y + across.0, bottom: y + across.1 }
    };
    (text, size, extent)
}

/// The width of a character in a wide font, by its size.
fn em(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '|' | '\'' | '!' => 0.32,
        'f' | 'r' | 't' | ' ' | '(' | ')' | '/' | '-' => 0.42,
        'm' | 'w' | 'M' | 'W' | '%' => 0.95,
        // A sign, perhaps from another font.
        _ if !character.is_alphanumeric() => 0.95,
        _ if character.is_uppercase() => 0.72,
        _ => 0.63,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(labels: &str) -> String {
        format!(
            "<svg width=\"200\" height=\"100\" viewBox=\"0 0 200 100\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\">\
             <title>t</title><desc>d</desc><style>@media (prefers-color-scheme:dark){{[fill=\"#000001\"]{{fill:#FFFFFE}}}}</style>{labels}</svg>"
        )
    }

    const GOOD: &str = "<g font-size=\"10\" fill=\"#000001\"><text x=\"10\" y=\"20\">one</text><text x=\"10\" y=\"40\">two</text></g>";

    #[test]
    fn a_picture_that_can_be_read_has_none() {
        assert_eq!(faults(&svg(GOOD)), Vec::<String>::new());
    }

    #[test]
    fn each_fault_is_named() {
        for (from, to, said) in [
            ("y=\"40\"", "y=\"25\"", "\"two\" and \"one\" cover each other"),
            ("x=\"10\" y=\"40\"", "x=\"190\" y=\"40\"", "\"two\" leaves the frame"),
            ("x=\"10\" y=\"20\"", "x=\"10\" y=\"20\" text-anchor=\"end\"", "\"one\" leaves the frame"),
            (
                "x=\"10\" y=\"40\"",
                "x=\"10\" y=\"95\" transform=\"rotate(270, 10, 95)\" dy=\"-10em\"",
                "leaves the frame",
            ),
            ("font-size=\"10\"", "font-size=\"5\"", "too small for a phone"),
            (">two<", "> <", "a label is empty"),
            (
                "<g font-size=\"10\" fill=\"#000001\"",
                "<g font-size=\"10\" fill=\"#000002\"",
                "fill #000002 has no twin for dark pages",
            ),
            ("<title>t</title>", "", "it has no <title>"),
            ("<desc>d</desc>", "<desc> </desc>", "it has no <desc>"),
            (" role=\"img\"", "", "its root is not"),
            ("0 0 200 100", "0 200", "it has no viewBox"),
            ("prefers-color-scheme:dark", "print", "no colours for dark pages"),
            ("</svg>", "", "it is not XML"),
        ] {
            let broken = svg(GOOD).replace(from, to);
            assert_ne!(broken, svg(GOOD), "{from}");
            let found = faults(&broken);
            assert!(found.iter().any(|fault| fault.contains(said)), "{from} to {to}: {found:?}");
        }
    }
}
