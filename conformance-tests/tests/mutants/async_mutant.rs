//! The async methods of a mutant: those of the sync path, but for the bugs of the async path.

use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use cache_core::{AsyncCache, BaseCache, Expiry, Info, Key, Payload, Presence, Result};
use futures_lite::future::yield_now;

use crate::bug::Bug;
use crate::mutant::Mutant;
use crate::races;
use crate::reference_store::FIVE_MINUTES;

#[async_trait]
impl AsyncCache for Mutant {
    async fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        match self.bug {
            Bug::AsyncHasOwnStore => {
                let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
                return Ok(own.get(key.as_str()).cloned());
            }
            Bug::AsyncBlocks => std::thread::sleep(Duration::from_millis(60)),
            _ => {}
        }
        BaseCache::get(self, key)
    }

    async fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        match self.bug {
            Bug::AsyncHasOwnStore => {
                let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
                own.insert(key.as_str().to_owned(), value);
                return Ok(());
            }
            Bug::AsyncSetInTwoSteps => {
                BaseCache::delete(self, key)?;
                yield_now().await;
            }
            Bug::AsyncBlocks => std::thread::sleep(Duration::from_millis(60)),
            _ => {}
        }
        BaseCache::set(self, key, value, expiry)
    }

    async fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        match self.bug {
            Bug::AsyncAddStoresNothing => Ok(!BaseCache::has_key(self, key)?),
            Bug::AsyncAddLifetimeLater => {
                let added = BaseCache::add(self, key, value, Expiry::Never)?;
                yield_now().await;
                if added {
                    BaseCache::touch(self, key, expiry)?;
                }
                Ok(added)
            }
            _ => BaseCache::add(self, key, value, expiry),
        }
    }

    async fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        BaseCache::touch(self, key, expiry)
    }

    async fn delete(&self, key: Key<'_>) -> Result<bool> {
        BaseCache::delete(self, key)
    }

    async fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        match self.bug {
            Bug::AsyncIncrResetsLifetime => {
                let sum = BaseCache::incr(self, key, delta)?;
                BaseCache::touch(self, key, FIVE_MINUTES)?;
                Ok(sum)
            }
            Bug::AsyncIncrRacy => races::incr_racy(&self.store, key.as_str(), delta),
            Bug::AsyncIncrInTwoSteps => {
                let entry = self.store.lock().entries.remove(key.as_str());
                yield_now().await;
                if let Some(entry) = entry {
                    self.store.lock().entries.insert(key.as_str().to_owned(), entry);
                }
                BaseCache::incr(self, key, delta)
            }
            _ => BaseCache::incr(self, key, delta),
        }
    }

    async fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        BaseCache::rename(self, from, to)
    }

    async fn clear(&self) -> Result<()> {
        BaseCache::clear(self)
    }

    async fn has_key(&self, key: Key<'_>) -> Result<bool> {
        BaseCache::has_key(self, key)
    }

    async fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        BaseCache::get_many(self, keys)
    }

    async fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        if self.bug == Bug::AsyncSetManyInTwoSteps {
            for (key, _) in entries {
                BaseCache::delete(self, *key)?;
            }
            yield_now().await;
        }
        BaseCache::set_many(self, entries, expiry)
    }

    async fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        BaseCache::delete_many(self, keys)
    }

    async fn close(&self) -> Result<()> {
        BaseCache::close(self)
    }

    async fn ping(&self) -> Result<Presence> {
        match self.bug {
            Bug::AsyncPingSaysNotYet => Ok(Presence::NotYet),
            _ => BaseCache::ping(self),
        }
    }

    async fn info(&self) -> Result<Info> {
        match self.bug {
            Bug::AsyncInfoSaysNothing => Ok(Info::default()),
            _ => BaseCache::info(self),
        }
    }

    async fn purge_expired(&self) -> Result<Option<u64>> {
        match self.bug {
            Bug::AsyncPurgesNothing => Ok(None),
            _ => BaseCache::purge_expired(self),
        }
    }
}
