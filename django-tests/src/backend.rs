//! [`DjangoCache`]: one of Django's backends, as a backend of this framework.

use std::sync::Arc;

use bytes::Bytes;
use cache_core::{BaseCache, Capabilities, Codec, Error, ErrorKind, Expiry, Key, Payload, Result};
use cache_pickle::{Pickle, from_payload, to_payload};
use serde_json::{Value as Json, json};

use crate::bridge::BridgeError;
use crate::hex;
use crate::pool::Pool;

/// The first number above the signed 64-bit integers.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

/// A cache of Django's, behind the handle of this framework: it gets final keys, and holds Python
/// objects, which cross as pickles.
///
/// `incr_version` is Django's own, so it gives the entry the default timeout; so do `incr` and
/// `decr` of the backends that have none of their own.
#[derive(Debug)]
pub struct DjangoCache {
    pool: Arc<Pool>,
    name: String,
    settings: Json,
    capabilities: Capabilities,
}

impl DjangoCache {
    /// The cache that Django makes of `settings`, an entry of its `CACHES`; a `DatabaseCache` is
    /// told its SQLite file by `DATABASE`, and its table is made. Equal settings are the same
    /// cache. Does no I/O.
    #[must_use]
    pub fn new(pool: &Arc<Pool>, mut settings: Json, capabilities: Capabilities) -> Self {
        settings["KEY_FUNCTION"] = "__main__.final_key".into();
        // Every value but an integer comes back as a pickle.
        let capabilities = capabilities.with_preserves_type_tags(false);
        Self { pool: Arc::clone(pool), name: settings.to_string(), settings, capabilities }
    }

    /// Django's `operation` with these arguments.
    fn call(&self, operation: &str, mut request: Json) -> Result<Json, BridgeError> {
        request["op"] = operation.into();
        request["cache"] = self.name.as_str().into();
        request["settings"] = self.settings.clone();
        self.pool.call(&request)
    }

    fn about(&self, key: Key<'_>, operation: &str, request: Json) -> Result<Json> {
        self.call(operation, request).map_err(|e| error(operation, e).with_key(key.as_str()))
    }

    fn whole(&self, operation: &str, request: Json) -> Result<Json> {
        self.call(operation, request).map_err(|e| error(operation, e))
    }
}

/// Django's exceptions, where there is a kind of error for them here.
fn error(operation: &str, e: BridgeError) -> Error {
    let kind = match &e {
        BridgeError::Gone(_) => ErrorKind::Unavailable,
        BridgeError::Raised { class, message } => match class.as_str() {
            "InvalidCacheKey" | "MemcacheIllegalInputError" => ErrorKind::InvalidCacheKey,
            "ImproperlyConfigured" | "InvalidCacheBackendError" => ErrorKind::InvalidCacheBackend,
            "ValueError" if message.contains("not found") => ErrorKind::KeyNotFound,
            _ if message.contains("not an integer") || message.contains("non-numeric") => {
                ErrorKind::NotAnInteger
            }
            _ if message.contains("overflow") => ErrorKind::Overflow,
            "TypeError" if operation == "incr" => ErrorKind::NotAnInteger,
            "PicklingError" => ErrorKind::Encode,
            "UnpicklingError" => ErrorKind::Decode,
            class if class.contains("Connection") || class.contains("Timeout") || class == "OSError" => {
                ErrorKind::Unavailable
            }
            _ => ErrorKind::Storage,
        },
    };
    // Not as its source, since its message may hold a value.
    Error::new(kind, format!("Django's {operation} failed: {e}"))
}

fn timeout(expiry: Expiry) -> Json {
    match expiry {
        Expiry::Never => Json::Null,
        // Whole seconds as an integer, as a program would say them.
        Expiry::After(time) if time.subsec_nanos() == 0 => time.as_secs().into(),
        Expiry::After(time) => time.as_secs_f64().into(),
    }
}

fn given(key: Key<'_>, value: &Payload) -> Result<Json> {
    Ok(json!({ "pickle": hex::encode(&from_payload(key, value)?) }))
}

fn found(key: &str, value: &Json) -> Result<Payload> {
    let pickle = value["pickle"].as_str().and_then(hex::decode);
    let none = || Error::storage("the Python process gave no pickle").with_key(key);
    Ok(to_payload(Bytes::from(pickle.ok_or_else(none)?)))
}

fn names(keys: &[Key<'_>]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

impl BaseCache for DjangoCache {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        let value = self.about(key, "get", json!({ "key": key.as_str() }))?;
        if value.is_null() { Ok(None) } else { found(key.as_str(), &value).map(Some) }
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        let value = given(key, &value)?;
        self.about(key, "set", json!({ "key": key.as_str(), "value": value, "timeout": timeout(expiry) }))?;
        Ok(())
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        let value = given(key, &value)?;
        let request = json!({ "key": key.as_str(), "value": value, "timeout": timeout(expiry) });
        Ok(self.about(key, "add", request)? == true)
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        let request = json!({ "key": key.as_str(), "timeout": timeout(expiry) });
        Ok(self.about(key, "touch", request)? == true)
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.about(key, "delete", json!({ "key": key.as_str() }))? == true)
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        let sum = self.about(key, "incr", json!({ "key": key.as_str(), "delta": delta }))?;
        // Python's integers have no end, and 1.5 + 1 is 2.5.
        let large = || sum.as_f64().is_some_and(|sum| sum.abs() >= TWO_TO_63);
        sum.as_i64().ok_or_else(|| match large() {
            true => Error::overflow(key.as_str()),
            false => Error::not_an_integer(key.as_str()),
        })
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        match self.about(from, "rename", json!({ "key": from.as_str(), "to": to.as_str() })) {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == ErrorKind::KeyNotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn clear(&self) -> Result<()> {
        self.whole("clear", json!({})).map(drop)
    }

    fn has_key(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.about(key, "has_key", json!({ "key": key.as_str() }))? == true)
    }

    fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        let pairs = self.whole("get_many", json!({ "keys": names(keys) }))?;
        let mut payloads = vec![None; keys.len()];
        for pair in pairs.as_array().into_iter().flatten() {
            let key = pair[0].as_str().unwrap_or_default();
            let payload = found(key, &pair[1])?;
            for (place, _) in keys.iter().enumerate().filter(|(_, asked)| asked.as_str() == key) {
                payloads[place] = Some(payload.clone());
            }
        }
        Ok(payloads)
    }

    fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        let mut given_entries = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            given_entries.push((key.as_str(), given(*key, value)?));
        }
        let request = json!({ "entries": given_entries, "timeout": timeout(expiry) });
        let failed = self.whole("set_many", request)?;
        let failed: Vec<&str> = failed.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let places = entries.iter().enumerate().filter(|(_, (key, _))| failed.contains(&key.as_str()));
        Ok(places.map(|(place, _)| place).collect())
    }

    fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        self.whole("delete_many", json!({ "keys": names(keys) })).map(drop)
    }

    fn close(&self) -> Result<()> {
        self.whole("close", json!({})).map(drop)
    }

    fn entries(&self) -> Result<Option<u64>> {
        Ok(self.whole("entries", json!({}))?.as_u64())
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn codec(&self) -> Option<Arc<dyn Codec>> {
        Some(Arc::new(Pickle::default()))
    }
}
