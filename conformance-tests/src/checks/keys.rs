//! K: keys and validation.

use std::time::Duration;

use crate::context::T;
use crate::outcome::Outcome;
use crate::registry::Check;

pub(crate) const CHECKS: &[Check] = &[check!("K", ascii_roundtrip)];

const MINUTE: Duration = Duration::from_secs(60);

async fn ascii_roundtrip(t: &T) -> Outcome {
    let cache = t.cache();
    cache.set("key", "value", MINUTE).await?;
    ensure_eq!(cache.get::<String>("key").await?.as_deref(), Some("value"));
    Ok(())
}
