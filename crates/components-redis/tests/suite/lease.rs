//! Reliable mode of the `redis_list` input: killed consumers and their leases.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use millrace_component::conformance::Workbench;
use millrace_component::{Ack, Incoming, Input};
use millrace_message::Outcome;
use millrace_testkit::poll::{self, PATIENCE};
use millrace_testkit::redis::{RedisDatabase, Reply};
use millrace_testkit::shared;

const CHILD: &str = "MILLRACE_TEST_CONSUMER_URL";

fn input(url: &str, lease: &str) -> Box<dyn Input> {
    Workbench::new([millrace_components_redis::INPUTS]).input(&format!(
        "redis_list:\n  url: {url}\n  key: cities\n  max_in_flight: 100\n  reliable: {{ enabled: true, lease: {lease} }}\n"
    ))
}

fn text(incoming: &Incoming) -> String {
    String::from_utf8_lossy(incoming.batch[0].bytes()).into_owned()
}

fn acknowledge(incoming: Incoming) {
    let Ack::Call(ack) = incoming.ack else {
        panic!("the source is not told")
    };
    ack(smallvec::smallvec![Outcome::Delivered]);
}

fn fill(database: &RedisDatabase, count: usize) -> BTreeSet<String> {
    let entries: Vec<String> = (0..count).map(|it| format!("entry {it}")).collect();
    let mut words = vec!["RPUSH", "cities"];
    words.extend(entries.iter().map(String::as_str));
    database.client().unwrap().command(&words).unwrap();
    entries.into_iter().collect()
}

fn count(database: &RedisDatabase, words: &[&str]) -> i64 {
    match database.client().unwrap().command(words).unwrap() {
        Reply::Integer(count) => count,
        other => panic!("{words:?}: {other:?}"),
    }
}

