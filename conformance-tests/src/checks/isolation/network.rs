//! Checks a bad network between a backend and its servers: errors in time, new connections, and no reply that is cut,
//! late or another's taken for an answer. Checks of other families try a hanging pool and count round trips through it.

use std::future::Future;
use std::time::{Duration, Instant};

use cache_core::{ErrorKind, Result};

use crate::checks::LONG;
use crate::checks::every_op::{every_op, timed_ops};
use crate::context::TestContext;
use crate::network::Network;
use crate::outcome::{Outcome, Stop};
use crate::proxy::Fault;
use crate::test_cache::TestCache;

/// The operation timeout in these checks.
const TIMEOUT: Duration = Duration::from_millis(250);

/// How long a call may take at most.
fn bound() -> Duration {
    TIMEOUT * 6 / 5 + Duration::from_millis(20)
}

/// How soon all must be well again once the servers are.
const RECOVERY: Duration = Duration::from_secs(1);

/// How often a machine that is too busy may spoil a measurement.
const TRIES: usize = 6;

fn through_proxies(t: &TestContext) -> Outcome<(Network, TestCache)> {
    let network = t.network(TIMEOUT)?;
    let cache = t.over(t.open(&network.spec)?)?;
    Ok((network, cache))
}

/// Whether this is the error of an unreachable store. `sent`: a write may have left this process.
fn is_unreachable<V>(result: &Result<V>, sent: bool) -> bool {
    let kind = result.as_ref().err().map(cache_core::Error::kind);
    kind == Some(ErrorKind::Unavailable) || (sent && kind == Some(ErrorKind::OutcomeUnknown))
}

/// Calls until an answer comes: at most one call may fail for each server, all in good time.
async fn recovers<V, F: Future<Output = Result<V>>>(
    servers: usize,
    what: &str,
    mut call: impl FnMut() -> F,
) -> Outcome<V> {
    let begun = Instant::now();
    let mut failed = 0;
    loop {
        match call().await {
            Ok(answer) => {
                ensure!(begun.elapsed() <= RECOVERY * 2, "{what} took {:?}", begun.elapsed());
                return Ok(answer);
            }
            result if is_unreachable(&result, false) => failed += 1,
            Err(e) => return Err(e.into()),
        }
        ensure!(failed <= servers, "{what}: {failed} calls have failed");
    }
}

pub(super) async fn unreachable_every_op(t: &TestContext) -> Outcome {
    let mut network = t.network(TIMEOUT)?;
    let cache = t.over(t.open(&network.direct())?)?;
    cache.set("k", &1, LONG).await?;
    network.kill();
    // Often: after the first failure no operation may fall silent.
    for round in 0..3 {
        for (op, error) in every_op(&cache, "k").await {
            // A connection that is still open may accept a first request.
            let answer = error.map_or(Ok(()), Err);
            let is_as_it_may_be = is_unreachable(&answer, round == 0);
            ensure!(is_as_it_may_be, got answer, "round {round}: {op} of an unreachable store is Err(Unavailable)");
        }
        let clear = cache.clear().await;
        ensure!(is_unreachable(&clear, false), "round {round}: clear of an unreachable store: {clear:?}");
        // Nothing to let go of.
        cache.close().await?;
    }
    network.restart()?;
    for (op, error) in every_op(&cache, "k").await {
        let is_as_it_may_be = error.as_ref().is_none_or(|e| e.kind() == ErrorKind::KeyNotFound);
        ensure!(is_as_it_may_be, got error, "{op}, within reach again, succeeds or finds nothing");
    }
    Ok(())
}

pub(super) async fn unreachable_bounded(t: &TestContext) -> Outcome {
    let (network, cache) = through_proxies(t)?;
    cache.set("kept", &1, LONG).await?;
    for silent in ["paused", "blackholed"] {
        if silent == "paused" {
            network.pause()
        } else {
            network.set(Fault::Blackhole)
        }
        let mut too_long = Vec::new();
        for _ in 0..TRIES {
            too_long.clear();
            let ops = timed_ops(&cache, "k").await;
            let all = ops.len();
            for (op, error, took) in ops {
                let result = error.map_or(Ok(()), Err);
                ensure!(is_unreachable(&result, true), "{op} of a {silent} server: {result:?}");
                if took > bound() {
                    too_long.push((op, took));
                }
            }
            // If all of them took too long, it was not an accident.
            if too_long.is_empty() || too_long.len() == all {
                break;
            }
        }
        ensure!(too_long.is_empty(), "{silent}: longer than {:?}: {too_long:?}", bound());
        network.resume();
        network.set(Fault::None);
        let kept = recovers(network.servers.len(), "a get afterwards", || cache.get::<i64>("kept")).await?;
        ensure_eq!(kept, Some(1), "after the servers were {silent}");
    }
    Ok(())
}

