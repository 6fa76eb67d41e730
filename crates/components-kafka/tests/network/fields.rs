//! What configs say that cannot be done.

use millrace_component::{InputChild, OutputChild};

use crate::broker::bench;

const KAFKA: &str = "kafka: { addresses: [ a:1 ], ";
const FRANZ: &str = "kafka_franz: { seed_brokers: [ a:1 ], ";

fn input_refused(yaml: &str) -> String {
    bench().read::<InputChild>(yaml).err().unwrap_or_default()
}

fn output_refused(yaml: &str) -> String {
    bench().read::<OutputChild>(yaml).err().unwrap_or_default()
}

#[test]
fn what_an_input_cannot_do_is_refused_by_name() {
    let kafka = format!("{KAFKA}topics: [ t ], consumer_group: g, ");
    let franz = format!("{FRANZ}topics: [ t ], consumer_group: g, ");
    for (start, fields, said) in [
        (&kafka, "rack_id: a", "field rack_id is not supported"),
        (&franz, "rack_id: a", "field rack_id is not supported"),
        (
            &kafka,
            "extract_tracing_map: root = @",
            "extract_tracing_map",
        ),
        (
            &franz,
            "extract_tracing_map: root = @",
            "extract_tracing_map",
        ),
        (&kafka, "new_root_span_with_link: true", "new_root_span"),
        (&franz, "new_root_span_with_link: true", "new_root_span"),
        (&franz, "preferring_lag: 5", "field preferring_lag"),
        (&franz, "group_balancers: [ sticky ]", "balancer `sticky`"),
        (
            &kafka,
            "sasl: { mechanism: OAUTHBEARER }",
            "mechanism OAUTHBEARER is not supported",
        ),
        (
            &franz,
            "sasl: [ { mechanism: AWS_MSK_IAM } ]",
            "mechanism AWS_MSK_IAM is not supported",
        ),
        (
            &kafka,
            "sasl: { aws: { region: eu } }",
            "field region is not supported",
        ),
        (
            &kafka,
            "sasl: { oauth2: { endpoint_params: { a: [ b ] } } }",
            "field endpoint_params is not supported",
        ),
        (
            &franz,
            "sasl: [ { mechanism: PLAIN }, { mechanism: SCRAM-SHA-512 } ]",
            "sasl names several mechanisms",
        ),
    ] {
        let refused = input_refused(&format!("{start}{fields} }}"));
        assert!(refused.contains(said), "{fields}: {refused}");
    }
    let harmless = "target_version: 3.1.0, debug: true, max_processing_period: 1s, \
                    new_root_span_with_link: false, rack_id: ''";
    assert_eq!(input_refused(&format!("{kafka}{harmless} }}")), "");
    let harmless = "group_balancers: [ range ], reconnect_on_unknown_topic_or_partition: true, \
                    sasl: [ { mechanism: none }, { mechanism: PLAIN } ]";
    assert_eq!(input_refused(&format!("{franz}{harmless} }}")), "");
}

#[test]
fn topics_and_groups_that_do_not_go_together_are_refused() {
    for (yaml, said) in [
        (
            format!("{KAFKA}topics: [ 't:0', u ], consumer_group: g }}"),
            "named whole and with partitions",
        ),
        (
            format!("{KAFKA}topics: [ 't:0:5' ] }}"),
            "no offsets to begin at",
        ),
        (format!("{KAFKA}topics: [] }}"), "no topic is named"),
        (
            "kafka: { addresses: [ ' , ' ], topics: [ 't:0' ] }".to_owned(),
            "no address of a broker",
        ),
        (
            format!("{FRANZ}topics: [ 't:0' ], consumer_group: g }}"),
            "read without a group",
        ),
        (
            format!("{FRANZ}topics: [ 't:0' ], regexp_topics: true }}"),
            "have no partitions",
        ),
        (
            format!("{FRANZ}topics: [ '(' ], regexp_topics: true }}"),
            "topics: ",
        ),
        (
            format!("{FRANZ}topics: [ t ], auto_offset_reset: none }}"),
            "without a group there is no place",
        ),
    ] {
        let refused = input_refused(&yaml);
        assert!(refused.contains(said), "{yaml}: {refused}");
    }
    assert_eq!(
        input_refused(&format!("{FRANZ}topics: [ t, 'u:0:5' ] }}")),
        ""
    );
}

#[test]
fn whole_topics_are_not_read_without_a_group() {
    let input = bench().read::<InputChild>(&format!("{KAFKA}topics: [ t ] }}"));
    let built = input.unwrap().config.build(&bench().context("kafka"));
    let refused = built.err().unwrap().to_string();
    assert!(
        refused.contains("not read without a consumer_group"),
        "{refused}"
    );
}

#[test]
fn what_an_output_cannot_do_is_refused_by_name() {
    for (start, fields, said) in [
        (KAFKA, "rack_id: a", "field rack_id is not supported"),
        (FRANZ, "rack_id: a", "field rack_id is not supported"),
        (KAFKA, "inject_tracing_map: root = @", "inject_tracing_map"),
        (
            FRANZ,
            "partitioner: uniform_bytes, uniform_bytes_options: { adaptive: true }",
            "field adaptive is not supported",
        ),
        (KAFKA, "partitioner: manual", "field partition is required"),
        (FRANZ, "partitioner: manual", "field partition is required"),
        (KAFKA, "partition: '0'", "only when partitioner is `manual`"),
        (FRANZ, "partition: '0'", "only when partitioner is `manual`"),
        (
            KAFKA,
            "idempotent_write: true",
            "needs the acknowledgement of all replicas",
        ),
        (KAFKA, "max_msg_bytes: 0", "from 1 to 128 MiB"),
        (FRANZ, "max_message_bytes: 1GB", "from 1 to 128 MiB"),
        (
            KAFKA,
            "custom_topic_creation: { enabled: true, partitions: 0 }",
            "0 is no number of partitions",
        ),
    ] {
        let refused = output_refused(&format!("{start}topic: t, {fields} }}"));
        assert!(refused.contains(said), "{fields}: {refused}");
    }
}
