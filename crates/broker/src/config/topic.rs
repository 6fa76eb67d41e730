//! What a topic is told: by itself, by its broker, by default.

use millrace_kafka_wire::batch::Compression;
use millrace_log::{Compaction, Config, Rules};
use millrace_spec::diagnostics::did_you_mean;

use super::settings::{Settings, Source, Texts};
use super::{BrokerConfig, Cleanup, FlushMode, TopicConfig, Validation, Value, keys};

impl TopicConfig {
    /// The config of a topic that says this of itself; what it does not say its broker does. Values
    /// that do not hold, because an older or newer version stored them, count as not said.
    pub fn resolve(broker: &BrokerConfig, overrides: &Texts) -> Self {
        Self::of(&broker.settings, overrides)
    }

    pub(super) fn of(settings: &Settings, overrides: &Texts) -> Self {
        let said = Spoken {
            settings,
            overrides,
        };
        let is_append_time = said.text("message.timestamp.type") == "LogAppendTime";
        let policy = said.list("cleanup.policy");
        let cleanup = Cleanup {
            deletes: policy.iter().any(|it| it == "delete"),
            compacts: policy.iter().any(|it| it == "compact"),
        };
        let compaction = Compaction {
            min_lag_ms: said.number("min.compaction.lag.ms"),
            max_lag_ms: said.number("max.compaction.lag.ms"),
            min_dirty_ratio: said.double("min.cleanable.dirty.ratio"),
            delete_retention_ms: said.number("delete.retention.ms"),
        };
        let mut log = said.log(is_append_time, cleanup);
        log.compaction = cleanup.compacts.then(|| compaction.clone());
        Self {
            log,
            compaction,
            rules: Rules {
                max_batch_bytes: said.count("max.message.bytes"),
                timestamp_before_max_ms: said.number("message.timestamp.before.max.ms"),
                timestamp_after_max_ms: said.number("message.timestamp.after.max.ms"),
                is_append_time,
                needs_keys: cleanup.compacts,
                ..Rules::default()
            },
            min_insync_replicas: i32::try_from(said.number("min.insync.replicas"))
                .unwrap_or(i32::MAX),
            cleanup,
            compression: said.compression(),
            flush_mode: said.flush_mode(),
            validation: match said.text("record.validation").as_str() {
                "full" => Validation::Full,
                _ => Validation::Headers,
            },
        }
    }
}

/// What a topic has whose broker and who itself say nothing.
impl Default for TopicConfig {
    fn default() -> Self {
        Self::of(&Settings::default(), &Texts::new())
    }
}

/// What a topic and its broker say.
struct Spoken<'a> {
    settings: &'a Settings,
    overrides: &'a Texts,
}

impl Spoken<'_> {
    /// What a key of topics says, if something does.
    fn value(&self, name: &str) -> Option<Value> {
        let key = keys::topic(name).expect("only keys of the table are asked for");
        let own = self.overrides.get(name);
        if let Some(value) = own.and_then(|text| key.parse(text).ok()) {
            return Some(value);
        }
        let inherited = of_broker(self.settings, name).map(|(text, _)| text);
        let value = inherited.and_then(|text| key.parse(&text).ok());
        value.or_else(|| key.parse(key.default?).ok())
    }

    fn text(&self, name: &str) -> String {
        self.value(name).map_or(String::new(), |it| it.to_string())
    }

    fn list(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Some(Value::List(items)) => items,
            _ => Vec::new(),
        }
    }

    fn number(&self, name: &str) -> i64 {
        match self.value(name) {
            Some(Value::Number(number)) => number,
            _ => unreachable!("`{name}` is a number with a default"),
        }
    }

    fn double(&self, name: &str) -> f64 {
        match self.value(name) {
            Some(Value::Double(number)) => number,
            _ => unreachable!("`{name}` is a fraction with a default"),
        }
    }

    /// A number of bytes, which is not negative.
    fn count(&self, name: &str) -> usize {
        usize::try_from(self.number(name)).unwrap_or_default()
    }

    fn bytes(&self, name: &str) -> u32 {
        u32::try_from(self.number(name)).unwrap_or_default()
    }

    fn log(&self, is_append_time: bool, cleanup: Cleanup) -> Config {
        let for_experiments = match self.value("internal.segment.bytes") {
            Some(Value::Number(bytes)) => u32::try_from(bytes).ok(),
            _ => None,
        };
        let retained = |number: i64| (cleanup.deletes && number >= 0).then_some(number);
        let retention_bytes = retained(self.number("retention.bytes"));
        Config {
            segment_bytes: for_experiments.unwrap_or_else(|| self.bytes("segment.bytes")),
            segment_ms: self.number("segment.ms"),
            index_interval_bytes: self.bytes("index.interval.bytes"),
            max_index_bytes: self.bytes("segment.index.bytes"),
            is_append_time,
            retention_ms: retained(self.number("retention.ms")),
            retention_bytes: retention_bytes.and_then(|it| u64::try_from(it).ok()),
            producer_expiration_ms: self.settings.number("producer.id.expiration.ms"),
            compaction: None,
        }
    }

    fn compression(&self) -> Option<Compression> {
        match self.text("compression.type").as_str() {
            "uncompressed" => Some(Compression::None),
            "gzip" => Some(Compression::Gzip),
            "snappy" => Some(Compression::Snappy),
            "lz4" => Some(Compression::Lz4),
            "zstd" => Some(Compression::Zstd),
            _ => None,
        }
    }

    /// Who asks for a sync now and then gets one before every answer.
    fn flush_mode(&self) -> FlushMode {
        let is_bounded = |name| self.number(name) != i64::MAX;
        match self.text("flush.mode").as_str() {
            "os" if !is_bounded("flush.messages") && !is_bounded("flush.ms") => FlushMode::Os,
            _ => FlushMode::Group,
        }
    }
}

