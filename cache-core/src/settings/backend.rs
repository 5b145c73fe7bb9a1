//! [`FromSettings`]: how a backend is made by name, and [`BackendSettings`], its settings.

use std::fmt;
use std::time::Duration;

use super::{CacheUrl, Problem, Setting, quoted, time};
use crate::backend::BaseCache;
use crate::culling::Culling;
use crate::error::{Error, Result};
use crate::location::{Location, not_supported, refuse_url};

/// A backend that settings can name. A program registers it with one line,
/// [`CachesBuilder::backend`](super::CachesBuilder::backend).
///
/// ```
/// use cache_core::{BackendSettings, Caches, FromSettings, Result};
/// # use cache_core::{BaseCache, Expiry, Key, Payload};
/// # struct MapCache;
/// # impl MapCache { fn with_shards(_: u64) -> Self { Self } }
/// # impl BaseCache for MapCache {
/// #     fn get(&self, _: Key<'_>) -> Result<Option<Payload>> { Ok(None) }
/// #     fn set(&self, _: Key<'_>, _: Payload, _: Expiry) -> Result<()> { Ok(()) }
/// #     fn add(&self, _: Key<'_>, _: Payload, _: Expiry) -> Result<bool> { Ok(true) }
/// #     fn touch(&self, _: Key<'_>, _: Expiry) -> Result<bool> { Ok(false) }
/// #     fn delete(&self, _: Key<'_>) -> Result<bool> { Ok(false) }
/// #     fn incr(&self, key: Key<'_>, _: i64) -> Result<i64> { Err(cache_core::Error::key_not_found(key.as_str())) }
/// #     fn rename(&self, _: Key<'_>, _: Key<'_>) -> Result<bool> { Ok(false) }
/// #     fn clear(&self) -> Result<()> { Ok(()) }
/// # }
///
/// impl FromSettings for MapCache {
///     const NAMES: &'static [&'static str] = &["map", "myapp.caches.MapCache"];
///
///     fn from_settings(settings: &mut BackendSettings) -> Result<Self> {
///         Ok(Self::with_shards(settings.number("shards")?.unwrap_or(1)))
///     }
/// }
///
/// let caches = Caches::builder().backend::<MapCache>().url("default", "map://?shards=4").build()?;
/// let typo = Caches::builder().backend::<MapCache>().url("default", "map://?shard=4").build();
/// assert_eq!(
///     typo.unwrap_err().to_string(),
///     "cache \"default\": the option \"shard\" is unknown to the backend \"map\", which knows \"shards\""
/// );
/// # Ok::<(), cache_core::Error>(())
/// ```
pub trait FromSettings: BaseCache + Sized {
    /// What settings call this backend: as `BACKEND`, and as the scheme of a URL. Error messages use the
    /// first. In lower case, except for dotted paths.
    const NAMES: &'static [&'static str];

    /// Returns the location that a URL names: by default the text between `scheme://` and `?`, decoded, which must
    /// not contain a user or a password.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](crate::ErrorKind::InvalidCacheBackend). The message shows nothing
    /// that may be a password.
    fn location_of_url(url: &CacheUrl<'_>) -> Result<Location> {
        if url.authority().contains('@') {
            return Err(Error::invalid_cache_backend(
                "has a user or a password, and the backend has no log-in; leave it out, or write @ as %40",
            ));
        }
        Ok(Location::One(url.decoded()?))
    }

    /// Makes the backend. No I/O, and no other lasting effect: settings are also read to be checked.
    ///
    /// An implementation asks for every option that the backend knows, whatever the others say. Options that it
    /// did not ask for are then refused, with the names of the known ones.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](crate::ErrorKind::InvalidCacheBackend). The text names
    /// the option and what to write; the cache's alias is put in front of it.
    fn from_settings(settings: &mut BackendSettings) -> Result<Self>;
}

/// The option `max_entries`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxEntries {
    /// At most this many entries: 1 or more.
    Limit(u64),
    /// `"unlimited"`.
    Unlimited,
}

