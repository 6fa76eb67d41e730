//! The `dedupe` processor.

mod keys;

use std::sync::Arc;

use millrace_component::{
    BuildContext, BuiltCache, BuiltProcessor, CacheRef, Descriptor, Identity, Interpolated,
    ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch, Origin, Outcome, Settle, Transaction};
use millrace_spec::{Node, ReadContext, Spec, codes};
use smallvec::SmallVec;
use tokio::runtime::Handle;

use self::keys::{Claim, Keys, Watched};
use super::composite::{InPlace, built_leaf};

/// Removes messages whose key was seen before.
///
/// The keys are kept in a cache, whose time to live is how long a key counts as seen. Duplicates
/// count as filtered.
///
/// # Delivery
/// A key is added before its message goes on, so that two copies in flight are told apart, and
/// removed again when the message is not delivered: its replay is no duplicate. The removal is
/// done before the source hears of the failure. A key is not removed when the process dies between
/// the two; with a cache that survives the process, the redelivery of such a message is taken for
/// a duplicate until the key expires. Caches in memory have no such gap.
///
/// A duplicate of a message that is still on its way is acknowledged when that message is, and
/// fails when it fails, which counts as an attempt at it: its source is not told that a message has
/// arrived of which no copy has. That holds between the messages of one `dedupe`; of messages that
/// another one or another process has let through, only the key is known. A duplicate that the
/// message on its way waits for, such as one that was made of it, or may wait for, as in the
/// processors of an output or behind `inproc`, is dropped at once.
///
/// Where Bento drops a message whose key cannot be resolved, Millrace sets its error flag and lets
/// it go on.
///
/// ```yaml
/// pipeline:
///   processors:
///     - dedupe:
///         cache: seen
///         key: ${! this.id }
/// cache_resources:
///   - label: seen
///     memory: { default_ttl: 1h }
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(processor = "dedupe", category = "Utility")]
pub struct Config {
    /// The cache that keeps the keys.
    cache: CacheRef,
    /// The key of a message.
    #[spec(example = "${! metadata(\"kafka_key\") }", lint = not_empty)]
    key: Interpolated,
    /// Whether messages are dropped while the cache cannot be asked; they count as dropped with
    /// the reason `dedupe_cache_error`. Otherwise they go on with their error flag set.
    #[spec(default = true)]
    drop_on_err: bool,
    /// Which one of several messages with the same key in one batch goes on.
    #[spec(default = "FIFO", advanced, since = "1.4.0")]
    strategy: Strategy,
}

/// With the same key for all of them, all messages but one would be duplicates.
fn not_empty(_: &Interpolated, node: &Node, cx: &mut ReadContext) {
    if node.text().is_some_and(str::is_empty) {
        cx.error(codes::MISSING_FIELD, node.span, "the key is empty")
            .help = Some("name what tells messages apart, such as `${! this.id }`".to_owned());
    }
}

