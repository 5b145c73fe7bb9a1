//! Functions of all shapes: generic, methods, in traits, with patterns and unlucky names.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::hash::Hash;
use std::sync::Arc;

use cache_core::{BaseCache, Cache, Caches};
use cache_locmem::LocMemCache;
use cache_macros::cached;
use futures_lite::future::block_on;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::stores::{Calls, memory, on_both};

/// Names that the macro could have used itself.
#[cached(
    cache = store,
    key = "clash:{key}:{cache}:{result}:{timeout}:{entry}:{value}:{body}:{error}",
    timeout = std::time::Duration::from_secs(timeout)
)]
#[allow(clippy::too_many_arguments)]
fn clash(
    store: &Cache,
    key: u8,
    cache: u8,
    result: &str,
    timeout: u64,
    entry: u8,
    value: u8,
    body: u8,
    error: u8,
) -> Result<String, String> {
    Ok(format!("{key} {cache} {result} {timeout} {entry} {value} {body} {error}"))
}

#[test]
fn unlucky_names_of_arguments_are_no_trouble() {
    on_both(|cache| {
        let expected = Ok("1 2 r 4 5 6 7 8".to_owned());
        assert_eq!(clash(cache, 1, 2, "r", 4, 5, 6, 7, 8), expected);
        assert_eq!(clash(cache, 1, 2, "r", 4, 5, 6, 7, 8), expected);
        assert_eq!(clash_key(1, 2, "r", 4, 5, 6, 7, 8), "clash:1:2:1:r:4:5:6:7:8");
        assert_eq!(clash_refresh(cache, 1, 2, "r", 4, 5, 6, 7, 8), expected);
        assert!(clash_invalidate(cache, 1, 2, "r", 4, 5, 6, 7, 8).unwrap());
    });
}

mod strangers {
    //! A module whose own names hide those of the prelude.
    #![allow(dead_code, non_camel_case_types)]

    use cache_macros::cached;

    pub(crate) struct Option;
    pub(crate) struct Result;
    pub(crate) struct String;
    pub(crate) struct Clone;

    #[cached(key = "stranger:{id}")]
    pub(crate) fn stranger(cache: &cache_core::Cache, id: u8) -> u8 {
        id
    }

    #[cached(key = "strange:{id}")]
    pub(crate) async fn strange(cache: cache_core::Cache, id: u8) -> u8 {
        id
    }
}

#[test]
fn the_prelude_may_be_hidden() {
    on_both(|cache| {
        assert_eq!(strangers::stranger(cache, 3), 3);
        assert_eq!(block_on(strangers::strange(cache.clone(), 3)), 3);
        assert_eq!(strangers::stranger_key(3), "stranger:3");
    });
}

#[cached(key = "sorted:{name}:{N}", ignore(values))]
pub(crate) fn sorted<'a, K, V, B, const N: usize>(
    cache: &Cache<B>,
    name: &'a str,
    values: &'a [(K, V); N],
) -> Result<BTreeMap<K, V>, Box<dyn std::error::Error>>
where
    K: Clone + Ord + Serialize + DeserializeOwned,
    V: Clone + Serialize + DeserializeOwned,
    B: BaseCache + ?Sized,
{
    if name.is_empty() {
        Err("no name")?;
    }
    Ok(values.iter().cloned().collect())
}

#[test]
fn generics_and_where_clauses_stay() {
    let cache = Cache::new(LocMemCache::default());
    let values = [(2, "b".to_owned()), (1, "a".to_owned())];
    let expected = BTreeMap::from(values.clone());
    assert_eq!(sorted(&cache, "x", &values).unwrap(), expected);
    assert_eq!(sorted(&cache.to_dyn(), "x", &values).unwrap(), expected);
    assert_eq!(cache.stats().computed, 1);
    assert!(sorted(&cache, "", &values).is_err());
    assert_eq!(sorted_key::<2>("x"), "sorted:1:x:2");
    assert!(sorted_invalidate::<_, 2>(&cache, "x").unwrap());
}

#[cached(key = "shown:{id}", ignore(and))]
fn shown<T: Display + Hash, U>(cache: &Cache, id: T, and: impl IntoIterator<Item = U>) -> String
where
    U: Display,
{
    and.into_iter().fold(id.to_string(), |text, more| format!("{text} {more}"))
}

