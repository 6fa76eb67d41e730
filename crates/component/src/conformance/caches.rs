//! What every cache promises.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use millrace_message::{Error, ErrorClass};

use crate::{Added, BuiltCache};

/// What a cache does with what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// Every value of a test is there until it is removed.
    Values,
    /// Nothing is ever there.
    Nothing,
}

/// How many tasks add the same key at a time.
const TASKS: usize = 16;
const OK: &str = "the cache is there";
const HOUR: Option<Duration> = Some(Duration::from_secs(3600));

/// Checks a cache that is empty and holds at least twenty values.
///
/// Values come back byte for byte, whatever their keys look like; of several tasks that add a key
/// exactly one succeeds; what is missing is no error.
///
/// # Panics
/// With the promise that is broken.
pub async fn cache(cache: &BuiltCache, keeps: Keeps) {
    missing_keys_are_no_error(cache).await;
    match keeps {
        Keeps::Nothing => nothing_is_kept(cache).await,
        Keeps::Values => {
            values_come_back_as_they_are(cache).await;
            a_key_is_added_once(cache).await;
            of_several_that_add_one_succeeds(cache).await;
        }
    }
}

/// Longer than a server takes to be there again.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause before a cache is asked again.
const PAUSE: Duration = Duration::from_millis(20);

/// Checks that a cache recovers: `cut` cuts its connection, or restarts its server, which keeps what
/// it was given.
///
/// What was stored is there again, and a key is added once.
///
/// # Panics
/// With the promise that is broken.
pub async fn cache_over_a_cut(cache: &BuiltCache, mut cut: impl FnMut()) {
    for round in 0..3 {
        let (set, added) = (format!("set {round}"), format!("added {round}"));
        retried(|| cache.set(&set, "value".into(), HOUR)).await;
        let first = retried(|| cache.add(&added, "first".into(), HOUR)).await;
        assert_eq!(first, Added::Stored);
        cut();
        let found = retried(|| cache.get(&set)).await;
        assert_eq!(found, Some("value".into()), "`{set}` after a cut");
        let again = retried(|| cache.add(&added, "second".into(), HOUR)).await;
        assert_eq!(again, Added::AlreadyThere, "`{added}` after a cut");
    }
}

/// The result of what works at last.
async fn retried<T, F: Future<Output = Result<T, Error>>>(mut ask: impl FnMut() -> F) -> T {
    let ask = async {
        loop {
            match ask().await {
                Ok(answer) => return answer,
                Err(error) => assert_ne!(error.class(), ErrorClass::Fatal, "{error}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let answer = tokio::time::timeout(PATIENCE, ask).await;
    answer.expect("the cache does not recover")
}

async fn missing_keys_are_no_error(cache: &BuiltCache) {
    assert_eq!(cache.get("missing").await.expect(OK), None);
    cache.delete("missing").await.expect(OK);
    cache.delete("missing").await.expect(OK);
}

async fn nothing_is_kept(cache: &BuiltCache) {
    cache.set("key", "1".into(), HOUR).await.expect(OK);
    assert_eq!(cache.get("key").await.expect(OK), None);
    for _ in 0..2 {
        let added = cache.add("key", "1".into(), None).await.expect(OK);
        assert_eq!(added, Added::Stored, "nothing is kept");
    }
}

async fn values_come_back_as_they_are(cache: &BuiltCache) {
    let values: [(&str, Bytes); 6] = [
        ("plain", "value".into()),
        ("empty value", Bytes::new()),
        ("bytes", Bytes::from_static(b"\0\xff\r\n\x80")),
        ("large", vec![7; 1 << 20].into()),
        ("ключ: 鍵 \"'\\ %s", "unicode".into()),
        ("with:colon{brace}*?", "signs".into()),
    ];
    for (key, value) in &values {
        cache.set(key, value.clone(), HOUR).await.expect(OK);
    }
    for (key, value) in &values {
        let found = cache.get(key).await.expect(OK);
        assert_eq!(found.as_ref(), Some(value), "the value of `{key}`");
    }
    for (key, _) in &values {
        cache.set(key, "new".into(), None).await.expect(OK);
        let found = cache.get(key).await.expect(OK);
        assert_eq!(found, Some("new".into()), "`{key}` was set again");
        cache.delete(key).await.expect(OK);
        let found = cache.get(key).await.expect(OK);
        assert_eq!(found, None, "`{key}` was deleted");
    }
}

async fn a_key_is_added_once(cache: &BuiltCache) {
    let add = async |value: &'static str| cache.add("added", value.into(), HOUR).await.expect(OK);
    assert_eq!(add("first").await, Added::Stored);
    assert_eq!(add("second").await, Added::AlreadyThere);
    let found = cache.get("added").await.expect(OK);
    assert_eq!(found, Some("first".into()), "a refused add changes nothing");
    cache.delete("added").await.expect(OK);
    assert_eq!(add("third").await, Added::Stored, "after it was deleted");
    cache.delete("added").await.expect(OK);
    cache.set("added", "set".into(), None).await.expect(OK);
    assert_eq!(add("fourth").await, Added::AlreadyThere, "after it was set");
    cache.delete("added").await.expect(OK);
}

async fn of_several_that_add_one_succeeds(cache: &BuiltCache) {
    let adds = (0..TASKS).map(|task| {
        let cache = cache.clone();
        tokio::spawn(async move { cache.add("raced", task.to_string().into(), None).await })
    });
    let mut winners = Vec::new();
    for (task, added) in join_all(adds).await.into_iter().enumerate() {
        if added.expect("no panic").expect(OK) == Added::Stored {
            winners.push(task);
        }
    }
    assert_eq!(winners.len(), 1, "tasks that added the key: {winners:?}");
    let found = cache.get("raced").await.expect(OK);
    assert_eq!(found, Some(winners[0].to_string().into()), "the winner's");
    cache.delete("raced").await.expect(OK);
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use async_trait::async_trait;
    use millrace_message::Error;
    use parking_lot::Mutex;

    use super::*;
    use crate::Cache;

    /// A cache whose `add` looks first and stores then.
    #[derive(Default)]
    struct TwoSteps(Mutex<HashMap<String, Bytes>>);

    #[async_trait]
    impl Cache for TwoSteps {
        async fn get(&self, key: &str) -> Result<Option<Bytes>, Error> {
            Ok(self.0.lock().get(key).cloned())
        }

        async fn set(&self, key: &str, value: Bytes, _: Option<Duration>) -> Result<(), Error> {
            self.0.lock().insert(key.to_owned(), value);
            Ok(())
        }

        async fn add(
            &self,
            key: &str,
            value: Bytes,
            ttl: Option<Duration>,
        ) -> Result<Added, Error> {
            if self.get(key).await?.is_some() {
                return Ok(Added::AlreadyThere);
            }
            tokio::task::yield_now().await;
            self.set(key, value, ttl).await?;
            Ok(Added::Stored)
        }

        async fn delete(&self, key: &str) -> Result<(), Error> {
            self.0.lock().remove(key);
            Ok(())
        }
    }

    #[tokio::test]
    #[should_panic(expected = "tasks that added the key")]
    async fn an_add_of_two_steps_is_found() {
        cache(
            &BuiltCache::Remote(Arc::<TwoSteps>::default()),
            Keeps::Values,
        )
        .await;
    }
}
