//! Whom a row compares us with: something that people use instead, or a bound.

use charts::Colour;

/// The peers among crates: their versions are those of Cargo.lock.
pub(crate) const CRATES: [&str; 8] =
    ["async-memcached", "cacache", "fred", "memcache", "moka", "quick_cache", "redis", "rusqlite"];

/// Whether people use this instead: another crate, or a Python package. All else is a bound, or a part of this project.
pub(crate) fn is_peer(name: &str) -> bool {
    CRATES.contains(&name) || name == "diskcache" || name.starts_with("Django")
}

/// The colour of a peer, the same in every picture.
pub(crate) fn colour(name: &str) -> Colour {
    match name {
        "ours" | "ours, S3-FIFO" => Colour::Ours,
        "ours, LRU" => Colour::OursToo,
        "quick_cache" | "cacache" | "redis" | "memcache" => Colour::Orange,
        "moka" | "fred" | "async-memcached" | "diskcache" => Colour::Pink,
        _ if name.starts_with("Django") => Colour::Green,
        _ => Colour::Floor,
    }
}