#[test]
fn an_argument_may_be_of_any_type_that_has_a_text() {
    on_both(|cache| {
        assert_eq!(shown(cache, 7, ["a", "b"]), "7 a b");
        assert_eq!(shown_key(7), "shown:1:7", "a generic argument is displayed");
        assert!(shown_invalidate(cache, "7").unwrap());
    });
}

#[cached(key = "model:{id}", ignore(T))]
fn model<T: Default + Serialize + DeserializeOwned>(cache: &Cache, id: u8) -> T {
    T::default()
}

#[test]
fn a_type_that_the_caller_chooses_can_be_ignored() {
    on_both(|cache| assert_eq!(model::<Vec<u8>>(cache, 1), model_refresh::<Vec<u8>>(cache, 1)));
}

#[cached(key = "borrowed:{text}")]
fn borrowed<'a>(cache: &Cache, text: &'a str) -> Cow<'a, str> {
    Cow::Borrowed(text)
}

#[test]
fn what_can_be_owned_may_borrow() {
    on_both(|cache| {
        assert_eq!(borrowed(cache, "a"), "a");
        assert_eq!(borrowed(cache, "a"), "a");
    });
}

struct Service {
    cache: Cache,
    tenant: String,
    calls: Calls,
}

impl Service {
    fn new(cache: &Cache, tenant: &str) -> Self {
        Self { cache: cache.clone(), tenant: tenant.to_owned(), calls: Calls::default() }
    }

    /// Finds the name of a user.
    #[cached(cache = self.cache, key = "name:{self.tenant}:{id}")]
    pub(crate) fn name(&self, id: u64) -> String {
        self.calls.next();
        format!("{} {id}", self.tenant)
    }

    #[cached(cache = self.cache, key = "count:{id}", ignore(self))]
    async fn count(&self, id: u64) -> Result<usize, String> {
        Ok(self.calls.next() + usize::try_from(id).map_err(|error| error.to_string())?)
    }

    #[cached(cache = self.cache, key = "shared:{id}")]
    async fn shared(#[cached(ignore)] self: Arc<Self>, id: u64) -> u64 {
        let this = self;
        this.calls.next();
        id
    }

    #[cached(cache = self.cache, key = "changing:{id}", ignore(self))]
    fn changing(&mut self, id: u64) -> u64 {
        self.tenant.push('!');
        id
    }

    #[cached(key = "square:{side}")]
    fn square(cache: &Cache, side: u64) -> u64 {
        side * side
    }
}

#[test]
fn methods_are_functions() {
    on_both(|cache| {
        let (one, other) = (Service::new(cache, "one"), Service::new(cache, "other"));
        assert_eq!((one.name(1), other.name(1)), ("one 1".to_owned(), "other 1".to_owned()));
        assert_eq!((one.name(1), other.name(1)), ("one 1".to_owned(), "other 1".to_owned()));
        assert_eq!((one.calls.count(), other.calls.count()), (1, 1));
        assert_eq!(one.name_key(1), "name:3:one:1");
        assert!(one.name_invalidate(1).unwrap());
        assert!(cache.has_key(&other.name_key(1)).unwrap());
        one.name_refresh(1);
        one.name_uncached(1);
        assert_eq!(one.calls.count(), 3);

        block_on(async {
            assert_eq!(one.count(10).await, Ok(14));
            assert_eq!(other.count(10).await, Ok(14));
            assert_eq!(one.count_refresh(10).await, Ok(15));
            assert!(one.count_invalidate(10).await.unwrap());
        });
        assert_eq!(Service::count_key(10), "count:10");

        let shared = Arc::new(other);
        assert_eq!(block_on(Arc::clone(&shared).shared(3)), 3);
        assert_eq!(block_on(Arc::clone(&shared).shared(3)), 3);
        assert_eq!(shared.calls.count(), 2);

        let mut changing = one;
        assert_eq!((changing.changing(1), changing.changing(1)), (1, 1));
        assert_eq!(changing.tenant, "one!");

        assert_eq!((Service::square(cache, 3), Service::square(cache, 3)), (9, 9));
        assert!(Service::square_invalidate(cache, 3).unwrap());
    });
}

trait Prices {
    fn cache(&self) -> &Cache;

    fn price(&self, id: u64) -> u64;

    #[cached(cache = self.cache(), key = "total:{id}:{count}", ignore(self))]
    fn total(&self, id: u64, count: u64) -> u64 {
        self.price(id) * count
    }
}

impl Prices for Service {
    fn cache(&self) -> &Cache {
        &self.cache
    }

