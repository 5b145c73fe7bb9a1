//! Builds the SQLite backend from settings.

use cache_core::{BackendSettings, CacheUrl, Error, FromSettings, Location, MaxEntries, Result};

use crate::backend::DatabaseCache;
use crate::builder::DEFAULT_TABLE;
use crate::layout::Layout;

/// The names under which the location is the file. Under all others it is the table, as in Django.
const OF_FILES: [&str; 2] = ["sqlite", "sqlite3"];

/// SQLite's name for no file at all.
const MEMORY: &str = ":memory:";

impl FromSettings for DatabaseCache {
    const NAMES: &'static [&'static str] =
        &["sqlite", "sqlite3", "db", "dbcache", "django.core.cache.backends.db.DatabaseCache"];

    fn location_of_url(url: &CacheUrl<'_>) -> Result<Location> {
        // The builder says what is wrong with it.
        if [url.authority(), url.path().trim_start_matches('/')].contains(&MEMORY) {
            return Ok(Location::One(MEMORY.to_owned()));
        }
        if url.authority().contains('@') {
            return Err(Error::invalid_cache_backend(
                "has a user or a password, and a SQLite file has neither; leave it out",
            ));
        }
        let is_file = OF_FILES.contains(&url.scheme().to_ascii_lowercase().as_str());
        if is_file && !url.authority().is_empty() {
            return Err(Error::invalid_cache_backend(
                "names a host where a file is meant; write it with three slashes, sqlite:///var/lib/app/cache.db",
            ));
        }
        Ok(Location::One(url.decoded()?))
    }

    /// `sqlite`: the location is the file, and the option `table` the table. Django's names: the
    /// location is the table, and the option `path` the file, or what the program says.
    fn from_settings(settings: &mut BackendSettings) -> Result<Self> {
        let location = settings.single_location()?.map(str::to_owned);
        let (path, table) = if OF_FILES.contains(&settings.name()) {
            let path = location.ok_or_else(|| {
                Error::invalid_cache_backend(
                    "no location is given; name the database file, such as \"/var/lib/app/cache.db\"",
                )
            })?;
            (path, settings.text("table")?.unwrap_or_else(|| DEFAULT_TABLE.to_owned()))
        } else {
            let path = match settings.text("path")? {
                Some(path) => Some(path),
                None => settings.database()?.map(str::to_owned),
            };
            let path = path.ok_or_else(|| {
                Error::invalid_cache_backend(
                    "the location names a table, and nothing says in which SQLite file; add the option \"path\", \
                     use sqlite:///path?table=name, or give the program's database with CachesBuilder::database \
                     (a table in PostgreSQL or MySQL is not supported yet)",
                )
            })?;
            let table = location.ok_or_else(|| {
                Error::invalid_cache_backend(
                    "no location is given; name the table, such as \"my_cache_table\"",
                )
            })?;
            (path, table)
        };
        let mut builder = Self::builder(path).table(table);
        builder = match settings.max_entries()? {
            None => builder,
            Some(MaxEntries::Limit(entries)) => builder.max_entries(entries),
            Some(MaxEntries::Unlimited) => builder.unlimited(),
        };
        if let Some(frequency) = settings.cull_frequency()? {
            builder = builder.cull_frequency(frequency);
        }
        if let Some(wait) = settings.duration("busy_timeout")? {
            builder = builder.busy_timeout(wait);
        }
        if !settings.has_default_limit() {
            builder = builder.no_default_limit();
        }
        if let Some(group) = settings.number("trusted_group")? {
            builder = builder.trusted_group(group);
        }
        if settings.choice("layout", [("native", false), ("django", true)])? == Some(true) {
            builder = builder.layout(django()?);
        }
        builder.build()
    }
}

#[cfg(feature = "django")]
const fn django() -> Result<Layout> {
    Ok(Layout::Django)
}

#[cfg(not(feature = "django"))]
fn django() -> Result<Layout> {
    Err(Error::invalid_cache_backend(
        "the option \"layout\" is \"django\", which this program was built without; switch on \
         the feature \"django\" of polycache or cache-db",
    ))
}
