//! One cache's table of settings, in lower or upper case: Django's keys and this crate's.

use super::backend::{one_of, strings};
use super::{Problem, Setting, quoted, time, url};
use crate::cache::OnError;
use crate::key::KeyPolicy;
use crate::timeout::Timeout;

/// Every key of a cache's table but `url` and `options`: in a URL's query these are the cache's,
/// and all others are options of the backend.
const KEYS: [&str; 12] = [
    "backend",
    "location",
    "timeout",
    "key_prefix",
    "version",
    "key_function",
    "key_validator",
    "key_policy",
    "on_error",
    "codec",
    "also_decode",
    "compat",
];

/// The keys that django-environ writes in lower case for Django's own Redis backend. That backend reads them
/// in upper case only, so they have no effect in Django. (`timeout` it reads in either.)
const LOST_IN_DJANGO: [&str; 3] = ["key_prefix", "version", "key_function"];

/// The schemes of django-environ that mean that backend.
const DJANGO_REDIS_SCHEMES: [&str; 5] = ["redis", "rediss", "rediscache", "valkey", "valkeys"];

/// Whose reading of a URL applies: see [`CachesBuilder::compat`](super::CachesBuilder::compat).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compat {
    /// django-environ's, for Django's own Redis backend: `key_prefix`, `version` and `key_function`
    /// in the query of a Redis URL have no effect, since it writes them in lower case, and that
    /// backend reads them in upper case only. Without this a Rust program and a Django application
    /// with one such URL would use different keys.
    DjangoEnviron,
}

/// The settings of a cache's table, before the names in it are looked up.
#[derive(Clone, Debug, Default)]
pub(super) struct AliasSettings {
    pub(super) backend: Option<String>,
    pub(super) url: Option<String>,
    pub(super) location: Option<Setting>,
    pub(super) timeout: Option<Timeout>,
    pub(super) key_prefix: Option<String>,
    pub(super) version: Option<i64>,
    pub(super) key_function: Option<String>,
    pub(super) key_validator: Option<String>,
    pub(super) key_policy: Option<KeyPolicy>,
    pub(super) on_error: Option<OnError>,
    pub(super) codec: Option<String>,
    pub(super) also_decode: Vec<String>,
    pub(super) compat: Option<Compat>,
    pub(super) options: Vec<(String, Setting)>,
}

impl AliasSettings {
    /// Reads a table, and a `url` in it. `compat` applies if the table names none.
    pub(super) fn read(table: &Setting, compat: Option<Compat>) -> Result<Self, Problem> {
        let Setting::Table(entries) = table else {
            return Err(format!("is {}; give a table with \"backend\" or \"url\" in it", table.kind()));
        };
        let mut settings = Self::default();
        let mut seen: Vec<String> = Vec::new();
        for (name, setting) in entries {
            let key = name.to_ascii_lowercase();
            if seen.contains(&key) {
                return Err(format!("{name:?} is given in upper and in lower case; leave one of them out"));
            }
            match &*key {
                "url" => settings.url = Some(text(setting).map_err(|p| format!("{name:?} {p}"))?),
                "options" => settings.add_options(name, setting)?,
                _ => settings.set(name, &key, setting)?,
            }
            seen.push(key);
        }
        if let Some(url) = settings.url.clone() {
            if let Some(key) = ["backend", "location"].into_iter().find(|key| seen.iter().any(|k| k == key)) {
                return Err(format!(
                    "has a \"url\" and a {key:?}, which the URL says too; leave one of them out"
                ));
            }
            settings.read_query(&url, &seen, compat)?;
        }
        Ok(settings)
    }

