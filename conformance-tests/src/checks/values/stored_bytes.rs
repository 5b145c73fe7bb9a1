//! Checks the bytes that a backend is given for a value: the same on every backend.

use std::collections::BTreeMap;

use bytes::Bytes;
use cache_core::{CodecId, Json, MessagePack, Payload};
use serde::Serialize;

use crate::checks::LONG;
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

#[derive(Serialize)]
struct Basket {
    owner: &'static str,
    items: Vec<(u16, f64)>,
    note: Option<&'static str>,
    gift: bool,
}

const BASKET: fn() -> Basket =
    || Basket { owner: "Ada", items: vec![(1, 0.5), (300, -2.0)], note: None, gift: true };

/// What the backend gives back for what the cache wrote under "k".
fn stored(cache: &TestCache) -> Outcome<Option<Payload>> {
    let key = cache.cache.make_and_validate_key("k")?;
    Ok(cache.cache.backend().get(key.as_key())?)
}

/// The payload of a value that a codec wrote.
fn encoded(t: &TestContext, codec: u8, bytes: &[u8]) -> Payload {
    let id = if t.capabilities().preserves_type_tags { CodecId(codec) } else { CodecId::UNKNOWN };
    Payload::Encoded(id, Bytes::copy_from_slice(bytes))
}

async fn written<V: Serialize + Sync + ?Sized>(cache: &TestCache, value: &V, expected: Payload) -> Outcome {
    cache.set("k", value, LONG).await?;
    ensure_eq!(stored(cache)?, Some(expected.clone()), "set");
    cache.delete("k").await?;
    ensure!(cache.add("k", value, LONG).await?);
    ensure_eq!(stored(cache)?, Some(expected.clone()), "add");
    cache.delete("k").await?;
    cache.set_many([("k", value)].map(|(key, value)| (key, Ref(value))), LONG).await?;
    ensure_eq!(stored(cache)?, Some(expected), "set_many");
    Ok(())
}

/// `set_many` takes values of a size known beforehand.
struct Ref<'a, V: ?Sized>(&'a V);

impl<V: Serialize + ?Sized> Serialize for Ref<'_, V> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

pub(super) async fn codec_bytes_identical(t: &TestContext) -> Outcome {
    const PACK: u8 = 1;
    const JSON: u8 = 2;
    t.needs_any_codec()?;
    let pack = t.build(|b| b.codec(MessagePack))?;
    let json = t.build(|b| b.codec(Json))?;
    let preserves_type_tags = t.capabilities().preserves_type_tags;
    for cache in [&pack, &json] {
        for number in [0, 42, -1, i64::MAX, i64::MIN] {
            written(cache, &number, Payload::Int(number)).await?;
        }
        written(cache, &42_u8, Payload::Int(42)).await?;
    }
    if preserves_type_tags {
        for cache in [&pack, &json] {
            written(cache, "clé", Payload::Text(Bytes::from_static(b"cl\xc3\xa9"))).await?;
            cache.set_bytes("k", &b"\x00\xff"[..], LONG).await?;
            ensure_eq!(stored(cache)?, Some(Payload::Bytes(Bytes::from_static(b"\x00\xff"))));
        }
    } else {
        written(&pack, "clé", encoded(t, PACK, b"\xa4cl\xc3\xa9")).await?;
        written(&json, "clé", encoded(t, JSON, "\"clé\"".as_bytes())).await?;
        pack.set_bytes("k", &b"\x00\xff"[..], LONG).await?;
        ensure_eq!(stored(&pack)?, Some(encoded(t, PACK, b"\xc4\x02\x00\xff")));
        json.set_bytes("k", &b"\x00\xff"[..], LONG).await?;
        ensure_eq!(stored(&json)?, Some(encoded(t, JSON, b"[0,255]")));
    }
    let map = BTreeMap::from([("a", 1), ("b", -1)]);
    written(&pack, &(), encoded(t, PACK, b"\xc0")).await?;
    written(&pack, &None::<i64>, encoded(t, PACK, b"\xc0")).await?;
    written(&pack, &true, encoded(t, PACK, b"\xc3")).await?;
    written(&pack, &1.5, encoded(t, PACK, b"\xcb\x3f\xf8\0\0\0\0\0\0")).await?;
    written(&pack, &u64::MAX, encoded(t, PACK, b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff")).await?;
    written(&pack, &[1, 2, 300], encoded(t, PACK, b"\x93\x01\x02\xcd\x01\x2c")).await?;
    written(&pack, &map, encoded(t, PACK, b"\x82\xa1a\x01\xa1b\xff")).await?;
    let basket = b"\x84\xa5owner\xa3Ada\xa5items\x92\x92\x01\xcb\x3f\xe0\0\0\0\0\0\0\
        \x92\xcd\x01\x2c\xcb\xc0\0\0\0\0\0\0\0\xa4note\xc0\xa4gift\xc3";
    written(&pack, &BASKET(), encoded(t, PACK, basket)).await?;
    written(&json, &(), encoded(t, JSON, b"null")).await?;
    written(&json, &true, encoded(t, JSON, b"true")).await?;
    written(&json, &1.5, encoded(t, JSON, b"1.5")).await?;
    written(&json, &u64::MAX, encoded(t, JSON, b"18446744073709551615")).await?;
    written(&json, &map, encoded(t, JSON, b"{\"a\":1,\"b\":-1}")).await?;
    let basket = br#"{"owner":"Ada","items":[[1,0.5],[300,-2.0]],"note":null,"gift":true}"#;
    written(&json, &BASKET(), encoded(t, JSON, basket)).await
}
