//! Checks that the committed pictures are the ones that the repository's files ask for.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use roxmltree::Document;

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(home().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

#[test]
fn the_picture_of_conformance_says_what_the_page_says() {
    let drawn = charts::conformance::picture(&read("docs/results/conformance.md")).unwrap();
    assert!(
        read("docs/results/charts/conformance.svg") == drawn.svg,
        "it is not up to date: run `cargo run -p charts --bin conformance-chart -- docs/results/conformance.md \
         >docs/results/charts/conformance.svg` and commit it"
    );
}

#[test]
fn every_picture_can_be_read() {
    let mut seen = BTreeSet::new();
    let mut folders = vec![home().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "svg") {
                let found = charts::faults(&std::fs::read_to_string(&path).unwrap());
                assert!(found.is_empty(), "{}: {found:#?}", path.display());
                seen.insert(path.file_stem().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    for name in ["architecture", "conformance", "hit-time", "hit-ratio", "throughput"] {
        assert!(seen.contains(name), "{name} is missing: {seen:?}");
    }
}

/// The crates of this workspace that `krate` needs in every build or behind a feature, out of its manifest.
fn needs(krate: &str, all: &BTreeSet<String>) -> BTreeSet<String> {
    let manifest = read(&format!("{krate}/Cargo.toml"));
    let section =
        manifest.split("\n[").find(|section| section.starts_with("dependencies]")).unwrap_or_default();
    let named = section.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    named.filter(|name| all.contains(*name)).map(str::to_owned).collect()
}

#[test]
fn the_picture_of_the_architecture_has_the_crates_and_what_they_need() {
    let svg = read("docs/design/architecture.svg");
    let document = Document::parse(&svg).unwrap();
    let with = |name: &'static str| document.descendants().filter(move |node| node.has_attribute(name));
    let crates: BTreeSet<String> =
        with("data-crate").map(|node| node.attribute("data-crate").unwrap().to_owned()).collect();
    let manifest = read("Cargo.toml");
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    let members = members.split('"').skip(1).step_by(2);
    // What is published; the rest are tests, examples, measurements and pictures.
    let published: BTreeSet<String> = members
        .filter(|member| !read(&format!("{member}/Cargo.toml")).contains("publish = false"))
        .map(str::to_owned)
        .collect();
    assert_eq!(crates, published, "left: the picture; right: what the workspace publishes");
    let drawn: BTreeSet<(String, String)> = with("data-from")
        .map(|node| ["data-from", "data-to"].map(|name| node.attribute(name).unwrap().to_owned()).into())
        .collect();
    // All but cache-macros need cache-core, and cachectl needs every backend: the picture says it in words.
    let wanted: BTreeSet<(String, String)> = crates
        .iter()
        .filter(|krate| !TOOLS.contains(&krate.as_str()))
        .flat_map(|krate| needs(krate, &crates).into_iter().map(|need| (krate.clone(), need)))
        .filter(|(_, need)| need != "cache-core")
        .collect();
    assert_eq!(drawn, wanted, "left: the lines of the picture; right: the manifests");
    let without_core = ["cache-core", "cache-macros"];
    for krate in crates.iter().filter(|krate| !without_core.contains(&krate.as_str())) {
        assert!(needs(krate, &crates).contains("cache-core"), "{krate} does not need cache-core");
    }
    let text: String = document.descendants().filter_map(|node| node.text()).collect();
    for said in ["All but cache-macros need cache-core", "path of a call"] {
        assert!(text.contains(said), "the picture does not say: {said}");
    }
}

/// They need all backends.
const TOOLS: [&str; 2] = ["cachectl", "polycache"];
