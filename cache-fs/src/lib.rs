//! Shared parts of the backends on disk: directories in which only this user writes, and locks.
//!
//! # The rule
//! A cache believes what it reads: anyone who can put a file into it decides what the program sees. So:
//!
//! - **The store belongs to this user or to root**: the file or the directory, and what lies beside or
//!   in it.
//! - **So does every directory on the way, and nobody else may write to one.** Anyone who may could exchange what
//!   is below. A symbolic link on the way counts like a directory.
//! - **A sticky directory, such as `/tmp`, may lie on the way** if what is below it is this user's own, since
//!   nobody else can take that away. So may a directory that is root's and open to others, such as a Kubernetes
//!   volume: what another user puts there belongs to that user and is refused.
//! - **Neither may hold the store itself**: anybody could take a free name in it. Another user could create a
//!   database's log just before SQLite opens it, and take it away before anybody looks. Use a directory below it.
//! - **Root may use the store of another user**, to look after it. Then that user is trusted as well, and
//!   what root makes there belongs to that user.
//! - **A user's private group** does not count as another user: a group without further members in `/etc/group`
//!   and `/etc/passwd`, as many systems give to each user. A [`Rule`] may trust one more group.
//! - **In a user namespace** an owner outside it is seen as the overflow user (65534). On the way that is taken as
//!   the administrator's. The store itself must belong to a user inside.
//!
//! A POSIX ACL that lets others write shows in the group's rights, and is refused with them. Rights from an NFSv4
//! ACL or a file server do not show, and are not seen.
//!
//! The rule is applied when a store is opened ([`Directory::open`]) and each time its path leads to something
//! else. In between the backends work below the directory that they hold open.
//!
//! # Locks
//! [`LockFile`] is `flock` with a limit to the wait. Lock only files that others cannot open: anyone who may read
//! a file may lock it.
//!
//! Unix only.

mod create;
mod directory;
mod groups;
mod lock;
mod rule;
mod walk;

pub use create::{Owner, create_file, make_dir};
pub use directory::{Directory, FileId, can_be_made};
pub use lock::LockFile;
pub use rule::Rule;
