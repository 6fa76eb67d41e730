//! What every rate limit promises.

use std::time::Duration;

use futures::future::join_all;

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
