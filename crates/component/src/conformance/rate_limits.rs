//! What every rate limit promises.

use std::time::Duration;

use futures::future::join_all;
use millrace_message::ErrorClass;

use crate::BuiltRateLimit;

const OK: &str = "the limit can be asked";

/// Checks a rate limit of `count` messages in an `interval` that is longer than the test. `fresh`
/// gives one that has not been asked yet.
///
/// Exactly `count` messages go, also when many tasks ask at a time; the others are told to wait, no
/// longer than the interval.
///
/// # Panics
/// With the promise that is broken.
pub async fn rate_limit(
    mut fresh: impl FnMut() -> BuiltRateLimit,
    count: usize,
    interval: Duration,
) {
    let limit = fresh();
    for message in 0..count {
        let wait = limit.acquire(10).await.expect(OK);
        assert_eq!(wait, None, "message {message} of {count}");
    }
    for _ in 0..2 {
        let wait = limit.acquire(10).await.expect(OK);
        let wait = wait.expect("the interval is full");
        assert!(!wait.is_zero() && wait <= interval, "{wait:?}");
    }
    limit.close().await;

    let limit = fresh();
    let asked = (0..count * 4).map(|_| {
        let limit = limit.clone();
        tokio::spawn(async move { limit.acquire(1).await.expect(OK) })
    });
    let answers = join_all(asked).await;
    let gone = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(None)))
        .count();
    assert_eq!(gone, count, "messages that went of many at a time");
    limit.close().await;
}

/// Longer than a server takes to be there again.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause before a limit is asked again.
const PAUSE: Duration = Duration::from_millis(20);

/// Checks that a rate limit of three messages in an hour recovers: `cut` cuts its connection, or
/// restarts its server, which keeps what it was told.
///
/// What has gone before counts after it.
///
/// # Panics
/// With the promise that is broken.
pub async fn rate_limit_over_a_cut(limit: &BuiltRateLimit, mut cut: impl FnMut()) {
    for message in 0..3 {
        assert_eq!(acquired(limit).await, None, "message {message}");
        cut();
    }
    assert!(acquired(limit).await.is_some(), "the interval is full");
    limit.close().await;
}

/// The answer to a message of one byte, as soon as there is one.
async fn acquired(limit: &BuiltRateLimit) -> Option<Duration> {
    let ask = async {
        loop {
            match limit.acquire(1).await {
                Ok(answer) => return answer,
                Err(error) => assert_ne!(error.class(), ErrorClass::Fatal, "{error}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let answer = tokio::time::timeout(PATIENCE, ask).await;
    answer.expect("the limit does not recover")
}
