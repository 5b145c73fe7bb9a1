//! K: keys and validation.

use super::MINUTE;
use crate::context::T;
use crate::outcome::Outcome;
use crate::registry::Check;

pub(crate) const CHECKS: &[Check] = &[check!("K", ascii_roundtrip)];

async fn ascii_roundtrip(t: &T) -> Outcome {
    let cache = t.cache();
    cache.set("key", "value", MINUTE).await?;
    ensure_eq!(cache.get::<String>("key").await?.as_deref(), Some("value"));
    Ok(())
}
