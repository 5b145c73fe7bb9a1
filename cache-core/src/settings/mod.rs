//! Caches by settings: aliases, backends by name, TOML, JSON, URLs and the environment.

mod alias;
mod backend;
mod builder;
mod caches;
mod document;
mod environment;
mod plan;
mod setting;
mod time;
mod url;

pub use self::alias::Compat;
pub use self::backend::{BackendSettings, FromSettings, MaxEntries};
pub use self::builder::CachesBuilder;
pub use self::caches::Caches;
pub use self::setting::Setting;
pub use self::url::CacheUrl;

/// The alias of [`Caches::default_cache`], under Django's name.
pub const DEFAULT_CACHE_ALIAS: &str = "default";

/// What is wrong with a setting, and what to write instead: a sentence without its beginning, which names the
/// place of the setting.
type Problem = String;

/// Lists names as an error message shows them: `"a", "b"`.
fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}
