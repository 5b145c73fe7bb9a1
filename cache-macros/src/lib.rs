//! The attribute [`macro@cached`]: a cache keeps what a function returns.
//!
//! ```
//! use std::io;
//!
//! use cache_core::Cache;
//! use cache_macros::cached;
//!
//! # struct Db;
//! # impl Db { async fn user(&self, id: u64) -> Result<String, io::Error> { Ok(format!("user {id}")) } }
//! #[cached(key = "user:{id}", timeout = 300, ignore(db))]
//! async fn user(cache: &Cache, db: &Db, id: u64) -> Result<String, io::Error> {
//!     db.user(id).await
//! }
//!
//! # futures_lite::future::block_on(async {
//! # let (cache, db) = (Cache::new(cache_locmem::LocMemCache::default()).erase(), Db);
//! assert_eq!(user(&cache, &db, 7).await?, "user 7"); // asks the database
//! assert_eq!(user(&cache, &db, 7).await?, "user 7"); // asks the cache
//!
//! user_invalidate(&cache, 7).await?; // after a change: the next call asks the database
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A program that depends on `polycache` alone switches on its feature `macros` and writes `polycache::cached`.

mod arguments;
mod binding;
mod expand;
mod function;
mod generics;
mod template;

use proc_macro::TokenStream;
use quote::quote;
use syn::{Error, FnArg, ItemFn};

use self::arguments::Arguments;
use self::expand::{Root, expand};

/// Keeps what a function returns in a cache that the function is given.
///
/// The first call with some arguments runs the body and stores what it returns. Later calls find it in the cache. Of
/// several callers that miss at once, one runs the body and the others get its value, as with
/// `Cache::get_or_set`. The function keeps its signature, its attributes and its page.
///
/// ```
/// use cache_core::Cache;
/// use cache_macros::cached;
///
/// #[cached(key = "area:{width}:{unit}", timeout = 60)]
/// fn area(cache: &Cache, width: u64, unit: &str) -> String {
///     format!("{} {unit}²", width * width)
/// }
///
/// # let cache = Cache::new(cache_locmem::LocMemCache::default()).erase();
/// assert_eq!(area(&cache, 3, "m"), "9 m²");
/// assert_eq!(cache.get::<String>("area:3:1:m")?.as_deref(), Some("9 m²"));
/// # Ok::<(), cache_core::Error>(())
/// ```
///
/// # Arguments
///
/// | argument | meaning |
/// |---|---|
/// | `key = "user:{id}"` | The key, with the arguments on which the result depends. Required. |
/// | `cache = store` | The cache: an argument, a field of one (`self.cache`), or a method without arguments (`app.cache()`). Default: the first argument whose type is called `Cache` or `Caches`. |
/// | `alias = "default"` | Which cache, where the argument is `Caches`. |
/// | `ignore(db, trace)` | Arguments on which the result does not depend. `#[cached(ignore)]` before an argument does the same. |
/// | `timeout = 300` | How long a value is kept: a number of seconds, or an expression that gives a `Duration` or a `Timeout`. It is evaluated at each call. Default: the timeout of the cache. |
/// | `none_timeout = 5` | How long `None` is kept, for a function that returns `Option<T>` or `Result<Option<T>, E>`. Zero: it is not kept. Default: `timeout`. |
/// | `version = 2` | The version of the keys, as `Cache::with_version`. Raise it when the type of the value changes. It costs an allocation for each call. |
/// | `helpers = false` | Writes none of the functions below: for a method of a trait's implementation. |
/// | `crate = path` | The path of `cache_core`, in a program that has it under another name. For `polycache::cached`: the path of `polycache`. |
///
/// # What is written beside the function
///
/// For a function `user`, with its visibility, and async if it is:
///
/// | function | what it does |
/// |---|---|
/// | `user_key(id) -> String` | Returns the key. It takes the arguments that the key names, and is never async. |
/// | `user_invalidate(cache, id) -> Result<bool>` | Removes the value, and returns whether there was one. A computation that is running does not store its value. Call it after a change. |
/// | `user_refresh(..)` | Computes the value and stores it in place of the older one. It has the signature of `user`. |
/// | `user_uncached(..)` | Computes the value without the cache. It has the signature of `user`. |
///
/// The body is compiled into three of these functions. So it may not have a `static` of its own.
///
/// # Keys
///
/// **No call gets the value of another call.** Each argument is either in the key or ignored, or the program does not
/// compile. That includes `self`, and a generic parameter that no argument's type mentions.
///
/// An integer is written as it is, and every other type as a string with its length in front. So `("a:b", "c")` and
/// `("a", "b:c")` have two keys: `pair:3:a:b:1:c` and `pair:1:a:3:b:c`. An option is written as `-` or as `+` and its
/// value, and a slice or a `Vec` as its length and its values. All other types need `Display`, and different
/// values must display differently. A generic argument is written as what it displays. Blanks, control characters and `%` are
/// written as in a URL, so that memcached accepts them.
///
/// A key may name a field in place of its argument: `{user.id}`, `{self.tenant}`. Then the other fields do not count.
/// `{{` and `}}` are braces.
///
/// Two functions with one key share their values. So begin each key with a name of its own.
///
/// # Errors and `None`
///
/// A function that returns a `Result` returns its errors, and the cache never keeps them. The cache keeps the value
/// alone: `cache.get::<User>(&user_key(7))` finds it. `None` is a value, and is kept.
///
/// **A cache that fails does not fail the function.** If the store is down, if the cache refuses the key, or if the
/// stored value is of another type, the function runs its body and returns the result. The body runs once, and
/// concurrent calls still share it. `Cache::degraded` counts these errors, and `tracing`
/// logs a warning for each. This holds for every function, also if it returns a `Result` and the cache has
/// `OnError::Return`. An alias that `Caches` do not have is such an error too.
///
/// `user_invalidate` returns the errors of the cache, because the old value may still be there. `user_refresh` does not:
/// if the value cannot be stored, the older one stays.
///
/// # What can be cached
///
/// Functions, methods and associated functions, sync and async, generic or not, also in a trait. The type of the value
/// needs serde's `Serialize` and `Deserialize`, and cannot borrow from the arguments. The attribute does not go on `const`,
/// `unsafe` and `extern` functions, and not on one that returns `impl Trait` or a boxed future.
///
/// ```
/// use cache_core::Cache;
/// use cache_macros::cached;
///
/// struct Shop { cache: Cache, name: String }
///
/// impl Shop {
///     #[cached(cache = self.cache, key = "price:{self.name}:{article}", none_timeout = 10)]
///     pub async fn price(&self, article: u32) -> Option<u64> {
///         (article < 100).then(|| u64::from(article) * 3)
///     }
/// }
///
/// # futures_lite::future::block_on(async {
/// # let cache = Cache::new(cache_locmem::LocMemCache::default()).erase();
/// let shop = Shop { cache, name: "tea".to_owned() };
/// assert_eq!(shop.price(5).await, Some(15));
/// assert_eq!(shop.price_key(5), "price:3:tea:5");
/// # });
/// ```
///
/// A method of a trait's implementation has no room for further functions. Write `helpers = false`, or put the attribute
/// on a method of the type and call that. The second way is also the one for `#[async_trait]`:
///
/// ```
/// # use cache_core::Cache;
/// # use cache_macros::cached;
/// # struct Database { cache: Cache }
/// trait Names {
///     fn name(&self, id: u64) -> String;
/// }
///
/// impl Names for Database {
///     #[cached(cache = self.cache, key = "name:{id}", ignore(self), helpers = false)]
///     fn name(&self, id: u64) -> String {
///         format!("name {id}")
///     }
/// }
/// # let database = Database { cache: Cache::new(cache_locmem::LocMemCache::default()).erase() };
/// # assert_eq!(database.name(1), "name 1");
/// ```
///
/// # Cost
///
/// A call allocates its key, and then costs what `get_or_set` costs. It has no hidden state.
#[proc_macro_attribute]
pub fn cached(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let root = Root { default: quote!(::cache_core), suffix: quote!() };
    write(arguments, item, &root)
}

