//! Checks text and bytes: byte for byte, and never taken for a number or for one another.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_json::Value;

use super::{any_codec, comes_back, comes_back_in_any_codec, full_codec};
use crate::checks::LONG;
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

pub(super) async fn digit_string_stays_string(t: &TestContext) -> Outcome {
    for cache in any_codec(t)? {
        for text in ["42", "0", "-1", "007", "1.5", "1e3", " 1", "1 ", "9223372036854775808", "true", "null"]
        {
            cache.set("k", text, LONG).await?;
            ensure_eq!(cache.get::<Value>("k").await?, Some(Value::from(text)));
            ensure_eq!(cache.get::<String>("k").await?.as_deref(), Some(text));
            ensure_err!(cache.get::<i64>("k").await, Decode, "{text:?} as an integer");
            ensure_err!(cache.get::<f64>("k").await, Decode, "{text:?} as a float");
            ensure_err!(cache.get::<bool>("k").await, Decode, "{text:?} as a bool");
            ensure_err!(cache.incr("k").await, NotAnInteger, "{text:?} counts");
        }
    }
    Ok(())
}

/// `bytes` come back as bytes, by the way without a codec and by serde's.
async fn stay_bytes(cache: &TestCache, bytes: &[u8]) -> Outcome {
    let owned = ByteBuf::from(bytes);
    cache.set_bytes("raw", bytes.to_vec(), LONG).await?;
    cache.set("serde", &owned, LONG).await?;
    for key in ["raw", "serde"] {
        ensure_eq!(cache.get_bytes(key).await?.as_deref(), Some(bytes), "{key}");
        ensure_eq!(cache.get::<ByteBuf>(key).await?.as_ref(), Some(&owned), "{key}");
        ensure_err!(cache.get::<i64>(key).await, Decode, "{key}: {bytes:?} as an integer");
        ensure_err!(cache.get::<String>(key).await, Decode, "{key}: {bytes:?} as text");
        ensure_err!(cache.incr(key).await, NotAnInteger, "{key}: {bytes:?} counts");
        ensure_eq!(cache.get_bytes(key).await?.as_deref(), Some(bytes), "{key}, still");
    }
    comes_back(cache, &owned).await?;
    comes_back(cache, &BTreeMap::from([("in a map".to_owned(), owned)])).await
}

pub(super) async fn digit_bytes_stay_bytes(t: &TestContext) -> Outcome {
    for cache in any_codec(t)? {
        for digits in ["42", "0", "-1", "1 ", "9223372036854775807"] {
            stay_bytes(&cache, digits.as_bytes()).await?;
        }
    }
    Ok(())
}

pub(super) async fn empty_string(t: &TestContext) -> Outcome {
    for cache in any_codec(t)? {
        comes_back(&cache, &String::new()).await?;
        cache.set("k", "", LONG).await?;
        ensure_eq!(cache.get_or("k", "default".to_owned()).await?, "", "it was taken for a miss");
        ensure_eq!(cache.get_or_set("k", LONG, || "computed".to_owned()).await?, "", "get_or_set");
        ensure!(!cache.add("k", "added", LONG).await?, "add");
        ensure!(cache.has_key("k").await?);
        ensure_eq!(cache.get::<Value>("k").await?, Some(Value::from("")), "it is text, not null");
        ensure_err!(cache.get::<()>("k").await, Decode, "it is text, not null");
        ensure!(cache.delete("k").await?);
    }
    Ok(())
}

pub(super) async fn empty_bytes(t: &TestContext) -> Outcome {
    for cache in any_codec(t)? {
        stay_bytes(&cache, b"").await?;
        ensure!(cache.has_key("raw").await?);
        ensure!(!cache.add("raw", &1, LONG).await?);
        ensure!(cache.delete("raw").await?);
    }
    Ok(())
}

pub(super) async fn all_256_bytes(t: &TestContext) -> Outcome {
    let up: Vec<u8> = (0..=255).collect();
    let down: Vec<u8> = (0..=255).rev().collect();
    for cache in any_codec(t)? {
        stay_bytes(&cache, &up).await?;
        stay_bytes(&cache, &down).await?;
        comes_back(&cache, &up).await?;
        comes_back(&cache, &(up.clone(), ByteBuf::from(down.clone()))).await?;
    }
    let cache = t.cache();
    for byte in 0..=255_u8 {
        let bytes = [byte, byte];
        cache.set_bytes("k", bytes.to_vec(), LONG).await?;
        ensure_eq!(cache.get_bytes("k").await?.as_deref(), Some(&bytes[..]));
    }
    Ok(())
}

pub(super) async fn string_nul_crlf(t: &TestContext) -> Outcome {
    let strings = [
        "\0",
        "a\0b\0",
        "\r\n",
        "END\r\n",
        "a\r\nb\n\r",
        "VALUE k 0 1\r\n1\r\nEND\r\n",
        "+OK\r\n",
        "$-1\r\n",
        "*1\r\n$8\r\nFLUSHDB\r\n",
        "\u{1}\u{1f}\u{7f}\u{80}",
        "'; DROP TABLE cache; --",
        "\"\\\"",
        " leading and trailing ",
        "\t\n",
    ];
    for text in strings {
        comes_back_in_any_codec(t, &text.to_owned()).await?;
    }
    comes_back_in_any_codec(t, &strings.map(str::to_owned).to_vec()).await?;
    comes_back_in_any_codec(
        t,
        &strings.map(|text| (text.to_owned(), 1)).into_iter().collect::<BTreeMap<_, _>>(),
    )
    .await
}

pub(super) async fn astral_unicode(t: &TestContext) -> Outcome {
    let strings = [
        "😀",
        "👩‍👩‍👧‍👦",
        "\u{10ffff}",
        "\u{10000}",
        "e\u{301}",
        "é",
        "\u{feff}bom",
        "𝒳清ß",
        "\u{202e}x",
        "\u{fffd}",
    ];
    for text in strings {
        comes_back_in_any_codec(t, &text.to_owned()).await?;
        comes_back_in_any_codec(t, &BTreeMap::from([(text.to_owned(), text.to_owned())])).await?;
    }
    // Two spellings of one letter are two strings.
    let cache = t.cache();
    cache.set("k", "e\u{301}", LONG).await?;
    ensure!(cache.get::<String>("k").await?.is_some_and(|text| text != "é"), "it was normalised");
    Ok(())
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Letters {
    one: char,
    some: Option<char>,
    list: Vec<char>,
}

pub(super) async fn chars(t: &TestContext) -> Outcome {
    for letter in ['a', '1', '\0', '\n', 'é', '\u{301}', '清', '😀', char::MAX, char::REPLACEMENT_CHARACTER]
    {
        comes_back_in_any_codec(t, &letter).await?;
        let letters = Letters { one: letter, some: Some(letter), list: vec![letter, 'b'] };
        comes_back_in_any_codec(t, &letters).await?;
    }
    let cache = full_codec(t)?;
    cache.set("k", &'a', LONG).await?;
    ensure_eq!(cache.get::<String>("k").await?.as_deref(), Some("a"), "a char is a string of one");
    cache.set("k", "ab", LONG).await?;
    ensure_err!(cache.get::<char>("k").await, Decode, "two letters");
    Ok(())
}
