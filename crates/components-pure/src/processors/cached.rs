//! The `cached` processor.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use millrace_component::{
    BuildContext, BuiltCache, BuiltProcessor, CacheRef, Descriptor, Identity, Interpolated,
    ProcessorChild, ProcessorConfig, Query,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::Spec;

use super::cache::ttl;
use super::composite::{InPlace, Steps, built_in_place, join};

/// Runs processors on a message, or takes their result from a cache.
///
/// The payloads that the processors make of a message are stored under its key; a later message of
/// the same key takes them as its own payloads, with its own metadata. Two messages that miss at
/// the same time both run the processors. A result that cannot be stored is logged and goes on;
/// a key that cannot be resolved, or a cache that cannot be asked, sets the error flag of the
/// message. Stored results are those of Bento, so that both can share a cache.
///
/// A result whose error flag is set is stored too unless `skip_on` says otherwise: write
/// `skip_on: errored()` for processors that can fail.
///
/// ```yaml
/// pipeline:
///   processors:
///     - cached:
///         cache: answers
///         key: ${! this.question }
///         skip_on: errored()
///         processors:
///           - http:
///               url: http://localhost:11434/api/generate
///               verb: POST
/// cache_resources:
///   - label: answers
///     lru: { cap: 10000 }
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(processor = "cached", category = "Utility")]
pub struct Config {
    /// The cache that keeps the results.
    cache: CacheRef,
    /// A query over the result; when it is true the result is not stored.
    #[spec(example = "errored()")]
    skip_on: Option<Query>,
    /// The key of a message.
    #[spec(example = "my_foo_result", example = "${! this.document.id }")]
    key: Interpolated,
    /// How long a result is kept, such as `60s`; by default what the cache is configured for.
    ttl: Option<Interpolated>,
    /// The processors whose result is kept.
    processors: Vec<ProcessorChild>,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(built_in_place(
            cx,
            Cached {
                cache: cx.cache(&self.cache)?,
                skip_on: self.skip_on.clone(),
                key: self.key.clone(),
                ttl: self.ttl.clone(),
                steps: Steps::build(cx, &self.processors, "processors")?,
                identity: Arc::clone(cx.identity()),
            },
        ))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Cached {
    cache: BuiltCache,
    skip_on: Option<Query>,
    key: Interpolated,
    ttl: Option<Interpolated>,
    steps: Steps,
    identity: Arc<Identity>,
}

impl Cached {
    /// `message` is a batch of one.
    async fn process_message(&self, message: MessageBatch) -> MessageBatch {
        let (key, ttl, stored) = match self.look_up(&message).await {
            Ok(found) => found,
            Err(error) => return self.flagged(message, error),
        };
        if let Some(stored) = stored {
            return match read(&stored) {
                Ok(payloads) => self.replay(message, payloads),
                Err(error) => self.flagged(message, error),
            };
        }
        let results = self.steps.run(message).await;
        // What a child has not done must not pass for a result later.
        let stores = !self.steps.are_given_up();
        let stores = stores && results.iter().all(|batch| !self.skips(batch));
        let result = join(results);
        if stores && let Err(error) = self.cache.set(&key, write(&result), ttl).await {
            self.identity.log_error(error.context("store a result"));
        }
        result
    }

    async fn look_up(
        &self,
        message: &[Message],
    ) -> Result<(Box<str>, Option<std::time::Duration>, Option<Bytes>), Error> {
        let key = self
            .key
            .resolve(message, 0)
            .map_err(|error| error.context("resolve `key`"))?;
        let ttl = ttl(self.ttl.as_ref(), message, 0)?;
        let stored = self
            .cache
            .get(&key)
            .await
            .map_err(|error| error.context("read the cache"))?;
        Ok((key.into(), ttl, stored))
    }

    /// Gives the payloads of a stored result to the message.
    fn replay(&self, mut batch: MessageBatch, payloads: Vec<Bytes>) -> MessageBatch {
        if let ([message], [payload]) = (&mut *batch, &*payloads) {
            message.set_bytes(payload.clone());
            return batch;
        }
        let mut result = MessageBatch::new();
        for mut message in batch {
            let Some((last, others)) = payloads.split_last() else {
                message.filter(&self.identity.component);
                continue;
            };
            for payload in others {
                let mut copy = message.clone();
                copy.set_bytes(payload.clone());
                result.push(copy);
            }
            let mut message = message;
            message.set_bytes(last.clone());
            result.push(message);
        }
        result
    }

