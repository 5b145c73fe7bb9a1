//! [`Site`]: all pages of a checkout, and what is wrong with their links.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::{fs, io};

use crate::page::{Link, Page};

/// The pages of a checkout: Markdown files at its root and in its crates, and everything in `docs`.
#[derive(Debug)]
pub struct Site {
    root: PathBuf,
    rustdoc: Option<PathBuf>,
    pages: BTreeMap<PathBuf, Page>,
}

impl Site {
    /// Reads the pages of the checkout at `root`. `rustdoc` is the folder of the built API documentation, if it is
    /// there: links to docs.rs are then looked up in it.
    ///
    /// # Errors
    /// When a file or a folder cannot be read.
    pub fn read(root: &Path, rustdoc: Option<&Path>) -> io::Result<Self> {
        let mut pages = BTreeMap::new();
        collect(root, 1, &mut pages)?;
        collect(&root.join("docs"), usize::MAX, &mut pages)?;
        Ok(Self { root: root.to_owned(), rustdoc: rustdoc.map(Path::to_owned), pages })
    }

    /// How many pages and links there are.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.pages.len(), self.pages.values().map(|page| page.links.len()).sum())
    }

    /// What is wrong: a sentence for each link, with its file and line.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (path, page) in &self.pages {
            for link in &page.links {
                if let Err(problem) = self.follow(path, link) {
                    problems.push(format!("{}:{}: {} {problem}", path.display(), link.line, link.target));
                }
            }
        }
        problems
    }

    /// The pages of `docs` that `docs/SUMMARY.md` does not list: the built book lacks them.
    #[must_use]
    pub fn unlisted(&self) -> Vec<&Path> {
        let summary = Path::new("docs/SUMMARY.md");
        let listed: Vec<PathBuf> = self.pages.get(summary).map_or_else(Vec::new, |page| {
            page.links.iter().filter_map(|link| beside(summary, &link.target)).collect()
        });
        let in_docs = self.pages.keys().filter(|path| path.starts_with("docs") && *path != summary);
        in_docs.filter(|path| !listed.contains(path)).map(PathBuf::as_path).collect()
    }

    fn follow(&self, from: &Path, link: &Link) -> Result<(), String> {
        if let Some(page) = link.target.strip_prefix("https://docs.rs/") {
            return self.follow_rustdoc(page);
        }
        if ["https://", "http://", "mailto:"].iter().any(|scheme| link.target.starts_with(scheme)) {
            return Ok(());
        }
        let (file, anchor) = match link.target.split_once('#') {
            Some((file, anchor)) => (file, Some(anchor)),
            None => (link.target.as_str(), None),
        };
        let to = if file.is_empty() { Some(from.to_owned()) } else { beside(from, file) };
        let to = to.ok_or("leads out of the checkout")?;
        if from.starts_with("docs") && !to.starts_with("docs") {
            return Err(
                "leads out of docs/, where the built book has nothing: name the file in `code`".into()
            );
        }
        if !self.root.join(&to).exists() {
            return Err("does not exist".into());
        }
        match (anchor, self.pages.get(&to)) {
            (Some(anchor), Some(page)) if !page.anchors.contains(anchor) => {
                Err(format!("has an anchor that {} does not have", to.display()))
            }
            (Some(_), None) => Err("has an anchor, and does not lead to a page".into()),
            _ => Ok(()),
        }
    }

    /// `page` is `cache-core/latest/cache_core/struct.Cache.html#method.get`.
    fn follow_rustdoc(&self, page: &str) -> Result<(), String> {
        let mut parts = page.splitn(3, '/');
        let (krate, _version, rest) = (parts.next().unwrap_or(""), parts.next(), parts.next().unwrap_or(""));
        let ours = self.root.join(krate).join("Cargo.toml").exists();
        let Some(rustdoc) = self.rustdoc.as_ref().filter(|_| ours && !krate.is_empty()) else {
            return Ok(());
        };
        let (file, anchor) = rest.split_once('#').unwrap_or((rest, ""));
        let file = if file.is_empty() { format!("{}/", krate.replace('-', "_")) } else { file.to_owned() };
        let file = if file.ends_with('/') { file + "index.html" } else { file };
        let html = fs::read_to_string(rustdoc.join(&file))
            .map_err(|_| format!("is not in the API docs ({file})"))?;
        if anchor.is_empty() || html.contains(&format!("id=\"{anchor}\"")) {
            return Ok(());
        }
        Err(format!("has an anchor that {file} of the API docs does not have"))
    }
}

/// Reads the Markdown files in `folder` and `depth` folders down.
fn collect(folder: &Path, depth: usize, pages: &mut BTreeMap<PathBuf, Page>) -> io::Result<()> {
    fn walk(root: &Path, folder: &Path, depth: usize, pages: &mut BTreeMap<PathBuf, Page>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if path.is_dir() && depth > 0 && !hidden && !path.ends_with("target") {
                walk(root, &path, depth - 1, pages)?;
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let page = Page::read(&path)?;
                pages.insert(path.strip_prefix(root).unwrap_or(&path).to_owned(), page);
            }
        }
        Ok(())
    }
    let root = if folder.ends_with("docs") { folder.parent().unwrap_or(folder) } else { folder };
    walk(root, folder, depth, pages)
}

/// The file that `link` names beside `from`, or `None` if it leads above the root.
fn beside(from: &Path, link: &str) -> Option<PathBuf> {
    let mut to = from.parent()?.to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::Normal(name) => to.push(name),
            Component::CurDir => {}
            Component::ParentDir if to.pop() => {}
            _ => return None,
        }
    }
    Some(to)
}
