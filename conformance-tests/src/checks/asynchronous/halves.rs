//! Checks that every method answers alike through the sync and the async half.

use std::fmt::Debug;
use std::time::Duration;

use cache_core::{Info, Result};

use crate::checks::LONG;
use crate::context::TestContext;
use crate::mode::Mode;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

/// Both halves answer the same calls alike, each on its own location, including calls a backend need not implement.
pub(super) async fn halves_agree(t: &TestContext) -> Outcome {
    let tasks = t.cache_at("tasks")?;
    let threads = t.cache_at("threads")?;
    let threads = if threads.mode == Mode::Sync { threads } else { threads.other_mode() };
    let (expected, said) = (answers(t, &threads).await, answers(t, &tasks).await);
    for (expected, said) in expected.iter().zip(&said) {
        ensure!(
            expected == said,
            "the async half says {said:?} where the sync half says {expected:?}: a method of AsyncCache that does not \
             do what its namesake of BaseCache does"
        );
    }
    ensure_eq!(expected.len(), said.len());
    Ok(())
}

/// What each call answers, an error by its kind.
struct Answers(Vec<String>);

impl Answers {
    fn note<V: Debug>(&mut self, call: &str, answer: Result<V>) {
        self.0.push(format!("{call}: {:?}", answer.map_err(|e| e.kind())));
    }
}

/// Calls the method of the half that it is about, and notes what it says.
macro_rules! ask {
    ($answers:ident, $half:ident: $sync:ident$(::<$type:ty>)? / $twin:ident($($arg:expr),*)) => {
        let answer = match $half.mode {
            Mode::Sync => $half.cache.$sync$(::<$type>)?($($arg),*),
            Mode::Async => $half.cache.$twin$(::<$type>)?($($arg),*).await,
        };
        $answers.note(stringify!($sync($($arg),*)), answer);
    };
}

async fn answers(t: &TestContext, half: &TestCache) -> Vec<String> {
    let mut answers = Answers(Vec::new());
    ask!(answers, half: ping / aping());
    ask!(answers, half: get::<i64> / aget("n"));
    ask!(answers, half: set / aset("n", &5, LONG));
    ask!(answers, half: ping / aping());
    ask!(answers, half: get::<i64> / aget("n"));
    ask!(answers, half: get::<String> / aget("n"));
    ask!(answers, half: get_or / aget_or("missing", 3));
    ask!(answers, half: add / aadd("n", &6, LONG));
    ask!(answers, half: add / aadd("text", "text", LONG));
    ask!(answers, half: incr_by / aincr_by("n", 2));
    ask!(answers, half: incr / aincr("text"));
    ask!(answers, half: incr / aincr("missing"));
    ask!(answers, half: decr_by / adecr_by("n", i64::MIN));
    ask!(answers, half: incr_by / aincr_by("n", i64::MAX));
    ask!(answers, half: has_key / ahas_key("n"));
    ask!(answers, half: touch / atouch("n", LONG));
    ask!(answers, half: touch / atouch("missing", LONG));
    ask!(answers, half: incr_version / aincr_version("text"));
    ask!(answers, half: incr_version / aincr_version("missing"));
    ask!(answers, half: set_many / aset_many([("a", 1), ("b", 2), ("c", 3)], LONG));
    let many: Result<Vec<(&str, i64)>> = match half.mode {
        Mode::Sync => half.cache.get_many(["c", "missing", "a"]),
        Mode::Async => half.cache.aget_many(["c", "missing", "a"]).await,
    };
    answers.note("get_many", many);
    let computed = match half.mode {
        Mode::Sync => half.cache.get_or_set("computed", LONG, || 4),
        Mode::Async => half.cache.aget_or_set("computed", LONG, || async { 4 }).await,
    };
    answers.note("get_or_set", computed);
    ask!(answers, half: delete_many / adelete_many(["a", "missing"]));
    ask!(answers, half: delete / adelete("b"));
    ask!(answers, half: delete / adelete("b"));
    ask!(answers, half: get_bytes / aget_bytes("n"));
    let info = match half.mode {
        Mode::Sync => half.cache.info(),
        Mode::Async => half.cache.ainfo().await,
    };
    answers.note("info", info.map(|info| shape(&info)));
    ask!(answers, half: set_many / aset_many([("x", 1), ("y", 2), ("z", 3)], Duration::from_millis(20)));
    t.outlive(Duration::from_millis(20)).await;
    ask!(answers, half: purge_expired / apurge_expired());
    ask!(answers, half: purge_expired / apurge_expired());
    ask!(answers, half: clear / aclear());
    ask!(answers, half: get::<i64> / aget("n"));
    ask!(answers, half: close / aclose());
    ask!(answers, half: ping / aping());
    answers.0
}

/// Numbers that are the location's, and of the others which there are.
fn shape(info: &Info) -> impl Debug + use<> {
    let names: Vec<String> = info.details.iter().map(|(name, _)| name.clone()).collect();
    let has = [info.bytes, info.hits, info.misses, info.evictions].map(|number| number.is_some());
    (info.entries, info.max_entries, has, info.servers.len(), names)
}
