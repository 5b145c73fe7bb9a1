//! A disk that the cache itself has filled up can be emptied again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "in a test a failure is a panic")]

use cache_core::{Cache, ErrorKind, Timeout};
use cache_file::{FileCache, Layout};
use conformance_tests::faults::{SmallDisk, effort, record};

/// Sets new keys until the disk is full, down to the smallest. Returns how many there are.
fn fill(cache: &Cache<FileCache>) -> Result<usize, String> {
    let (mut keys, mut size) = (0, 6_000);
    while size > 0 {
        match cache.set(&format!("key-{keys}"), &"x".repeat(size), Timeout::Never) {
            Ok(()) => keys += 1,
            Err(e) if e.kind() == ErrorKind::Storage => size /= 4,
            Err(e) => return Err(format!("a set of {size} bytes: {:?}: {e}", e.kind())),
        }
    }
    Ok(keys)
}

fn empty_again(kib: u64, layout: Layout) -> Result<(), String> {
    let disk = SmallDisk::mount(kib << 10).map_err(|e| e.to_string())?;
    let open = || {
        Cache::new(FileCache::builder(disk.path().join("cache")).layout(layout).unlimited().build().unwrap())
    };
    let cache = open();
    let keys = fill(&cache)?;
    let failed = |what: &'static str| move |e: cache_core::Error| format!("{what}: {:?}: {e}", e.kind());
    if !cache.delete("key-3").map_err(failed("delete"))? {
        return Err("a delete found nothing".to_owned());
    }
    cache.set("key-3", &"y".repeat(100), Timeout::Never).map_err(failed("a small set in its place"))?;
    cache.delete_many(["key-0", "key-1"]).map_err(failed("delete_many"))?;
    open().clear().map_err(failed("clear"))?;
    if cache.get::<String>("key-5").map_err(failed("get"))?.is_some() {
        return Err("a cleared entry is still present".to_owned());
    }
    let again = fill(&cache)?;
    if again * 4 < keys * 3 {
        return Err(format!("{again} keys fit where {keys} did"));
    }
    // A lower limit empties it too, and the new key gets the room of the evicted entries.
    cache.delete("key-7").map_err(failed("delete"))?;
    let lower = FileCache::builder(disk.path().join("cache")).layout(layout).max_entries(5).build().unwrap();
    Cache::new(lower).set("new", &1, Timeout::Never).map_err(failed("a set that culls"))
}

#[test]
fn what_the_cache_filled_itself_is_emptied_by_clear() {
    if let Err(e) = SmallDisk::mount(1 << 20) {
        return eprintln!("skipped: {e}");
    }
    let sizes = effort(4, 25);
    let mut all = Vec::new();
    for (name, layout) in [
        ("file", Layout::Native),
        #[cfg(feature = "django")]
        ("file-django", Layout::Django),
    ] {
        let problems: Vec<_> = (0..sizes)
            .map(|round| 400 + round * 148)
            .filter_map(|kib| empty_again(kib, layout).err().map(|what| format!("{name}, {kib} KiB: {what}")))
            .collect();
        let figure = format!("{} of {sizes} disks that the cache filled: clear empties them", problems.len());
        record(6, name, sizes, problems.len() as u64, &figure);
        all.extend(problems);
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}