    /// Reads the part behind the question mark. The rest needs the backend.
    fn read_query(&mut self, url: &str, seen: &[String], compat: Option<Compat>) -> Result<(), Problem> {
        let (url, pairs) = url::parse(url).map_err(|problem| format!("the URL {problem}"))?;
        let mut asked: Vec<String> = Vec::new();
        for (name, value) in pairs {
            let key = name.to_ascii_lowercase();
            if asked.contains(&key) {
                return Err(format!("the URL has {name:?} twice"));
            }
            let setting = Setting::Text(value);
            if ["backend", "location", "url", "options"].contains(&&*key) {
                return Err(format!("the URL has {name:?} in its query, where it is not allowed"));
            } else if key == "compat" {
                return Err(format!(
                    "the URL has {name:?} behind its question mark, which Django would give to the server's \
                     client; set it beside the URL, or in the program with CachesBuilder::compat"
                ));
            } else if KEYS.contains(&&*key) {
                if seen.contains(&key) {
                    return Err(format!("{name:?} is given in the URL and beside it; leave one of them out"));
                }
                let lost = self.compat.or(compat) == Some(Compat::DjangoEnviron)
                    && DJANGO_REDIS_SCHEMES.contains(&&*url.scheme().to_ascii_lowercase())
                    && LOST_IN_DJANGO.contains(&&*key);
                if !lost {
                    self.set(&name, &key, &setting)?;
                }
            } else {
                self.add_option(name, setting)?;
            }
            asked.push(key);
        }
        Ok(())
    }

    fn add_options(&mut self, name: &str, options: &Setting) -> Result<(), Problem> {
        let Setting::Table(options) = options else {
            return Err(format!("{name:?} is {}; give a table", options.kind()));
        };
        options.iter().try_for_each(|(name, setting)| self.add_option(name.clone(), setting.clone()))
    }

    fn add_option(&mut self, name: String, setting: Setting) -> Result<(), Problem> {
        if self.options.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name)) {
            return Err(format!("the option {name:?} is given twice; leave one of them out"));
        }
        self.options.push((name, setting));
        Ok(())
    }

    fn set(&mut self, name: &str, key: &str, setting: &Setting) -> Result<(), Problem> {
        let at = |problem| format!("{name:?} {problem}");
        match key {
            "backend" => self.backend = Some(text(setting).map_err(at)?),
            "location" => self.location = Some(setting.clone()),
            "timeout" => self.timeout = Some(time::timeout(setting).map_err(at)?),
            "key_prefix" => self.key_prefix = Some(text(setting).map_err(at)?),
            "version" => self.version = Some(version(setting).map_err(at)?),
            // Django's own default.
            "key_function" if *setting == Setting::Null => {}
            "key_function" => self.key_function = Some(text(setting).map_err(at)?),
            "key_validator" => self.key_validator = Some(text(setting).map_err(at)?),
            "key_policy" => {
                let policies =
                    [("allow", KeyPolicy::Allow), ("warn", KeyPolicy::Warn), ("refuse", KeyPolicy::Refuse)];
                self.key_policy = Some(one_of(setting, policies).map_err(at)?);
            }
            "on_error" => {
                let modes = [("return", OnError::Return), ("fallback", OnError::Fallback)];
                self.on_error = Some(one_of(setting, modes).map_err(at)?);
            }
            "codec" => self.codec = Some(text(setting).map_err(at)?),
            "also_decode" => self.also_decode = strings(setting).map_err(at)?,
            "compat" => {
                let known = [("django-environ", Compat::DjangoEnviron)];
                self.compat = Some(one_of(setting, known).map_err(at)?);
            }
            "max_entries" | "cull_frequency" => {
                return Err(format!(
                    "{name:?} is an option of the backend; put it into the table \"options\""
                ));
            }
            _ => {
                return Err(format!(
                    "unknown cache setting {name:?}; known are \"url\", {}, and \"options\" for the backend's \
                     own",
                    quoted(KEYS)
                ));
            }
        }
        Ok(())
    }
}

fn text(setting: &Setting) -> Result<String, Problem> {
    match setting {
        Setting::Text(text) => Ok(text.clone()),
        other => Err(format!("is {}; give a string", other.kind())),
    }
}

fn version(setting: &Setting) -> Result<i64, Problem> {
    let version = match setting {
        Setting::Integer(n) => Some(*n),
        Setting::Text(text) => text.parse().ok(),
        _ => None,
    };
    version.ok_or_else(|| format!("is {}; give a whole number", setting.shown()))
}
