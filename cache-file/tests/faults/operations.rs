//! The operations that are killed and made to fail, and what may exist afterwards.

use cache_core::{BaseCache as _, Result, Timeout};

use crate::store::{HOUR, Kind, Store, value_of};

/// What is under a key: before, and after the operation; each a value's number.
pub(crate) struct Expect {
    pub(crate) key: &'static str,
    pub(crate) version: i64,
    pub(crate) before: Option<u32>,
    pub(crate) after: &'static [Option<u32>],
}

const fn expect(key: &'static str, before: Option<u32>, after: &'static [Option<u32>]) -> Expect {
    Expect { key, version: 1, before, after }
}

pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// Of the store.
    pub(crate) limit: u64,
    pub(crate) prepare: fn(&Store),
    /// False for a miss: it found nothing to do.
    pub(crate) run: fn(&Store) -> Result<bool>,
    pub(crate) expect: &'static [Expect],
    /// Whether at least one of the keys must have its value at every moment.
    pub(crate) conserves: bool,
    /// How many hours the longest-lived entry may live.
    pub(crate) hours: u32,
}

const NOTHING: Operation = Operation {
    name: "",
    limit: 20,
    prepare: |_| (),
    run: |_| Ok(true),
    expect: &[],
    conserves: false,
    hours: 1,
};

/// Written in one call, and in two.
const SMALL: u32 = 1;
const LARGE: u32 = 49;

fn put(store: &Store, key: &str, number: u32) -> Result<bool> {
    store.cache.set(key, &value_of(key, number), HOUR).map(|()| true)
}

fn put_all(store: &Store, keys: &[&str]) {
    assert!(keys.iter().all(|key| put(store, key, SMALL).unwrap()));
}

/// Overwrites the entries with bytes that are not an entry, and makes them look old.
fn damage(store: &Store) {
    for file in store.entry_files() {
        std::fs::write(&file, "damaged").unwrap();
        crate::store::age(&file);
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "the-first-set",
        run: |store| put(store, "a", SMALL),
        expect: &[expect("a", None, &[Some(SMALL)])],
        ..NOTHING
    },
    Operation {
        name: "set-a-new-key",
        prepare: |store| put_all(store, &["b"]),
        run: |store| put(store, "a", SMALL),
        expect: &[expect("a", None, &[Some(SMALL)]), expect("b", Some(SMALL), &[Some(SMALL)])],
        ..NOTHING
    },
    Operation {
        name: "set-over-a-value",
        prepare: |store| put_all(store, &["a", "b"]),
        run: |store| put(store, "a", LARGE),
        expect: &[expect("a", Some(SMALL), &[Some(LARGE)]), expect("b", Some(SMALL), &[Some(SMALL)])],
        conserves: true,
        ..NOTHING
    },
    Operation {
        name: "add",
        prepare: |store| put_all(store, &["b"]),
        run: |store| store.cache.add("a", &value_of("a", SMALL), HOUR),
        expect: &[expect("a", None, &[Some(SMALL)]), expect("b", Some(SMALL), &[Some(SMALL)])],
        ..NOTHING
    },
    Operation {
        name: "get",
        prepare: |store| put_all(store, &["a"]),
        run: |store| Ok(store.cache.get::<String>("a")?.is_some()),
        expect: &[expect("a", Some(SMALL), &[Some(SMALL)])],
        ..NOTHING
    },
    Operation {
        name: "get-what-is-damaged",
        prepare: |store| {
            put_all(store, &["a"]);
            damage(store);
        },
        run: |store| Ok(store.cache.get::<String>("a")?.is_none()),
        expect: &[expect("a", None, &[None])],
        ..NOTHING
    },
    Operation {
        name: "incr",
        prepare: |store| store.cache.set("n", &41, HOUR).unwrap(),
        run: |store| Ok(store.cache.incr("n")? == 42),
        expect: &[expect("n", Some(41), &[Some(42)])],
        conserves: true,
        ..NOTHING
    },
    Operation {
        name: "touch",
        prepare: |store| put_all(store, &["a"]),
        run: |store| store.cache.touch("a", HOUR * 10),
        expect: &[expect("a", Some(SMALL), &[Some(SMALL)])],
        conserves: true,
        hours: 10,
        ..NOTHING
    },
    Operation {
        name: "delete",
        prepare: |store| put_all(store, &["a", "b"]),
        run: |store| store.cache.delete("a"),
        expect: &[expect("a", Some(SMALL), &[None]), expect("b", Some(SMALL), &[Some(SMALL)])],
        ..NOTHING
    },
    Operation {
        name: "delete-many",
        prepare: |store| put_all(store, &["a", "b", "c"]),
        run: |store| store.cache.delete_many(["a", "b"]).map(|()| true),
        expect: &[
            expect("a", Some(SMALL), &[None]),
            expect("b", Some(SMALL), &[None]),
            expect("c", Some(SMALL), &[Some(SMALL)]),
        ],
        ..NOTHING
    },
    Operation {
        name: "rename",
        prepare: |store| put_all(store, &["a"]),
        run: |store| store.cache.incr_version("a").map(|version| version == 2),
        expect: &[
            expect("a", Some(SMALL), &[None]),
            Expect { version: 2, ..expect("a", None, &[Some(SMALL)]) },
        ],
        conserves: true,
        ..NOTHING
    },
    Operation {
        name: "rename-to-another-shard",
        // Of two shards: this key's versions are in different ones.
        limit: 600,
        prepare: |store| put_all(store, &["c"]),
        run: |store| store.cache.incr_version("c").map(|version| version == 2),
        expect: &[
            expect("c", Some(SMALL), &[None]),
            Expect { version: 2, ..expect("c", None, &[Some(SMALL)]) },
        ],
        conserves: true,
        ..NOTHING
    },
    Operation {
        name: "cull",
        limit: 3,
        prepare: |store| put_all(store, &["a", "b", "c"]),
        run: |store| put(store, "d", SMALL),
        expect: &[
            expect("a", Some(SMALL), &[None, Some(SMALL)]),
            expect("b", Some(SMALL), &[None, Some(SMALL)]),
            expect("c", Some(SMALL), &[None, Some(SMALL)]),
            expect("d", None, &[Some(SMALL)]),
        ],
        ..NOTHING
    },
    Operation {
        name: "sweep",
        prepare: |store| {
            put_all(store, &["a", "b"]);
            store.cache.touch("a", Timeout::After(std::time::Duration::from_millis(1))).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(5));
            std::fs::write(store.entry_files()[0].with_file_name(".tmp-0123456789abcdef"), "left").unwrap();
        },
        run: |store| Ok(store.backend.purge_expired()? == Some(1)),
        expect: &[expect("a", None, &[None]), expect("b", Some(SMALL), &[Some(SMALL)])],
        ..NOTHING
    },
    Operation {
        name: "clear",
        prepare: |store| put_all(store, &["a", "b"]),
        run: |store| store.cache.clear().map(|()| true),
        expect: &[expect("a", Some(SMALL), &[None]), expect("b", Some(SMALL), &[None])],
        ..NOTHING
    },
    Operation {
        name: "recount",
        prepare: |store| {
            put_all(store, &["a", "b"]);
            // The count of the native layout, if this is it.
            let _ = std::fs::write(store.root.join(".cache-file-state"), "damaged");
        },
        run: |store| put(store, "c", SMALL),
        expect: &[
            expect("a", Some(SMALL), &[Some(SMALL)]),
            expect("b", Some(SMALL), &[Some(SMALL)]),
            expect("c", None, &[Some(SMALL)]),
        ],
        ..NOTHING
    },
];

