//! [`Rule`]: who may own a store and write to it, and how existing files are judged.

use std::path::Path;

use cache_core::Error;
use rustix::fs::Stat;

use crate::groups;
use crate::walk::{Step, Way};

const ROOT: u32 = 0;
const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;
const STICKY: u32 = 0o1000;

/// What a store asks of its directory. See [the crate](crate#the-rule).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Whether the store is one file, beside which others may have files.
    pub(crate) is_file: bool,
    pub(crate) group: Option<u32>,
}

impl Rule {
    /// Makes the rule for a store that is a directory, whose path is not a symbolic link.
    #[must_use]
    pub const fn directory() -> Self {
        Self { is_file: false, group: None }
    }

    /// Makes the rule for a store that is a file in the directory. Other files may lie beside it, and the path
    /// may be a symbolic link.
    #[must_use]
    pub const fn file() -> Self {
        Self { is_file: true, group: None }
    }

    /// Trusts the members of a group, by its number: they may own what belongs to the group, and write to it.
    #[must_use]
    pub const fn group(mut self, group: Option<u32>) -> Self {
        self.group = group;
        self
    }
}

/// Whom a store may belong to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trusted {
    rule: Rule,
    user: u32,
    /// The owner of the store, if this process is root's.
    also: Option<u32>,
}

fn refused(what: String) -> Error {
    Error::invalid_cache_backend(what)
}

impl Trusted {
    pub(crate) fn of(rule: Rule, end: &Step) -> Self {
        let user = rustix::process::geteuid().as_raw();
        Self { rule, user, also: (user == ROOT).then_some(end.stat.st_uid) }
    }

    /// Returns whether the path of the directory itself may be a symbolic link.
    pub(crate) const fn may_be_link(&self) -> bool {
        self.rule.is_file
    }

    fn is_owner(&self, stat: &Stat) -> bool {
        let owner = stat.st_uid;
        owner == ROOT
            || owner == self.user
            || Some(owner) == self.also
            || self.rule.group == Some(stat.st_gid)
    }

    fn is_open_to_others(&self, stat: &Stat) -> bool {
        let mode = stat.st_mode;
        let by_group = mode & GROUP_WRITES != 0
            && self.rule.group != Some(stat.st_gid)
            && !groups::is_private(stat.st_gid, stat.st_uid);
        mode & OTHERS_WRITE != 0 || by_group
    }

    /// Whether it is this user's or root's: what a sticky directory protects.
    const fn is_own(&self, owner: u32) -> bool {
        owner == self.user || owner == ROOT
    }

    /// Judges the way to a directory, which is its last step.
    pub(crate) fn judge(&self, way: &Way) -> Result<(), Error> {
        let Some(end) = way.end() else { return Ok(()) };
        let named = way.missing.iter().fold(end.path.clone(), |path, name| path.join(name));
        if way.ends_in_link && !self.may_be_link() {
            return Err(refused(format!(
                "the directory {} is a symbolic link, which may be redirected: name the directory itself",
                way.steps
                    .iter()
                    .rev()
                    .find(|step| step.is_link())
                    .map_or(&*named, |link| &link.path)
                    .display()
            )));
        }
        for step in &way.steps {
            let is_end = way.missing.is_empty() && std::ptr::eq(step, end);
            if step.is_link() {
                self.judge_link(step, &named)?;
            } else if is_end {
                self.judge_end(step)?;
            } else {
                self.judge_on_the_way(step, &named)?;
            }
        }
        Ok(())
    }

    fn judge_link(&self, link: &Step, named: &Path) -> Result<(), Error> {
        if self.is_owner(&link.stat) {
            return Ok(());
        }
        Err(refused(format!(
            "the symbolic link {} on the way to {} belongs to another user ({}), who may redirect it: name the directory itself",
            link.path.display(),
            named.display(),
            link.stat.st_uid
        )))
    }

    fn judge_end(&self, end: &Step) -> Result<(), Error> {
        let path = end.path.display();
        if !self.is_owner(&end.stat) {
            return Err(refused(format!(
                "the directory {path} belongs to another user ({}), who may put anything into it: name another",
                end.stat.st_uid
            )));
        }
        if !self.is_open_to_others(&end.stat) {
            return Ok(());
        }
        // The sticky bit protects existing files but not free names: another user may make SQLite's log just before
        // SQLite opens it.
        let is_sticky = end.stat.st_mode & STICKY != 0;
        if !is_sticky && (self.user == ROOT || end.stat.st_uid == self.user) {
            return Err(refused(format!(
                "the directory {path} is writable for other users: take the right away (chmod go-w), or name \
                 another"
            )));
        }
        Err(refused(format!(
            "the directory {path} is writable for other users, who may put files into it: use a directory below it, \
             which the cache makes for itself, such as {}",
            end.path.join("cache").display()
        )))
    }

    fn judge_on_the_way(&self, step: &Step, named: &Path) -> Result<(), Error> {
        let (path, named) = (step.path.display(), named.display());
        if !self.is_owner(&step.stat) && !groups::is_from_outside(step.stat.st_uid) {
            return Err(refused(format!(
                "the directory {path} on the way to {named} belongs to another user ({}), who may exchange what \
                 is below it: name a path whose directories belong to this user or to root",
                step.stat.st_uid
            )));
        }
        if !self.is_open_to_others(&step.stat) {
            return Ok(());
        }
        let holds_own = step.below.is_none_or(|owner| self.is_own(owner));
        let is_of_administrator = self.user != ROOT && step.stat.st_uid != self.user;
        if holds_own && (step.stat.st_mode & STICKY != 0 || is_of_administrator) {
            return Ok(());
        }
        Err(refused(format!(
            "the directory {path} on the way to {named} is writable for other users, who may exchange what is \
             below it: take the right away (chmod go-w), or name another path"
        )))
    }

    /// Judges a file of the store, which lies in the directory `end`.
    pub(crate) fn judge_file(&self, path: &Path, stat: &Stat, end: &Stat) -> Result<(), Error> {
        let shown = path.display();
        // In a directory of root's it need not be root that looks after the store.
        let is_looked_after = self.user == ROOT && end.st_uid == ROOT;
        if !self.is_owner(stat) && !is_looked_after {
            return Err(refused(format!(
                "the file {shown} belongs to another user ({}), who may put anything into it: name another, or \
                 remove it",
                stat.st_uid
            )));
        }
        if self.is_open_to_others(stat) {
            return Err(refused(format!(
                "the file {shown} is writable for other users: take the right away (chmod go-w), or name another"
            )));
        }
        Ok(())
    }
}
