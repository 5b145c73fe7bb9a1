//! A cache whose process forks. A program of its own: what other threads hold at a fork stays held in the child.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use cache_core::{Cache, ErrorKind, Timeout};
use cache_db::DatabaseCache;
use common::{LAYOUTS, cache_of, place, rows_and_count};
use conformance_tests::faults::fork;

/// What each call says in a child whose parent has the file open.
fn all_refused(cache: &Cache<DatabaseCache>) -> Result<String, String> {
    let said = [
        cache.get::<String>("k").map(drop),
        cache.set("k", "child", Timeout::Never),
        cache.delete("k").map(drop),
        cache.clear(),
        cache.ping().map(drop),
    ];
    for said in said {
        match said {
            Err(e) if e.kind() == ErrorKind::Rejected && e.to_string().contains("before the fork") => {}
            other => return Err(format!("{other:?}")),
        }
    }
    Ok("refused".to_owned())
}

#[test]
fn a_child_is_refused_what_its_parent_has_open() {
    for (name, _) in LAYOUTS {
        let (_dir, path) = place();
        let cache = cache_of(name, &path);
        cache.set("k", "parent", Timeout::Never).unwrap();
        for round in 0..4 {
            let child = fork(|| {
                all_refused(&cache)?;
                // Another handle of the same file, and what is left of the first.
                all_refused(&cache_of(name, &path))?;
                cache.close().map_err(|e| e.to_string())?;
                all_refused(&cache)
            });
            cache.set("n", &round, Timeout::Never).unwrap();
            assert_eq!(child.unwrap().join().unwrap(), "refused", "{name}");
            assert_eq!(cache.get::<String>("k").unwrap().as_deref(), Some("parent"));
            assert_eq!(cache.get::<i64>("n").unwrap(), Some(round));
        }
        // A handle that goes with the child closes nothing of the parent's.
        let child = fork(move || {
            drop(cache);
            Ok(String::new())
        });
        child.unwrap().join().unwrap();
    }
}

#[test]
fn a_child_goes_on_where_the_parent_has_closed_or_not_begun() {
    for (name, _) in LAYOUTS {
        let (_dir, path) = place();
        let cache = cache_of(name, &path);
        for (round, closes) in [false, true].into_iter().enumerate() {
            if closes {
                cache.set("parent", &1, Timeout::Never).unwrap();
                cache.close().unwrap();
            }
            let child = fork(|| {
                let key = format!("child{round}");
                cache.set(&key, &round, Timeout::Never).map_err(|e| e.to_string())?;
                let found: Option<usize> = cache.get(&key).map_err(|e| e.to_string())?;
                found.map(|found| found.to_string()).ok_or_else(|| "nothing there".to_owned())
            });
            assert_eq!(child.unwrap().join(), Ok(round.to_string()), "{name}, closes: {closes}");
            assert_eq!(cache.get::<usize>(&format!("child{round}")).unwrap(), Some(round));
            cache.close().unwrap();
        }
        if *name == "db" {
            assert_eq!(rows_and_count(&path, "cache"), (3, 3));
        }
    }
}
