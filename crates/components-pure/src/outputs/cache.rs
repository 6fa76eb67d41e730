//! The `cache` output.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    BuildContext, BuiltCache, BuiltOutput, CacheRef, Descriptor, Interpolated, LeafOutput, Output,
    OutputConfig, OutputPart, WriteError,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::{Duration, Spec};

/// Stores each message in a cache.
#[derive(Clone, Debug, Spec)]
#[spec(output = "cache", category = "Services")]
pub struct Config {
    /// The cache resource.
    target: CacheRef,
    /// The key of a message.
    #[spec(default = "${!count(\"items\")}-${!timestamp_unix_nano()}")]
    key: Interpolated,
    /// How long a message is kept, such as `60s`, instead of the default of the cache.
    #[spec(optional, advanced)]
    ttl: Option<Interpolated>,
    /// How many batches are stored at a time.
    #[spec(default = 64)]
    max_in_flight: usize,
}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let store = Store {
            cache: cx.cache(&self.target)?,
            key: self.key.clone(),
            ttl: self.ttl.clone(),
        };
        Ok(OutputPart::Leaf(LeafOutput {
            output: BuiltOutput::Async(Arc::new(store)),
            max_in_flight: self.max_in_flight.max(1),
            connect_timeout: None,
            batching: None,
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct Store {
    cache: BuiltCache,
    key: Interpolated,
    ttl: Option<Interpolated>,
}

impl Store {
    async fn store(&self, batch: &MessageBatch, index: usize) -> Result<(), Error> {
        let key = self
            .key
            .resolve(batch, index)
            .map_err(|error| error.context("key"))?;
        let ttl = match &self.ttl {
            None => None,
            Some(ttl) => {
                let text = ttl
                    .resolve(batch, index)
                    .map_err(|error| error.context("ttl"))?;
                let ttl = Duration::parse(&text)
                    .map_err(|reason| Error::rejected(format!("ttl: {reason}")))?;
                Some(ttl.get())
            }
        };
        self.cache
            .set(&key, batch[index].bytes().clone(), ttl)
            .await
    }
}

#[async_trait]
impl Output for Store {
    async fn connect(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn write(&self, batch: &MessageBatch) -> Result<(), WriteError> {
        let mut failed = Vec::new();
        for index in 0..batch.len() {
            if let Err(error) = self.store(batch, index).await {
                failed.push((index, error));
            }
        }
        if failed.is_empty() {
            Ok(())
        } else {
            Err(WriteError::some(failed))
        }
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use millrace_component::conformance;

    use crate::testing::{batch, bench};

    #[tokio::test]
    async fn cache_keeps_the_promises_of_an_output() {
        let bench = bench();
        let cache = bench.context("test").cache("far").unwrap();
        let yaml = "cache: { target: far, key: '${! content() }' }";
        let all = ["one", "two", "three", "four", "five", "six"];
        let arrived = || {
            let is_there = |key: &&str| cache.get(key).now_or_never().unwrap().unwrap().is_some();
            all.iter()
                .copied()
                .filter(is_there)
                .map(str::to_owned)
                .collect()
        };
        conformance::output(|| bench.leaf_output(yaml), arrived).await;
    }

    #[tokio::test]
    async fn cache_names_the_messages_that_it_refuses() {
        let bench = bench();
        let cache = bench.context("test").cache("far").unwrap();
        let leaf = bench.leaf_output("cache: { target: far, key: '${! this.key.not_null() }' }");
        let batch = batch(&["{\"key\":1}", "{}", "text"]);
        let arrived = || {
            let value = cache.get("1").now_or_never().unwrap().unwrap();
            value
                .map(|it| String::from_utf8(it.to_vec()).unwrap())
                .into_iter()
                .collect()
        };
        conformance::output_refuses(leaf, batch, &[1, 2], arrived).await;
    }
}