/// What a broker says of a key of topics, in the unit of the topic's key, and where that comes
/// from.
pub(super) fn of_broker(settings: &Settings, topic_key: &str) -> Option<(String, Source)> {
    let synonyms = keys::of_broker(topic_key);
    let names: Vec<&str> = synonyms.iter().map(|(name, _)| *name).collect();
    let strongest = settings.said(&names).into_iter().next()?;
    let unit = synonyms.iter().find(|(name, _)| *name == strongest.name);
    let unit = unit.map_or(1, |(_, unit)| *unit);
    let text = match strongest.text.trim().parse::<i64>() {
        // A time below 0 is for ever, in any unit.
        Ok(number) if topic_key == "retention.ms" && number < 0 => "-1".to_owned(),
        Ok(number) if unit != 1 => number.saturating_mul(unit).to_string(),
        _ => strongest.text,
    };
    Some((text, strongest.source))
}

/// Whether a topic may say this of itself.
///
/// # Errors
/// Why not, as an answer to a client has it.
pub fn check_topic_override(name: &str, text: &str) -> Result<(), String> {
    let Some(key) = keys::topic(name) else {
        let near = did_you_mean(name, keys::TOPIC.iter().map(|key| key.name));
        let near = near.map_or(String::new(), |it| format!(" ({it})"));
        return Err(format!("Unknown topic config name: {name}{near}"));
    };
    match key.parse(text) {
        Ok(_) => Ok(()),
        Err(reason) => Err(format!(
            "Invalid value {text} for configuration {name}: {reason}"
        )),
    }
}

/// Whether a topic may say all of this of itself.
///
/// # Errors
/// The first reason why not, as an answer to a client has it.
pub fn check_topic_overrides(broker: &BrokerConfig, overrides: &Texts) -> Result<(), String> {
    for (name, text) in overrides {
        check_topic_override(name, text)?;
    }
    let said = Spoken {
        settings: &broker.settings,
        overrides,
    };
    let least = said.number("min.compaction.lag.ms");
    let most = said.number("max.compaction.lag.ms");
    match least > most {
        true => Err(format!(
            "min.compaction.lag.ms is {least}, above max.compaction.lag.ms, which is {most}"
        )),
        false => Ok(()),
    }
}

