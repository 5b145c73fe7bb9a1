//! [`Network`]: a location whose servers stand behind fault proxies.

use crate::outcome::Outcome;
use crate::proxy::{Fault, Proxy};
use crate::servers::Server;
use crate::spec::Spec;

/// Servers, a proxy in front of each, and the spec of the location behind the proxies.
#[derive(Debug)]
pub struct Network {
    /// The servers themselves, to pause and to restart.
    pub servers: Vec<Server>,
    /// A proxy in front of each.
    pub proxies: Vec<Proxy>,
    /// The location, reached through the proxies.
    pub spec: Spec,
}

impl Network {
    pub(crate) fn start(servers: Vec<Server>, spec: Spec) -> Outcome<Self> {
        let proxies: Vec<Proxy> =
            servers.iter().map(|server| Proxy::start(server.address())).collect::<Result<_, _>>()?;
        let spec = Spec { servers: proxies.iter().map(Proxy::address).collect(), ..spec };
        Ok(Self { servers, proxies, spec })
    }

    /// The location without the proxies.
    #[must_use]
    pub fn direct(&self) -> Spec {
        Spec { servers: self.servers.iter().map(Server::address).collect(), ..self.spec.clone() }
    }

    /// Sets the fault of every proxy.
    pub fn set(&self, fault: Fault) {
        self.proxies.iter().for_each(|proxy| proxy.set(fault));
    }

    /// The round trips so far, over all servers.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.proxies.iter().map(Proxy::turns).sum()
    }

    /// Pauses every server.
    pub fn pause(&self) {
        self.servers.iter().for_each(Server::pause);
    }

    /// Lets every server go on.
    pub fn resume(&self) {
        self.servers.iter().for_each(Server::resume);
    }

    /// Kills every server.
    pub fn kill(&mut self) {
        self.servers.iter_mut().for_each(Server::kill);
    }

    /// Restarts every server, empty.
    ///
    /// # Errors
    /// When one does not come up.
    pub fn restart(&mut self) -> Outcome {
        self.servers.iter_mut().try_for_each(Server::restart)?;
        Ok(())
    }
}
