//! The `noop` cache.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millrace_component::{Added, BuildContext, BuiltCache, CacheConfig, Descriptor, LocalCache};
use millrace_message::Error;
use millrace_spec::Spec;

/// Keeps nothing: no key is ever there, and everything can be added.
#[derive(Clone, Debug, Spec)]
#[spec(cache = "noop")]
pub struct Config {}

impl CacheConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<BuiltCache, Error> {
        Ok(BuiltCache::Local(Arc::new(Noop)))
    }
}

pub const COMPONENT: Descriptor = Descriptor::cache::<Config>();

struct Noop;

impl LocalCache for Noop {
    fn get(&self, _: &str) -> Result<Option<Bytes>, Error> {
        Ok(None)
    }

    fn set(&self, _: &str, _: Bytes, _: Option<Duration>) -> Result<(), Error> {
        Ok(())
    }

    fn add(&self, _: &str, _: Bytes, _: Option<Duration>) -> Result<Added, Error> {
        Ok(Added::Stored)
    }

    fn delete(&self, _: &str) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance::{self, Keeps};

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_cache() {
        let cache = crate::testing::bench().cache("noop: {}");
        conformance::cache(&cache, Keeps::Nothing).await;
    }
}
