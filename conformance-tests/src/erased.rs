//! One type for all values and one for all keys, so that the cache's generic calls are built once for all checks.

/// A value that a check stores, whatever its type: the cache's calls are then built once for all of them.
pub(crate) type Value<'a> = dyn erased_serde::Serialize + Send + Sync + 'a;

/// One of many keys, and its place among them: the type of all keys of a call of many.
pub(crate) struct NumberedKey<'a> {
    pub(crate) number: usize,
    key: &'a str,
}

impl AsRef<str> for NumberedKey<'_> {
    fn as_ref(&self) -> &str {
        self.key
    }
}

pub(crate) fn numbered<K: AsRef<str>>(keys: &[K]) -> Vec<NumberedKey<'_>> {
    let mut places = Vec::with_capacity(keys.len());
    for key in keys {
        places.push(NumberedKey { number: places.len(), key: key.as_ref() });
    }
    places
}

/// Uses a loop: the standard library's `collect` takes several times as long to build, for each of many types.
pub(crate) fn listed<K>(keys: impl IntoIterator<Item = K>) -> Vec<K> {
    let mut list = Vec::new();
    for key in keys {
        list.push(key);
    }
    list
}

/// Keys that are taken by their places.
pub(crate) struct Takeable<K>(Vec<Option<K>>);

impl<K> Takeable<K> {
    pub(crate) fn of(keys: Vec<K>) -> Self {
        Self(listed(keys.into_iter().map(Some)))
    }

    pub(crate) fn take(&mut self, number: usize) -> Option<K> {
        self.0.get_mut(number)?.take()
    }
}
