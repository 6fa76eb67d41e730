//! What DescribeConfigs answers: every key with its value, where that comes from, and what else
//! says the same.

use std::collections::BTreeSet;

use millrace_kafka_wire::Str;
use millrace_kafka_wire::api::describe_configs::{
    DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsSynonym,
};

use super::key::{Effect, Key};
use super::settings::{Said, Source, Texts};
use super::topic::of_broker;
use super::{BrokerConfig, Resource, keys, names};

/// What a client wants to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// The names of keys; without any, all of them.
    pub names: Option<&'a [Str]>,
    /// Everything that says the same, the strongest first.
    pub synonyms: bool,
    /// What each key is for.
    pub documentation: bool,
}

impl<'a> Asked<'a> {
    /// What a request wants to know of one of its resources.
    pub fn of(resource: &'a DescribeConfigsResource, synonyms: bool, documentation: bool) -> Self {
        Self {
            names: resource.configuration_keys.as_deref(),
            synonyms,
            documentation,
        }
    }

    fn wants(&self, name: &str) -> bool {
        self.names
            .is_none_or(|names| names.is_empty() || names.iter().any(|it| *it == *name))
    }
}

/// The settings of a resource; of a topic, `overrides` is what it says of itself.
pub fn describe(
    resource: &Resource,
    broker: &BrokerConfig,
    overrides: &Texts,
    asked: Asked<'_>,
) -> Vec<DescribeConfigsResourceResult> {
    match resource {
        Resource::Topic(_) => describe_topic(broker, overrides, asked),
        Resource::Broker => describe_broker(broker, asked),
        Resource::Cluster => describe_cluster(broker, asked),
    }
}

/// The settings of a topic that says `overrides` of itself.
fn describe_topic(
    broker: &BrokerConfig,
    overrides: &Texts,
    asked: Asked<'_>,
) -> Vec<DescribeConfigsResourceResult> {
    let own = |key: &Key| {
        let text = overrides.get(key.name)?;
        key.canonical(text).ok()
    };
    let mut described = Vec::new();
    for key in keys::TOPIC {
        let own = own(key);
        if !asked.wants(key.name) || (key.is_internal && own.is_none()) {
            continue;
        }
        let synonyms = keys::of_broker(key.name).iter().map(|(name, _)| *name);
        let mut said = broker.settings.said(&synonyms.collect::<Vec<_>>());
        let value = own.clone().or_else(|| {
            let inherited = of_broker(&broker.settings, key.name);
            let (text, _) =
                inherited.or_else(|| Some((key.default?.to_owned(), Source::Default)))?;
            key.canonical(&text).ok()
        });
        if let Some(text) = own {
            said.insert(
                0,
                Said {
                    name: key.name.to_owned(),
                    text,
                    source: Source::Topic,
                },
            );
        }
        let source = said.first().map_or(Source::Default, |it| it.source);
        let mut entry = entry(key.name, key, value, source, &said, asked);
        entry.read_only = false;
        described.push(entry);
    }
    described
}

/// The settings of a broker.
fn describe_broker(broker: &BrokerConfig, asked: Asked<'_>) -> Vec<DescribeConfigsResourceResult> {
    let settings = &broker.settings;
    let is_shown = |key: &&Key| !key.is_internal || settings.is_set(key.name);
    let mut all: Vec<(&str, &Key)> = keys::all_broker()
        .filter(is_shown)
        .map(|key| (key.name, key))
        .collect();
    let layers = [&settings.file, &settings.cluster, &settings.broker];
    let of_listeners: BTreeSet<&str> = layers
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .filter(|name| name.starts_with(names::LISTENER_PREFIX))
        .collect();
    all.extend(of_listeners.into_iter().filter_map(|name| {
        let key = names::key_of(name)?;
        Some((name, key))
    }));
    all.retain(|(name, _)| asked.wants(name));
    let describe = |(name, key): (&str, &'static Key)| {
        let same = match name == key.name {
            true => keys::same(key),
            false => vec![name, key.name],
        };
        // What is stronger than this key has an entry of its own.
        let said = settings.said(&same);
        let from = said.iter().position(|it| it.name == name);
        let said = from.map_or(&[][..], |from| &said[from..]);
        let value = said.first().map(|it| it.text.clone());
        let source = said.first().map_or(Source::Default, |it| it.source);
        entry(name, key, value, source, said, asked)
    };
    all.into_iter().map(describe).collect()
}

