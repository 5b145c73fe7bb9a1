//! What the kinds of pictures draw, and what they refuse.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use charts::{Axis, Colour, Dot, DotGroup, Panel, Picture, Series, dots, panels};

fn axes() -> (Axis, Axis) {
    let x = Axis::log("entries", &[1e3, 1e5], |entries| format!("{entries}"));
    (x, Axis::decades("time", [50.0, 700.0], |ns| format!("{ns} ns")))
}

fn line(name: &str, points: &[(f64, f64)]) -> Series {
    let points = points.iter().map(|&(x, y)| (x, y, format!("{y} ns"))).collect();
    Series { name: name.to_owned(), colour: Colour::Ours, points }
}

fn panel(name: &str, series: Vec<Series>) -> Panel {
    let (x, y) = axes();
    Panel { name: name.to_owned(), x, y, series }
}

/// The labels of a picture: each stands on a line of its own.
fn labels(picture: &Picture) -> Vec<&str> {
    picture.svg.lines().filter(|line| !line.starts_with('<')).collect()
}

#[test]
fn lines_have_a_legend_and_axes_with_labels() {
    let all = [
        panel("get", vec![line("ours", &[(1e3, 50.0), (1e5, 700.0)]), line("theirs", &[(1e3, 60.0)])]),
        panel("set", vec![line("ours", &[(1e3, 70.0)])]),
    ];
    let picture = panels("Cost", "Lower is better", &all).unwrap();
    let labels = labels(&picture);
    for text in ["Cost", "Lower is better", "ours", "theirs", "get", "set", "entries, log scale"] {
        assert!(labels.contains(&text), "{text} is missing: {labels:?}");
    }
    let count = |text: &str| labels.iter().filter(|known| **known == text).count();
    assert_eq!((count("ours"), count("time, log scale"), count("10 ns"), count("1000 ns")), (1, 2, 2, 2));
    // Higher is slower: y grows downwards, so the larger time has the smaller y.
    let marks: Vec<i32> = picture
        .svg
        .lines()
        .filter(|line| line.starts_with("<circle"))
        .filter_map(|line| line.split("cy=\"").nth(1)?.split('"').next()?.parse().ok())
        .collect();
    assert_eq!(marks.len(), 4, "the legend's, and three points: {marks:?}");
    assert!(marks[1] > marks[2], "{marks:?}");
}

#[test]
fn a_point_beyond_the_axes_is_an_error() {
    let all = [panel("get", vec![line("ours", &[(1e3, 5.0)])])];
    let e = panels("Cost", "Lower is better", &all).unwrap_err().to_string();
    assert!(e.contains("ours of get: the point (1000, 5) is not on the axes"), "{e}");
}

#[test]
fn a_text_that_does_not_fit_is_an_error() {
    let dot =
        |name: &str, value| Dot { name: name.to_owned(), value, shown: format!("{value} ns"), is_ours: true };
    let draw = |name: &str, group: &str| {
        let groups = [DotGroup { name: group.to_owned(), dots: vec![dot(name, 50.0), dot("theirs", 700.0)] }];
        dots("Time", "Lower is better", &axes().1, &groups)
    };
    let picture = draw("ours", "memory").unwrap();
    assert_eq!(picture.description, "Lower is better. memory: ours 50 ns, theirs 700 ns.");
    let labels = labels(&picture);
    for text in ["memory", "ours", "50 ns", "theirs", "700 ns", "time, log scale", "100 ns"] {
        assert!(labels.contains(&text), "{text} is missing: {labels:?}");
    }
    let e = draw("a name that is much longer than its column", "memory").unwrap_err().to_string();
    assert!(e.contains("cover each other"), "{e}");
    let e = draw("ours", &"very ".repeat(20)).unwrap_err().to_string();
    assert!(e.contains("leaves the frame"), "{e}");
}
