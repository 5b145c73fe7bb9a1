//! The named stores of this process, as Django's `LOCATION`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use cache_core::{Error, NamedLimits, Result};

use crate::eviction::Eviction;
use crate::store::Store;

static STORES: LazyLock<Mutex<HashMap<String, Weak<Store>>>> = LazyLock::new(Mutex::default);

/// Opens the store called `name`, which `make` makes where none is open. What `limits` names, and `eviction`
/// where given, must be as an open store has it: they belong to the location and all its handles.
pub(crate) fn open(
    name: &str,
    limits: NamedLimits,
    eviction: Option<Eviction>,
    make: impl FnOnce() -> Store,
) -> Result<Arc<Store>> {
    // Outlives the lock: this may be the last handle by then, and with the store go its values, whose owners'
    // code may open one.
    let open;
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    open = stores.get(name).and_then(Weak::upgrade);
    if let Some(store) = &open {
        if let Some(eviction) = eviction
            && eviction != store.eviction()
        {
            return Err(Error::invalid_cache_backend(format!(
                "the memory store {name:?} is open with the eviction {}, but {eviction} is asked for: give all \
                 its handles the same, or another name",
                store.eviction()
            )));
        }
        return match limits.over(store.culling())? {
            limits if limits != store.culling() => Err(Error::invalid_cache_backend(format!(
                "the memory store {name:?} is open with {}, but {limits} is asked for: give all its handles \
                 the same, or another name",
                store.culling()
            ))),
            _ => Ok(Arc::clone(store)),
        };
    }
    stores.retain(|_, store| store.strong_count() > 0);
    let store = Arc::new(make());
    stores.insert(name.to_owned(), Arc::downgrade(&store));
    Ok(store)
}
