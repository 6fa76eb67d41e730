//! The `redis` cache and rate limit on a real Redis.

use std::time::Duration;

use bytes::Bytes;
use millrace_component::conformance::Workbench;
use millrace_component::{Added, BuiltCache};
use millrace_message::ErrorClass;
use millrace_testkit::poll::{self, PATIENCE};
use millrace_testkit::redis::{RedisOptions, RedisServer, Reply};
use millrace_testkit::shared;

fn bench() -> Workbench {
    Workbench::new([
        millrace_components_redis::CACHES,
        millrace_components_redis::RATE_LIMITS,
    ])
}

fn cache(url: &str, more: &str) -> BuiltCache {
    bench().cache(&format!("redis:\n  url: {url}\n  prefix: 'p:'\n{more}"))
}

#[tokio::test]
async fn items_are_set_added_once_and_deleted() {
    let database = shared::redis();
    let cache = cache(database.url(), "");
    assert_eq!(cache.get("k").await.unwrap(), None);
    cache
        .set("k", Bytes::from_static(b"\x00\xffv"), None)
        .await
        .unwrap();
    assert_eq!(cache.get("k").await.unwrap().unwrap(), &b"\x00\xffv"[..]);
    let again = cache
        .add("k", Bytes::from_static(b"w"), None)
        .await
        .unwrap();
    assert_eq!(again, Added::AlreadyThere);
    cache.delete("k").await.unwrap();
    cache.delete("k").await.unwrap();
    let fresh = cache
        .add("k", Bytes::from_static(b"w"), None)
        .await
        .unwrap();
    assert_eq!(fresh, Added::Stored);
    let mut client = database.client().unwrap();
    assert_eq!(
        client.command(&["GET", "p:k"]).unwrap(),
        Reply::Bytes(b"w".to_vec())
    );
    assert_eq!(
        client.command(&["PTTL", "p:k"]).unwrap(),
        Reply::Integer(-1)
    );
}

#[tokio::test]
async fn of_several_that_add_a_key_one_succeeds() {
    let database = shared::redis();
    let caches: Vec<_> = (0..8).map(|_| cache(database.url(), "")).collect();
    let adds = caches
        .iter()
        .map(|it| it.add("k", Bytes::from_static(b"v"), None));
    let added = futures::future::join_all(adds).await;
    let stored = added
        .into_iter()
        .filter(|it| *it.as_ref().unwrap() == Added::Stored);
    assert_eq!(stored.count(), 1);
}

#[tokio::test]
async fn items_live_as_long_as_they_are_told() {
    let database = shared::redis();
    let cache = cache(database.url(), "  default_ttl: 1h\n");
    let value = || Bytes::from_static(b"v");
    cache.set("hour", value(), None).await.unwrap();
    cache
        .set("ever", value(), Some(Duration::ZERO))
        .await
        .unwrap();
    cache
        .set("short", value(), Some(Duration::from_millis(30)))
        .await
        .unwrap();
    let mut client = database.client().unwrap();
    let Reply::Integer(left) = client.command(&["PTTL", "p:hour"]).unwrap() else {
        panic!()
    };
    assert!((3_500_000..=3_600_000).contains(&left), "{left}");
    assert_eq!(
        client.command(&["PTTL", "p:ever"]).unwrap(),
        Reply::Integer(-1)
    );
    poll::until("the item to expire", PATIENCE, || {
        (client.command(&["EXISTS", "p:short"]).unwrap() == Reply::Integer(0)).then_some(())
    })
    .unwrap();
    assert_eq!(cache.get("short").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_is_down_gives_up_after_its_retries_and_comes_back() {
    let mut server = RedisServer::start(RedisOptions::default()).unwrap();
    let retries =
        "  retries: { initial_interval: 10ms, max_interval: 20ms, max_elapsed_time: 100ms }\n";
    let cache = cache(&server.url(), retries);
    cache
        .set("k", Bytes::from_static(b"v"), None)
        .await
        .unwrap();
    server.kill();
    let error = cache.get("k").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::NotConnected);
    assert!(
        error
            .text()
            .contains(&format!("127.0.0.1:{}", server.port())),
        "{error}"
    );
    server.start_again().unwrap();
    cache
        .set("k", Bytes::from_static(b"w"), None)
        .await
        .unwrap();
    assert_eq!(cache.get("k").await.unwrap().unwrap(), "w");
}

#[tokio::test]
async fn a_window_lets_its_count_pass_and_says_how_long_it_lasts() {
    let database = shared::redis();
    let limit = || {
        bench().rate_limit(&format!(
            "redis: {{ url: '{}', key: limit, count: 3, interval: 1h }}",
            database.url()
        ))
    };
    let (one, other) = (limit(), limit());
    for limit in [&one, &other, &one] {
        assert_eq!(limit.acquire(1).await.unwrap(), None);
    }
    for limit in [&one, &other] {
        let left = limit.acquire(1).await.unwrap().unwrap();
        assert!(
            left > Duration::from_secs(3500) && left <= Duration::from_secs(3600),
            "{left:?}"
        );
    }
    let mut client = database.client().unwrap();
    client.command(&["PEXPIRE", "limit", "1"]).unwrap();
    poll::until("the window to end", PATIENCE, || {
        (client.command(&["EXISTS", "limit"]).unwrap() == Reply::Integer(0)).then_some(())
    })
    .unwrap();
    assert_eq!(one.acquire(1).await.unwrap(), None);
    client.command(&["PERSIST", "limit"]).unwrap();
    client.command(&["SET", "limit", "9"]).unwrap();
    assert_eq!(
        one.acquire(1).await.unwrap(),
        None,
        "a window without an end begins anew"
    );
}

#[test]
fn fields_that_cannot_work_are_refused_at_once() {
    for (yaml, reason) in [
        ("redis: { url: 'http://x', key: k }", "scheme"),
        (
            "redis: { url: 'redis://x', key: k, count: 0 }",
            "larger than zero",
        ),
        (
            "redis: { url: 'redis://x', key: k, kind: failover }",
            "master is required",
        ),
        (
            "redis: { url: 'redis://x', key: k, kind: cloud }",
            "not one of its options",
        ),
    ] {
        let result = bench().read::<millrace_component::RateLimitChild>(yaml);
        let Err(text) = result else {
            panic!("{yaml} is accepted")
        };
        assert!(text.contains(reason), "{text}");
    }
}