    fn skips(&self, result: &[Message]) -> bool {
        let Some(query) = &self.skip_on else {
            return false;
        };
        query.check(result, 0).unwrap_or_else(|error| {
            let error = error.context("`skip_on` fails, so the result is not stored");
            self.identity.log_error(error);
            true
        })
    }

    fn flagged(&self, mut batch: MessageBatch, error: Error) -> MessageBatch {
        for message in batch.iter_mut() {
            message.set_fault(self.identity.fault(error.clone()));
        }
        batch
    }
}

impl InPlace for Cached {
    fn waits(&self) -> bool {
        matches!(self.cache, BuiltCache::Remote(_)) || self.steps.waits()
    }

    async fn change(&self, batch: &mut MessageBatch) {
        if batch.len() == 1 {
            *batch = self.process_message(std::mem::take(batch)).await;
            return;
        }
        for message in std::mem::take(batch) {
            let message = MessageBatch::one(message);
            batch.append(self.process_message(message).await);
        }
    }

    async fn close(&self) {
        self.steps.close().await;
    }
}

/// The version of what is stored: this number, the number of payloads, and for each payload its
/// length and bytes; numbers are 32 bits, big-endian.
const VERSION: u32 = 1;

fn write(result: &[Message]) -> Bytes {
    let size: usize = result.iter().map(|message| 4 + message.bytes().len()).sum();
    let mut out = BytesMut::with_capacity(8 + size);
    out.put_u32(VERSION);
    out.put_u32(result.len() as u32);
    for message in result {
        out.put_u32(message.bytes().len() as u32);
        out.put_slice(message.bytes());
    }
    out.freeze()
}

/// The payloads of a stored result, sharing its memory.
fn read(stored: &Bytes) -> Result<Vec<Bytes>, Error> {
    let mut rest = stored.clone();
    let foreign = || Error::rejected("read a stored result: it was not stored by `cached`");
    let number = |rest: &mut Bytes| {
        let bytes = rest.first_chunk::<4>().copied().ok_or_else(foreign)?;
        let _read = rest.split_to(4);
        Ok::<_, Error>(u32::from_be_bytes(bytes) as usize)
    };
    let version = number(&mut rest)?;
    if version != VERSION as usize {
        return Err(Error::rejected(format!(
            "read a stored result: version {version} is unknown"
        )));
    }
    let count = number(&mut rest)?;
    // What a stored number says is not allocated before the bytes for it are there.
    let mut payloads = Vec::with_capacity(count.min(rest.len() / 4));
    for _ in 0..count {
        let size = number(&mut rest)?;
        if rest.len() < size {
            return Err(foreign());
        }
        payloads.push(rest.split_to(size));
    }
    Ok(payloads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_back() {
        let result = [
            Message::from("one"),
            Message::from(""),
            Message::from("three"),
        ];
        let payloads = read(&write(&result)).expect("it was written so");
        assert_eq!(payloads, ["one", "", "three"]);
    }

    #[test]
    fn foreign_bytes_are_an_error() {
        for bytes in [
            &b"x"[..],
            b"\0\0\0\x02\0\0\0\0",
            b"\0\0\0\x01\xff\xff\xff\xff\0\0\0\x01",
        ] {
            assert!(read(&Bytes::copy_from_slice(bytes)).is_err());
        }
    }
}

#[cfg(test)]
mod contract {
    use crate::testing::{batch, bench};

    /// What a child leaves that was ended may be no result: the next run would take it for one.
    #[tokio::test(flavor = "multi_thread")]
    async fn nothing_is_stored_when_the_stream_is_given_up() {
        let bench = bench();
        let built = |yaml: &str| {
            bench
                .processor(yaml)
                .unwrap_or_else(|error| panic!("{error}"))
        };
        let cached =
            built("cached: { cache: seen, key: a, processors: [ { mapping: 'root = 1' } ] }");
        let look = built("cache: { resource: seen, operator: get, key: a }");
        bench.flow().abort().cancel();
        assert!(cached.process(batch(&["x"])).await.is_empty());
        let looked = look.process(batch(&["x"])).await;
        let fault = looked[0][0].fault().expect("there is no such key");
        assert!(fault.cause.text().contains("not"), "{}", fault.cause);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor(
            "cached: { cache: seen, key: '${! content() }', processors: [ { mapping: \
             'root = this' } ] }",
        );
        millrace_component::conformance::processor(&processor).await;
    }
}
