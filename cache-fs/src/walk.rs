//! The path to a directory: every directory and symbolic link on it.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use cache_core::Error;
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

/// The same limit as Linux.
const MOST_LINKS: u32 = 40;

/// A directory or a symbolic link on the way.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) path: PathBuf,
    pub(crate) stat: Stat,
    /// The owner of the next step below it, if that exists.
    pub(crate) below: Option<u32>,
}

impl Step {
    pub(crate) fn is_link(&self) -> bool {
        FileType::from_raw_mode(self.stat.st_mode) == FileType::Symlink
    }

    fn at(path: &Path) -> Result<Self, Errno> {
        let stat = rustix::fs::lstat(path)?;
        Ok(Self { path: path.to_owned(), stat, below: None })
    }
}

/// Where a path leads.
#[derive(Debug)]
pub(crate) struct Way {
    /// In the order in which they are passed; the last one is a directory.
    pub(crate) steps: Vec<Step>,
    /// The names of the directories that do not exist yet.
    pub(crate) missing: Vec<OsString>,
    /// Whether the path itself, as it was named, is a symbolic link, dangling or not.
    pub(crate) ends_in_link: bool,
}

impl Way {
    /// Returns the directory in which the way ends.
    pub(crate) fn end(&self) -> Option<&Step> {
        self.steps.last()
    }
}

/// Walks along the absolute path of a directory.
///
/// # Errors
/// When something on the path is not a directory, or cannot be examined.
pub(crate) fn walk(path: &Path) -> Result<Way, Error> {
    let failed = |errno: Errno, at: &Path| cannot("look at", at, errno);
    let mut pending = names(path);
    pending.reverse();
    let mut here = Step::at(Path::new("/")).map_err(|e| failed(e, Path::new("/")))?;
    let mut steps = Vec::new();
    let ends_in_link = Step::at(path).is_ok_and(|named| named.is_link());
    let mut links = 0;
    while let Some(name) = pending.pop() {
        if name == OsStr::new("..") {
            let up = here.path.parent().unwrap_or(&here.path).to_owned();
            steps.push(here);
            here = Step::at(&up).map_err(|e| failed(e, &up))?;
            continue;
        }
        let at = here.path.join(&name);
        let next = match Step::at(&at) {
            Ok(next) => next,
            Err(Errno::NOENT) => {
                pending.push(name);
                pending.reverse();
                if pending.iter().any(|name| name == OsStr::new("..")) {
                    return Err(cannot(
                        "follow \"..\" from a directory that does not exist,",
                        &at,
                        Errno::NOENT,
                    ));
                }
                steps.push(here);
                return Ok(Way { steps, missing: pending, ends_in_link });
            }
            Err(errno) => return Err(failed(errno, &at)),
        };
        here.below = Some(next.stat.st_uid);
        if next.is_link() {
            links += 1;
            if links > MOST_LINKS {
                return Err(failed(Errno::LOOP, path));
            }
            let to = rustix::fs::readlink(&at, Vec::new()).map_err(|e| failed(e, &at))?;
            let to = PathBuf::from(<OsString as std::os::unix::ffi::OsStringExt>::from_vec(to.into_bytes()));
            pending.extend(names(&to).into_iter().rev());
            let from = if to.is_absolute() { PathBuf::from("/") } else { here.path.clone() };
            steps.extend([here, next]);
            here = Step::at(&from).map_err(|e| failed(e, &from))?;
            continue;
        }
        if FileType::from_raw_mode(next.stat.st_mode) != FileType::Directory {
            let at = at.display();
            return Err(Error::invalid_cache_backend(format!(
                "{at} is not a directory: name another path, or remove the file"
            )));
        }
        steps.push(std::mem::replace(&mut here, next));
    }
    steps.push(here);
    Ok(Way { steps, missing: Vec::new(), ends_in_link })
}

fn names(path: &Path) -> Vec<OsString> {
    let name = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(name).collect()
}

pub(crate) fn cannot(doing: &str, path: &Path, errno: Errno) -> Error {
    Error::storage(format!("the cache cannot {doing} {}", path.display())).with_source(errno)
}
