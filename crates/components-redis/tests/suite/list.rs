//! The `redis_list` input and output on a real Redis.

use std::sync::Arc;
use std::time::Duration;

use millrace_component::conformance::Workbench;
use millrace_component::{Ack, Incoming, Input, Output};
use millrace_message::{Error, ErrorClass, Message, MessageBatch, Outcome};
use millrace_testkit::proxy::Proxy;
use millrace_testkit::redis::{RedisDatabase, RedisOptions, RedisServer};
use millrace_testkit::shared;

fn bench() -> Workbench {
    Workbench::new([
        millrace_components_redis::INPUTS,
        millrace_components_redis::OUTPUTS,
    ])
}

fn input(url: &str, more: &str) -> Box<dyn Input> {
    bench().input(&format!("redis_list:\n  url: {url}\n  key: cities\n{more}"))
}

fn output(url: &str, key: &str) -> Arc<dyn Output> {
    bench().output(&format!("redis_list:\n  url: {url}\n  key: '{key}'\n"))
}

fn batch(payloads: &[&str]) -> MessageBatch {
    payloads.iter().map(|it| Message::from(*it)).collect()
}

fn text(incoming: &Incoming) -> String {
    String::from_utf8_lossy(incoming.batch[0].bytes()).into_owned()
}

fn settle(incoming: Incoming, outcome: Outcome) {
    let Ack::Call(ack) = incoming.ack else {
        panic!("the source is not told")
    };
    ack(smallvec::smallvec![outcome]);
}

fn failed() -> Outcome {
    Outcome::Failed(Error::retry("no"))
}

fn fill(database: &RedisDatabase, entries: &[&str]) {
    let words: Vec<&str> = ["RPUSH", "cities"].iter().chain(entries).copied().collect();
    database.client().unwrap().command(&words).unwrap();
}

fn list(database: &RedisDatabase) -> Vec<String> {
    database.client().unwrap().list("cities").unwrap()
}

fn wait_for_list(database: &RedisDatabase, expected: &[&str]) {
    let mut client = database.client().unwrap();
    millrace_testkit::poll::until("the list", millrace_testkit::poll::PATIENCE, || {
        (client.list("cities").unwrap() == expected).then_some(())
    })
    .unwrap();
}

