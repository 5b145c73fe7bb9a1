//! Checks that random traces of all operations return the same through both halves, also by turns.

use crate::checks::model::{DEFAULT_LIFE, Reference, Side, run_seeds};
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

/// Every check reruns through the async API by itself. This is what they leave open: that long
/// traces of every operation, by turns on both halves, return the same.
pub(super) async fn mirror(t: &TestContext) -> Outcome {
    let side = |name: &str| -> Outcome<TestCache> {
        let backend = t.open(&t.spec(name)?)?;
        Ok(TestCache { cache: t.suite.builder(backend).timeout(DEFAULT_LIFE).build()?, mode: t.mode() })
    };
    let (of_tasks, of_threads) = (side("async")?, side("sync")?.other_mode());
    let mut both = (Side::Cache(of_tasks.clone()), Side::Cache(of_threads));
    run_seeds(&mut both.0, &mut both.1, t.hands().ok(), 2_000..2_080, 60).await?;
    // By turns on one location: what one half writes the other reads.
    let mut turns = Side::Turns(of_tasks.other_mode(), of_tasks);
    let mut reference = Side::Reference(Reference::default());
    run_seeds(&mut turns, &mut reference, t.hands().ok(), 3_000..3_080, 60).await
}
