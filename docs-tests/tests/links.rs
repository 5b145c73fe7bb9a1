//! The links of this checkout, and that the check finds what is planted.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use docs_tests::{Page, Site, broken_in_book};

#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let site = Site::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), None).unwrap();
    let (pages, links) = site.counts();
    assert!(pages > 20 && links > 60, "{pages} pages and {links} links are too few to be all");
    assert_eq!(site.broken(), Vec::<String>::new());
    assert_eq!(site.unlisted(), Vec::<&Path>::new());
}

#[test]
fn planted_links_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("README.md", "[a](docs/a.md) [b](docs/b.md)\n\n```\n[code](nowhere.md)\n```\n");
    write("core/README.md", "[docs](../docs/a.md#no-such) ![picture](picture.svg)\n");
    write("core/Cargo.toml", "");
    write("core/deep/er/far.md", "[not read](nowhere.md)\n");
    write("docs/SUMMARY.md", "- [A](a.md)\n");
    write(
        "docs/a.md",
        "# A `b`!\n## One\n## One\n[ok](#a-b) [ok](#one-1) [self](#two)\n[text][undefined] [x]\n[out](../core/Cargo.toml)\n\
         [up](../../x.md) <a id=\"here\"></a> [here](#here) <img src=\"no.png\">\n\
         [api](https://docs.rs/core/latest/core/struct.A.html#method.a)\n\
         [api](https://docs.rs/core/latest/core/struct.A.html#method.b)\n\
         [api](https://docs.rs/core/latest/core/struct.B.html) [web](https://example.org/x)\n",
    );
    write("docs/c.md", "[a](a.md#one)\n");
    write("api/core/struct.A.html", "<section id=\"method.a\">");

    let site = Site::read(folder.path(), Some(&folder.path().join("api"))).unwrap();
    assert_eq!(
        site.broken(),
        [
            "README.md:1: docs/b.md does not exist",
            "core/README.md:1: ../docs/a.md#no-such has an anchor that docs/a.md does not have",
            "core/README.md:1: picture.svg does not exist",
            "docs/a.md:4: #two has an anchor that docs/a.md does not have",
            "docs/a.md:5: undefined does not exist",
            "docs/a.md:6: ../core/Cargo.toml leads out of docs/, where the built book has nothing: name the file in `code`",
            "docs/a.md:7: ../../x.md leads out of the checkout",
            "docs/a.md:7: no.png does not exist",
            "docs/a.md:9: https://docs.rs/core/latest/core/struct.A.html#method.b has an anchor that \
             core/struct.A.html of the API docs does not have",
            "docs/a.md:10: https://docs.rs/core/latest/core/struct.B.html is not in the API docs (core/struct.B.html)",
        ]
    );
    assert_eq!(site.unlisted(), [Path::new("docs/c.md")]);
}

#[test]
fn planted_links_of_a_built_book_are_found() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("a.html"),
        "<h1 id=\"x\"> <a href=\"b.html#y\"> <a href=\"c.html\"> <a href=\"#z\">",
    )
    .unwrap();
    fs::write(folder.path().join("b.html"), "<h1 id=\"x\"> <a href=\"a.html#x\">").unwrap();
    let problems = broken_in_book(folder.path()).unwrap();
    let ends: Vec<&str> = problems.iter().filter_map(|problem| problem.split("a.html: ").nth(1)).collect();
    assert_eq!(
        ends,
        [
            "#z has an anchor that does not exist",
            "b.html#y has an anchor that does not exist",
            "c.html does not exist"
        ]
    );
}

#[test]
fn code_has_no_links() {
    let page = Page::parse(Path::new("a.md"), "`[a](b)`\n\n```rust\n[c](d)\n```\n[e](f)\n");
    assert_eq!(
        page.links.iter().map(|link| (link.target.as_str(), link.line)).collect::<Vec<_>>(),
        [("f", 6)]
    );
}
