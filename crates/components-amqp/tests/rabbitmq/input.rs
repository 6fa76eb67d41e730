//! The input.

use millrace_component::Input;
use millrace_message::ErrorClass;
use millrace_testkit::poll::PATIENCE;
use millrace_testkit::rabbitmq::Vhost;
use millrace_testkit::shared;
use serde_json::json;

use crate::support::{connect_input, drain, fill, read, read_many, workbench};

fn input(vhost: &Vhost, fields: &str) -> Box<dyn Input> {
    let url = vhost.url();
    workbench().input(&format!(
        "amqp_0_9: {{ urls: ['{url}'], queue: q, {fields} }}"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_arrive_in_order_with_their_properties_and_headers() {
    let vhost = shared::rabbitmq();
    vhost.declare_queue("q").unwrap();
    let properties = json!({
        "content_type": "text/plain", "content_encoding": "identity", "delivery_mode": 2,
        "priority": 3, "correlation_id": "c", "reply_to": "r", "expiration": "60000",
        "message_id": "m", "timestamp": 1_700_000_000, "type": "t", "app_id": "a",
        "headers": {
            "x-a": "one", "n": 7, "deep": {"in-ner": true}, "list": ["x", "y"],
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        },
    });
    vhost
        .publish_to("amq.default", "q", "first", &properties)
        .unwrap();
    vhost.publish("q", "second").unwrap();
    let mut input = input(&vhost, "consumer_tag: tag");
    connect_input(&mut input).await;

    let first = read(&mut input).await;
    assert_eq!(first.text(), "first");
    for (name, value) in [
        ("amqp_content_type", "text/plain"),
        ("amqp_content_encoding", "identity"),
        ("amqp_delivery_mode", "2"),
        ("amqp_priority", "3"),
        ("amqp_correlation_id", "c"),
        ("amqp_reply_to", "r"),
        ("amqp_expiration", "60000"),
        ("amqp_message_id", "m"),
        ("amqp_timestamp", "1700000000"),
        ("amqp_type", "t"),
        ("amqp_app_id", "a"),
        ("amqp_consumer_tag", "tag"),
        ("amqp_delivery_tag", "1"),
        ("amqp_redelivered", "false"),
        ("amqp_exchange", ""),
        ("amqp_routing_key", "q"),
        ("x_a", "one"),
        ("n", "7"),
        ("deep_in_ner", "true"),
        ("list_1", "y"),
    ] {
        assert_eq!(first.meta(name), value, "{name}");
    }
    let trace_parent = first.message.context().unwrap().trace_parent.as_deref();
    assert_eq!(
        trace_parent,
        Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    );
    assert_eq!(read(&mut input).await.text(), "second");
    input.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_stays_with_the_broker_until_it_is_settled() {
    let vhost = shared::rabbitmq();
    fill(&vhost, "q", 5).await;
    let mut input = input(&vhost, "");
    connect_input(&mut input).await;
    let messages = read_many(&mut input, 5).await;
    vhost
        .wait_for_depth("q", PATIENCE, |it| it.ready == 0 && it.unacknowledged == 5)
        .unwrap();
    // Out of order, so that single and multiple acknowledgements are sent.
    let mut messages: Vec<_> = messages.into_iter().map(Some).collect();
    for index in [3, 0, 1, 4, 2] {
        messages[index].take().unwrap().ack();
    }
    vhost
        .wait_for_depth("q", PATIENCE, |it| it.total() == 0)
        .unwrap();
    input.stop().await;
    input.close().await.unwrap();
    assert_eq!(drain(&vhost, "q"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_message_goes_back_and_is_delivered_again() {
    let vhost = shared::rabbitmq();
    fill(&vhost, "q", 1).await;
    let mut input = input(&vhost, "");
    connect_input(&mut input).await;
    read(&mut input).await.fail("no luck");
    for _ in 0..3 {
        let again = read(&mut input).await;
        assert_eq!(again.meta("amqp_redelivered"), "true");
        again.fail("still no luck");
    }
    let last = read(&mut input).await;
    assert_eq!(last.text(), "0");
    last.ack();
    input.stop().await;
    input.close().await.unwrap();
    assert_eq!(drain(&vhost, "q"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_message_that_matches_a_pattern_is_dead_lettered() {
    let vhost = shared::rabbitmq();
    let arguments = json!({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"});
    let properties = json!({"durable": true, "arguments": arguments});
    vhost.declare_queue_with("q", &properties).unwrap();
    vhost.declare_queue("dead").unwrap();
    fill(&vhost, "q", 2).await;
    let mut input = input(&vhost, "nack_reject_patterns: ['^poison: .+$']");
    connect_input(&mut input).await;
    read(&mut input).await.fail("poison: it is bad");
    read(&mut input).await.ack();
    vhost
        .wait_for_depth("dead", PATIENCE, |it| it.ready == 1)
        .unwrap();
    input.stop().await;
    input.close().await.unwrap();
    assert_eq!(drain(&vhost, "dead"), ["0"]);
    assert_eq!(drain(&vhost, "q"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_gives_back_what_was_read_ahead_and_keeps_what_is_under_way() {
    let vhost = shared::rabbitmq();
    fill(&vhost, "q", 10).await;
    let mut input = input(&vhost, "prefetch_count: 10");
    connect_input(&mut input).await;
    let under_way = read_many(&mut input, 2).await;
    vhost
        .wait_for_depth("q", PATIENCE, |it| it.unacknowledged == 10)
        .unwrap();
    input.stop().await;
    vhost
        .wait_for_depth("q", PATIENCE, |it| it.ready == 8 && it.unacknowledged == 2)
        .unwrap();
    under_way.into_iter().for_each(|it| it.ack());
    input.close().await.unwrap();
    let left: Vec<_> = (2..10).map(|it| it.to_string()).collect();
    assert_eq!(drain(&vhost, "q"), left);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_held_goes_back_when_the_input_stops() {
    let vhost = shared::rabbitmq();
    fill(&vhost, "q", 1).await;
    let mut input = input(&vhost, "");
    connect_input(&mut input).await;
    // From the tenth failure on it would be held for 5 seconds.
    for _ in 0..6 {
        read(&mut input).await.fail("never");
    }
    input.stop().await;
    input.close().await.unwrap();
    assert_eq!(drain(&vhost, "q"), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_auto_ack_a_message_is_gone_once_it_is_read() {
    let vhost = shared::rabbitmq();
    fill(&vhost, "q", 3).await;
    let mut input = input(&vhost, "auto_ack: true, prefetch_count: 1");
    connect_input(&mut input).await;
    read(&mut input).await.fail("nobody hears of it");
    read(&mut input).await.ack();
    input.stop().await;
    input.close().await.unwrap();
    assert_eq!(drain(&vhost, "q"), ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_and_bindings_are_declared_when_that_is_asked_for() {
    let vhost = shared::rabbitmq();
    let declare = "queue_declare: { enabled: true, arguments: { x-queue-type: quorum } }, \
                   bindings_declare: [ { exchange: amq.topic, key: 'a.*' } ]";
    let mut input = input(&vhost, declare);
    connect_input(&mut input).await;
    vhost
        .publish_to("amq.topic", "a.b", "bound", &json!({}))
        .unwrap();
    let message = read(&mut input).await;
    assert_eq!(
        (message.text(), message.meta("amqp_exchange").as_str()),
        ("bound", "amq.topic")
    );
    message.ack();
    input.close().await.unwrap();
    let queues = vhost.list("queues").unwrap();
    assert_eq!(queues[0]["arguments"]["x-queue-type"], json!("quorum"));
    assert_eq!(queues[0]["durable"], json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_queue_is_named_and_can_be_created_later() {
    let vhost = shared::rabbitmq();
    let mut input = input(&vhost, "");
    let error = input.connect().await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::NotConnected);
    assert!(
        error
            .text()
            .starts_with("consume from queue `q`: NOT_FOUND"),
        "{error}"
    );
    fill(&vhost, "q", 1).await;
    connect_input(&mut input).await;
    read(&mut input).await.ack();
    input.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_ends_the_connection_instead_of_hanging() {
    let vhost = shared::rabbitmq();
    vhost.declare_queue("q").unwrap();
    let mut input = input(&vhost, "");
    connect_input(&mut input).await;
    vhost.delete_queue("q").unwrap();
    let ended = tokio::time::timeout(PATIENCE, input.read()).await.unwrap();
    let error = ended.err().unwrap();
    assert_eq!(error.class(), ErrorClass::NotConnected);
    assert!(error.text().contains("queue `q`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_are_tried_in_turn() {
    let vhost = shared::rabbitmq();
    fill(&vhost, "q", 1).await;
    let closed = millrace_testkit::port::free_port();
    let urls = format!("'amqp://127.0.0.1:{closed}/, {}'", vhost.url());
    let mut input = workbench().input(&format!("amqp_0_9: {{ urls: [{urls}], queue: q }}"));
    connect_input(&mut input).await;
    read(&mut input).await.ack();
    input.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_gives_an_error_that_says_so_and_does_not_show_it() {
    let vhost = shared::rabbitmq();
    let address = vhost.address();
    let name = vhost.name();
    let url = format!("amqp://millrace:planted-password@{address}/{name}");
    let mut input = workbench().input(&format!("amqp_0_9: {{ urls: ['{url}'], queue: q }}"));
    let error = input.connect().await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Rejected);
    let text = error.text();
    assert!(
        text.starts_with(&format!(
            "connect to amqp://{address}/{name}: ACCESS_REFUSED"
        )),
        "{text}"
    );
    assert!(text.contains("check the user and the password"), "{text}");
    assert!(!text.contains("planted-password"), "{text}");
}
