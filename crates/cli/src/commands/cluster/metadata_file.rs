//! The file that `cluster export` writes, `metadata-backup.json` of the operations guide: the brokers,
//! the topics with their partitions, and what is set for each.
//!
//! ```json
//! { "cluster_id": "…", "controller_id": 1,
//!   "brokers": [ { "broker_id": 1, "host": "…", "port": 9092, "rack": null } ],
//!   "topics": { "orders": {
//!     "topic_id": "…",
//!     "partitions": [ { "partition_index": 0, "leader_id": 1, "replica_nodes": [1], "isr_nodes": [1] } ],
//!     "config": { "retention.ms": "60000" } } } }
//! ```

use std::path::Path;
use std::sync::Arc;

use millrace_kafka_client::{ClusterInfo, ConfigEntry, NewTopic, PartitionInfo, TopicInfo};
use millrace_spec::diagnostics::{Diagnostic, Diagnostics, Renderer, SourceMap, Span};
use millrace_spec::env::InterpolatedText;
use millrace_spec::{Literal, Node, codes, tree};

use super::super::kafka::{number, numbers, object, or_null, text};

/// What is exported.
pub fn exported(cluster: &ClusterInfo, topics: &[(TopicInfo, Vec<ConfigEntry>)]) -> Literal {
    let brokers = cluster.brokers.iter().map(|it| {
        object([
            ("broker_id", number(it.id)),
            ("host", text(&it.host)),
            ("port", number(it.port)),
            ("rack", or_null(it.rack.clone(), text)),
        ])
    });
    let topics = topics.iter().map(|(topic, configs)| {
        let partitions = topic.partitions.iter().map(partition).collect();
        let configs = configs.iter().filter(|it| it.is_set);
        let configs = configs.map(|it| {
            let value = it.value.clone();
            (it.name.clone().into(), or_null(value, text))
        });
        let topic_of_file = object([
            ("topic_id", text(&topic.id)),
            ("partitions", Literal::List(partitions)),
            ("config", Literal::Map(configs.collect())),
        ]);
        (topic.name.clone().into(), topic_of_file)
    });
    object([
        ("cluster_id", text(&cluster.id)),
        ("controller_id", number(cluster.controller)),
        ("brokers", Literal::List(brokers.collect())),
        ("topics", Literal::Map(topics.collect())),
    ])
}

fn partition(partition: &PartitionInfo) -> Literal {
    object([
        ("partition_index", number(partition.partition)),
        ("leader_id", number(partition.leader.unwrap_or(-1))),
        ("replica_nodes", numbers(&partition.replicas)),
        ("isr_nodes", numbers(&partition.in_sync)),
    ])
}

/// The topics of a file, in its order.
///
/// # Errors
/// It cannot be read, or is none of that kind: every complaint with its place, one line each.
pub fn read(path: &Path) -> Result<Vec<NewTopic>, String> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| format!("read {name}: {error}"))?;
    let sources = Arc::new(SourceMap::new());
    let source = sources.add(&*name, &*text);
    let mut reader = Reader::default();
    let tree = tree::parse(
        &InterpolatedText::verbatim(&text, source),
        &mut reader.found,
    );
    let topics = tree.as_ref().map(|it| reader.topics(it));
    let renderer = Renderer::new(&sources);
    let complaints = reader.found.iter().map(|it| renderer.one_line(it));
    let complaints: Vec<_> = complaints.collect();
    match topics {
        Some(topics) if complaints.is_empty() => Ok(topics),
        _ => Err(complaints.join("\n")),
    }
}

#[derive(Default)]
struct Reader {
    found: Diagnostics,
}

impl Reader {
    fn complain(&mut self, span: Span, message: impl Into<String>) {
        let diagnostic = Diagnostic::error(codes::INVALID_VALUE, message.into());
        self.found.push(diagnostic.at(span));
    }

    fn topics(&mut self, tree: &Node) -> Vec<NewTopic> {
        let Some(topics) = tree.get("topics").and_then(Node::as_mapping) else {
            let message = "`topics` must be an object, as `millrace cluster export` writes it";
            self.complain(tree.field_span("topics"), message);
            return Vec::new();
        };
        let topics = topics.entries.iter();
        topics
            .filter_map(|it| self.topic(&it.key, &it.value))
            .collect()
    }

    fn topic(&mut self, name: &str, node: &Node) -> Option<NewTopic> {
        let partitions = node.get("partitions").and_then(Node::as_sequence);
        let Some(partitions @ [first, ..]) = partitions else {
            let message = format!("topic `{name}` needs `partitions`, a list of at least one");
            self.complain(node.field_span("partitions"), message);
            return None;
        };
        let replicas = first.get("replica_nodes").and_then(Node::as_sequence);
        let Some(replicas) = replicas.filter(|it| !it.is_empty()) else {
            let message = format!("a partition of `{name}` needs `replica_nodes`, ids of brokers");
            self.complain(first.field_span("replica_nodes"), message);
            return None;
        };
        Some(NewTopic {
            name: name.to_owned(),
            partitions: i32::try_from(partitions.len()).ok(),
            replication_factor: i16::try_from(replicas.len()).ok(),
            configs: self.configs(name, node),
        })
    }

    fn configs(&mut self, name: &str, node: &Node) -> Vec<(String, String)> {
        let Some(config) = node.get("config").filter(|it| !it.is_null()) else {
            return Vec::new();
        };
        let Some(config) = config.as_mapping() else {
            self.complain(
                config.span,
                format!("`config` of `{name}` must be an object"),
            );
            return Vec::new();
        };
        let mut configs = Vec::new();
        for entry in config.entries.iter() {
            match entry.value.as_scalar().filter(|_| !entry.value.is_null()) {
                Some(value) => configs.push((entry.key.to_string(), value.text.to_string())),
                None => {
                    let message = format!("`{}` of `{name}` must have a value", entry.key);
                    self.complain(entry.value.span, message);
                }
            }
        }
        configs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<NewTopic>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path())
    }

    #[test]
    fn topics_are_read_as_they_are_to_be_made() {
        let text = r#"{ "topics": { "a": { "partitions": [
            { "partition_index": 0, "replica_nodes": [1, 2] }, { "partition_index": 1 } ],
            "config": { "retention.ms": "60000", "max.message.bytes": 5 } },
            "b": { "partitions": [ { "replica_nodes": [1] } ] } } }"#;
        let topics = read_text(text).unwrap();
        assert_eq!(topics.len(), 2);
        assert_eq!(
            (topics[0].partitions, topics[0].replication_factor),
            (Some(2), Some(2))
        );
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let configs = [
            pair("retention.ms", "60000"),
            pair("max.message.bytes", "5"),
        ];
        assert_eq!(topics[0].configs, configs);
        assert_eq!((&*topics[1].name, topics[1].configs.len()), ("b", 0));
    }

    #[test]
    fn every_complaint_has_its_place() {
        for (text, said) in [
            ("", "(1,1) `topics` must be an object"),
            ("{", "(1,"),
            ("[]", "`topics` must be an object"),
            (r#"{"topics": []}"#, "(1,12) `topics` must be an object"),
            (r#"{"topics": {"a": {}}}"#, "topic `a` needs `partitions`"),
            (
                r#"{"topics": {"a": {"partitions": [{}]}}}"#,
                "needs `replica_nodes`",
            ),
            (
                r#"{"topics": {"a": {"partitions": [{"replica_nodes": [1]}], "config": {"b": null}}}}"#,
                "`b` of `a` must have a value",
            ),
        ] {
            let refused = read_text(text).unwrap_err();
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }
}
