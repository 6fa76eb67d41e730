//! The caches that mappings reach by name, with `cache_get` and its like.
//!
//! A mapping is compiled when the config is read, and the caches exist when the stream is built: what
//! stands between them is bound to the engine of each stream that runs the config.

use std::sync::{Arc, Weak, mpsc};

use bytes::Bytes;
use millrace_message::Error;
use parking_lot::Mutex;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::{Added, BuiltCache, Engine};

/// The caches of the stream that runs. Clones share them.
#[derive(Clone, Default)]
pub struct MappingCaches(Arc<Mutex<Option<Bound>>>);

#[derive(Clone)]
struct Bound {
    engine: Weak<dyn Engine>,
    runtime: Option<Handle>,
}

/// What is done with a key.
enum Call {
    Get,
    Set(Bytes),
    Add(Bytes),
    Delete,
}

/// What came of it.
enum Answer {
    Value(Option<Bytes>),
    Added(Added),
    Done,
}

impl MappingCaches {
    /// From now on the caches are those of this engine; call it on the asynchronous runtime.
    pub fn bind(&self, engine: &Arc<dyn Engine>) {
        *self.0.lock() = Some(Bound {
            engine: Arc::downgrade(engine),
            runtime: Handle::try_current().ok(),
        });
    }

    fn call(&self, label: &str, key: &str, call: Call) -> Result<Answer, Error> {
        let bound = self.0.lock().clone();
        let engine = bound.as_ref().and_then(|bound| bound.engine.upgrade());
        let (Some(bound), Some(engine)) = (bound, engine) else {
            return Err(Error::rejected("there are no caches where nothing runs"));
        };
        match engine.cache(label)? {
            BuiltCache::Local(cache) => match call {
                Call::Get => cache.get(key).map(Answer::Value),
                Call::Set(value) => cache.set(key, value, None).map(|()| Answer::Done),
                Call::Add(value) => cache.add(key, value, None).map(Answer::Added),
                Call::Delete => cache.delete(key).map(|()| Answer::Done),
            },
            cache @ BuiltCache::Remote(_) => {
                let runtime = bound.runtime.ok_or_else(|| cannot_wait(label))?;
                wait_for(&runtime, label, remote(cache, key.to_owned(), call))
            }
        }
    }
}

async fn remote(cache: BuiltCache, key: String, call: Call) -> Result<Answer, Error> {
    match call {
        Call::Get => cache.get(&key).await.map(Answer::Value),
        Call::Set(value) => cache.set(&key, value, None).await.map(|()| Answer::Done),
        Call::Add(value) => cache.add(&key, value, None).await.map(Answer::Added),
        Call::Delete => cache.delete(&key).await.map(|()| Answer::Done),
    }
}

/// Blocks this thread until the runtime has the answer. A thread of the runtime gives its other tasks
/// away before.
fn wait_for(
    runtime: &Handle,
    label: &str,
    answer: impl Future<Output = Result<Answer, Error>> + Send + 'static,
) -> Result<Answer, Error> {
    let (sender, receiver) = mpsc::channel();
    let wait = move || {
        receiver
            .recv()
            .unwrap_or_else(|_| Err(Error::retry("the runtime ended before the cache answered")))
    };
    let work = async move {
        // Who asked may be gone.
        let _unheard = sender.send(answer.await);
    };
    match Handle::try_current().map(|here| here.runtime_flavor()) {
        Err(_) => {
            runtime.spawn(work);
            wait()
        }
        Ok(RuntimeFlavor::CurrentThread) => Err(cannot_wait(label)),
        Ok(_) => {
            runtime.spawn(work);
            tokio::task::block_in_place(wait)
        }
    }
}

fn cannot_wait(label: &str) -> Error {
    Error::rejected(format!(
        "cache `{label}` answers over a connection or from disk, and a mapping cannot wait here"
    ))
}

impl millrace_bloblang::Caches for MappingCaches {
    fn get(&self, cache: &str, key: &str) -> Result<Option<Bytes>, String> {
        match self.call(cache, key, Call::Get) {
            Ok(Answer::Value(value)) => Ok(value),
            Ok(_) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    fn set(&self, cache: &str, key: &str, value: Bytes, only_new: bool) -> Result<(), String> {
        let call = if only_new {
            Call::Add(value)
        } else {
            Call::Set(value)
        };
        match self.call(cache, key, call) {
            Ok(Answer::Added(Added::AlreadyThere)) => Err("key already exists".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn delete(&self, cache: &str, key: &str) -> Result<(), String> {
        let deleted = self.call(cache, key, Call::Delete);
        deleted.map(drop).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::Workbench;
    use millrace_bloblang::Caches;

    fn bound() -> (MappingCaches, Arc<dyn Engine>) {
        let bench = Workbench::new([]);
        let engine = Arc::clone(bench.context("x").engine());
        let caches = MappingCaches::default();
        caches.bind(&engine);
        (caches, engine)
    }

    #[test]
    fn a_cache_that_nobody_declares_is_an_error() {
        let (caches, _engine) = bound();
        let error = caches.get("absent", "key").expect_err("there is none");
        assert!(error.contains("absent"), "{error}");
    }

    #[test]
    fn nothing_is_asked_when_nothing_runs() {
        let (caches, engine) = bound();
        drop(engine);
        assert!(caches.delete("c", "key").is_err());
        assert!(MappingCaches::default().get("c", "key").is_err());
    }

    #[test]
    fn a_thread_outside_of_the_runtime_waits_for_an_answer() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let answer = || async { Ok(Answer::Value(Some(Bytes::from("v")))) };
        let outside = wait_for(runtime.handle(), "c", answer());
        assert!(matches!(outside, Ok(Answer::Value(Some(value))) if value == "v"));
        let inside = runtime.block_on(async { wait_for(&Handle::current(), "c", answer()) });
        assert!(matches!(inside, Ok(Answer::Value(Some(_)))));
    }

    #[tokio::test]
    async fn a_thread_that_runs_everything_does_not_wait_for_itself() {
        let answer = async { Ok(Answer::Done) };
        let error = wait_for(&Handle::current(), "c", answer).err();
        assert!(error.is_some_and(|error| error.text().contains("cannot wait")));
    }
}