const BOTH: [&str; 2] = ["", "  reliable: { enabled: true }\n"];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_acknowledged_goes_back_in_its_order() {
    for mode in BOTH {
        for (command, rest) in [("blpop", ["b", "c", "d"]), ("brpop", ["a", "b", "c"])] {
            let database = shared::redis();
            fill(&database, &["a", "b", "c", "d"]);
            let mut input = input(database.url(), &format!("{mode}  command: {command}\n"));
            input.connect().await.unwrap();
            let first = input.read().await.unwrap();
            let _second = input.read().await.unwrap();
            let third = input.read().await.unwrap();
            settle(first, Outcome::Delivered);
            input.stop().await;
            settle(third, failed());
            input.close().await.unwrap();
            assert_eq!(list(&database), rest, "{command} {mode}");
            let keys = database
                .client()
                .unwrap()
                .command(&["KEYS", "*"])
                .unwrap()
                .texts();
            assert_eq!(keys, ["cities"], "{mode}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_given_up_goes_back_while_the_input_runs() {
    for mode in BOTH {
        let database = shared::redis();
        fill(&database, &["a"]);
        let mut input = input(database.url(), &format!("{mode}  max_in_flight: 1\n"));
        input.connect().await.unwrap();
        let first = input.read().await.unwrap();
        settle(first, failed());
        let again = input.read().await.unwrap();
        assert_eq!(text(&again), "a", "{mode}");
        settle(again, Outcome::Delivered);
        input.stop().await;
        input.close().await.unwrap();
        assert_eq!(list(&database), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_the_limit_is_in_flight() {
    for mode in BOTH {
        let database = shared::redis();
        fill(&database, &["a", "b", "c", "d"]);
        let mut input = input(database.url(), &format!("{mode}  max_in_flight: 2\n"));
        input.connect().await.unwrap();
        let first = input.read().await.unwrap();
        let _second = input.read().await.unwrap();
        assert!(futures::poll!(input.read()).is_pending());
        assert_eq!(list(&database), ["c", "d"], "{mode}");
        settle(first, Outcome::Delivered);
        assert_eq!(text(&input.read().await.unwrap()), "c");
        input.stop().await;
        input.close().await.unwrap();
        assert_eq!(list(&database), ["b", "c", "d"], "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_is_dropped_loses_nothing() {
    for mode in BOTH {
        let database = shared::redis();
        let mut input = input(database.url(), mode);
        input.connect().await.unwrap();
        for _ in 0..20 {
            assert!(futures::poll!(input.read()).is_pending());
        }
        fill(&database, &["a", "b"]);
        assert_eq!(text(&input.read().await.unwrap()), "a");
        assert_eq!(text(&input.read().await.unwrap()), "b");
        input.stop().await;
        input.close().await.unwrap();
        assert_eq!(list(&database), ["a", "b"], "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_keeps_its_order_and_every_message_finds_its_list() {
    let database = shared::redis();
    let output = output(database.url(), "${! this.list }");
    output.connect().await.unwrap();
    let messages = [
        r#"{"list":"a","n":1}"#,
        r#"{"list":"b"}"#,
        r#"{"list":"a","n":2}"#,
    ];
    output.write(&batch(&messages)).await.unwrap();
    let mut client = database.client().unwrap();
    assert_eq!(client.list("a").unwrap(), [messages[0], messages[2]]);
    assert_eq!(client.list("b").unwrap(), [messages[1]]);
    client.command(&["SET", "text", "x"]).unwrap();
    let mixed = batch(&[
        r#"{"list":"text"}"#,
        r#"{"list":"c"}"#,
        "no json",
        r#"{"list":"text"}"#,
    ]);
    let error = output.write(&mixed).await.unwrap_err();
    assert_eq!(error.error().class(), ErrorClass::Rejected);
    assert!(
        error.error().text().contains("push onto `text`"),
        "{error:?}"
    );
    let outcomes = error.into_outcomes(4);
    let is_failed: Vec<_> = (0..4)
        .map(|it| outcomes.get(it).error().is_some())
        .collect();
    assert_eq!(is_failed, [true, false, true, true]);
    assert_eq!(client.list("c").unwrap(), [r#"{"list":"c"}"#]);
    output.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_is_reported_and_everything_arrives_after_it() {
    for mode in BOTH {
        let database = shared::redis();
        let proxy = Proxy::before(database.url()).unwrap();
        let url = proxy.url(database.url()).unwrap();
        let mut input = input(&url, mode);
        let output = output(&url, "cities");
        input.connect().await.unwrap();
        output.connect().await.unwrap();
        output.write(&batch(&["a", "b"])).await.unwrap();
        let first = input.read().await.unwrap();
        let second = input.read().await.unwrap();
        proxy.down().unwrap();
        let error = output.write(&batch(&["c"])).await.unwrap_err();
        assert_eq!(error.error().class(), ErrorClass::NotConnected);
        let error = input.read().await.err().unwrap();
        assert_eq!(error.class(), ErrorClass::NotConnected, "{mode} {error}");
        settle(first, Outcome::Delivered);
        let error = input.connect().await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::NotConnected);
        assert!(error.text().contains("`url`"), "{error}");
        proxy.heal().unwrap();
        output.connect().await.unwrap();
        output.write(&batch(&["c"])).await.unwrap();
        input.connect().await.unwrap();
        assert_eq!(
            text(&input.read().await.unwrap()),
            "c",
            "{mode}: held entries are not read twice"
        );
        settle(second, Outcome::Delivered);
        input.stop().await;
        input.close().await.unwrap();
        wait_for_list(&database, &["c"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_one_clear_error_without_the_password() {
    let password = Some("pl4nted-right".to_owned());
    let server = RedisServer::start(RedisOptions {
        password,
        durable: false,
    })
    .unwrap();
    let wrong = server.url().replace("right", "wrong");
    let without = server.url().replace(":pl4nted-right@", "");
    for url in [&wrong, &without] {
        for mode in BOTH {
            let error = input(url, mode).connect().await.unwrap_err();
            check_refused(&error);
        }
        check_refused(&output(url, "k").connect().await.unwrap_err());
    }
    input(&server.url(), "").connect().await.unwrap();
}

/// Somebody has to act: it is told as an error, and tried again.
fn check_refused(error: &Error) {
    assert_eq!(error.class(), ErrorClass::Rejected, "{error}");
    let told = ["authentication failed", "NOAUTH"];
    assert!(
        error.text().contains("`url`") && told.iter().any(|it| error.text().contains(it)),
        "{error}"
    );
    assert!(!error.text().contains("pl4nted"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_is_used_again() {
    for mode in BOTH {
        let mut server = RedisServer::start(RedisOptions {
            password: None,
            durable: true,
        })
        .unwrap();
        server
            .client()
            .unwrap()
            .command(&["RPUSH", "cities", "a", "b", "c"])
            .unwrap();
        let mut input = input(&server.url(), &format!("{mode}  max_in_flight: 1\n"));
        input.connect().await.unwrap();
        let first = input.read().await.unwrap();
        server.kill();
        settle(first, Outcome::Delivered);
        assert_eq!(
            input.read().await.err().unwrap().class(),
            ErrorClass::NotConnected
        );
        server.start_again().unwrap();
        input.connect().await.unwrap();
        assert_eq!(text(&input.read().await.unwrap()), "b", "{mode}");
        input.stop().await;
        input.close().await.unwrap();
        assert_eq!(
            server.client().unwrap().list("cities").unwrap(),
            ["b", "c"],
            "{mode}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_cannot_go_back_are_named() {
    let mut server = RedisServer::start(RedisOptions::default()).unwrap();
    server
        .client()
        .unwrap()
        .command(&["RPUSH", "cities", "Paris", "Rome"])
        .unwrap();
    let mut input = input(&server.url(), "");
    input.connect().await.unwrap();
    let _held = (input.read().await.unwrap(), input.read().await.unwrap());
    server.kill();
    input.stop().await;
    let error = input.close().await.unwrap_err();
    let text = error.text();
    assert!(
        text.contains("2 entries") && text.contains("Paris") && text.contains("Rome"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_holds_no_list_is_named() {
    let database = shared::redis();
    database
        .client()
        .unwrap()
        .command(&["SET", "cities", "x"])
        .unwrap();
    let error = input(database.url(), "").connect().await.unwrap_err();
    assert!(
        error.text().contains("`cities` is a string, not a list"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_refuses_for_a_while_is_told_once_and_entries_come_as_soon_as_it_is_over() {
    for mode in BOTH {
        let database = shared::redis();
        let mut client = database.client().unwrap();
        let mut input = input(database.url(), &format!("{mode}  timeout: 1s\n"));
        input.connect().await.unwrap();
        let mut outage = input.outage().unwrap();
        // It finds the key while it waits, or when it asks the next time.
        client.command(&["SET", "cities", "x"]).unwrap();
        outage.changed().await.unwrap();
        let told = outage.borrow_and_update().clone().unwrap();
        assert!(told.text().contains("WRONGTYPE"), "{told}");
        assert!(!told.text().contains("script"), "{told}");
        // As long as many attempts take.
        let quiet = tokio::time::timeout(Duration::from_secs(2), outage.changed());
        assert!(quiet.await.is_err(), "{mode}: told again");
        client.command(&["DEL", "cities"]).unwrap();
        fill(&database, &["a"]);
        let first = tokio::time::timeout(Duration::from_secs(4), input.read());
        assert_eq!(text(&first.await.unwrap().unwrap()), "a", "{mode}");
        outage.changed().await.unwrap();
        assert!(outage.borrow().is_none(), "{mode}");
        input.stop().await;
        input.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_does_not_wait_for_the_next_entry() {
    let database = shared::redis();
    let mut input = input(database.url(), "  timeout: 60s\n");
    input.connect().await.unwrap();
    assert!(futures::poll!(input.read()).is_pending());
    tokio::time::timeout(Duration::from_secs(30), input.stop())
        .await
        .unwrap();
    input.close().await.unwrap();
}
