use super::*;
use crate::config::SecurityProtocol;

fn yaml(text: &str) -> Loaded {
    read("broker.yaml", text, Format::Yaml, &Environment::empty())
}

fn properties(text: &str) -> Loaded {
    let environment = Environment::empty();
    read("server.properties", text, Format::Properties, &environment)
}

/// Errors and warnings, without notes.
fn complaints(loaded: &Loaded) -> Vec<String> {
    let renderer = loaded.renderer();
    let told = loaded.diagnostics.iter();
    let told = told.filter(|it| it.severity > Severity::Note);
    told.map(|it| renderer.one_line(it)).collect()
}

fn fit(loaded: Loaded) -> BrokerConfig {
    assert_eq!(complaints(&loaded), Vec::<String>::new());
    loaded.config.expect("a config without complaints")
}

/// The blocks `config/broker.yaml` of the operations guide, as they stand there.
const SMALL: &str = "\
# Reduce buffer sizes in config/broker.yaml
socket_send_buffer_bytes: 51200  # Reduce from 102400
socket_receive_buffer_bytes: 51200

# Reduce log segment size
log_segment_bytes: 536870912  # 512MB instead of 1GB

# Increase broker memory
# In docker-compose.yml:
services:
  broker-1:
    mem_limit: 2g
";
const LARGE: &str = "\
# Network threads (1 per core)
num_network_threads: 8
num_io_threads: 16
socket_send_buffer_bytes: 1048576    # 1MB
socket_receive_buffer_bytes: 1048576
num_replica_fetchers: 8
log_segment_bytes: 2147483648  # 2GB
";

#[test]
fn the_files_of_the_operations_guide_are_accepted() {
    let small = fit(yaml(&format!("node_id: 1\n{SMALL}")));
    assert_eq!(small.connections.send_buffer_bytes, Some(51200));
    assert_eq!(small.topics.log.segment_bytes, 536_870_912);
    let large = fit(yaml(&format!("node_id: 1\n{LARGE}")));
    assert_eq!(large.connections.receive_buffer_bytes, Some(1_048_576));
    assert_eq!(large.topics.log.segment_bytes, 2_147_483_647);
}

#[test]
fn kafkas_own_file_is_accepted() {
    let loaded = properties(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.bootstrap.servers=localhost:9093\n\
         listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n\
         inter.broker.listener.name=PLAINTEXT\n\
         advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,\\\n\
         \x20   SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL\n\
         num.network.threads=3\n\
         num.io.threads=8\n\
         socket.send.buffer.bytes=102400\n\
         socket.receive.buffer.bytes=102400\n\
         socket.request.max.bytes=104857600\n\
         log.dirs=/tmp/kraft-combined-logs\n\
         num.partitions=1\n\
         num.recovery.threads.per.data.dir=2\n\
         offsets.topic.replication.factor=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         log.retention.hours=168\n\
         log.segment.bytes=1073741824\n\
         log.retention.check.interval.ms=300000\n",
    );
    let config = fit(loaded);
    assert_eq!(config.listeners.len(), 1);
    assert_eq!(config.listeners[0].protocol, SecurityProtocol::Plaintext);
    assert_eq!(
        config.log_dirs,
        [std::path::PathBuf::from("/tmp/kraft-combined-logs")]
    );
}

#[test]
fn keys_stand_within_each_other_and_lists_are_lists() {
    let config = fit(yaml(
        "node.id: 1\n\
         listeners: [ 'PLAINTEXT://:9092', 'OTHER://127.0.0.1:0' ]\n\
         listener.security.protocol.map: { PLAINTEXT: PLAINTEXT, OTHER: PLAINTEXT }\n\
         log:\n  dirs: [ a, b ]\n  retention: { hours: 2 }\n\
         log.cleanup.policy: [ compact, delete ]\n",
    ));
    assert_eq!(config.listeners.len(), 2);
    assert_eq!(config.log_dirs.len(), 2);
    assert_eq!(config.topics.log.retention_ms, Some(7_200_000));
    assert!(config.topics.cleanup.compacts);
}

#[test]
fn variables_of_the_environment_are_replaced_in_yaml() {
    let mut environment = Environment::empty();
    environment.set("ID", "7");
    let text = "node.id: ${ID}\nnum.partitions: ${PARTITIONS:3}\nbroker.rack: ${RACK}\n";
    let loaded = read("broker.yaml", text, Format::Yaml, &environment);
    let found = complaints(&loaded);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("RACK"), "{found:?}");
    environment.set("RACK", "a");
    let config = fit(read("broker.yaml", text, Format::Yaml, &environment));
    assert_eq!((config.node_id, config.num_partitions), (7, 3));
}