    #[cached(cache = self.cache, key = "price:{id}", ignore(self), helpers = false)]
    fn price(&self, id: u64) -> u64 {
        self.calls.next();
        id + 100
    }
}

#[test]
fn methods_of_traits_and_their_implementations_can_be_cached() {
    on_both(|cache| {
        let service = Service::new(cache, "one");
        assert_eq!((service.price(1), service.price(1)), (101, 101));
        assert_eq!(service.calls.count(), 1);
        assert_eq!((service.total(1, 2), service.total(1, 2)), (202, 202));
        assert!(service.total_invalidate(1, 2).unwrap());
        assert_eq!(cache.get::<u64>("price:1").unwrap(), Some(101));
    });
}

struct App {
    cache: Cache,
}

struct State<T>(T);

#[cached(cache = app.cache, key = "patterns:{left}:{right}", ignore(app, count))]
fn by_patterns(State(app): State<&App>, (left, right): (u8, u8), mut count: u8) -> u8 {
    count += 1;
    assert!(app.cache.stats().misses > 0);
    left * 10 + right * 100 + count
}

#[test]
fn arguments_may_be_patterns() {
    let (cache, _) = memory();
    let app = App { cache };
    assert_eq!(by_patterns(State(&app), (1, 2), 3), 214);
    assert_eq!(by_patterns(State(&app), (1, 2), 4), 214);
    assert_eq!(by_patterns_key((1, 2)), "patterns:1:2");
    assert!(by_patterns_invalidate(State(&app), (1, 2)).unwrap());
}

#[cached(alias = "small", key = "chosen:{id}")]
fn chosen(caches: &Caches, id: u64) -> u64 {
    id * 2
}

#[cached(cache = caches, alias = "missing", key = "missing:{id}", version = 3)]
async fn missing(caches: Arc<Caches>, id: u64) -> u64 {
    id * 3
}

#[test]
fn a_cache_may_be_one_of_several() {
    let caches = Caches::builder()
        .backend::<LocMemCache>()
        .url("default", "locmem://macros-default")
        .url("small", "locmem://macros-small")
        .build()
        .unwrap();
    assert_eq!((chosen(&caches, 1), chosen(&caches, 1)), (2, 2));
    let small = caches.get("small").unwrap();
    assert_eq!((small.stats().hits, small.stats().computed), (1, 1));
    assert!(chosen_invalidate(&caches, 1).unwrap());

    let caches = Arc::new(caches);
    assert_eq!(block_on(missing(Arc::clone(&caches), 1)), 3, "without a cache the function computes");
    assert_eq!(block_on(missing_refresh(Arc::clone(&caches), 1)), 3);
    let error = block_on(missing_invalidate(caches, 1)).unwrap_err().to_string();
    assert!(error.contains("missing"), "{error}");
}

#[allow(dead_code)]
mod visible {
    //! What is generated is as visible as the function.

    use cache_core::Cache;
    use cache_macros::cached;

    #[cached(key = "visible")]
    #[must_use]
    pub(crate) fn visible(cache: &Cache) -> u8 {
        1
    }

    #[cached(key = "compiled-out")]
    #[cfg(any())]
    pub(crate) fn compiled_out(cache: &NoSuchType) -> u8 {
        1
    }
}

#[test]
fn visibility_and_cfg_stay() {
    on_both(|cache| {
        assert_eq!(visible::visible(cache), visible::visible_uncached(cache));
        assert_eq!(visible::visible_refresh(cache), 1);
        assert!(visible::visible_invalidate(cache).unwrap());
        assert_eq!(visible::visible_key(), "visible");
    });
}

#[test]
fn a_function_may_call_itself() {
    #[cached(key = "fibonacci:{n}")]
    fn fibonacci(cache: &Cache, n: u64) -> u64 {
        if n < 2 {
            return n;
        }
        fibonacci(cache, n - 1) + fibonacci(cache, n - 2)
    }
    on_both(|cache| {
        assert_eq!(fibonacci(cache, 50), 12_586_269_025);
        assert_eq!(cache.stats().computed, 51);
    });
}

mod renamed {
    //! A program that has the core under another name.

    use cache_macros::cached;

    mod mine {
        pub(crate) use cache_core as core;
    }

    #[cached(key = "renamed", crate = mine::core)]
    pub(crate) fn renamed(cache: &mine::core::Cache) -> u8 {
        9
    }
}

#[test]
fn the_core_may_have_another_path() {
    on_both(|cache| assert_eq!(renamed::renamed(cache), 9));
}
