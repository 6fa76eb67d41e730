//! The `multilevel` cache.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use millrace_component::{
    Added, BuildContext, BuiltCache, Cache, CacheConfig, CacheRef, Descriptor, Identity, LocalCache,
};
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec, codes};

/// Puts caches in front of each other.
///
/// The levels are other cache resources, the fastest first. A value is read from the first level
/// that has it, and copied to those before it, with their own time to live. A value is written to
/// every level, the first one first. A key is added when no level but the last one has it and the
/// last one can add it: the last level decides. A key is deleted from every level.
///
/// What cannot be copied to an earlier level is logged; any other error of a level is an error.
#[derive(Clone, Debug, Spec)]
#[spec(cache = "multilevel", check = check)]
pub struct Config(Vec<CacheRef>);

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    if config.0.len() < 2 {
        cx.error(
            codes::INVALID_VALUE,
            node.span,
            "at least two levels are needed",
        );
    }
}

impl CacheConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltCache, Error> {
        let levels = self
            .0
            .iter()
            .map(|label| cx.cache(label))
            .collect::<Result<Vec<_>, _>>()?;
        let is_local = levels
            .iter()
            .all(|level| matches!(level, BuiltCache::Local(_)));
        let levels = Levels {
            levels,
            identity: Arc::clone(cx.identity()),
        };
        Ok(match is_local {
            true => BuiltCache::Local(Arc::new(Immediate(levels))),
            false => BuiltCache::Remote(Arc::new(levels)),
        })
    }
}

pub const COMPONENT: Descriptor = Descriptor::cache::<Config>();

struct Levels {
    levels: Vec<BuiltCache>,
    identity: Arc<Identity>,
}

impl Levels {
    async fn copy_before(&self, level: usize, key: &str, value: &Bytes) {
        for earlier in &self.levels[..level] {
            if let Err(error) = earlier.set(key, value.clone(), None).await {
                let what = format_args!("copy a value to an earlier level: {error}");
                self.identity.log_error(what);
            }
        }
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, Error> {
        for (number, level) in self.levels.iter().enumerate() {
            if let Some(value) = level.get(key).await? {
                self.copy_before(number, key, &value).await;
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), Error> {
        for level in &self.levels {
            level.set(key, value.clone(), ttl).await?;
        }
        Ok(())
    }

    async fn add(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<Added, Error> {
        let Some((last, earlier)) = self.levels.split_last() else {
            return Ok(Added::AlreadyThere);
        };
        for level in earlier {
            if level.get(key).await?.is_some() {
                return Ok(Added::AlreadyThere);
            }
        }
        if last.add(key, value.clone(), ttl).await? == Added::AlreadyThere {
            return Ok(Added::AlreadyThere);
        }
        for level in earlier.iter().rev() {
            if level.add(key, value.clone(), ttl).await? == Added::AlreadyThere {
                return Ok(Added::AlreadyThere);
            }
        }
        Ok(Added::Stored)
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        for level in &self.levels {
            level.delete(key).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Cache for Levels {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, Error> {
        self.get(key).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), Error> {
        self.set(key, value, ttl).await
    }

    async fn add(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<Added, Error> {
        self.add(key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.delete(key).await
    }
}

/// Levels none of which waits.
struct Immediate(Levels);

const NEVER_WAITS: &str = "local caches never wait";

impl LocalCache for Immediate {
    fn get(&self, key: &str) -> Result<Option<Bytes>, Error> {
        self.0.get(key).now_or_never().expect(NEVER_WAITS)
    }

    fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), Error> {
        self.0
            .set(key, value, ttl)
            .now_or_never()
            .expect(NEVER_WAITS)
    }

    fn add(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<Added, Error> {
        self.0
            .add(key, value, ttl)
            .now_or_never()
            .expect(NEVER_WAITS)
    }

    fn delete(&self, key: &str) -> Result<(), Error> {
        self.0.delete(key).now_or_never().expect(NEVER_WAITS)
    }
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance::{self, Keeps};

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_cache() {
        let cache = crate::testing::bench().cache("multilevel: [ near, far ]");
        conformance::cache(&cache, Keeps::Values).await;
    }
}
