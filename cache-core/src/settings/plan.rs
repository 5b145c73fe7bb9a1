//! [`Plan`]: a cache that can be made, with every name in its settings looked up.

use std::sync::Arc;

use super::alias::{AliasSettings, Compat};
use super::backend::{BackendSettings, FromSettings, strings};
use super::{CacheUrl, Problem, Setting, quoted, url};
use crate::backend::BaseCache;
use crate::cache::{Cache, CacheBuilder};
use crate::codec::Codec;
use crate::error::{Error, Result};
use crate::key::{KeyFunction, KeyValidator, Named};
use crate::location::{Location, not_supported, unsupported};

/// A backend that the program registered.
#[derive(Clone, Copy)]
pub(super) struct Registered {
    pub(super) names: &'static [&'static str],
    pub(super) type_name: fn() -> &'static str,
    location_of_url: fn(&CacheUrl<'_>) -> Result<Location>,
    make: fn(&mut BackendSettings) -> Result<Arc<dyn BaseCache>>,
}

impl Registered {
    pub(super) fn new<B: FromSettings>() -> Self {
        Self {
            names: B::NAMES,
            type_name: std::any::type_name::<B>,
            location_of_url: B::location_of_url,
            make: |settings| Ok(Arc::new(B::from_settings(settings)?)),
        }
    }
}

/// What the program registered by name.
#[derive(Clone, Default)]
pub(super) struct Names {
    pub(super) backends: Vec<Registered>,
    pub(super) key_functions: Vec<Named<KeyFunction>>,
    pub(super) key_validators: Vec<Named<KeyValidator>>,
    pub(super) codecs: Vec<(String, Arc<dyn Codec>)>,
    /// Names of what the program was built without, and the remedy.
    pub(super) unavailable: Vec<(&'static [&'static str], &'static str)>,
    pub(super) compat: Option<Compat>,
    pub(super) database: Option<String>,
    pub(super) no_default_limit: bool,
}

impl Names {
    /// Refuses two backends of one name: their order would decide which of them is meant.
    pub(super) fn check(&self) -> Result<(), Problem> {
        for (place, backend) in self.backends.iter().enumerate() {
            for other in &self.backends[..place] {
                if let Some(name) = backend.names.iter().find(|name| other.names.contains(name)) {
                    return Err(format!(
                        "two backends are registered under the name {name:?}, {} and {}; leave one of them out",
                        (other.type_name)(),
                        (backend.type_name)()
                    ));
                }
            }
        }
        Ok(())
    }

    fn backend(&self, name: &str) -> Option<Registered> {
        self.backends.iter().copied().find(|backend| backend.names.contains(&name))
    }

    /// Returns the remedy for a name that the program was built without.
    fn remedy(&self, name: &str) -> Option<&'static str> {
        self.unavailable.iter().find(|(names, _)| names.contains(&name)).map(|(_, remedy)| *remedy)
    }

    /// Returns the backend that `settings` name, the name they use, and the location of a URL.
    fn chosen(&self, settings: &AliasSettings) -> Result<(Registered, String, Option<Location>), Problem> {
        let known = || {
            let names = self.backends.iter().filter_map(|backend| backend.names.first().copied());
            match quoted(names) {
                none if none.is_empty() => "none is".to_owned(),
                names => format!("{names} are"),
            }
        };
        if let Some(url) = &settings.url {
            let (url, _) = url::parse(url).map_err(|problem| format!("the URL {problem}"))?;
            let scheme = url.scheme().to_ascii_lowercase();
            let backend = self.backend(&scheme).filter(|_| !scheme.contains('.')).ok_or_else(|| {
                let schemes = self.backends.iter().flat_map(|b| b.names).filter(|name| !name.contains('.'));
                format!(
                    "the URL's scheme {scheme:?} is unknown; the backends registered by this program take \
                     {}{HOW_TO_REGISTER}",
                    quoted(schemes.copied())
                )
            });
            if backend.is_err() {
                if let Some(remedy) = self.remedy(&scheme) {
                    return Err(format!(
                        "this program was built without the URL's scheme {scheme:?}; {remedy}"
                    ));
                }
                if let Some(store) = unsupported(&scheme) {
                    return Err(format!("the URL is that of a database: {}", not_supported(store)));
                }
            }
            let backend = backend?;
            let location = (backend.location_of_url)(&url).map_err(|e| format!("the URL {e}"))?;
            return Ok((backend, scheme, Some(location)));
        }
        let Some(name) = &settings.backend else {
            return Err(format!(
                "names no backend; give \"backend\" or \"url\" ({} registered by this program)",
                known()
            ));
        };
        let backend = self.backend(name).ok_or_else(|| match self.remedy(name) {
            Some(remedy) => format!("this program was built without the backend {name:?}; {remedy}"),
            None => format!(
                "the backend {name:?} is unknown; {} registered by this program{HOW_TO_REGISTER}",
                known()
            ),
        })?;
        let location = match &settings.location {
            None | Some(Setting::Null) => None,
            Some(Setting::Text(text)) => Some(Location::One(text.clone())),
            Some(list @ Setting::List(_)) => {
                Some(Location::Many(strings(list).map_err(|problem| format!("\"location\" {problem}"))?))
            }
            Some(other) => {
                return Err(format!("\"location\" is {}; give a string or a list of strings", other.kind()));
            }
        };
        Ok((backend, name.clone(), location))
    }

    fn codec(&self, name: &str) -> Result<Arc<dyn Codec>, Problem> {
        let found = self.codecs.iter().find(|(other, _)| other == name);
        found.map(|(_, codec)| Arc::clone(codec)).ok_or_else(|| {
            if let Some(remedy) = self.remedy(name) {
                return format!("this program was built without the codec {name:?}; {remedy}");
            }
            let known = quoted(self.codecs.iter().map(|(name, _)| &**name));
            format!("the codec {name:?} is unknown; known are {known}")
        })
    }
}