/// The settings of a [`FromSettings`] backend: its location, and its options by name, in either case.
#[derive(Clone)]
pub struct BackendSettings {
    pub(super) name: String,
    pub(super) location: Option<Location>,
    pub(super) database: Option<String>,
    pub(super) has_default_limit: bool,
    /// The default of Django's `DATABASES`, if no backend supports that database.
    pub(super) djangos_database: Option<&'static str>,
    pub(super) options: Vec<(String, Setting)>,
    pub(super) known: Vec<&'static str>,
    /// By this crate's name of an option: the name in the settings, if it is another library's.
    pub(super) called: Vec<(&'static str, String)>,
}

impl fmt::Debug for BackendSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendSettings")
            .field("name", &self.name)
            .field("location", &self.location)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl BackendSettings {
    /// Returns the name, one of [`FromSettings::NAMES`], by which the backend was asked for.
    ///
    /// ```
    /// # use cache_core::{BackendSettings};
    /// /// Whether the settings say `rediss`, and not `redis`.
    /// fn is_tls(settings: &BackendSettings) -> bool {
    ///     settings.name() == "rediss"
    /// }
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns Django's `LOCATION`.
    ///
    /// ```
    /// # use cache_core::{BackendSettings, Location};
    /// fn servers(settings: &BackendSettings) -> Vec<String> {
    ///     match settings.location() {
    ///         None => vec!["127.0.0.1:11211".to_owned()],
    ///         Some(Location::One(server)) => vec![server.clone()],
    ///         Some(Location::Many(servers)) => servers.clone(),
    ///     }
    /// }
    /// ```
    #[must_use]
    pub const fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }

    /// Returns the location of a backend that has a single one: a path or a name. A backend whose location is a
    /// URL reads [`BackendSettings::location`].
    ///
    /// ```
    /// # use cache_core::{BackendSettings, Error, Result};
    /// fn folder(settings: &BackendSettings) -> Result<String> {
    ///     let folder = settings.single_location()?;
    ///     Ok(folder.ok_or_else(|| Error::invalid_cache_backend("no location is given; name a folder"))?.to_owned())
    /// }
    /// ```
    ///
    /// # Errors
    /// For a list, and for a URL, which the message does not show: see [`refuse_url`].
    pub fn single_location(&self) -> Result<Option<&str>> {
        match &self.location {
            None => Ok(None),
            Some(Location::One(text)) => {
                refuse_url(text, "a path or a name")?;
                Ok(Some(text))
            }
            Some(Location::Many(_)) => Err(Error::invalid_cache_backend(format!(
                "the location is a list, and the backend {:?} has one location; give a string",
                self.name
            ))),
        }
    }

    /// Returns the database of caches that name only a table:
    /// [`CachesBuilder::database`](super::CachesBuilder::database).
    ///
    /// ```
    /// # use cache_core::{BackendSettings, Error, Result};
    /// fn file(settings: &BackendSettings) -> Result<String> {
    ///     let file = settings.database()?; // of `dbcache://pages`, which names only a table
    ///     Ok(file.ok_or_else(|| Error::invalid_cache_backend("no database is given"))?.to_owned())
    /// }
    /// ```
    ///
    /// # Errors
    /// If the program gives none, and the document has Django's `DATABASES` with an unsupported database.
    pub fn database(&self) -> Result<Option<&str>> {
        match (&self.database, self.djangos_database) {
            (None, Some(store)) => Err(Error::invalid_cache_backend(format!(
                "\"DATABASES\" has {store} as \"default\": {}",
                not_supported(store)
            ))),
            (database, _) => Ok(database.as_deref()),
        }
    }

