//! The fields of every built component are Bento's: names, types, defaults, options, secrets.
//! What differs is listed here, and why; a listed deviation that does not exist fails, too.

use millrace_component::Descriptor;
use millrace_node::registry;
use millrace_spec::known::differences;

/// Fields that components of many names share and Bento has not, by the path's last segment.
const SHARED: &[&str] = &[
    // Inputs bound how a message that was not delivered comes again.
    "replay",
    // Outputs bound how long a transaction waits for a connection.
    "connect_timeout",
    // HTTP components stop calling an endpoint that keeps failing.
    "circuit_breaker",
    // The seeds' spelling of retry intervals.
    "backoff",
];

/// Deviations of single components: kind and name, and the beginning of a line of differences.
const DEVIATIONS: &[(&str, &str)] = &[
    // Queues and exchanges of other types than the default need arguments.
    ("input amqp_0_9", "queue_declare.arguments: not in Bento"),
    (
        "output amqp_0_9",
        "exchange_declare.arguments: not in Bento",
    ),
    // Brokers have more types of exchanges than Bento lists.
    ("output amqp_0_9", "exchange_declare.type: text"),
    // With Bento's default, confirmed messages are gone after a restart of the broker.
    (
        "output amqp_0_9",
        "persistent: default true, in Bento false",
    ),
    // The operations guide's output.
    ("output amqp", "not a component of Bento"),
    // The log of the process.
    ("input log", "not a component of Bento"),
    ("buffer log", "not a component of Bento"),
    ("output log", "not a component of Bento"),
    // A broker for those who have none.
    ("input kafka_server", "not a component of Bento"),
    // The operations guide's buffer.
    ("buffer batch", "not a component of Bento"),
    // What is read or unpacked as a whole needs a bound.
    ("processor command", "max_size: not in Bento"),
    ("processor decompress", "max_size: not in Bento"),
    ("processor unarchive", "max_size: not in Bento"),
    ("processor parquet_decode", "max_size: not in Bento"),
    ("scanner avro", "max_size: not in Bento"),
    ("scanner json_documents", "max_size: not in Bento"),
    ("processor file", "max_size: not in Bento"),
    ("processor sql_raw", "max_result_size: not in Bento"),
    ("processor sql_select", "max_result_size: not in Bento"),
    ("scanner tar", "max_size: not in Bento"),
    ("scanner to_the_end", "max_size: not in Bento"),
    ("scanner xml_documents", "max_size: not in Bento"),
    ("input http_client", "max_response_size: not in Bento"),
    ("output http_client", "max_response_size: not in Bento"),
    ("processor http", "max_response_size: not in Bento"),
    ("input http_server", "max_body_size: not in Bento"),
    ("buffer sqlite", "max_bytes: not in Bento"),
    // A command that never answers would hold the stream for ever.
    ("processor subprocess", "timeout: not in Bento"),
    // Each entry is leased to one consumer, so that none is lost with it.
    ("input redis_list", "reliable: not in Bento"),
    // Bento has it without documenting it any more.
    ("input stdin", "codec: not in Bento"),
    ("input stdin", "max_buffer: not in Bento"),
    ("input file", "codec: not in Bento"),
    ("input file", "max_buffer: not in Bento"),
    ("input http_client", "stream.codec: not in Bento"),
    ("input http_client", "stream.max_buffer: not in Bento"),
    ("processor log", "fields: not in Bento"),
    ("processor parse_log", "codec: not in Bento"),
    (
        "processor parquet_decode",
        "byte_array_as_string: not in Bento",
    ),
    // Bento says that they take interpolations, and takes them as they stand.
    ("processor javascript", "code: text"),
    ("processor javascript", "file: text"),
    // Bento refuses an empty query only when it builds the processor.
    ("processor while", "check: no default"),
    // The operations guide's way to define a limit where it is used.
    ("processor rate_limit", "interval: not in Bento"),
    ("processor rate_limit", "rate: not in Bento"),
];

#[test]
fn built_components_have_bentos_fields() {
    let registry = registry();
    let found: Vec<(String, String)> = registry
        .iter()
        .flat_map(|descriptor| {
            let lines = differences(&descriptor.spec()).into_iter();
            lines.map(|line| (name(descriptor), line))
        })
        .filter(|(_, line)| !is_shared(line))
        .collect();
    let listed = |(name, line): &(String, String)| {
        DEVIATIONS
            .iter()
            .any(|(of, start)| of == name && line.starts_with(start))
    };
    let unlisted: Vec<_> = found.iter().filter(|it| !listed(it)).collect();
    let stale: Vec<_> = DEVIATIONS
        .iter()
        .filter(|(of, start)| {
            !found
                .iter()
                .any(|(name, line)| of == name && line.starts_with(start))
        })
        .collect();
    assert!(
        unlisted.is_empty() && stale.is_empty(),
        "not listed as deviations: {unlisted:#?}\nlisted, but do not differ: {stale:#?}"
    );
}

fn name(descriptor: &Descriptor) -> String {
    format!("{} {}", descriptor.kind(), descriptor.name())
}

fn is_shared(line: &str) -> bool {
    let path = line.strip_suffix(": not in Bento").unwrap_or_default();
    SHARED.contains(&path.rsplit('.').next().unwrap_or_default())
}