/// Not a test of its own: what `a_consumer_that_is_killed_loses_nothing` runs and kills. It
/// acknowledges every second entry and records which.
#[tokio::test(flavor = "multi_thread")]
async fn the_consumer_of_another_test() {
    let Ok(url) = std::env::var(CHILD) else {
        return;
    };
    let mut input = input(&url, "300ms");
    input.connect().await.unwrap();
    let mut recorder = millrace_testkit::redis::RedisClient::connect(&url).unwrap();
    let mut held = Vec::new();
    loop {
        let incoming = input.read().await.unwrap();
        let entry = text(&incoming);
        if held.len() % 2 == 1 {
            recorder.command(&["RPUSH", "done", &entry]).unwrap();
            acknowledge(incoming);
            held.pop();
        } else {
            held.push(incoming);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_killed_loses_nothing() {
    let database = shared::redis();
    let all = fill(&database, 500);
    for _ in 0..5 {
        let before = count(&database, &["LLEN", "done"]);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "lease::the_consumer_of_another_test",
                "--nocapture",
            ])
            .env(CHILD, database.url())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        poll::until("the consumer to work", PATIENCE, || {
            (count(&database, &["LLEN", "done"]) >= before + 20).then_some(())
        })
        .unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut done: BTreeSet<String> = database
        .client()
        .unwrap()
        .list("done")
        .unwrap()
        .into_iter()
        .collect();
    let mut input = input(database.url(), "300ms");
    input.connect().await.unwrap();
    while done.len() < all.len() {
        let incoming = tokio::time::timeout(PATIENCE, input.read())
            .await
            .unwrap()
            .unwrap();
        done.insert(text(&incoming));
        acknowledge(incoming);
    }
    assert_eq!(done, all);
    input.stop().await;
    input.close().await.unwrap();
    let keys: BTreeSet<String> = database
        .client()
        .unwrap()
        .command(&["KEYS", "*"])
        .unwrap()
        .texts()
        .into_iter()
        .collect();
    assert!(
        keys.iter().all(|key| key == "done" || key == "cities"),
        "{keys:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_consumers_reclaim_an_expired_lease_once() {
    let database = shared::redis();
    let mut client = database.client().unwrap();
    for number in 0..100 {
        let number = number.to_string();
        client
            .command(&[
                "HSET",
                "{cities}:processing:gone",
                &number,
                &format!("entry {number}"),
            ])
            .unwrap();
    }
    client
        .command(&["ZADD", "{cities}:leases", "1", "gone"])
        .unwrap();
    let mut one = input(database.url(), "1s");
    let mut other = input(database.url(), "1s");
    let (first, second) = tokio::join!(one.connect(), other.connect());
    first.unwrap();
    second.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 100 {
        let incoming = tokio::select! {
            incoming = one.read() => incoming,
            incoming = other.read() => incoming,
        };
        let incoming = tokio::time::timeout(PATIENCE, async { incoming })
            .await
            .unwrap()
            .unwrap();
        seen.push(text(&incoming));
        acknowledge(incoming);
    }
    let distinct: BTreeSet<_> = seen.iter().cloned().collect();
    assert_eq!(distinct.len(), 100, "none came twice");
    for mut input in [one, other] {
        input.stop().await;
        input.close().await.unwrap();
    }
    assert_eq!(count(&database, &["LLEN", "cities"]), 0, "none is left");
    assert_eq!(count(&database, &["EXISTS", "{cities}:processing:gone"]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn reclaimed_entries_stand_in_their_order_at_their_end() {
    let database = shared::redis();
    let mut client = database.client().unwrap();
    for number in ["9", "10", "8"] {
        client
            .command(&["HSET", "{cities}:processing:gone", number, number])
            .unwrap();
    }
    client
        .command(&["ZADD", "{cities}:leases", "1", "gone"])
        .unwrap();
    client.command(&["RPUSH", "cities", "11"]).unwrap();
    let mut input = input(database.url(), "1s");
    input.connect().await.unwrap();
    for expected in ["8", "9", "10", "11"] {
        assert_eq!(text(&input.read().await.unwrap()), expected);
    }
    input.stop().await;
    input.close().await.unwrap();
    assert_eq!(
        database.client().unwrap().list("cities").unwrap(),
        ["8", "9", "10", "11"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_living_consumer_keeps_its_lease() {
    let database = shared::redis();
    fill(&database, 3);
    let mut holder = input(database.url(), "300ms");
    holder.connect().await.unwrap();
    let held = [
        holder.read().await.unwrap(),
        holder.read().await.unwrap(),
        holder.read().await.unwrap(),
    ];
    let score = || {
        let mut client = database.client().unwrap();
        let found = client
            .command(&["ZRANGE", "{cities}:leases", "0", "0", "WITHSCORES"])
            .unwrap()
            .texts();
        found[1].parse::<f64>().unwrap()
    };
    let begin = score();
    // Several leases long the end of the lease moves on, and nobody takes the entries.
    let mut other = input(database.url(), "300ms");
    other.connect().await.unwrap();
    poll::until("five leases", PATIENCE, || {
        (score() > begin + 1500.0).then_some(())
    })
    .unwrap();
    assert!(futures::poll!(other.read()).is_pending());
    for incoming in held {
        acknowledge(incoming);
    }
    holder.stop().await;
    holder.close().await.unwrap();
    other.stop().await;
    other.close().await.unwrap();
    assert_eq!(count(&database, &["LLEN", "cities"]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_is_found_after_reconnecting() {
    use millrace_testkit::proxy::{Direction, Proxy};
    let database = shared::redis();
    let proxy = Proxy::before(database.url()).unwrap();
    let mut input = input(&proxy.url(database.url()).unwrap(), "60s");
    input.connect().await.unwrap();
    assert!(futures::poll!(input.read()).is_pending());
    // The answers from here on break off in their middle.
    proxy.cut_after(Direction::ToClient, 30);
    let all = fill(&database, 8);
    let mut seen = BTreeSet::new();
    while seen.len() < all.len() {
        match tokio::time::timeout(PATIENCE, input.read()).await.unwrap() {
            Ok(incoming) => {
                assert!(seen.insert(text(&incoming)), "none comes twice");
                acknowledge(incoming);
            }
            Err(_) => while input.connect().await.is_err() {},
        }
    }
    assert_eq!(seen, all);
    input.stop().await;
    input.close().await.unwrap();
    assert_eq!(count(&database, &["LLEN", "cities"]), 0);
}