#[test]
fn every_mistake_is_told_at_once_with_its_place_and_remedy() {
    let loaded = yaml(
        "node.id: 1\n\
         num.partition: 3\n\
         num.partitions: many\n\
         auto_create_topics_enable: 1\n\
         log_retention_hours: 1\n\
         log.retention.hours: 2\n\
         log.segment.bytes: 1GiB\n\
         connections.max.idle.ms: 10m\n\
         compression.type: zip\n\
         authorizer.class.name: org.example.Guard\n\
         fetch.max.bytes: [ 1 ]\n\
         message.max.bytes: -1\n\
         listeners: SSL://:9093\n",
    );
    assert!(loaded.config.is_none());
    let expected = [
        "broker.yaml(2,1) a broker has no key `num.partition` (did you mean `num.partitions`?)",
        "broker.yaml(3,17) `num.partitions`: it is not a number of type int",
        "broker.yaml(4,28) `auto_create_topics_enable`: it must be true or false",
        "broker.yaml(6,1) `log.retention.hours` and `log_retention_hours` are the same key",
        "broker.yaml(7,20) `log.segment.bytes`: it is not a number of type int",
        "broker.yaml(8,26) `connections.max.idle.ms`: it is not a number of type long",
        "broker.yaml(9,19) `compression.type`: it must be one of:",
        "broker.yaml(10,1) `authorizer.class.name`: access control is not built",
        "broker.yaml(11,18) `fetch.max.bytes`: expected an integer, found a list",
        "broker.yaml(12,20) `message.max.bytes`: it must be at least 0",
        "broker.yaml(13,1) the listener `SSL`: TLS needs a certificate: `ssl.keystore.location`",
    ];
    let found = complaints(&loaded);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
    let page = loaded.render(false);
    assert!(page.contains("write 1073741824"), "{page}");
    assert!(page.contains("write 600000"), "{page}");
}

#[test]
fn keys_without_effect_give_a_note_with_the_reason() {
    let loaded = yaml(&format!("node_id: 1\n{LARGE}zookeeper.connect: z\n"));
    let lines = loaded.lines();
    for expected in [
        "`num_io_threads` has no effect: there is no such pool of threads",
        "`num_replica_fetchers` has no effect: a broker stands alone, since replication is not built",
        "`zookeeper.connect` has no effect: Kafka 4 does not have it any more",
        "it means 2147483647: a segment has less than 2 GiB",
    ] {
        assert!(lines.iter().any(|it| it.contains(expected)), "{lines:#?}");
    }
    assert!(loaded.config.is_some());
}

#[test]
fn a_secret_is_never_quoted_where_something_else_is_wrong() {
    let loaded = properties(
        "node.id=1\n\
         sasl.jaas.config=Login required \\\n   password=hunter22;\n\
         ssl.keystore.pasword=hunter33\n\
         gone=1\n",
    );
    let all = format!("{}{:?}", loaded.render(false), loaded.lines());
    assert!(all.contains("pasword"), "{all}");
    assert!(
        !all.contains("hunter22") && !all.contains("hunter33"),
        "{all}"
    );
}

#[test]
fn a_file_that_is_no_list_of_keys_is_refused() {
    assert_eq!(
        complaints(&yaml("- a\n"))[0],
        "broker.yaml(1,1) expected an object with the keys of a broker, found a list"
    );
    assert_eq!(
        complaints(&yaml(""))[0],
        "broker.yaml(1,1) the broker has no number (add `node.id`, such as 1)"
    );
    let long = format!("node.id: 1\n{}: {{ a: 1 }}\n", "k".repeat(100_000));
    assert!(complaints(&yaml(&long)).iter().all(|it| it.len() < 1000));
}

#[test]
fn the_end_of_a_files_name_tells_its_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.properties");
    std::fs::write(&path, "node.id=3").unwrap();
    let environment = Environment::empty();
    assert_eq!(fit(load(&path, &environment)).node_id, 3);
    let path = folder.path().join("broker.yaml");
    std::fs::write(&path, "node_id: 4").unwrap();
    assert_eq!(fit(load(&path, &environment)).node_id, 4);
    let missing = load(&folder.path().join("gone.yaml"), &environment);
    assert!(missing.config.is_none());
    assert!(missing.lines()[0].contains("gone.yaml"));
}

/// Every beginning of a text, and the text with each of its bytes changed.
fn damaged(text: &str) -> impl Iterator<Item = String> {
    let cut = (0..text.len()).map(|end| text[..end].to_owned());
    let changed = (0..text.len()).flat_map(move |at| {
        [b'\\', b':', b'\n', b'{', b' ', 0]
            .into_iter()
            .map(move |byte| {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] = byte;
                String::from_utf8(bytes).unwrap()
            })
    });
    cut.chain(changed)
}

#[test]
fn a_damaged_file_is_read_or_refused_and_nothing_else() {
    let yaml_text = "node_id: 1\nlog: { dirs: [ a ] }\nlog_segment_bytes: 2147483648\n";
    let properties_text = "node.id = 1\nlog.dirs=a,\\\n  b\nbroker.rack=\\u0041\n";
    for (text, read) in [
        (yaml_text, yaml as fn(&str) -> Loaded),
        (properties_text, properties),
    ] {
        for text in damaged(text) {
            let loaded = read(&text);
            let is_refused = loaded.diagnostics.has_errors();
            assert_eq!(loaded.config.is_none(), is_refused, "{text:?}");
            assert!(loaded.render(false).len() < 10_000);
        }
    }
}
