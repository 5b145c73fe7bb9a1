//! Checks structs, enums, maps, options and the types of other crates.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cache_core::{Json, MessagePack};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{any_codec, comes_back, comes_back_in_any_codec, full_codec};
use crate::checks::LONG;
use crate::context::TestContext;
use crate::outcome::Outcome;

#[derive(Serialize, Deserialize, PartialEq, Debug, Default)]
struct Collections {
    list: Vec<i64>,
    map: BTreeMap<String, i64>,
    set: BTreeSet<String>,
    nested: Vec<Vec<()>>,
    text: String,
}

pub(super) async fn empty_collections(t: &TestContext) -> Outcome {
    comes_back_in_any_codec(t, &Vec::<i64>::new()).await?;
    comes_back_in_any_codec(t, &Vec::<String>::new()).await?;
    comes_back_in_any_codec(t, &VecDeque::<u8>::new()).await?;
    comes_back_in_any_codec(t, &HashMap::<String, i64>::new()).await?;
    comes_back_in_any_codec(t, &BTreeSet::<i64>::new()).await?;
    comes_back_in_any_codec(t, &[0_i64; 0]).await?;
    comes_back_in_any_codec(t, &Collections::default()).await?;
    comes_back_in_any_codec(t, &Collections { nested: vec![vec![], vec![(), ()]], ..Collections::default() })
        .await?;
    for cache in any_codec(t)? {
        cache.set("k", &Vec::<i64>::new(), LONG).await?;
        ensure_eq!(cache.get_or("k", vec![1]).await?, Vec::<i64>::new(), "it was taken for a miss");
        ensure_err!(cache.get::<()>("k").await, Decode, "it is not null");
    }
    Ok(())
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Options {
    none: Option<i64>,
    some: Option<i64>,
    list: Vec<Option<String>>,
    boxed: Option<Box<Self>>,
}

pub(super) async fn option_nesting(t: &TestContext) -> Outcome {
    comes_back_in_any_codec(t, &None::<i64>).await?;
    comes_back_in_any_codec(t, &None::<String>).await?;
    comes_back_in_any_codec(t, &Some(5)).await?;
    comes_back_in_any_codec(t, &Some(String::new())).await?;
    comes_back_in_any_codec(t, &Some(vec![None, Some(1)])).await?;
    comes_back_in_any_codec(t, &None::<Option<i64>>).await?;
    comes_back_in_any_codec(t, &Some(Some(5))).await?;
    let inner = Options { none: None, some: Some(0), list: vec![], boxed: None };
    let list = vec![None, Some(String::new()), Some("x".to_owned())];
    comes_back_in_any_codec(t, &Options { none: None, some: Some(1), list, boxed: Some(Box::new(inner)) })
        .await?;
    for cache in any_codec(t)? {
        // A null is a null at any depth, as in serde's formats, and never a miss.
        cache.set("k", &Some(None::<i64>), LONG).await?;
        ensure_eq!(cache.get::<Option<i64>>("k").await?, Some(None));
        ensure_eq!(cache.get::<Option<Option<i64>>>("k").await?, Some(None));
        ensure_err!(cache.get::<i64>("k").await, Decode, "a null is not an integer");
        ensure_err!(cache.get::<String>("k").await, Decode, "a null is not a string");
        ensure_eq!(cache.get::<Option<i64>>("missing").await?, None);
        cache.set("k", &5, LONG).await?;
        ensure_eq!(cache.get::<Option<i64>>("k").await?, Some(Some(5)), "a value reads as an option");
        cache.set("k", &Some("x"), LONG).await?;
        ensure_eq!(cache.get::<String>("k").await?.as_deref(), Some("x"), "an option reads as its value");
    }
    Ok(())
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Unit;
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Number(i64);
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Name(String);
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Truth(bool);
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Pair(i64, String);
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Empty {}
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct All {
    unit: Unit,
    nothing: (),
    number: Number,
    name: Option<Name>,
    pair: Pair,
    empty: Empty,
}

pub(super) async fn unit_newtype(t: &TestContext) -> Outcome {
    let name = || Name("Ada".to_owned());
    comes_back_in_any_codec(t, &()).await?;
    comes_back_in_any_codec(t, &Unit).await?;
    comes_back_in_any_codec(t, &Number(-5)).await?;
    comes_back_in_any_codec(t, &name()).await?;
    comes_back_in_any_codec(t, &Truth(true)).await?;
    comes_back_in_any_codec(t, &Pair(1, "one".to_owned())).await?;
    comes_back_in_any_codec(t, &Empty {}).await?;
    comes_back_in_any_codec(t, &vec![Unit, Unit]).await?;
    comes_back_in_any_codec(t, &(1, "two".to_owned(), 3.5, (), None::<i64>)).await?;
    let pair = Pair(i64::MIN, String::new());
    let all = All { unit: Unit, nothing: (), number: Number(1), name: Some(name()), pair, empty: Empty {} };
    comes_back_in_any_codec(t, &all).await?;
    let cache = t.cache();
    cache.set("k", &Number(41), LONG).await?;
    ensure_eq!(cache.incr("k").await?, 42, "a newtype around an integer counts");
    ensure_eq!(cache.get::<Number>("k").await?, Some(Number(42)));
    Ok(())
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
enum Shape {
    Point,
    Radius(f64),
    Label(String),
    Raw(#[serde(with = "serde_bytes")] Vec<u8>),
    Count(i64),
    Nothing(()),
    Maybe(Option<i64>),
    Size(u32, u32),
    Named { name: String, inner: Option<Box<Self>> },
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(tag = "type")]
enum Internal {
    Unit,
    Fields { n: i64, list: Vec<Option<String>> },
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Unit,
    One(String),
    Two(i64, bool),
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Float(f64),
    Text(String),
    List(Vec<Self>),
}

#[derive(Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Colour {
    Red,
    #[serde(rename = "grün")]
    Green,
}

pub(super) async fn enum_variants(t: &TestContext) -> Outcome {
    let named = Shape::Named { name: "x".to_owned(), inner: Some(Box::new(Shape::Size(1, 2))) };
    let shapes = vec![
        Shape::Point,
        Shape::Radius(-0.5),
        Shape::Label("Point".to_owned()),
        Shape::Raw(vec![0, 255]),
        Shape::Count(7),
        Shape::Nothing(()),
        Shape::Maybe(None),
        Shape::Maybe(Some(1)),
        Shape::Size(u32::MAX, 0),
        named,
    ];
    for shape in &shapes {
        comes_back_in_any_codec(t, shape).await?;
        comes_back_in_any_codec(t, &Some(shape.clone())).await?;
    }
    comes_back_in_any_codec(t, &shapes).await?;
    comes_back_in_any_codec(t, &Internal::Unit).await?;
    comes_back_in_any_codec(t, &Internal::Fields { n: i64::MIN, list: vec![None, Some("x".to_owned())] })
        .await?;
    comes_back_in_any_codec(t, &[Adjacent::Unit, Adjacent::One("x".to_owned()), Adjacent::Two(1, true)])
        .await?;
    let list =
        Untagged::List(vec![Untagged::Number(1), Untagged::Float(1.5), Untagged::Text("1".to_owned())]);
    for value in [Untagged::Number(-1), Untagged::Float(2.0), Untagged::Text("2".to_owned()), list] {
        comes_back_in_any_codec(t, &value).await?;
    }
    comes_back_in_any_codec(t, &Ok::<i64, String>(1)).await?;
    comes_back_in_any_codec(t, &Err::<i64, String>("no".to_owned())).await?;
    comes_back_in_any_codec(t, &BTreeMap::from([(Colour::Red, 1), (Colour::Green, 2)])).await?;
    let cache = t.cache();
    cache.set("k", &Shape::Count(7), LONG).await?;
    ensure_err!(cache.incr("k").await, NotAnInteger, "a variant around an integer is not one");
    cache.set("k", "Purple", LONG).await?;
    ensure_err!(cache.get::<Colour>("k").await, Decode, "no such variant");
    Ok(())
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Nested {
    depth: u32,
    next: Option<Box<Self>>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
enum Tree {
    Leaf,
    Node(Vec<Self>),
}

pub(super) async fn depth_100(t: &TestContext) -> Outcome {
    let mut chain = Nested { depth: 1, next: None };
    let mut lists = serde_json::Value::from(1);
    for depth in 2..=100 {
        chain = Nested { depth, next: Some(Box::new(chain)) };
        lists = serde_json::Value::Array(vec![lists]);
    }
    comes_back_in_any_codec(t, &chain).await?;
    comes_back_in_any_codec(t, &lists).await?;
    // Each level of an enum is two of the format's.
    let mut tree = Tree::Leaf;
    for _ in 0..50 {
        tree = Tree::Node(vec![tree, Tree::Leaf]);
    }
    comes_back_in_any_codec(t, &tree).await
}

pub(super) async fn map_non_string_keys(t: &TestContext) -> Outcome {
    // Keys that JSON has a spelling for.
    comes_back_in_any_codec(t, &BTreeMap::from([(i64::MIN, "min".to_owned()), (0, String::new())])).await?;
    comes_back_in_any_codec(t, &HashMap::from([(u64::MAX, 1), (0, 2)])).await?;
    comes_back_in_any_codec(t, &BTreeMap::from([('x', 1), ('\0', 2)])).await?;
    comes_back_in_any_codec(t, &BTreeMap::from([(true, 1), (false, 2)])).await?;
    comes_back_in_any_codec(t, &BTreeMap::from([(1_u8, BTreeMap::from([(-1_i8, 1)]))])).await?;
    let by_name = BTreeMap::from([(Uuid::from_u128(1), 1), (Uuid::from_u128(u128::MAX), 2)]);
    comes_back_in_any_codec(t, &by_name).await?;
    // And the key types that it refuses.
    let pairs = BTreeMap::from([((1_u8, true), 1), ((0, false), 2)]);
    let optional = BTreeMap::from([(None, 1), (Some(2), 3)]);
    let lists = BTreeMap::from([(vec![1, 2], "list".to_owned()), (vec![], String::new())]);
    let cache = full_codec(t)?;
    comes_back(&cache, &pairs).await?;
    comes_back(&cache, &optional).await?;
    comes_back(&cache, &lists).await?;
    let Some(json) = t.in_codec(Json)? else { return Ok(()) };
    json.set("k", "old", LONG).await?;
    ensure_err!(json.set("k", &pairs, LONG).await, Encode);
    ensure_err!(json.set("k", &lists, LONG).await, Encode);
    ensure_eq!(json.get::<String>("k").await?.as_deref(), Some("old"));
    Ok(())
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Moments {
    id: Uuid,
    lasts: Duration,
    at: SystemTime,
    from: IpAddr,
}

pub(super) async fn datetime_duration_uuid(t: &TestContext) -> Outcome {
    let id = Uuid::from_u128(0x0123_4567_89ab_cdef_0000_ff00_8000_0001);
    let at = UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
    let address = IpAddr::V6(Ipv6Addr::LOCALHOST);
    for id in [id, Uuid::nil(), Uuid::max()] {
        comes_back_in_any_codec(t, &id).await?;
    }
    for lasts in [Duration::ZERO, Duration::from_nanos(1), Duration::new(5, 999_999_999), Duration::MAX] {
        comes_back_in_any_codec(t, &lasts).await?;
    }
    comes_back_in_any_codec(t, &at).await?;
    comes_back_in_any_codec(t, &UNIX_EPOCH).await?;
    // The crates for dates write text: RFC 3339.
    for date in ["2024-02-29T23:59:59.999999999Z", "1969-12-31T23:59:59.5Z", "0001-01-01T00:00:00Z"] {
        comes_back_in_any_codec(t, &date.to_owned()).await?;
    }
    comes_back_in_any_codec(t, &address).await?;
    comes_back_in_any_codec(t, &IpAddr::from([127, 0, 0, 1])).await?;
    comes_back_in_any_codec(t, &SocketAddr::from(([10, 0, 0, 1], 65_535))).await?;
    comes_back_in_any_codec(t, &Moments { id, lasts: Duration::new(1, 2), at, from: address }).await?;
    comes_back_in_any_codec(t, &vec![Some(id), None]).await?;
    // Written in the one codec's form, and read by a cache that has moved to the other.
    let (Some(packed), Some(json)) = (t.in_codec(MessagePack)?, t.in_codec(Json)?) else { return Ok(()) };
    let to_json = t.build(|b| b.codec(Json).also_decode(MessagePack))?;
    let to_packed = t.build(|b| b.codec(MessagePack).also_decode(Json))?;
    for (old, new) in [(packed, to_json), (json, to_packed)] {
        old.set("id", &id, LONG).await?;
        old.set("address", &address, LONG).await?;
        old.set("ids", &[id], LONG).await?;
        ensure_eq!(new.get::<Uuid>("id").await?, Some(id), "after a move between codecs");
        ensure_eq!(new.get::<IpAddr>("address").await?, Some(address), "after a move between codecs");
        ensure_eq!(new.get::<[Uuid; 1]>("ids").await?, Some([id]), "after a move between codecs");
    }
    Ok(())
}