/// What was set for all brokers while they ran.
fn describe_cluster(broker: &BrokerConfig, asked: Asked<'_>) -> Vec<DescribeConfigsResourceResult> {
    let wanted = broker.settings.cluster.iter();
    let wanted = wanted.filter(|(name, _)| asked.wants(name));
    let describe = |(name, text): (&String, &String)| {
        let key = names::key_of(name)?;
        let said = Said {
            name: name.clone(),
            text: text.clone(),
            source: Source::Cluster,
        };
        let value = Some(text.clone());
        Some(entry(name, key, value, Source::Cluster, &[said], asked))
    };
    wanted.filter_map(describe).collect()
}

fn entry(
    name: &str,
    key: &Key,
    value: Option<String>,
    source: Source,
    said: &[Said],
    asked: Asked<'_>,
) -> DescribeConfigsResourceResult {
    let shown = |text: String| (!key.is_sensitive()).then(|| Str::from(text));
    let synonym = |it: &Said| DescribeConfigsSynonym {
        name: Str::from(it.name.as_str()),
        value: shown(it.text.clone()),
        source: it.source.number(),
    };
    DescribeConfigsResourceResult {
        name: Str::from(name),
        value: value.and_then(shown),
        read_only: !key.is_dynamic(),
        config_source: source.number(),
        is_sensitive: key.is_sensitive(),
        synonyms: match asked.synonyms {
            true => said.iter().map(synonym).collect(),
            false => Vec::new(),
        },
        config_type: key.kind.number(),
        documentation: asked.documentation.then(|| Str::from(documentation(key))),
    }
}