pub(super) async fn reconnect(t: &TestContext) -> Outcome {
    let mut network = t.network(TIMEOUT)?;
    let cache = t.over(t.open(&network.direct())?)?;
    for round in 0..3 {
        cache.set("k", &round, LONG).await?;
        ensure_eq!(cache.get("k").await?, Some(round), "round {round}");
        network.restart()?;
        let found =
            recovers(network.servers.len(), "a get after a restart", || cache.get::<i64>("k")).await?;
        ensure_eq!(found, None, "round {round}: from a server that came back empty");
        cache.set("k", &round, LONG).await?;
        ensure_eq!(cache.incr("k").await?, round + 1, "round {round}: within reach again");
        // Others than the one that failed, too.
        network.restart()?;
        recovers(network.servers.len(), "a set after a restart", || cache.set("k", &round, LONG)).await?;
        ensure_eq!(cache.get("k").await?, Some(round), "round {round}: after a set that came first");
    }
    Ok(())
}

pub(super) async fn reply_cut_midway(t: &TestContext) -> Outcome {
    const LONGEST: usize = 90;
    let (network, cache) = through_proxies(t)?;
    let value = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".to_vec();
    let keys = ["k", "l", "m"];
    cache.set_many(keys.map(|key| (key, String::from_utf8_lossy(&value).into_owned())), LONG).await?;
    cache.set_bytes("bytes", value.clone(), LONG).await?;
    let servers = network.servers.len();
    let mut count = 0;
    cache.set("count", &count, LONG).await?;
    for cut in 0..LONGEST {
        network.set(Fault::CutReply(cut));
        match cache.get_bytes("bytes").await {
            // Asked again, or the reply was shorter.
            Ok(found) => ensure_eq!(found.as_deref(), Some(&value[..]), "a reply cut after {cut} bytes"),
            result => ensure!(is_unreachable(&result, false), "a reply cut after {cut} bytes: {result:?}"),
        }
        network.set(Fault::CutReply(cut));
        match cache.get_many::<String, _>(keys).await {
            Ok(found) => ensure!(
                found.len() == keys.len() && found.iter().all(|(_, text)| text.as_bytes() == value),
                "get_many, cut after {cut} bytes: {found:?}"
            ),
            result => ensure!(is_unreachable(&result, false), "get_many, cut after {cut}: {result:?}"),
        }
        network.set(Fault::CutReply(cut));
        let counted = cache.incr("count").await;
        network.set(Fault::None);
        let now =
            recovers(servers, "a get afterwards", || cache.get::<i64>("count")).await?.unwrap_or_default();
        match counted {
            Ok(sum) => ensure_eq!((sum, now), (count + 1, count + 1), "incr, cut after {cut} bytes"),
            // Done or not, but never twice.
            result => {
                ensure!(is_unreachable(&result, true), "incr, cut after {cut} bytes: {result:?}");
                ensure!(now == count || now == count + 1, "incr, cut after {cut}: {count} became {now}");
            }
        }
        count = now;
    }
    let found = recovers(servers, "a get in the end", || cache.get_bytes("bytes")).await?;
    ensure_eq!(found.as_deref(), Some(&value[..]), "in the end");
    Ok(())
}

/// How long the call took, the quickest of some if it took too long; it must fail.
async fn fails_in_time<V, F: Future<Output = Result<V>>>(what: &str, mut call: impl FnMut() -> F) -> Outcome {
    let mut took = Duration::ZERO;
    for _ in 0..TRIES {
        let begun = Instant::now();
        let result = call().await;
        took = begun.elapsed();
        ensure!(is_unreachable(&result, true), "{what}: an answer, or another error");
        if took <= bound() {
            return Ok(());
        }
    }
    Err(Stop::unexpected(what, format_args!("that it ends within {:?}", bound()), format_args!("{took:?}")))
}

