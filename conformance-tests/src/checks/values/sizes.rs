//! Checks large values: stored whole, or refused.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::comes_back_in_any_codec;
use crate::checks::LONG;
use crate::checks::absence::ensure_absent;
use crate::context::TestContext;
use crate::outcome::Outcome;

/// Bytes that no compression makes smaller, the same in every run.
fn noise(len: usize) -> Bytes {
    let mut random = fastrand::Rng::with_seed(len as u64);
    let mut bytes = vec![0; len];
    random.fill(&mut bytes);
    bytes.into()
}

pub(super) async fn map_10k(t: &TestContext) -> Outcome {
    let by_name: BTreeMap<String, i64> = (0..10_000).map(|n| (format!("name-{n}"), n * n)).collect();
    comes_back_in_any_codec(t, &by_name).await?;
    let by_number: BTreeMap<u32, Option<String>> =
        (0..10_000).map(|n| (n * 7, (n % 3 > 0).then(|| n.to_string()))).collect();
    comes_back_in_any_codec(t, &by_number).await
}

/// What may stand beside a value in the store: the key, a header, the codec's own.
const OVERHEAD: usize = 1_024;

pub(super) async fn size_below_limit(t: &TestContext) -> Outcome {
    let limit = t.testable_limit()?;
    let cache = t.cache();
    for len in [limit.saturating_sub(OVERHEAD), limit / 2] {
        let bytes = noise(len);
        let text = "x".repeat(len);
        cache.set_bytes("set", bytes.clone(), LONG).await?;
        ensure!(cache.get_bytes("set").await? == Some(bytes), "{len} bytes came back as others");
        ensure!(cache.add("added", &text, LONG).await?, "{len} bytes");
        ensure!(
            cache.get::<String>("added").await?.as_ref() == Some(&text),
            "{len} letters came back as others"
        );
        ensure_eq!(cache.set_many([("many", &text)], LONG).await?, Vec::<&str>::new());
        ensure!(
            cache.get::<String>("many").await?.as_ref() == Some(&text),
            "{len} letters came back as others"
        );
        cache.clear().await?;
    }
    Ok(())
}

pub(super) async fn size_above_limit(t: &TestContext) -> Outcome {
    let limit = t.testable_limit()?;
    let cache = t.cache();
    for len in [limit + 1, limit + OVERHEAD, limit * 2] {
        let bytes = noise(len);
        let text = "x".repeat(len);
        ensure_err!(cache.set_bytes("set_bytes", bytes, LONG).await, ValueTooLarge, "{len} bytes");
        ensure_err!(cache.set("set", &text, LONG).await, ValueTooLarge, "{len} bytes");
        ensure_err!(cache.add("add", &text, LONG).await, ValueTooLarge, "{len} bytes");
        let entries = [("before", "small"), ("many", text.as_str()), ("after", "small")];
        ensure_eq!(cache.set_many(entries, LONG).await?, ["many"], "{len} bytes");
        // No part of it was stored, and the connection is in step.
        for key in ["set_bytes", "set", "add", "many"] {
            ensure_absent(&cache, key, &format!("{key}, refused with {len} bytes")).await?;
        }
        for key in ["before", "after"] {
            ensure_eq!(cache.get::<String>(key).await?.as_deref(), Some("small"), "beside a refused one");
        }
        cache.set("set", "small", LONG).await?;
        ensure_eq!(cache.get::<String>("set").await?.as_deref(), Some("small"));
    }
    Ok(())
}

pub(super) async fn size_16mib(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let bytes = noise(16 << 20);
    cache.set("k", "old", LONG).await?;
    let may_refuse = t.capabilities().max_value_size.is_some_and(|limit| limit < (16 << 20) + OVERHEAD);
    match cache.set_bytes("k", bytes.clone(), LONG).await {
        Ok(()) => {
            let got = cache.get_bytes("k").await?;
            ensure!(got == Some(bytes), "16 MiB came back as {:?} bytes", got.map(|b| b.len()));
            ensure!(cache.delete("k").await?);
        }
        refused => {
            ensure!(may_refuse, "no limit is declared: got {refused:?}");
            ensure_err!(refused, ValueTooLarge);
            ensure_absent(&cache, "k", "16 MiB refused").await?;
        }
    }
    cache.set("k", "small", LONG).await?;
    ensure_eq!(cache.get::<String>("k").await?.as_deref(), Some("small"), "afterwards");
    Ok(())
}

pub(super) async fn incompressible(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let most = t.capabilities().max_value_size.map_or(1 << 20, |limit| limit / 2).min(1 << 20);
    for len in [1, 1_023, 4_096, 65_537, most / 2 + 1, most] {
        let bytes = noise(len);
        cache.set_bytes("k", bytes.clone(), LONG).await?;
        ensure!(cache.get_bytes("k").await?.as_ref() == Some(&bytes), "{len} bytes came back as others");
        let numbers: Vec<u64> =
            bytes.chunks_exact(8).take(2_000).flat_map(|c| c.try_into().map(u64::from_le_bytes)).collect();
        cache.set("numbers", &numbers, LONG).await?;
        ensure!(cache.get::<Vec<u64>>("numbers").await?.as_ref() == Some(&numbers), "{len} bytes of numbers");
    }
    Ok(())
}