/// [`macro@cached`] as the crate `polycache` exports it: the code that it writes names `polycache` in place of
/// `cache_core`.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn cached_by_polycache(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let root = Root { default: quote!(::polycache::backend), suffix: quote!(::backend) };
    write(arguments, item, &root)
}

fn write(arguments: TokenStream, item: TokenStream, root: &Root) -> TokenStream {
    let item = match syn::parse::<ItemFn>(item.clone()) {
        Ok(item) => item,
        Err(_) => {
            let problem = "`#[cached]` goes on a function with a body";
            let problem = Error::new(proc_macro2::Span::call_site(), problem).into_compile_error();
            let item = proc_macro2::TokenStream::from(item);
            return quote!(#item #problem).into();
        }
    };
    let written =
        syn::parse::<Arguments>(arguments).and_then(|arguments| expand(&arguments, item.clone(), root));
    written.unwrap_or_else(|error| without_cache(item, &error)).into()
}

/// The function as it was, so that its callers compile, and the error.
fn without_cache(mut item: ItemFn, error: &Error) -> proc_macro2::TokenStream {
    for argument in &mut item.sig.inputs {
        let attributes = match argument {
            FnArg::Receiver(receiver) => &mut receiver.attrs,
            FnArg::Typed(typed) => &mut typed.attrs,
        };
        attributes.retain(|attribute| !attribute.path().is_ident("cached"));
    }
    let error = error.to_compile_error();
    quote!(#[allow(unused_variables)] #item #error)
}
