//! The processor whose type is fetched when the first message comes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_component::{AsyncProcessor, Batches, Identity};
use millrace_message::{Error, ErrorClass, MessageBatch};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::Conversion;
use super::bsr::Client;
use crate::protobuf::{MessageType, Schema};

/// How long fetching all modules may take.
const LOAD_LIMIT: Duration = Duration::from_secs(10);
/// For how long a failure is told again before the registry is asked again: one that may pass, and
/// one that the registry or the schema is the reason of.
const PASSING_KEPT: Duration = Duration::from_secs(1);
const LASTING_KEPT: Duration = Duration::from_secs(60);

pub(super) struct Fetched {
    pub modules: Vec<Client>,
    /// The full name of the type.
    pub message: String,
    pub known: Mutex<Known>,
    /// Held by whoever asks the registry: the others wait for the answer.
    pub asking: tokio::sync::Mutex<()>,
    pub conversion: Conversion,
    pub identity: Arc<Identity>,
}

/// What is known of the type.
#[derive(Default)]
pub(super) enum Known {
    #[default]
    Nothing,
    Failed(Error, Instant),
    Found(Arc<MessageType>),
}

impl Fetched {
    /// The type: the one that is known, unless it has to be fetched.
    ///
    /// # Cancel safety
    /// Nothing is kept of a request that was dropped.
    async fn types(&self) -> Result<Arc<MessageType>, Error> {
        if let Some(known) = self.known() {
            return known;
        }
        let _asking = self.asking.lock().await;
        if let Some(known) = self.known() {
            return known;
        }
        let loaded = tokio::time::timeout(LOAD_LIMIT, self.load()).await;
        let loaded = loaded.unwrap_or_else(|_| {
            let text = format!("the registry does not answer within {LOAD_LIMIT:?}");
            Err(Error::retry(text))
        });
        *self.known.lock() = match &loaded {
            Ok(found) => Known::Found(Arc::clone(found)),
            Err(error) => Known::Failed(error.clone(), Instant::now()),
        };
        loaded
    }

    /// What needs no request.
    fn known(&self) -> Option<Result<Arc<MessageType>, Error>> {
        match &*self.known.lock() {
            Known::Nothing => None,
            Known::Found(found) => Some(Ok(Arc::clone(found))),
            Known::Failed(error, at) => {
                let kept = match error.class() {
                    ErrorClass::Retry | ErrorClass::NotConnected => PASSING_KEPT,
                    _ => LASTING_KEPT,
                };
                (at.elapsed() < kept).then(|| Err(error.clone()))
            }
        }
    }

    async fn load(&self) -> Result<Arc<MessageType>, Error> {
        let mut schemas: Vec<Schema> = Vec::with_capacity(self.modules.len());
        for module in &self.modules {
            schemas.push(module.fetch().await?);
        }
        let found = schemas.iter().find_map(|it| it.message(&self.message));
        let found = found.ok_or_else(|| {
            let modules: Vec<&str> = self.modules.iter().map(Client::module).collect();
            Error::rejected(format!(
                "the modules of `bsr` ({}) define no message `{}`; it is named in full, as \
                 `package.Message`",
                modules.join(", "),
                self.message
            ))
        })?;
        Ok(Arc::new(found.beside(&schemas)))
    }
}

#[async_trait]
impl AsyncProcessor for Fetched {
    async fn process(&self, batch: MessageBatch) -> Batches {
        let types = self.types().await;
        self.identity.convert_each(batch, |message| match &types {
            Ok(types) => self.conversion.apply(types, message),
            Err(error) => Err(error.clone()),
        })
    }
}
