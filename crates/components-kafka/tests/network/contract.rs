//! The suites of inputs and outputs.

use millrace_component::conformance::{self, PLANTED};
use millrace_message::{Message, MessageBatch};
use millrace_spec::ComponentKind;

use crate::broker::{TestBroker, bench, now};

async fn broker() -> TestBroker {
    let broker = TestBroker::start().await;
    broker.topic("t", 1).await;
    broker
}

fn kafka_input(address: &str) -> String {
    format!(
        "kafka: {{ addresses: [ '{address}' ], topics: [ t ], consumer_group: g, \
         commit_period: 10ms }}"
    )
}

fn kafka_franz_input(address: &str) -> String {
    format!(
        "kafka_franz: {{ seed_brokers: [ '{address}' ], topics: [ t ], consumer_group: g, \
         commit_period: 10ms, fetch_max_wait: 100ms }}"
    )
}

fn kafka_output(address: &str) -> String {
    format!(
        "kafka: {{ addresses: [ '{address}' ], topic: t, ack_replicas: true, \
         backoff: {{ initial_interval: 10ms, max_interval: 10ms }} }}"
    )
}

fn kafka_franz_output(address: &str) -> String {
    format!("kafka_franz: {{ seed_brokers: [ '{address}' ], topic: t }}")
}

async fn keeps_the_promises_of_an_input(config: impl Fn(&str) -> String) {
    let (broker, bench) = (broker().await, bench());
    let yaml = config(&broker.address());
    let fill = |texts: &[&str]| now(broker.fill("t", 0, texts));
    conformance::input_with_offsets(|| bench.input(&yaml), fill).await;
}

async fn recovers_from_a_cut_of_an_input(config: impl Fn(&str) -> String) {
    let (broker, bench) = (broker().await, bench());
    let fill = |texts: &[&str]| now(broker.fill("t", 0, texts));
    let input = bench.input(&config(&broker.address()));
    conformance::input_over_a_cut(input, fill, || broker.proxy.cut()).await;
}

async fn keeps_the_promises_of_an_output(config: impl Fn(&str) -> String) {
    let (broker, bench) = (broker().await, bench());
    let yaml = config(&broker.address());
    let arrived = || now(broker.values("t"));
    conformance::output(|| bench.leaf_output(&yaml), arrived).await;
}

async fn recovers_from_a_cut_of_an_output(config: impl Fn(&str) -> String) {
    let (broker, bench) = (broker().await, bench());
    let leaf = bench.leaf_output(&config(&broker.address()));
    let arrived = || now(broker.values("t"));
    conformance::output_over_a_cut(leaf, arrived, || broker.proxy.cut()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_keeps_the_promises_of_an_input() {
    keeps_the_promises_of_an_input(kafka_input).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_franz_keeps_the_promises_of_an_input() {
    keeps_the_promises_of_an_input(kafka_franz_input).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_input_kafka_recovers_from_a_cut_connection() {
    recovers_from_a_cut_of_an_input(kafka_input).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_input_kafka_franz_recovers_from_a_cut_connection() {
    recovers_from_a_cut_of_an_input(kafka_franz_input).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_keeps_the_promises_of_an_output() {
    keeps_the_promises_of_an_output(kafka_output).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_franz_keeps_the_promises_of_an_output() {
    keeps_the_promises_of_an_output(kafka_franz_output).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_output_kafka_recovers_from_a_cut_connection() {
    recovers_from_a_cut_of_an_output(kafka_output).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_output_kafka_franz_recovers_from_a_cut_connection() {
    recovers_from_a_cut_of_an_output(kafka_franz_output).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outputs_name_the_messages_that_they_cannot_write() {
    for (name, brokers) in [
        ("kafka", "ack_replicas: true, addresses"),
        ("kafka_franz", "seed_brokers"),
    ] {
        let (broker, bench) = (broker().await, bench());
        let yaml = format!(
            "{name}: {{ {brokers}: [ '{}' ], topic: t, partitioner: manual, \
             partition: '${{! json(\"p\") }}' }}",
            broker.address()
        );
        let large = format!(r#"{{"p":0,"large":"{}"}}"#, "x".repeat(1_000_000));
        let texts = [
            r#"{"p":0}"#,
            r#"{"p":7}"#,
            r#"{"p":"x"}"#,
            large.as_str(),
            r#"{"p":0,"a":1}"#,
        ];
        let batch: MessageBatch = texts.iter().map(|it| Message::from(*it)).collect();
        let arrived = || now(broker.values("t"));
        let leaf = bench.leaf_output(&yaml);
        conformance::output_refuses(leaf, batch, &[1, 2, 3], arrived).await;
    }
}

#[tokio::test]
async fn a_password_is_shown_nowhere() {
    let settings = "sasl.enabled.mechanisms=SCRAM-SHA-256,PLAIN\n\
                    listener.name.outside.plain.sasl.jaas.config=\
                    org.apache.kafka.common.security.plain.PlainLoginModule required \
                    user_alice=\"wonderland\";\n";
    let broker = TestBroker::secured("SASL_PLAINTEXT", settings).await;
    let nobody = "127.0.0.1:1".to_owned();
    let bench = bench();
    for address in [broker.outside(), nobody] {
        for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
            let sasl = format!("mechanism: {mechanism}, password: {PLANTED}");
            let kafka = format!("addresses: [ '{address}' ], sasl: {{ {sasl}, user: alice }}");
            let franz =
                format!("seed_brokers: [ '{address}' ], sasl: [ {{ {sasl}, username: alice }} ]");
            for (kind, yaml) in [
                (
                    ComponentKind::Input,
                    format!("kafka: {{ {kafka}, topics: [ t ], consumer_group: g }}"),
                ),
                (
                    ComponentKind::Input,
                    format!("kafka_franz: {{ {franz}, topics: [ t ] }}"),
                ),
                (
                    ComponentKind::Output,
                    format!("kafka: {{ {kafka}, topic: t }}"),
                ),
                (
                    ComponentKind::Output,
                    format!("kafka_franz: {{ {franz}, topic: t }}"),
                ),
            ] {
                conformance::keeps_secrets(&bench, kind, &yaml).await;
            }
        }
    }
}