    /// Returns whether the default limit applies to a cache whose settings name no `max_entries`, on a store that
    /// remembers none. If false, the cache evicts nothing
    /// ([`CachesBuilder::no_default_limit`](super::CachesBuilder::no_default_limit)).
    ///
    /// ```
    /// # use cache_core::{BackendSettings, MaxEntries, Result};
    /// fn limit(settings: &mut BackendSettings) -> Result<Option<u64>> {
    ///     Ok(match settings.max_entries()? {
    ///         Some(MaxEntries::Limit(entries)) => Some(entries),
    ///         Some(MaxEntries::Unlimited) => None,
    ///         None => settings.has_default_limit().then_some(300),
    ///     })
    /// }
    /// ```
    #[must_use]
    pub const fn has_default_limit(&self) -> bool {
        self.has_default_limit
    }

    /// Returns an option that is a whole number, not negative; also as text.
    ///
    /// ```
    /// # use cache_core::{BackendSettings, Result};
    /// fn shards(settings: &mut BackendSettings) -> Result<u16> {
    ///     Ok(settings.number("shards")?.unwrap_or(16)) // 70000 is an error: no `u16` holds it
    /// }
    /// ```
    ///
    /// # Errors
    /// For anything else, and for a number that `T` does not hold.
    pub fn number<T: TryFrom<u64>>(&mut self, name: &'static str) -> Result<Option<T>> {
        self.read(name, |setting| whole(setting, "give a whole number that is not negative"))
    }

    /// Returns an option that is a time to wait: a number of seconds, or a string such as `"500ms"`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::{BackendSettings, Result};
    /// fn lock_timeout(settings: &mut BackendSettings) -> Result<Duration> {
    ///     Ok(settings.duration("lock_timeout")?.unwrap_or(Duration::from_secs(5)))
    /// }
    /// ```
    ///
    /// # Errors
    /// For anything else; for null, since nothing waits without an end.
    pub fn duration(&mut self, name: &'static str) -> Result<Option<Duration>> {
        self.read(name, time::duration)
    }

    /// Returns an option that is a string. Its value is never shown.
    ///
    /// ```
    /// # use cache_core::{BackendSettings, Result};
    /// fn password(settings: &mut BackendSettings) -> Result<Option<String>> {
    ///     settings.text("password")
    /// }
    /// ```
    ///
    /// # Errors
    /// For anything else.
    pub fn text(&mut self, name: &'static str) -> Result<Option<String>> {
        self.read(name, |setting| match setting {
            Setting::Text(text) => Ok(text.clone()),
            other => Err(format!("is {}; give a string", other.kind())),
        })
    }

    /// Returns an option that is true or false, also as text.
    ///
    /// ```
    /// # use cache_core::{BackendSettings, Result};
    /// fn read_only(settings: &mut BackendSettings) -> Result<bool> {
    ///     Ok(settings.flag("read_only")?.unwrap_or(false))
    /// }
    /// ```
    ///
    /// # Errors
    /// For anything else.
    pub fn flag(&mut self, name: &'static str) -> Result<Option<bool>> {
        self.read(name, |setting| match setting {
            Setting::Bool(flag) => Ok(*flag),
            Setting::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Setting::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            other => Err(format!("is {}; give true or false", other.shown())),
        })
    }

    /// Returns an option that is a list of strings, or one string separated by commas, as in a URL. The values are
    /// never shown.
    ///
    /// ```
    /// # use cache_core::{BackendSettings, Result};
    /// /// `replicas=10.0.0.2,10.0.0.3` in a URL.
    /// fn replicas(settings: &mut BackendSettings) -> Result<Vec<String>> {
    ///     Ok(settings.list("replicas")?.unwrap_or_default())
    /// }
    /// ```
    ///
    /// # Errors
    /// For anything else.
    pub fn list(&mut self, name: &'static str) -> Result<Option<Vec<String>>> {
        self.read(name, strings)
    }

