//! [`Refusal`]: what a server means by its error replies.

/// What the text behind `ERROR`, `CLIENT_ERROR` or `SERVER_ERROR` says of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It has no memory for this item, or the item is too large. The command was not done, and the
    /// connection goes on.
    Item,
    /// It has as many connections as it may have.
    Crowded,
    /// It wants a log-in.
    LogIn,
    /// It was started with an option that forbids the command.
    Forbidden,
    /// Anything else: another server may do it, since this one is broken or is not the right one. A proxy's words for a
    /// server behind it that is gone, an unknown command, memory for a connection.
    Broken,
}

impl Refusal {
    pub(crate) fn of(reason: &str) -> Self {
        let reason = reason.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| reason.contains(word));
        if has(&["too large", "storing object", "allocating new item"]) {
            Self::Item
        } else if has(&["too many open connections", "too many connections"]) {
            Self::Crowded
        } else if has(&["unauth", "authentication", "authorized"]) {
            Self::LogIn
        } else if has(&["not allowed"]) {
            Self::Forbidden
        } else {
            Self::Broken
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_and_proxies_say() {
        for (reason, expected) in [
            // memcached
            ("object too large for cache", Refusal::Item),
            ("out of memory storing object", Refusal::Item),
            ("Out of memory allocating new item", Refusal::Item),
            ("ERROR Too many open connections", Refusal::Crowded),
            ("unauthenticated", Refusal::LogIn),
            ("authentication failure", Refusal::LogIn),
            ("flush_all not allowed", Refusal::Forbidden),
            ("ERROR", Refusal::Broken),
            ("out of memory reading request", Refusal::Broken),
            ("out of memory", Refusal::Broken),
            ("bad command line format", Refusal::Broken),
            // memcached's own proxy, mcrouter, twemproxy, moxi
            ("backend failure", Refusal::Broken),
            ("mc_res_tko", Refusal::Broken),
            ("Connection refused", Refusal::Broken),
            ("temporary failure", Refusal::Broken),
            ("unauthorized, null bucket", Refusal::LogIn),
            ("", Refusal::Broken),
        ] {
            assert_eq!(Refusal::of(reason), expected, "{reason:?}");
        }
    }
}
