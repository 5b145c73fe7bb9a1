//! The programs of the README and of `src/bin`, run as a person runs them, and URLs that need a
//! server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::process::Command;

use conformance_tests::servers::{Server, or_skip};
use polycache::DEFAULT_TIMEOUT;

/// The README's program, as source and as a process.
const FIRST: &str = include_str!("../src/bin/first.rs");

fn runs_with(url: &str) {
    let run = Command::new(env!("CARGO_BIN_EXE_first")).env("CACHE_URL", url).output().unwrap();
    assert!(run.status.success(), "{url}: {}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn the_program_is_the_readmes() {
    assert!(include_str!("../../README.md").contains(&format!("```rust\n{FIRST}```\n")));
}

/// The features that the README's dependency names exist, and the folder does.
#[test]
fn the_readmes_dependencies_can_be_resolved() {
    let (_, dependencies) = include_str!("../../README.md").split_once("```toml\n").unwrap();
    let (dependencies, _) = dependencies.split_once("```").unwrap();
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let dependencies = dependencies.replace("\"../cache/", &format!("\"{workspace}/"));
    let app = tempfile::tempdir().unwrap();
    let manifest = format!(
        "[package]\nname = \"app\"\nedition = \"2024\"\n\n{dependencies}\n[[bin]]\nname = \"app\"\npath = \"first.rs\"\n"
    );
    std::fs::write(app.path().join("Cargo.toml"), manifest).unwrap();
    std::fs::write(app.path().join("first.rs"), FIRST).unwrap();
    std::fs::copy(format!("{workspace}/Cargo.lock"), app.path().join("Cargo.lock")).unwrap();
    let run = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(app.path().join("Cargo.toml"))
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn the_readmes_program_runs_on_every_store_by_its_url() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().display();
    for url in ["locmem://".to_owned(), format!("file://{dir}/files"), format!("sqlite://{dir}/c.db?table=t")]
    {
        runs_with(&url);
    }
}

#[test]
fn the_readmes_program_runs_on_memcached() {
    let Some(server) = or_skip(Server::memcached(&[])) else { return };
    runs_with(&format!("memcached://{}", server.address()));
}

#[test]
fn the_readmes_program_runs_on_redis() {
    let Some(server) = or_skip(Server::redis(&[])) else { return };
    runs_with(&format!("redis://{}/1", server.address()));
}

#[test]
fn a_bad_url_ends_the_program_with_its_reason() {
    let run = Command::new(env!("CARGO_BIN_EXE_first")).env("CACHE_URL", "locmen://").output().unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(!run.status.success() && said.contains("CACHE_URL") && said.contains("locmen"), "{said}");
}

#[test]
fn a_custom_backend_is_used_by_name_from_a_toml_file() {
    let run = Command::new(env!("CARGO_BIN_EXE_settings")).env_remove("CACHE_URL").output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(
        String::from_utf8_lossy(&run.stdout),
        "default: shop:1:greeting is Some(\"hello\")\n\
         sessions: tenant-7//1/greeting is Some(\"hello\")\n"
    );
}

fn hundred_tasks_with(url: &str) {
    let run = Command::new(env!("CARGO_BIN_EXE_async_tasks")).env("CACHE_URL", url).output().unwrap();
    assert!(run.status.success(), "{url}: {}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(String::from_utf8_lossy(&run.stdout), "100 readers, 1 computation\n100 visits\n", "{url}");
}

#[test]
fn a_hundred_tasks_compute_once_and_count_exactly() {
    hundred_tasks_with("locmem://");
    let dir = tempfile::tempdir().unwrap();
    hundred_tasks_with(&format!("sqlite://{}/cache.db", dir.path().display()));
    if let Some(server) = or_skip(Server::redis(&[])) {
        hundred_tasks_with(&format!("redis://{}/1", server.address()));
    }
}

#[test]
fn of_two_caches_one_is_cleared_and_the_other_outlives_the_program() {
    let dir = tempfile::tempdir().unwrap();
    for first in [1, 4] {
        let run = Command::new(env!("CARGO_BIN_EXE_two_caches")).arg(dir.path()).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let expected = format!(
            "Hello, Ada: visit {}, rendered\nHello, Ada: visit {}, from the cache\nHello, Ada: visit {}, rendered\n",
            first,
            first + 1,
            first + 2
        );
        assert_eq!(String::from_utf8_lossy(&run.stdout), expected);
    }
}

/// What is written by the first URL is read by all others.
#[test]
fn urls_of_redis() {
    let dir = tempfile::Builder::new().prefix("r-").tempdir_in("/tmp").unwrap();
    let socket = dir.path().join("redis.sock").display().to_string();
    let Some(server) = or_skip(Server::redis(&["--unixsocket", &socket])) else { return };
    let at = server.address();
    let cache =
        |url: &str| common::registered().url("default", url).build().unwrap().default_cache().unwrap();
    cache(&format!("redis://{at}/2")).set("k", "v", DEFAULT_TIMEOUT).unwrap();
    for url in [
        format!("rediscache://{at}/2"),
        format!("hiredis://{at}/2"),
        format!("valkey://{at}?db=2&operation_timeout=2s"),
        format!("redis://{at},{at}/2"),
        format!("redis://{socket}/2"),
        format!("redis://{socket}?db=2"),
        format!("hiredis://{socket}/2"),
        format!("unix://{socket}?db=2"),
        format!("redis+socket://{socket}?db=2"),
    ] {
        assert_eq!(cache(&url).get::<String>("k").unwrap().as_deref(), Some("v"), "{url}");
    }
    assert_eq!(cache(&format!("redis://{at}/3")).get::<String>("k").unwrap(), None);
}

/// What is written by the first URL is read by all others.
#[test]
fn urls_of_memcached() {
    let Some(server) = or_skip(Server::memcached(&[])) else { return };
    let at = server.address();
    let cache =
        |url: &str| common::registered().url("default", url).build().unwrap().default_cache().unwrap();
    cache(&format!("memcached://{at}")).set("k", "v", DEFAULT_TIMEOUT).unwrap();
    for scheme in ["memcache", "pymemcache", "pymemcached", "pylibmc", "djangopylibmc"] {
        let url = format!("{scheme}://{at}/?operation_timeout=2s");
        assert_eq!(cache(&url).get::<String>("k").unwrap().as_deref(), Some("v"), "{url}");
    }
}