/// The operation of this name.
pub(crate) fn named(name: &str) -> &'static Operation {
    OPERATIONS.iter().find(|operation| operation.name == name).unwrap()
}

impl Operation {
    /// Checks that the entries are allowed ones; with `done`, that they are the required ones.
    pub(crate) fn judge(&self, store: &Store, done: bool) -> std::result::Result<(), String> {
        let mut values = 0;
        for Expect { key, version, before, after } in self.expect {
            let seen = number(store, key, *version)?;
            values += usize::from(seen.is_some());
            if !after.contains(&seen) && (done || seen != *before) {
                return Err(format!("{key} in version {version}: {seen:?}, done: {done}"));
            }
        }
        if self.conserves && values == 0 {
            return Err("the value is lost".to_owned());
        }
        Ok(())
    }

    /// Whether nothing lives too long, and what was done lives long enough.
    pub(crate) fn judge_lifetimes(
        &self,
        kind: Kind,
        dir: &std::path::Path,
        done: bool,
    ) -> std::result::Result<(), String> {
        let live = |hours| {
            let later = kind.open(dir, |o| o.max_entries(self.limit).clock(crate::store::ahead(hours)));
            self.expect.iter().try_fold(0, |live, expect| {
                Ok::<_, String>(live + usize::from(number(&later, expect.key, expect.version)?.is_some()))
            })
        };
        if self.hours > 1 && done && live(self.hours - 1)? == 0 {
            return Err("it expired too soon".to_owned());
        }
        if live(self.hours + 1)? > 0 {
            return Err("something lives too long".to_owned());
        }
        Ok(())
    }
}

/// The number of a key's value, which is all that the counter `n` is.
fn number(store: &Store, key: &str, version: i64) -> std::result::Result<Option<u32>, String> {
    if key != "n" {
        return store.number(key, version);
    }
    let counted: Option<i64> = store.cache.get(key).map_err(|e| e.to_string())?;
    Ok(counted.map(|n| u32::try_from(n).unwrap_or(u32::MAX)))
}