/// What a topic of the broker's own has of itself.
pub(super) fn internal_topic<const N: usize>(
    segment_bytes: i64,
    more: [(&str, String); N],
) -> Texts {
    let segment = keys::topic("segment.bytes").expect("the table has it");
    // Below the bound for everyone's topics, it is the key without a bound that says it.
    let name = match segment.parse(&segment_bytes.to_string()) {
        Ok(_) => "segment.bytes",
        Err(_) => "internal.segment.bytes",
    };
    let mut texts = Texts::from([
        (name.to_owned(), segment_bytes.to_string()),
        ("cleanup.policy".to_owned(), "compact".to_owned()),
    ]);
    let more = more.into_iter().map(|(name, text)| (name.to_owned(), text));
    texts.extend(more);
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> Texts {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn resolve(file: &[(&str, &str)], overrides: &[(&str, &str)]) -> TopicConfig {
        TopicConfig::of(&Settings::of_file(texts(file)), &texts(overrides))
    }

    #[test]
    fn without_a_word_a_topic_has_the_defaults_of_the_log() {
        let config = TopicConfig::default();
        let (log, rules) = (Config::default(), Rules::default());
        assert_eq!(format!("{:?}", config.log), format!("{log:?}"));
        assert_eq!(format!("{:?}", config.rules), format!("{rules:?}"));
        assert_eq!(config.min_insync_replicas, 1);
        assert_eq!(config.flush_mode, FlushMode::Group);
        assert_eq!(config.compression, None);
    }

    #[test]
    fn a_topic_wins_over_its_broker_and_the_broker_over_the_default() {
        let file = [
            ("log.segment.bytes", "2097152"),
            ("log.retention.hours", "1"),
        ];
        let config = resolve(&file, &[("segment.bytes", "1048576")]);
        assert_eq!(config.log.segment_bytes, 1_048_576);
        assert_eq!(config.log.retention_ms, Some(3_600_000));
        assert_eq!(resolve(&file, &[]).log.segment_bytes, 2_097_152);
    }

    #[test]
    fn of_times_in_several_units_the_finest_wins() {
        let hours = ("log.retention.hours", "1");
        let minutes = ("log.retention.minutes", "2");
        let ms = ("log.retention.ms", "-1");
        let kept = |file: &[(&str, &str)]| resolve(file, &[]).log.retention_ms;
        assert_eq!(kept(&[hours, minutes]), Some(120_000));
        assert_eq!(kept(&[hours, minutes, ms]), None);
        assert_eq!(kept(&[("log.retention.hours", "-1")]), None);
        let roll = resolve(&[("log.roll.hours", "2")], &[]);
        assert_eq!(roll.log.segment_ms, 7_200_000);
    }

    #[test]
    fn what_a_broker_takes_its_topics_take() {
        for (topic_key, synonyms) in keys::SYNONYMS {
            let topic_key = keys::topic(topic_key).expect("a key of topics");
            for (name, _) in *synonyms {
                let key = keys::broker(name).expect("a key of brokers");
                for text in ["-9", "-1", "0", "1", "9223372036854775807", "2147483647"] {
                    let Ok(text) = key.canonical(text) else {
                        continue;
                    };
                    let settings = Settings::of_file(texts(&[(name, &text)]));
                    let (inherited, _) = of_broker(&settings, topic_key.name).expect("it is set");
                    let found = topic_key.parse(&inherited);
                    assert!(
                        found.is_ok(),
                        "`{name}={text}` gives {inherited}: {found:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_compacted_topic_needs_keys_and_forgets_nothing_for_its_age() {
        let config = resolve(&[], &[("cleanup.policy", "compact")]);
        assert!(config.rules.needs_keys && config.cleanup.compacts);
        assert_eq!(
            (config.log.retention_ms, config.log.retention_bytes),
            (None, None)
        );
        let both = resolve(&[], &[("cleanup.policy", "compact, delete")]);
        assert!(both.rules.needs_keys && both.log.retention_ms.is_some());
        let none = resolve(&[], &[("cleanup.policy", "")]);
        assert!(!none.rules.needs_keys && none.log.retention_ms.is_none());
    }

    #[test]
    fn who_asks_for_a_sync_now_and_then_is_synced_before_every_answer() {
        let os = ("flush.mode", "os");
        assert_eq!(resolve(&[], &[os]).flush_mode, FlushMode::Os);
        let bounded = [os, ("flush.messages", "1")];
        assert_eq!(resolve(&[], &bounded).flush_mode, FlushMode::Group);
        let file = [
            ("log.flush.mode", "os"),
            ("log.flush.scheduler.interval.ms", "5"),
        ];
        assert_eq!(resolve(&file, &[]).flush_mode, FlushMode::Group);
    }

    #[test]
    fn a_stored_value_that_does_not_hold_counts_as_not_said() {
        let config = resolve(&[], &[("retention.ms", "-7"), ("gone", "1")]);
        assert_eq!(config.log.retention_ms, Some(604_800_000));
    }

    #[test]
    fn what_a_topic_may_not_say_is_refused_with_the_reason() {
        for (name, text, reason) in [
            (
                "retention.mss",
                "1",
                "Unknown topic config name: retention.mss (did you mean `retention.ms`?)",
            ),
            ("x", "1", "Unknown topic config name: x"),
            (
                "retention.ms",
                "abc",
                "Invalid value abc for configuration retention.ms: it is not a number of type long",
            ),
            (
                "segment.bytes",
                "5",
                "Invalid value 5 for configuration segment.bytes: it must be at least 1048576",
            ),
            (
                "cleanup.policy",
                "Compact",
                "Invalid value Compact for configuration cleanup.policy: \
                 it may list only: compact, delete",
            ),
            (
                "remote.storage.enable",
                "true",
                "Invalid value true for configuration remote.storage.enable: \
                 logs are not kept in object storage",
            ),
        ] {
            assert_eq!(check_topic_override(name, text), Err(reason.to_owned()));
        }
        assert_eq!(
            check_topic_override("remote.storage.enable", "false"),
            Ok(())
        );
        let broker = BrokerConfig::single(1, 9092);
        let lags = texts(&[
            ("min.compaction.lag.ms", "10"),
            ("max.compaction.lag.ms", "5"),
        ]);
        assert!(check_topic_overrides(&broker, &lags).is_err());
    }

    #[test]
    fn topics_of_the_brokers_own_are_compacted_with_small_segments() {
        let config = BrokerConfig::single(1, 9092);
        let offsets = TopicConfig::resolve(&config, &config.groups.offsets.topic);
        assert!(offsets.cleanup.compacts && !offsets.cleanup.deletes);
        assert_eq!(offsets.log.segment_bytes, 104_857_600);
        let transactions = TopicConfig::resolve(&config, &config.transactions.topic);
        assert_eq!(transactions.compression, Some(Compression::None));
        let tiny = internal_topic(100, []);
        assert_eq!(TopicConfig::resolve(&config, &tiny).log.segment_bytes, 100);
        for texts in [
            &config.groups.offsets.topic,
            &config.transactions.topic,
            &tiny,
        ] {
            assert_eq!(check_topic_overrides(&config, texts), Ok(()));
        }
    }
}
