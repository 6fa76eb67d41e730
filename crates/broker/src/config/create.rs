//! The settings of a topic that is created: what CreateTopics says of them, and what it answers.

use std::collections::BTreeMap;

use millrace_kafka_wire::api::create_topics::{CreatableTopicConfig, CreatableTopicConfigs};

use super::describe::{Asked, describe};
use super::resource::{Refusal, Resource};
use super::settings::Texts;
use super::{BrokerConfig, check_topic_overrides, keys};

/// What a topic says of itself that is created with these settings, as it is stored.
///
/// # Errors
/// One of them is refused.
pub fn topic_overrides(
    broker: &BrokerConfig,
    entries: &[CreatableTopicConfig],
) -> Result<Texts, Refusal> {
    let mut texts = BTreeMap::new();
    for entry in entries {
        let name = entry.name.as_str();
        let Some(text) = &entry.value else {
            return Err(Refusal::config(format!("`{name}` has no value")));
        };
        if texts.insert(name.to_owned(), text.to_string()).is_some() {
            return Err(Refusal::request(format!(
                "`{name}` stands in the request twice"
            )));
        }
    }
    check_topic_overrides(broker, &texts).map_err(Refusal::config)?;
    for (name, text) in &mut texts {
        let canonical = keys::topic(name).and_then(|key| key.canonical(text).ok());
        *text = canonical.expect("it was checked above");
    }
    Ok(texts)
}

/// The settings of a topic as the response to its creation has them.
pub fn describe_created(broker: &BrokerConfig, overrides: &Texts) -> Vec<CreatableTopicConfigs> {
    let topic = Resource::Topic(String::new());
    let described = describe(&topic, broker, overrides, Asked::default());
    let entry = described.into_iter().map(|it| CreatableTopicConfigs {
        name: it.name,
        value: it.value,
        read_only: it.read_only,
        config_source: it.config_source,
        is_sensitive: it.is_sensitive,
    });
    entry.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_kafka_wire::{ErrorCode, Str};

    fn created(entries: &[(&str, Option<&str>)]) -> Result<Texts, Refusal> {
        let entry = |(name, value): &(&str, Option<&str>)| CreatableTopicConfig {
            name: Str::from(*name),
            value: value.map(Str::from),
        };
        let entries: Vec<_> = entries.iter().map(entry).collect();
        topic_overrides(&BrokerConfig::single(1, 9092), &entries)
    }

    #[test]
    fn a_topic_keeps_what_it_is_created_with_and_answers_with_all_it_has() {
        let policy = ("cleanup.policy", Some("compact , delete"));
        let texts = created(&[policy]).expect("fit");
        assert_eq!(texts["cleanup.policy"], "compact,delete");
        let described = describe_created(&BrokerConfig::single(1, 9092), &texts);
        let found = described.iter().find(|it| it.name == "cleanup.policy");
        let found = found.expect("the key");
        assert_eq!(found.config_source, 1);
        assert!(described.len() > 30);
    }

    #[test]
    fn a_topic_is_not_created_with_what_does_not_hold() {
        for (entries, code) in [
            (vec![("gone", Some("1"))], ErrorCode::InvalidConfig),
            (vec![("segment.ms", None)], ErrorCode::InvalidConfig),
            (vec![("segment.ms", Some("0"))], ErrorCode::InvalidConfig),
            (
                vec![("segment.ms", Some("1")), ("segment.ms", Some("2"))],
                ErrorCode::InvalidRequest,
            ),
        ] {
            let refusal = created(&entries).expect_err("unfit");
            assert_eq!(refusal.code, code, "{refusal}");
        }
    }
}
