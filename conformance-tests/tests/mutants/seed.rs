//! [`Seed`]: names a mutant, and makes the suite that runs it.

use std::fmt;

use conformance_tests::Suite;

use crate::bug::Bug;
use crate::file_store::{FileBug, Files};
use crate::mutant::Mutant;
use crate::settings::{Setting, misconfigure};
use crate::toy_client::{Wire, WireBug};
use crate::toy_server;

/// Where the bug is: in the memory store, in the handle's settings, in the file store, in the
/// client of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Seed {
    Store(Bug),
    Handle(Setting),
    Disk(FileBug),
    Network(WireBug),
}

pub(crate) use Seed::{Disk, Handle, Network, Store};

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Store(bug) => write!(f, "Store::{bug:?}"),
            Handle(setting) => write!(f, "Handle::{setting:?}"),
            Disk(bug) => write!(f, "Disk::{bug:?}"),
            Network(bug) => write!(f, "Network::{bug:?}"),
        }
    }
}

impl Seed {
    /// The same without the bug.
    pub(crate) const fn control(self) -> Self {
        match self {
            Store(bug) if bug.is_native() => Store(Bug::Native),
            // These claim what only the file store can do.
            Store(Bug::PersistentInNameOnly | Bug::ProcessLocal) => Disk(FileBug::None),
            Store(_) | Handle(_) => Store(Bug::None),
            Disk(_) => Disk(FileBug::None),
            Network(_) => Network(WireBug::None),
        }
    }

    pub(crate) fn suite(self) -> Suite {
        let name = self.to_string();
        match self {
            // Its server has the machine's clock.
            Network(bug) => {
                return Suite::new(&name, move |spec| Ok(Wire::open(bug, spec)))
                    .servers(1, toy_server::start)
                    .shared_locations();
            }
            Store(bug) => Suite::new(&name, move |spec| Mutant::open(bug, spec)),
            Handle(setting) => Suite::new(&name, move |spec| Mutant::open(setting.store(), spec))
                .configure(move |builder| misconfigure(setting, builder)),
            Disk(bug) => Suite::new(&name, move |spec| Ok(Files::open(bug, spec))).file_per_entry(),
        }
        .manual_clock()
        .shared_locations()
        .remembers_limits()
    }
}
