//! What the backends of these tests share.

/// The calls of a `BaseCache` that wraps another one: all of them, or the named ones.
macro_rules! inner_calls {
    () => {
        inner_calls!(get set add touch delete incr rename clear);
    };
    ($($name:ident)+) => {
        $(inner_calls!(@ $name);)+
    };
    (@ get) => {
        fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
            self.0.get(key)
        }
    };
    (@ set) => {
        fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
            self.0.set(key, value, expiry)
        }
    };
    (@ add) => {
        fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
            self.0.add(key, value, expiry)
        }
    };
    (@ touch) => {
        fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
            self.0.touch(key, expiry)
        }
    };
    (@ delete) => {
        fn delete(&self, key: Key<'_>) -> Result<bool> {
            self.0.delete(key)
        }
    };
    (@ incr) => {
        fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
            self.0.incr(key, delta)
        }
    };
    (@ rename) => {
        fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
            self.0.rename(from, to)
        }
    };
    (@ clear) => {
        fn clear(&self) -> Result<()> {
            self.0.clear()
        }
    };
}

pub(crate) use inner_calls;