    /// Returns Django's `MAX_ENTRIES`: a number from 1 on, or `"unlimited"`.
    ///
    /// ```
    /// # use cache_core::{BackendSettings, MaxEntries, Result};
    /// fn limit(settings: &mut BackendSettings) -> Result<Option<u64>> {
    ///     Ok(match settings.max_entries()? {
    ///         None => Some(300), // Django's default
    ///         Some(MaxEntries::Limit(entries)) => Some(entries),
    ///         Some(MaxEntries::Unlimited) => None,
    ///     })
    /// }
    /// ```
    ///
    /// # Errors
    /// For anything else.
    pub fn max_entries(&mut self) -> Result<Option<MaxEntries>> {
        let asked = self.read("max_entries", |setting| match setting {
            Setting::Text(text) if text == "unlimited" => Ok(MaxEntries::Unlimited),
            other => whole(other, "give a whole number from 1 on, or \"unlimited\"").map(MaxEntries::Limit),
        })?;
        if let Some(MaxEntries::Limit(entries)) = asked {
            Culling::DEFAULT.max_entries(entries)?;
        }
        Ok(asked)
    }

    /// Returns Django's `CULL_FREQUENCY`.
    ///
    /// ```
    /// # use cache_core::{BackendSettings, Result};
    /// fn cull_frequency(settings: &mut BackendSettings) -> Result<u32> {
    ///     Ok(settings.cull_frequency()?.unwrap_or(3)) // Django's default
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`BackendSettings::number`].
    pub fn cull_frequency(&mut self) -> Result<Option<u32>> {
        self.number("cull_frequency")
    }

    /// Reads an option that is one of a few words, and returns what the word stands for.
    ///
    /// ```
    /// # use cache_core::{BackendSettings, Result};
    /// fn compresses(settings: &mut BackendSettings) -> Result<bool> {
    ///     Ok(settings.choice("compression", [("none", false), ("zlib", true)])?.unwrap_or(false))
    /// }
    /// ```
    ///
    /// # Errors
    /// For anything else. The text shows what was given, and lists the words.
    pub fn choice<T, const N: usize>(
        &mut self,
        name: &'static str,
        words: [(&'static str, T); N],
    ) -> Result<Option<T>> {
        self.read(name, |setting| one_of(setting, words))
    }

    /// Accepts `theirs`, another library's name of the option `ours`: it then means the same.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::{BackendSettings, Result};
    /// fn connect_timeout(settings: &mut BackendSettings) -> Result<Option<Duration>> {
    ///     settings.alias("SOCKET_CONNECT_TIMEOUT", "connect_timeout")?; // django-redis's name
    ///     settings.duration("connect_timeout")
    /// }
    /// ```
    ///
    /// # Errors
    /// If both are set.
    pub fn alias(&mut self, theirs: &str, ours: &'static str) -> Result<()> {
        let Some(at) = self.find(theirs) else { return Ok(()) };
        if self.find(ours).is_some() {
            return Err(Error::invalid_cache_backend(format!(
                "the options {theirs:?} and {ours:?} mean the same here; leave one of them out"
            )));
        }
        let spelled = std::mem::replace(&mut self.options[at].0, ours.to_owned());
        self.called.push((ours, spelled));
        Ok(())
    }

    /// Accepts `theirs`, another library's option, if it has the value that says what this backend does
    /// anyway. `why` says what that is.
    ///
    /// ```
    /// # use cache_core::{BackendSettings, Result};
    /// fn of_pymemcache(settings: &mut BackendSettings) -> Result<()> {
    ///     settings.expect_value("use_pooling", true, "connections are always pooled")
    /// }
    /// ```
    ///
    /// # Errors
    /// If it has another value.
    pub fn expect_value(&mut self, theirs: &str, value: impl Into<Setting>, why: &str) -> Result<()> {
        let Some(at) = self.find(theirs) else { return Ok(()) };
        let (name, setting) = self.options.remove(at);
        let value = value.into();
        if setting == value || texts_of_python(&setting, &value) {
            return Ok(());
        }
        let only = if matches!(value, Setting::Bool(_)) { value.kind().to_owned() } else { value.shown() };
        Err(Error::invalid_cache_backend(format!(
            "the option {name:?} can only be {only} here: {why}; leave it out"
        )))
    }

    /// Refuses another library's option that has no meaning here; `why` gives the reason and the remedy.
    ///
    /// ```
    /// # use cache_core::{BackendSettings, Result};
    /// fn of_pylibmc(settings: &BackendSettings) -> Result<()> {
    ///     settings.refuse("binary", "this backend speaks the text protocol; leave it out")
    /// }
    /// ```
    ///
    /// # Errors
    /// If it is given.
    pub fn refuse(&self, theirs: &str, why: &str) -> Result<()> {
        match self.find(theirs) {
            None => Ok(()),
            Some(at) => Err(Error::invalid_cache_backend(format!(
                "the option {:?} has no meaning here: {why}",
                self.options[at].0
            ))),
        }
    }

    /// Refuses options that nobody asked for.
    pub(super) fn finish(&self) -> Result<()> {
        let Some((unknown, _)) = self.options.first() else { return Ok(()) };
        let mut known = self.known.clone();
        known.sort_unstable();
        let known = match &*known {
            [] => "has no options".to_owned(),
            names => format!("knows {}", quoted(names.iter().copied())),
        };
        Err(Error::invalid_cache_backend(format!(
            "the option {unknown:?} is unknown to the backend {:?}, which {known}",
            self.name
        )))
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.options.iter().position(|(other, _)| other.eq_ignore_ascii_case(name))
    }

    fn read<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Setting) -> Result<T, Problem>,
    ) -> Result<Option<T>> {
        self.known.push(name);
        let Some(at) = self.find(name) else { return Ok(None) };
        let (spelled, setting) = self.options.remove(at);
        let spelled =
            self.called.iter().find(|(ours, _)| *ours == name).map_or(&spelled, |(_, theirs)| theirs);
        let value = read(&setting);
        value
            .map(Some)
            .map_err(|problem| Error::invalid_cache_backend(format!("the option {spelled:?} {problem}")))
    }
}

