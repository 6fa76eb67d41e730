//! The outputs.

use std::sync::Arc;

use millrace_component::Output;
use millrace_message::{Context, ErrorClass, Message, MessageBatch};
use millrace_testkit::poll::PATIENCE;
use millrace_testkit::rabbitmq::Vhost;
use millrace_testkit::shared;
use serde_json::json;

use crate::support::{batch, connect_output, drain, failures, keyed, workbench};

const BY_KEY: &str = r#"exchange: '', key: '${! metadata("key") }'"#;

async fn output(vhost: &Vhost, fields: &str) -> Arc<dyn Output> {
    let url = vhost.url();
    let output = workbench().output(&format!("amqp_0_9: {{ urls: ['{url}'], {fields} }}"));
    connect_output(&output).await;
    output
}

async fn queue_output(vhost: &Vhost, fields: &str) -> Arc<dyn Output> {
    let url = vhost.url();
    let output = workbench().output(&format!("amqp: {{ url: '{url}', {fields} }}"));
    connect_output(&output).await;
    output
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_carries_its_properties_its_metadata_and_its_trace() {
    let vhost = shared::rabbitmq();
    vhost.declare_queue("q.x").unwrap();
    let fields = r#"exchange: '', key: q/x, type: a/b, content_type: text/plain, priority: '3',
        correlation_id: c, message_id: '${! content() }', app_id: app, expiration: '60000',
        user_id: millrace, metadata: { exclude_prefixes: [ secret_ ] }"#;
    let output = output(&vhost, fields).await;
    let mut message = Message::from("payload");
    message.metadata.set("some_name", "value");
    message.metadata.set("number", 7_i64);
    message.metadata.set("secret_token", "hidden");
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    message.set_context(Some(Arc::new(Context {
        trace_parent: Some(trace.into()),
        ..Context::default()
    })));
    output.write(&MessageBatch::one(message)).await.unwrap();
    output.close().await.unwrap();

    let taken = vhost.take("q.x", 10).unwrap();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0]["payload"], json!("payload"));
    assert_eq!(
        taken[0]["properties"],
        json!({
            "type": "a.b", "content_type": "text/plain", "priority": 3, "correlation_id": "c",
            "message_id": "payload", "app_id": "app", "expiration": "60000",
            "user_id": "millrace", "delivery_mode": 2,
            "headers": {"some-name": "value", "number": 7, "traceparent": trace},
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_batch_arrives_in_order() {
    let vhost = shared::rabbitmq();
    vhost.declare_queue("q").unwrap();
    let output = output(&vhost, "exchange: '', key: q, mandatory: true").await;
    let names: Vec<_> = (0..1000).map(|it| it.to_string()).collect();
    output
        .write(&batch(names.iter().map(String::as_str)))
        .await
        .unwrap();
    output.close().await.unwrap();
    assert_eq!(drain(&vhost, "q"), names);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_returned_message_fails_and_no_other_one() {
    let vhost = shared::rabbitmq();
    vhost.declare_queue("q").unwrap();
    let output = output(&vhost, &format!("{BY_KEY}, mandatory: true")).await;
    let names: Vec<_> = (0..600).map(|it| it.to_string()).collect();
    let key = |index: usize| if index % 3 == 1 { "nowhere" } else { "q" };
    let messages = names
        .iter()
        .enumerate()
        .map(|(index, name)| (name.as_str(), key(index)));
    let failed = failures(output.write(&keyed(messages)).await, names.len());
    let indices: Vec<_> = failed.iter().map(|(index, _)| *index).collect();
    let expected: Vec<_> = (0..600).filter(|it| it % 3 == 1).collect();
    assert_eq!(indices, expected);
    for (_, text) in failed {
        assert_eq!(
            text,
            "returned: NO_ROUTE: no queue took the message to exchange `` with key `nowhere`"
        );
    }
    let arrived: Vec<_> = (0..600)
        .filter(|it| it % 3 != 1)
        .map(|it| it.to_string())
        .collect();
    assert_eq!(drain(&vhost, "q"), arrived);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_under_way_at_the_same_time_do_not_mix_up_their_answers() {
    let vhost = shared::rabbitmq();
    vhost.declare_queue("q").unwrap();
    let output = output(&vhost, &format!("{BY_KEY}, mandatory: true")).await;
    let mut writes = tokio::task::JoinSet::new();
    for write in 0..64_usize {
        let output = Arc::clone(&output);
        writes.spawn(async move {
            for round in 0..10 {
                // The payloads are all the same: only the writes tell the messages apart.
                let key = if (write + round) % 2 == 0 {
                    "nowhere"
                } else {
                    "q"
                };
                let result = output.write(&keyed([("same", key)])).await;
                assert_eq!(result.is_err(), key == "nowhere");
            }
        });
    }
    while let Some(result) = writes.join_next().await {
        result.unwrap();
    }
    output.close().await.unwrap();
    assert_eq!(drain(&vhost, "q").len(), 320);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_an_exchange_that_does_not_exist_fails_and_no_other_one() {
    let vhost = shared::rabbitmq();
    vhost.declare_queue("q").unwrap();
    let output = output(&vhost, r#"exchange: '${! metadata("key") }', key: q"#).await;
    let messages = keyed([
        ("a", ""),
        ("b", "missing"),
        ("c", ""),
        ("d", "missing"),
        ("e", ""),
    ]);
    let failed = failures(output.write(&messages).await, 5);
    let indices: Vec<_> = failed.iter().map(|(index, _)| *index).collect();
    assert_eq!(indices, [1, 3]);
    for (_, text) in failed {
        assert!(
            text.starts_with("publish: NOT_FOUND - no exchange 'missing'"),
            "{text}"
        );
    }
    let mut arrived = drain(&vhost, "q");
    arrived.sort_unstable();
    arrived.dedup();
    assert_eq!(arrived, ["a", "c", "e"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_a_full_queue_refuses_fails_and_no_other_one() {
    let vhost = shared::rabbitmq();
    vhost.declare_queue("q").unwrap();
    let arguments = json!({"x-max-length": 2, "x-overflow": "reject-publish"});
    let properties = json!({"durable": true, "arguments": arguments});
    vhost.declare_queue_with("full", &properties).unwrap();
    let output = output(&vhost, BY_KEY).await;
    let fill = keyed([("1", "full"), ("2", "full")]);
    output.write(&fill).await.unwrap();
    vhost
        .wait_for_depth("full", PATIENCE, |it| it.ready == 2)
        .unwrap();
    let messages = keyed([("a", "q"), ("b", "full"), ("c", "q")]);
    let failed = failures(output.write(&messages).await, 3);
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].0, 1);
    assert!(
        failed[0].1.contains("refused the message"),
        "{}",
        failed[0].1
    );
    assert_eq!(drain(&vhost, "q"), ["a", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_expressed_fails_and_no_other_one() {
    let vhost = shared::rabbitmq();
    vhost.declare_queue("q").unwrap();
    let output = output(
        &vhost,
        r#"exchange: '', key: q, priority: '${! metadata("key") }'"#,
    )
    .await;
    let failed = failures(
        output
            .write(&keyed([("a", "1"), ("b", "11"), ("c", "")]))
            .await,
        3,
    );
    assert_eq!(
        failed,
        [(1, "priority: `11` is not an integer from 0 to 9".to_owned())]
    );
    assert_eq!(drain(&vhost, "q"), ["a", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exchange_is_declared_when_that_is_asked_for() {
    let vhost = shared::rabbitmq();
    let fields = "exchange: news, key: any, exchange_declare: { enabled: true, type: fanout }";
    let first = output(&vhost, fields).await;
    first.write(&batch(["nobody listens"])).await.unwrap();
    let exchanges = vhost.list("exchanges").unwrap();
    let news = exchanges
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["name"] == "news")
        .unwrap();
    assert_eq!(
        (&news["type"], &news["durable"]),
        (&json!("fanout"), &json!(true))
    );

    let other = fields.replace("fanout", "topic");
    let url = vhost.url();
    let output = workbench().output(&format!("amqp_0_9: {{ urls: ['{url}'], {other} }}"));
    let error = output.connect().await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::NotConnected);
    assert!(
        error
            .text()
            .starts_with("declare exchange `news`: PRECONDITION_FAILED"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn output_amqp_declares_a_missing_queue_and_keeps_an_existing_one_as_it_is() {
    let vhost = shared::rabbitmq();
    let arguments = json!({"x-max-length": 100});
    let properties = json!({"durable": false, "arguments": arguments});
    vhost.declare_queue_with("made", &properties).unwrap();
    let output = queue_output(&vhost, r#"target: '${! metadata("key") }'"#).await;
    output
        .write(&keyed([("a", "made"), ("b", "new/one"), ("c", "new/one")]))
        .await
        .unwrap();
    assert_eq!(drain(&vhost, "made"), ["a"]);
    assert_eq!(drain(&vhost, "new/one"), ["b", "c"]);
    let queues = vhost.list("queues").unwrap();
    let new = queues
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["name"] == "new/one")
        .unwrap();
    assert_eq!(new["durable"], json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn output_amqp_declares_a_deleted_queue_again() {
    let vhost = shared::rabbitmq();
    let output = queue_output(&vhost, "target: q").await;
    output.write(&batch(["a"])).await.unwrap();
    vhost.delete_queue("q").unwrap();
    let failed = failures(output.write(&batch(["b"])).await, 1);
    assert!(
        failed[0].1.starts_with("returned: NO_ROUTE"),
        "{}",
        failed[0].1
    );
    output.write(&batch(["b"])).await.unwrap();
    assert_eq!(drain(&vhost, "q"), ["b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_that_the_broker_does_not_have_fails_the_message_with_its_reason() {
    let vhost = shared::rabbitmq();
    vhost.declare_queue("q").unwrap();
    let output = output(&vhost, "exchange: '', key: q, immediate: true").await;
    let result = output.write(&batch(["a"])).await;
    let error = result.unwrap_err();
    assert_eq!(error.error().class(), ErrorClass::Retry);
    assert!(
        error.error().text().contains("NOT_IMPLEMENTED"),
        "{:?}",
        error.error()
    );
}

/// The broker closes the channel of each, and the client library keeps the error with its number.
#[tokio::test(flavor = "multi_thread")]
async fn messages_that_cost_their_channels_do_not_use_the_output_up() {
    let vhost = shared::rabbitmq();
    vhost.declare_queue("q").unwrap();
    let url = format!("{}?channel_max=8", vhost.url());
    let output = workbench().output(&format!(
        r#"amqp_0_9: {{ urls: ['{url}'], exchange: '${{! metadata("exchange") }}', key: q }}"#
    ));
    connect_output(&output).await;
    let to = |exchange: &str, text: &str| {
        let mut message = Message::from(text);
        message.metadata.set("exchange", exchange);
        MessageBatch::one(message)
    };
    let mut connections = 1;
    for number in 0..50 {
        // Right and wrong ones in turn.
        for (exchange, is_right) in [("nope", false), ("", true)] {
            let batch = to(exchange, &number.to_string());
            let mut written = output.write(&batch).await;
            if let Err(lost) = &written
                && lost.error().class() == ErrorClass::NotConnected
            {
                connect_output(&output).await;
                connections += 1;
                written = output.write(&batch).await;
            }
            let error = written.err().map(|it| it.error().text().to_owned());
            assert_eq!(error.is_none(), is_right, "{number}: {error:?}");
            let is_told = |it: String| it.contains("no exchange 'nope'");
            assert!(error.is_none_or(is_told), "{number}");
        }
    }
    assert!(connections > 3, "{connections} connections");
    output.close().await.unwrap();
    let all: Vec<_> = (0..50).map(|it| it.to_string()).collect();
    assert_eq!(drain(&vhost, "q"), all);
}
