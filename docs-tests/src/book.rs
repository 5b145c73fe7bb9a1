//! The built book: its files, and whether each link in them leads somewhere.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::page::attributes;

/// What is wrong with the links of the HTML files in `folder`: a sentence for each. Links to other hosts are not
/// followed.
///
/// # Errors
/// When a file or a folder cannot be read.
pub fn broken_in_book(folder: &Path) -> io::Result<Vec<String>> {
    let mut pages = HashMap::new();
    collect(folder, &mut pages)?;
    let mut problems = Vec::new();
    for (path, html) in &pages {
        for target in attributes(html, "href").chain(attributes(html, "src")) {
            let elsewhere = ["https://", "http://", "mailto:", "data:", "javascript:"];
            // What the book shows for a page that does not exist knows the place of the book, and not of itself.
            if elsewhere.iter().any(|scheme| target.starts_with(scheme)) || path.ends_with("404.html") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let to = match file {
                "" => path.clone(),
                _ => path.parent().unwrap_or(folder).join(file),
            };
            let Ok(to) = to.canonicalize() else {
                problems.push(format!("{}: {target} does not exist", path.display()));
                continue;
            };
            let anchors = pages.get(&to).map(|html| html.as_str());
            let found = anchors.is_none_or(|html| attributes(html, "id").any(|id| id == anchor));
            if !anchor.is_empty() && !found {
                problems.push(format!("{}: {target} has an anchor that does not exist", path.display()));
            }
        }
    }
    problems.sort();
    Ok(problems)
}

fn collect(folder: &Path, pages: &mut HashMap<PathBuf, String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, pages)?;
        } else if path.extension().is_some_and(|extension| extension == "html") {
            let html = fs::read_to_string(&path)?;
            pages.insert(path.canonicalize()?, html);
        }
    }
    Ok(())
}