/// What the word in `setting` stands for.
pub(super) fn one_of<T, const N: usize>(
    setting: &Setting,
    words: [(&'static str, T); N],
) -> Result<T, Problem> {
    let names = quoted(words.iter().map(|(word, _)| *word));
    let found = match setting {
        Setting::Text(text) => words.into_iter().find(|(word, _)| *word == &**text),
        _ => None,
    };
    found.map(|(_, value)| value).ok_or_else(|| format!("is {}; give one of {names}", setting.shown()))
}

/// A list of strings, or one string separated by commas.
pub(super) fn strings(setting: &Setting) -> Result<Vec<String>, Problem> {
    let how = |setting: &Setting| format!("is {}; give a list of strings", setting.kind());
    match setting {
        Setting::Text(text) => Ok(text.split(',').map(|part| part.trim().to_owned()).collect()),
        Setting::List(list) => {
            let text = |item: &Setting| match item {
                Setting::Text(text) => Ok(text.clone()),
                other => Err(format!("has {} in its list; give a list of strings", other.kind())),
            };
            list.iter().map(text).collect()
        }
        other => Err(how(other)),
    }
}

/// Whether the setting is Python's spelling of the value, such as a URL's `True`.
fn texts_of_python(setting: &Setting, value: &Setting) -> bool {
    match (setting, value) {
        (Setting::Text(text), Setting::Bool(flag)) => text.eq_ignore_ascii_case(&flag.to_string()),
        _ => false,
    }
}

/// Reads a whole number that is not negative; `how` says what else may be given. A number with a point or an
/// exponent is refused, even if only zeros follow the point.
fn whole<T: TryFrom<u64>>(setting: &Setting, how: &str) -> Result<T, Problem> {
    let number = match setting {
        Setting::Integer(n) => u64::try_from(*n).map_err(|_| how),
        Setting::Text(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
            text.parse::<u64>().map_err(|_| TOO_LARGE)
        }
        _ => Err(how),
    };
    let number = number.and_then(|number| T::try_from(number).map_err(|_| TOO_LARGE));
    number.map_err(|problem| format!("is {}; {problem}", setting.shown()))
}

const TOO_LARGE: &str = "that is too large a number; give a smaller one";
