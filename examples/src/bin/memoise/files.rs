//! Reads the input: the files below a path.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

pub struct Text {
    pub name: String,
    /// Made from the content: an edited file is another key, and its old report is not found.
    pub key: String,
    pub content: String,
}

/// Larger files would keep the example busy for minutes.
const LARGEST: u64 = 16 * 1024;

/// Reads the files below `path`: the Rust, Markdown and TOML files of a folder, or a single file of any kind.
pub fn read(path: &Path) -> Result<Vec<Text>, String> {
    let mut paths = Vec::new();
    if path.is_dir() {
        let walked = walk(path, &mut paths);
        walked.map_err(|e| format!("cannot read the folder {}: {e}", path.display()))?;
        paths.sort();
    } else {
        paths.push(path.to_owned());
    }
    let inputs: Result<Vec<Text>, String> = paths
        .iter()
        .map(|file| {
            let content =
                fs::read_to_string(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
            let mut hasher = DefaultHasher::new();
            content.hash(&mut hasher);
            let below = file.strip_prefix(path).ok().filter(|name| !name.as_os_str().is_empty());
            let name = below.unwrap_or(file).display().to_string();
            Ok(Text { name, key: format!("report:{:016x}", hasher.finish()), content })
        })
        .collect();
    let mut inputs = inputs?;
    // Two files with one content are one computation.
    inputs.sort_by(|a, b| a.key.cmp(&b.key));
    inputs.dedup_by(|a, b| a.key == b.key);
    inputs.sort_by(|a, b| a.name.cmp(&b.name));
    if inputs.is_empty() {
        return Err(format!("no Rust, Markdown or TOML file below {}", path.display()));
    }
    Ok(inputs)
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let hidden = name.to_string_lossy().starts_with('.');
        if kind.is_dir() && !hidden && name != "target" {
            walk(&entry.path(), found)?;
        } else if kind.is_file() && is_text(&entry.path()) && entry.metadata()?.len() <= LARGEST {
            found.push(entry.path());
        }
    }
    Ok(())
}

fn is_text(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs" || extension == "md" || extension == "toml")
}