pub(super) async fn slow_reply(t: &TestContext) -> Outcome {
    let (network, cache) = through_proxies(t)?;
    let servers = network.servers.len();
    for n in 0..8 {
        cache.set(&format!("k{n}"), &n, LONG).await?;
    }
    network.set(Fault::Delay(Duration::from_millis(5)));
    for n in 0..8 {
        ensure_eq!(cache.get(&format!("k{n}")).await?, Some(n), "a reply that is late, in time");
    }
    for (what, fault) in
        [("a reply too late", Fault::Delay(TIMEOUT * 2)), ("a dribbled reply", Fault::Dribble(TIMEOUT / 2))]
    {
        for n in 0..3 {
            network.set(fault);
            fails_in_time(what, || cache.get::<i64>("k0")).await?;
            fails_in_time(what, || cache.set("other", &n, LONG)).await?;
            fails_in_time(what, || cache.get_many::<i64, _>(["k0", "k1", "k2"])).await?;
            network.set(Fault::None);
            // The late replies arrive now: none may be taken for another call's.
            let own = format!("k{}", n + 1);
            let found = recovers(servers, "a get afterwards", || cache.get::<i64>(&own)).await?;
            ensure_eq!(found, Some(n + 1), "{what}: the next call's own value");
            for n in 0..8 {
                ensure_eq!(cache.get(&format!("k{n}")).await?, Some(n), "{what}: later calls");
            }
        }
    }
    Ok(())
}

/// With servers, what the check `C::pool_exhaustion` asks besides: calls that wait for a place in a pool
/// whose connections all hang end in time, and no place is lost.
pub(crate) async fn hanging_pool(t: &TestContext) -> Outcome {
    const CALLERS: usize = 12;
    let network = t.network(TIMEOUT)?;
    let spec = crate::spec::Spec { max_connections: 2, ..network.spec.clone() };
    let cache = t.over(t.open(&spec)?)?;
    cache.set("k", &1, LONG).await?;
    let mut longest = Duration::MAX;
    for _ in 0..TRIES {
        network.set(Fault::Blackhole);
        let racing = cache.clone();
        let race = t.race(CALLERS, move |_, mut gate| {
            let cache = racing.clone();
            async move {
                gate.wait().await?;
                let begun = Instant::now();
                let result = cache.get::<i64>("k").await;
                ensure!(is_unreachable(&result, false), "a get that nobody answers: {result:?}");
                Ok(begun.elapsed())
            }
        });
        longest = race.await?.into_iter().max().unwrap_or_default();
        network.set(Fault::None);
        let found = recovers(network.servers.len(), "a get afterwards", || cache.get::<i64>("k")).await?;
        ensure_eq!(found, Some(1), "afterwards");
        if longest <= bound() {
            break;
        }
    }
    ensure!(longest <= bound(), "a call took {longest:?}, more than {:?}", bound());
    for n in 0..20 {
        cache.set("k", &n, LONG).await?;
        ensure_eq!(cache.get("k").await?, Some(n), "with no place lost");
    }
    Ok(())
}

/// With servers, what `M::round_trips_bounded` asks besides: one exchange per server, on the wire.
pub(crate) async fn exchanges_bounded(t: &TestContext) -> Outcome {
    let (network, cache) = through_proxies(t)?;
    let keys = || (0..100).map(|n| format!("k{n}"));
    // Connects, and says what is said once.
    cache.set_many(keys().map(|key| (key, 1)), LONG).await?;
    cache.get_many::<i64, _>(keys()).await?;
    let servers = network.servers.len() as u64;
    let before = network.turns();
    cache.set_many(keys().map(|key| (key, 2)), LONG).await?;
    let set = network.turns();
    ensure_eq!(cache.get_many::<i64, _>(keys()).await?.len(), 100);
    let got = network.turns();
    cache.delete_many(keys()).await?;
    let deleted = network.turns();
    for (op, turns) in [("set_many", set - before), ("get_many", got - set), ("delete_many", deleted - got)] {
        ensure!(turns <= servers, "{op} of 100 keys: {turns} exchanges with {servers} servers");
    }
    Ok(())
}
