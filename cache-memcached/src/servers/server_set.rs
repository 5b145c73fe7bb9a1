//! [`ServerSet`]: the servers with their connections; picks the one for a key and skips ejected ones.

use cache_core::{Clock, Error, Result};
use cache_net::{Limits, Server};

use super::ejection::{EjectionPolicy, Failures};
use super::location::NamedAddress;
use super::rendezvous;
use crate::protocol::Memcached;

/// The servers of a cache, by their places in its location.
#[derive(Debug)]
pub(crate) struct ServerSet {
    servers: Vec<Server<Memcached>>,
    pub(super) failures: Option<Failures>,
}

impl ServerSet {
    pub(crate) fn new(
        servers: Vec<NamedAddress>,
        limits: Limits,
        rules: Option<EjectionPolicy>,
        clock: &Clock,
    ) -> Self {
        let server = |NamedAddress { name, address }| Server::new(Memcached { name }, address, limits);
        let servers: Vec<_> = servers.into_iter().map(server).collect();
        let failures = rules.map(|rules| Failures::new(rules, clock.clone(), servers.len()));
        Self { servers, failures }
    }

    /// How many servers there are.
    pub(crate) const fn len(&self) -> usize {
        self.servers.len()
    }

    /// The server at `place`.
    pub(crate) fn at(&self, place: usize) -> &Server<Memcached> {
        &self.servers[place]
    }

    /// What the server at `place` is called in errors.
    pub(crate) fn name(&self, place: usize) -> &Memcached {
        self.at(place).protocol()
    }

    /// Returns the place of the server that holds `key`.
    pub(crate) fn pick(&self, key: &str) -> Result<usize> {
        if let ([_], None) = (self.servers.as_slice(), &self.failures) {
            return Ok(0);
        }
        let names = self.servers.iter().map(|server| server.protocol().name.as_str()).enumerate();
        let found = match &self.failures {
            None => rendezvous::pick(names, key),
            Some(failures) => {
                let health = failures.health_now();
                rendezvous::pick(names.filter(|&(place, _)| !health.is_left_out(place)), key)
            }
        };
        found.ok_or_else(|| Error::unavailable("all memcached servers failed and are left out for a while"))
    }

    /// Checks whether the server at `place` may be asked now: it is left alone for a while after a failure.
    pub(crate) fn may_ask(&self, place: usize) -> Result<()> {
        self.failures.as_ref().map_or(Ok(()), |failures| failures.may_ask(place, self.name(place)))
    }

    /// Notes that the server at `place` answered.
    pub(crate) fn answered(&self, place: usize) {
        self.failures.iter().for_each(|failures| failures.answered(place));
    }

    /// Notes that the server at `place` did not answer.
    pub(crate) fn failed(&self, place: usize) {
        self.failures.iter().for_each(|failures| failures.failed(place, self.name(place)));
    }

    /// Closes all connections.
    pub(crate) fn close(&self) {
        self.servers.iter().for_each(Server::close);
    }
}
