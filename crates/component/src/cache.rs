//! The contract of a cache: bytes by key, with an optional time to live.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use millrace_message::Error;

/// What `add` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// The key was new and is stored now.
    Stored,
    /// The key was there; nothing was changed.
    AlreadyThere,
}

/// A cache behind a connection.
///
/// A missing key is a value, not an error: `get` returns `None`.
#[async_trait]
pub trait Cache: Send + Sync {
    /// The value of `key`.
    ///
    /// # Errors
    /// The cache could not be asked.
    async fn get(&self, key: &str) -> Result<Option<Bytes>, Error>;

    /// Stores `value`; `ttl` overrides the default of the cache.
    ///
    /// # Errors
    /// The value may not have been stored.
    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), Error>;

    /// Stores `value` unless the key is there, as one atomic step.
    ///
    /// # Errors
    /// The value may not have been stored.
    async fn add(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<Added, Error>;

    /// Removes `key`; a missing key is no error.
    ///
    /// # Errors
    /// The key may still be there.
    async fn delete(&self, key: &str) -> Result<(), Error>;

    /// Closes the connection.
    async fn close(&self) {}
}

/// A cache in this process: the same operations without waiting.
pub trait LocalCache: Send + Sync {
    /// As [`Cache::get`].
    ///
    /// # Errors
    /// As [`Cache::get`].
    fn get(&self, key: &str) -> Result<Option<Bytes>, Error>;

    /// As [`Cache::set`].
    ///
    /// # Errors
    /// As [`Cache::set`].
    fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), Error>;

    /// As [`Cache::add`].
    ///
    /// # Errors
    /// As [`Cache::add`].
    fn add(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<Added, Error>;

    /// As [`Cache::delete`].
    ///
    /// # Errors
    /// As [`Cache::delete`].
    fn delete(&self, key: &str) -> Result<(), Error>;
}

/// A cache, built. Users choose the synchronous face once, when they are built.
#[derive(Clone)]
pub enum BuiltCache {
    /// Answers without waiting.
    Local(Arc<dyn LocalCache>),
    /// Answers over a connection or from disk.
    Remote(Arc<dyn Cache>),
}

impl BuiltCache {
    /// As [`Cache::get`].
    ///
    /// # Errors
    /// As [`Cache::get`].
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, Error> {
        match self {
            Self::Local(cache) => cache.get(key),
            Self::Remote(cache) => cache.get(key).await,
        }
    }

    /// As [`Cache::set`].
    ///
    /// # Errors
    /// As [`Cache::set`].
    pub async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), Error> {
        match self {
            Self::Local(cache) => cache.set(key, value, ttl),
            Self::Remote(cache) => cache.set(key, value, ttl).await,
        }
    }

    /// As [`Cache::add`].
    ///
    /// # Errors
    /// As [`Cache::add`].
    pub async fn add(
        &self,
        key: &str,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<Added, Error> {
        match self {
            Self::Local(cache) => cache.add(key, value, ttl),
            Self::Remote(cache) => cache.add(key, value, ttl).await,
        }
    }

    /// As [`Cache::delete`].
    ///
    /// # Errors
    /// As [`Cache::delete`].
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        match self {
            Self::Local(cache) => cache.delete(key),
            Self::Remote(cache) => cache.delete(key).await,
        }
    }
}