/// The remedy if settings name a backend that the program did not register.
const HOW_TO_REGISTER: &str = "; check the name; a program registers a backend with CachesBuilder::backend, and the \
                               backend's crate needs its feature \"settings\"";

/// Returns what was registered under `name`. `kind` and `method` are for the error: what it calls it, and what
/// registers one.
fn registered<F: ?Sized>(
    list: &[Named<F>],
    name: &str,
    kind: &str,
    method: &str,
) -> Result<Named<F>, Problem> {
    let found = list.iter().find(|named| &*named.name == name);
    found.cloned().ok_or_else(|| {
        let known = match quoted(list.iter().map(|named| &*named.name)) {
            none if none.is_empty() => "none is known".to_owned(),
            known => format!("known are {known}"),
        };
        format!("the {kind} {name:?} is unknown; {known}; a program registers its own with CachesBuilder::{method}")
    })
}

/// A cache that can be made.
pub(super) struct Plan {
    alias: String,
    /// The beginning of its error messages.
    pub(super) place: String,
    backend: Registered,
    told: BackendSettings,
    settings: AliasSettings,
    key_function: Option<Named<KeyFunction>>,
    key_validator: Option<Named<KeyValidator>>,
    codec: Option<Arc<dyn Codec>>,
    also_decode: Vec<Arc<dyn Codec>>,
}

impl Plan {
    pub(super) fn read(
        alias: &str,
        place: String,
        table: &Setting,
        names: &Names,
        djangos_database: Option<&'static str>,
    ) -> Result<Self, Problem> {
        let settings = AliasSettings::read(table, names.compat)?;
        let (backend, name, location) = names.chosen(&settings)?;
        let told = BackendSettings {
            name,
            location,
            database: names.database.clone(),
            has_default_limit: !names.no_default_limit,
            djangos_database,
            options: settings.options.clone(),
            known: Vec::new(),
            called: Vec::new(),
        };
        let key_function = settings.key_function.as_deref();
        let key_function = key_function
            .map(|name| registered(&names.key_functions, name, "key function", "key_function"))
            .transpose()?;
        let key_validator = settings.key_validator.as_deref();
        let key_validator = key_validator
            .map(|name| registered(&names.key_validators, name, "key validator", "key_validator"))
            .transpose()?;
        let codec = settings.codec.as_deref().map(|name| names.codec(name)).transpose()?;
        let also_decode =
            settings.also_decode.iter().map(|name| names.codec(name)).collect::<Result<_, _>>()?;
        Ok(Self {
            alias: alias.to_owned(),
            place,
            backend,
            told,
            settings,
            key_function,
            key_validator,
            codec,
            also_decode,
        })
    }

    /// Makes the cache. No I/O.
    pub(super) fn make(&self) -> Result<Cache> {
        self.cache().map_err(|e| Error::new(e.kind(), self.place.clone()).with_source(e))
    }

    fn cache(&self) -> Result<Cache> {
        let mut told = self.told.clone();
        let backend = (self.backend.make)(&mut told)?;
        told.finish()?;
        let mut cache = CacheBuilder::from_arc(backend).name(&self.alias);
        let settings = &self.settings;
        if let Some(timeout) = settings.timeout {
            cache = cache.timeout(timeout);
        }
        if let Some(prefix) = &settings.key_prefix {
            cache = cache.key_prefix(prefix);
        }
        if let Some(version) = settings.version {
            cache = cache.version(version);
        }
        if let Some(policy) = settings.key_policy {
            cache = cache.key_policy(policy);
        }
        if let Some(on_error) = settings.on_error {
            cache = cache.on_error(on_error);
        }
        let (function, validator) = (self.key_function.clone(), self.key_validator.clone());
        cache.named_parts(function, validator, self.codec.clone(), self.also_decode.clone()).build()
    }
}
