//! The schemas of one processor: fetched when they are first needed, one at a time.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_component::{BuildContext, Identity};
use millrace_message::Error;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::cache::{Cache, Known, Latest};
use super::client::{Client, Registered};
use super::{AvroOptions, Codec, RegistryConfig};

/// How long fetching a schema may take, with all that it refers to.
const LOAD_LIMIT: Duration = Duration::from_secs(5);

/// What a schema is asked for by.
#[async_trait]
pub(crate) trait Wanted: Hash + Eq + Clone + Send + Sync + 'static {
    /// Fetches it.
    async fn fetch(&self, client: &Client) -> Result<Registered, Error>;

    /// The number of the schema.
    fn id(&self, registered: &Registered) -> u32;
}

/// By its number, which stands before a message.
#[async_trait]
impl Wanted for u32 {
    async fn fetch(&self, client: &Client) -> Result<Registered, Error> {
        client.by_id(*self).await
    }

    fn id(&self, _: &Registered) -> u32 {
        *self
    }
}

/// By its subject.
#[async_trait]
impl Wanted for Arc<str> {
    async fn fetch(&self, client: &Client) -> Result<Registered, Error> {
        client.latest(self).await
    }

    fn id(&self, registered: &Registered) -> u32 {
        registered.id
    }
}

/// The schemas of one processor.
pub(crate) struct Store<K> {
    client: Client,
    options: AvroOptions,
    cache: Mutex<Cache<K, Codec>>,
    /// Held by whoever asks the registry: the others wait for the answer.
    asking: tokio::sync::Mutex<()>,
    identity: Arc<Identity>,
}

impl<K: Wanted> Store<K> {
    /// An empty one; what can change is fetched again after `refresh_period`.
    ///
    /// # Errors
    /// A certificate, a key or the URL cannot be used.
    pub(crate) fn new(
        config: &RegistryConfig,
        options: AvroOptions,
        refresh_period: Option<Duration>,
        cx: &BuildContext,
    ) -> Result<Self, Error> {
        let field = |error: Error| error.context(format!("`{}.{}`", cx.path(), cx.component()));
        Ok(Self {
            client: Client::new(config, cx).map_err(field)?,
            options,
            cache: Mutex::new(Cache::new(refresh_period)),
            asking: tokio::sync::Mutex::default(),
            identity: Arc::clone(cx.identity()),
        })
    }

    /// A schema: the one that is kept, unless it has to be fetched.
    ///
    /// # Errors
    /// It cannot be fetched, or is none that can be used.
    ///
    /// # Cancel safety
    /// Nothing is kept of a request that was dropped.
    pub(crate) async fn get(&self, key: &K) -> Result<Latest<Codec>, Error> {
        if let Some(known) = self.known(key) {
            return known;
        }
        let _asking = self.asking.lock().await;
        // Whoever asked before may have asked for the same.
        if let Some(known) = self.known(key) {
            return known;
        }
        let loaded = tokio::time::timeout(LOAD_LIMIT, self.load(key)).await;
        let loaded = loaded.unwrap_or_else(|_| {
            let text = format!("the registry does not answer within {LOAD_LIMIT:?}");
            Err(Error::retry(text))
        });
        let now = Instant::now();
        let mut cache = self.cache.lock();
        match loaded {
            Ok(latest) => {
                cache.keep(key.clone(), latest.clone(), now);
                Ok(latest)
            }
            Err(error) => {
                cache.keep_failure(key.clone(), error.clone(), now);
                match cache.get(key, now) {
                    Known::Fresh(latest) | Known::Old(latest) => {
                        drop(cache);
                        let text =
                            format!("an old schema stays, as it cannot be refreshed: {error}");
                        self.identity.log_warning(text);
                        Ok(latest)
                    }
                    Known::Failed(_) | Known::Nothing => Err(error),
                }
            }
        }
    }

    /// What needs no request.
    fn known(&self, key: &K) -> Option<Result<Latest<Codec>, Error>> {
        match self.cache.lock().get(key, Instant::now()) {
            Known::Fresh(latest) => Some(Ok(latest)),
            Known::Failed(error) => Some(Err(error)),
            Known::Old(_) | Known::Nothing => None,
        }
    }

    async fn load(&self, key: &K) -> Result<Latest<Codec>, Error> {
        let registered = key.fetch(&self.client).await?;
        let codec = Codec::compile(&self.client, &registered, self.options).await?;
        Ok(Latest {
            id: key.id(&registered),
            codec: Arc::new(codec),
        })
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.cache.lock().clear();
    }
}
