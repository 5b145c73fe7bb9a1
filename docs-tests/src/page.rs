//! [`Page`]: a Markdown file, its anchors and its links.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use pulldown_cmark::{BrokenLink, Event, Options, Parser, Tag, TagEnd};

/// A link or an image of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it leads, as it is written.
    pub target: String,
    /// The line it begins on, from 1.
    pub line: usize,
}

/// A Markdown file, its anchors and its links.
#[derive(Debug)]
pub struct Page {
    /// Where the file is.
    pub path: PathBuf,
    /// The anchors of its headings, and of `<a id="…">`.
    pub anchors: HashSet<String>,
    /// Its links and images, in order.
    pub links: Vec<Link>,
}

impl Page {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::parse(path, &fs::read_to_string(path)?))
    }

    /// Reads the Markdown `text` of the file at `path`.
    #[must_use]
    pub fn parse(path: &Path, text: &str) -> Self {
        let mut anchors = Anchors::default();
        let mut links = Vec::new();
        let line = |offset: usize| text[..offset].matches('\n').count() + 1;

        // A reference without a definition, `[text][name]`, is a link to `name`, and so a broken one.
        let undefined = |link: BrokenLink<'_>| Some((link.reference.to_string().into(), "".into()));
        let undefined = |link: BrokenLink<'_>| match link.link_type {
            pulldown_cmark::LinkType::Reference | pulldown_cmark::LinkType::Collapsed => undefined(link),
            _ => None,
        };
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
        let parser = Parser::new_with_broken_link_callback(text, options, Some(undefined));

        let mut heading: Option<String> = None;
        for (event, range) in parser.into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => anchors.add(&heading.take().unwrap_or_default()),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    links.push(Link { target: dest_url.to_string(), line: line(range.start) });
                }
                Event::Text(part) | Event::Code(part) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&part);
                    }
                }
                Event::Html(html) | Event::InlineHtml(html) => {
                    anchors.seen.extend(attributes(&html, "id").map(str::to_owned));
                    for name in ["href", "src", "srcset"] {
                        let found = attributes(&html, name);
                        links.extend(found.map(|t| Link { target: t.to_owned(), line: line(range.start) }));
                    }
                }
                _ => {}
            }
        }
        Self { path: path.to_owned(), anchors: anchors.seen, links }
    }
}

/// The values of the attribute `name` in `html`, which quotes them with `"`.
pub(crate) fn attributes<'a>(html: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let opening = format!(" {name}=\"");
    let places: Vec<usize> = html.match_indices(&opening).map(|(at, _)| at + opening.len()).collect();
    places.into_iter().filter_map(|at| html[at..].split('"').next())
}

#[derive(Default)]
struct Anchors {
    seen: HashSet<String>,
    times: HashMap<String, usize>,
}

impl Anchors {
    /// Adds the anchor of a heading, as GitHub and mdBook make it.
    fn add(&mut self, heading: &str) {
        let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let slug: String =
            kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect();
        let times = self.times.entry(slug.clone()).or_default();
        let anchor = if *times == 0 { slug } else { format!("{slug}-{times}") };
        *times += 1;
        self.seen.insert(anchor);
    }
}