/// Which of the duplicates within a batch is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
enum Strategy {
    /// Keeps the first message of each key.
    #[spec(rename = "FIFO")]
    First,
    /// Keeps the last message of each key.
    #[spec(rename = "LIFO")]
    Last,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(built_leaf(Dedupe {
            keys: Arc::new(Keys::new(cx.cache(&self.cache)?, cx.identity())),
            key: self.key.clone(),
            drop_on_err: self.drop_on_err,
            strategy: self.strategy,
            identity: Arc::clone(cx.identity()),
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

/// The reason of messages that are dropped while the cache cannot be asked.
const CACHE_ERROR: &str = "dedupe_cache_error";

struct Dedupe {
    keys: Arc<Keys>,
    key: Interpolated,
    drop_on_err: bool,
    strategy: Strategy,
    identity: Arc<Identity>,
}

/// What becomes of a message.
enum Verdict {
    /// Its key is new, and added.
    New(Claim),
    /// Its key was there.
    Duplicate,
    /// Another message with its key is on its way, and settles it; or has done so.
    Settled,
    /// Its key is not known.
    Keyless(Error),
    /// The cache was not to be asked.
    Unknown(Error),
}

impl Dedupe {
    async fn verdict(&self, batch: &mut [Message], index: usize) -> Verdict {
        let key = match self.key.resolve(batch, index) {
            Ok(key) => Arc::from(key),
            Err(error) => return Verdict::Keyless(error.context("resolve `key`")),
        };
        self.keys.judge(key, &mut batch[index]).await
    }

    async fn verdicts(&self, batch: &mut [Message]) -> SmallVec<[Verdict; 1]> {
        let mut verdicts = SmallVec::new();
        for step in 0..batch.len() {
            let index = match self.strategy {
                Strategy::First => step,
                Strategy::Last => batch.len() - 1 - step,
            };
            verdicts.push(self.verdict(batch, index).await);
        }
        if self.strategy == Strategy::Last {
            verdicts.reverse();
        }
        verdicts
    }

    /// Carries out a verdict; false when the message ends here. `place` is its place among those
    /// that go on.
    fn carry_out(
        &self,
        message: &mut Message,
        verdict: Verdict,
        claims: &mut Claims,
        place: usize,
    ) -> bool {
        match verdict {
            Verdict::New(claim) => claims.add(message, claim, place),
            Verdict::Settled => return false,
            Verdict::Duplicate => {
                message.filter(&self.identity.component);
                return false;
            }
            Verdict::Unknown(error) if self.drop_on_err => {
                self.identity
                    .log_error(format_args!("message dropped: {error}"));
                std::mem::take(message).drop_because(CACHE_ERROR);
                return false;
            }
            Verdict::Keyless(error) | Verdict::Unknown(error) => {
                message.set_fault(self.identity.fault(error));
            }
        }
        true
    }
}

impl InPlace for Dedupe {
    fn waits(&self) -> bool {
        matches!(self.keys.cache, BuiltCache::Remote(_))
    }

    async fn change(&self, batch: &mut MessageBatch) {
        let mut verdicts = self.verdicts(batch).await.into_iter();
        let mut claims = Claims::default();
        let mut kept = 0;
        batch.retain(|message| {
            let verdict = verdicts.next().expect("there is one for each message");
            let is_kept = self.carry_out(message, verdict, &mut claims, kept);
            kept += usize::from(is_kept);
            is_kept
        });
        claims.watch(batch, &self.keys);
    }
}

/// The keys that were added for the messages of one batch.
#[derive(Default)]
struct Claims {
    watched: SmallVec<[Watched; 1]>,
    /// The places of their messages in the batch that goes on.
    places: SmallVec<[usize; 1]>,
}

impl Claims {
    /// Notes the key of a message. Copies that no source waits for are never replayed.
    fn add(&mut self, message: &mut Message, claim: Claim, place: usize) {
        if message.origin().is_detached() {
            claim.keep();
            return;
        }
        let origin = message.take_origin();
        self.watched.push(Watched { claim, origin });
        self.places.push(place);
    }

    /// Lets the messages report to these claims, which report to their sources.
    fn watch(self, batch: &mut MessageBatch, keys: &Arc<Keys>) {
        if self.watched.is_empty() {
            return;
        }
        let runtime = match keys.cache {
            BuiltCache::Local(_) => None,
            BuiltCache::Remote(_) => Handle::try_current().ok(),
        };
        let ways: SmallVec<[_; 1]> = self.watched.iter().map(|it| it.claim.way()).collect();
        let release = Release {
            watched: self.watched,
            keys: Arc::clone(keys),
            runtime,
        };
        let origins = Transaction::open(self.places.len(), Box::new(release));
        for ((place, origin), way) in self.places.into_iter().zip(origins).zip(ways) {
            way.goes_on_as(origin.transaction());
            batch[place].set_origin(origin);
        }
    }
}

/// Keeps the keys of messages that were delivered, and forgets the others.
struct Release {
    watched: SmallVec<[Watched; 1]>,
    keys: Arc<Keys>,
    runtime: Option<Handle>,
}

impl Settle for Release {
    fn settle(self: Box<Self>, outcomes: SmallVec<[Outcome; 1]>) {
        let mut failed = Vec::new();
        for (watched, outcome) in self.watched.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Failed(error) => failed.push((watched, error)),
                outcome => {
                    watched.claim.keep();
                    watched.origin.settle(outcome);
                }
            }
        }
        if !failed.is_empty() {
            self.keys.forget(failed, self.runtime);
        }
    }

    fn show_held(&self, show: &mut dyn FnMut(&Origin)) -> bool {
        for watched in &self.watched {
            show(&watched.origin);
            watched.claim.way().show_followers(show);
        }
        true
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor =
            crate::testing::processor("dedupe: { cache: seen, key: '${! content() }' }");
        millrace_component::conformance::processor(&processor).await;
    }
}
