//! What is stored shows nowhere but where it is asked for. Alone in its program: see `Log`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use cache_core::{Cache, DEFAULT_TIMEOUT, Error};
use cache_file::{FileCache, FileCacheBuilder};
use conformance_tests::faults::{Log, leaked, record, shown};

const VALUE: &str = "a very private value";
const NUMBER: i64 = 4_242_424_242_424_242;

/// All files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn fill(cache: &Cache<FileCache>) -> Vec<Option<Error>> {
    vec![
        cache.set("text", VALUE, DEFAULT_TIMEOUT).err(),
        cache.set_bytes("bytes", VALUE, DEFAULT_TIMEOUT).err(),
        cache.set("number", &NUMBER, DEFAULT_TIMEOUT).err(),
        cache.set("list", &[VALUE], DEFAULT_TIMEOUT).err(),
        cache.add("added", VALUE, DEFAULT_TIMEOUT).err(),
    ]
}

fn use_all(cache: &Cache<FileCache>) -> Vec<Option<Error>> {
    vec![
        cache.get::<i64>("text").err(),
        cache.get::<String>("number").err(),
        cache.get::<i64>("list").err(),
        cache.incr("list").err(),
        cache.incr_by("number", i64::MAX).err(),
        cache.get_many::<i64, _>(["text", "number", "bytes"]).err(),
        cache.incr_version("text").err(),
        cache.purge_expired().err(),
    ]
}

/// Returns the outputs of calls on a good, a damaged and a blocked directory.
fn outputs(options: impl Fn(FileCacheBuilder) -> FileCacheBuilder) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let options = options(FileCache::builder(dir.path().join("cache")));
    let mut outputs = vec![format!("{options:?}")];
    let backend = options.build().unwrap();
    let cache = Cache::new(backend.clone());
    let mut errors = fill(&cache);
    errors.extend(use_all(&cache));
    fill(&cache);
    // The end of each file is another.
    for file in files(dir.path()) {
        let mut bytes = fs::read(&file).unwrap();
        if let Some(last) = bytes.last_mut() {
            *last ^= 0xff;
        }
        fs::write(&file, bytes).unwrap();
    }
    errors.extend(use_all(&cache));
    // A directory is in each one's place.
    fill(&cache);
    for file in files(dir.path()) {
        fs::remove_file(&file).unwrap();
        fs::create_dir_all(file.join("in the way")).unwrap();
    }
    errors.extend(fill(&cache));
    errors.extend(use_all(&cache));
    assert!(errors.iter().flatten().count() > 8, "{errors:?}");
    outputs.extend(errors.iter().flatten().map(|error| shown(error)));
    outputs.push(format!("{backend:?} {backend:#?} {cache:?}"));
    outputs
}

#[test]
fn no_formatting_no_error_and_no_log_shows_a_value() {
    let log = Log::everything();
    let check = |backend: &str, mut outputs: Vec<String>| {
        outputs.push(log.take());
        let logged = outputs.last().is_some_and(|log| log.contains("damaged"));
        // In Django's layout a young file's writer may be at it still.
        assert!(logged || backend == "file-django", "{outputs:?}");
        let number = NUMBER.to_string();
        let failures: Vec<_> =
            outputs.iter().filter(|text| !leaked(text, &[VALUE, &number]).is_empty()).collect();
        record(
            30,
            backend,
            outputs.len() as u64,
            failures.len() as u64,
            "outputs that show a value or a number",
        );
        assert!(failures.is_empty(), "{failures:#?}");
    };
    check("file", outputs(|options| options));
    #[cfg(feature = "django")]
    check("file-django", outputs(|options| options.layout(cache_file::Layout::Django)));
}