/// What a key is for, and what becomes of it here.
fn documentation(key: &Key) -> String {
    match key.effect {
        Effect::Honoured => key.doc.to_owned(),
        Effect::Unused(why) => format!("{} It has no effect: {why}.", key.doc),
        Effect::Refused(why) => format!("{} Only the default is taken: {why}.", key.doc),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn texts(pairs: &[(&str, &str)]) -> Texts {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn broker(file: &[(&str, &str)]) -> BrokerConfig {
        let mut file = texts(file);
        file.insert("node.id".to_owned(), "1".to_owned());
        let (config, _) = BrokerConfig::assemble(Settings::of_file(file));
        config.expect("fit")
    }

    fn found<'a>(
        entries: &'a [DescribeConfigsResourceResult],
        name: &str,
    ) -> &'a DescribeConfigsResourceResult {
        let found = entries.iter().find(|it| it.name == *name);
        found.unwrap_or_else(|| panic!("`{name}` is described"))
    }

    fn synonyms(entry: &DescribeConfigsResourceResult) -> Vec<(i8, &str, Option<&str>)> {
        entry
            .synonyms
            .iter()
            .map(|it| (it.source, it.name.as_str(), it.value.as_deref()))
            .collect()
    }

    const ALL: Asked<'static> = Asked {
        names: None,
        synonyms: true,
        documentation: true,
    };

    #[test]
    fn a_topic_is_described_with_every_key_and_where_its_value_comes_from() {
        let broker = broker(&[
            ("log.retention.hours", "1"),
            ("log.segment.bytes", "2097152"),
        ]);
        let overrides = texts(&[("segment.bytes", "1048576")]);
        let entries = describe_topic(&broker, &overrides, ALL);
        assert_eq!(
            entries.len(),
            keys::TOPIC.iter().filter(|key| !key.is_internal).count()
        );
        let segment = found(&entries, "segment.bytes");
        assert_eq!(segment.value.as_deref(), Some("1048576"));
        assert_eq!((segment.config_source, segment.config_type), (1, 3));
        assert_eq!(
            synonyms(segment),
            [
                (1, "segment.bytes", Some("1048576")),
                (4, "log.segment.bytes", Some("2097152")),
                (5, "log.segment.bytes", Some("1073741824")),
            ]
        );
        let retention = found(&entries, "retention.ms");
        assert_eq!(retention.value.as_deref(), Some("3600000"));
        assert_eq!(retention.config_source, 4);
        let policy = found(&entries, "cleanup.policy");
        assert_eq!((policy.config_source, policy.config_type), (5, 7));
        assert!(entries.iter().all(|it| !it.read_only));
        assert!(entries.iter().all(|it| it.documentation.is_some()));
    }

    #[test]
    fn a_broker_is_described_with_every_key_and_its_layers() {
        let (broker, unfit) = broker(&[("log.retention.ms", "7"), ("num.partitions", "4")])
            .with_dynamic(
                &texts(&[("log.retention.ms", "8")]),
                &texts(&[("log.retention.ms", "9")]),
            );
        assert!(unfit.is_empty());
        let entries = describe_broker(&broker, ALL);
        let shown = keys::all_broker().filter(|key| !key.is_internal);
        assert_eq!(entries.len(), shown.count());
        let retention = found(&entries, "log.retention.ms");
        assert_eq!((retention.config_source, retention.read_only), (2, false));
        assert_eq!(
            synonyms(retention),
            [
                (2, "log.retention.ms", Some("9")),
                (3, "log.retention.ms", Some("8")),
                (4, "log.retention.ms", Some("7")),
                (5, "log.retention.hours", Some("168")),
            ]
        );
        let partitions = found(&entries, "num.partitions");
        assert_eq!((partitions.config_source, partitions.read_only), (4, true));
        let rack = found(&entries, "broker.rack");
        assert_eq!((rack.value.clone(), rack.config_source), (None, 5));
    }

    #[test]
    fn of_all_brokers_only_what_was_set_for_them_is_described() {
        let cluster = texts(&[("log.retention.ms", "8")]);
        let (broker, _) = broker(&[]).with_dynamic(&cluster, &Texts::new());
        let entries = describe_cluster(&broker, ALL);
        assert_eq!(entries.len(), 1);
        assert_eq!(synonyms(&entries[0]), [(3, "log.retention.ms", Some("8"))]);
    }

    #[test]
    fn a_secret_is_never_shown() {
        let broker = broker(&[
            ("ssl.keystore.password", "hunter2"),
            ("listener.name.plaintext.plain.sasl.jaas.config", "hunter2"),
        ]);
        let entries = describe_broker(&broker, ALL);
        assert!(!format!("{entries:?}").contains("hunter2"));
        let name = "listener.name.plaintext.plain.sasl.jaas.config";
        let secret = found(&entries, name);
        assert!(secret.is_sensitive && secret.value.is_none());
        assert_eq!(synonyms(secret), [(4, name, None)]);
    }

    #[test]
    fn what_is_not_asked_for_is_not_told() {
        let broker = broker(&[]);
        let names = [Str::from("retention.ms"), Str::from("gone")];
        let asked = Asked {
            names: Some(&names),
            ..Asked::default()
        };
        let entries = describe_topic(&broker, &Texts::new(), asked);
        assert_eq!(entries.len(), 1);
        assert!(entries[0].synonyms.is_empty() && entries[0].documentation.is_none());
        // No names at all are all of them.
        let asked = Asked {
            names: Some(&[]),
            ..Asked::default()
        };
        assert!(describe_topic(&broker, &Texts::new(), asked).len() > 30);
    }
}
