//! The operations on one key, written once for both halves of the API.

use cache_core::{Error, ErrorKind, Expiry, Key, Mode, Payload, Result};
use cache_net::{Call, RetrySafety};
use memcache::exp::ReturnCode;

use crate::client::Client;
use crate::key::check_key;
use crate::payload;
use crate::replies::Reply;
use crate::request::{Command, Store};

/// No server accepts a larger item, whatever its settings (`-I` ends there), so it is not sent.
pub(crate) const LARGEST: usize = 1 << 30;

impl Client {
    pub(crate) async fn get(&self, mode: Mode, key: Key<'_>) -> Result<Option<Payload>> {
        check_key(key)?;
        let asked = self.ask_meta(self.start(mode), key, Command::get(key), RetrySafety::Idempotent);
        let (place, found) = asked.await?;
        self.value(place, found)
    }

    pub(crate) async fn set(&self, mode: Mode, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.store(mode, key, value, expiry, Store::Always, RetrySafety::Idempotent).await.map(drop)
    }

    pub(crate) async fn add(&self, mode: Mode, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.store(mode, key, value, expiry, Store::Absent, RetrySafety::Once).await
    }

    pub(crate) async fn touch(&self, mode: Mode, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        check_key(key)?;
        let command = Command::touch(key, self.exptime(expiry));
        let asked = self.ask_meta(self.start(mode), key, command, RetrySafety::Idempotent);
        let (place, touched) = asked.await?;
        self.done(place, &touched, ReturnCode::En)
    }

    pub(crate) async fn delete(&self, mode: Mode, key: Key<'_>) -> Result<bool> {
        check_key(key)?;
        // Sent a second time it would say "not found" of what the first has removed.
        let asked = self.ask_meta(self.start(mode), key, Command::delete(key), RetrySafety::AnswerOnce);
        let (place, deleted) = asked.await?;
        self.done(place, &deleted, ReturnCode::Nf)
    }

    pub(crate) async fn has_key(&self, mode: Mode, key: Key<'_>) -> Result<bool> {
        check_key(key)?;
        let asked = self.ask_meta(self.start(mode), key, Command::has(key), RetrySafety::Idempotent);
        let (place, found) = asked.await?;
        self.done(place, &found, ReturnCode::En)
    }

    async fn store(
        &self,
        mode: Mode,
        key: Key<'_>,
        value: Payload,
        expiry: Expiry,
        store: Store,
        safety: RetrySafety,
    ) -> Result<bool> {
        check_key(key)?;
        let call = self.start(mode);
        let value = payload::write(value);
        let size = value.1.len();
        if size > LARGEST {
            return Err(self.too_large(call, key, size).await);
        }
        let command = Command::set(key, value, self.exptime(expiry), store);
        let (place, reply) = self.ask(call, key, command, safety).await?;
        if is_too_large(&reply) {
            return Err(self.too_large(call, key, size).await);
        }
        let stored = self.meta(place, reply)?;
        self.done(place, &stored, ReturnCode::Ns)
    }

    /// Removes the entry that a too large value was to replace, and returns the error.
    async fn too_large(&self, call: Call, key: Key<'_>, size: usize) -> Error {
        // memcached itself has removed it since 1.4; this delete then finds nothing.
        if let Err(e) = self.ask_meta(call, key, Command::delete(key), RetrySafety::Idempotent).await {
            return e;
        }
        let message = format!(
            "a value of {size} bytes is more than the memcached server takes; with the key, an item has at \
             most 1 MiB unless the server was started with -I"
        );
        Error::new(ErrorKind::ValueTooLarge, message).with_key(key.as_str())
    }
}

/// Whether the server refused a value for its size.
pub(crate) fn is_too_large(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(e) if e.is_too_large())
}
