//! What is said of a broker, by who said it.

use std::collections::BTreeMap;

use super::key::Key;
use super::{Value, keys, names};

/// Texts by the names of keys.
pub type Texts = BTreeMap<String, String>;

/// Where a value comes from; what stands first wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The topic's own value.
    Topic,
    /// Set while running, for this broker.
    Broker,
    /// Set while running, for all brokers.
    Cluster,
    /// The file that the broker was started with.
    File,
    Default,
}

impl Source {
    /// Its number in a DescribeConfigs response.
    pub fn number(self) -> i8 {
        match self {
            Self::Topic => 1,
            Self::Broker => 2,
            Self::Cluster => 3,
            Self::File => 4,
            Self::Default => 5,
        }
    }
}

/// A value that a key has in one of the layers, by the name it has there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub name: String,
    pub text: String,
    pub source: Source,
}

/// The layers of what is said of a broker. Every text in them was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub(super) file: Texts,
    pub(super) cluster: Texts,
    pub(super) broker: Texts,
}

impl Settings {
    /// Settings as a file has them. The number of a broker has two names, and is found by both.
    pub(super) fn of_file(mut file: Texts) -> Self {
        for (one, other) in [("node.id", "broker.id"), ("broker.id", "node.id")] {
            let is_fit =
                |id: &&String| keys::broker(other).is_some_and(|key| key.parse(id).is_ok());
            if let Some(id) = file.get(one).filter(is_fit).cloned() {
                file.entry(other.to_owned()).or_insert(id);
            }
        }
        Self {
            file,
            ..Self::default()
        }
    }

    /// Takes what was set while running: for all brokers and for this one. Returns the names of
    /// those that do not hold, because an older or newer version took them.
    pub(super) fn set_dynamic(&mut self, cluster: &Texts, broker: &Texts) -> Vec<String> {
        let mut unfit = Vec::new();
        let mut fit = |texts: &Texts| {
            let is_fit = |name: &str, text: &str| {
                names::key_of(name).is_some_and(|key| key.is_dynamic() && key.parse(text).is_ok())
            };
            let (kept, left): (Texts, Texts) = texts
                .clone()
                .into_iter()
                .partition(|(name, text)| is_fit(name, text));
            unfit.extend(left.into_keys());
            kept
        };
        self.cluster = fit(cluster);
        self.broker = fit(broker);
        unfit
    }

    fn layers(&self) -> [(Source, &Texts); 3] {
        [
            (Source::Broker, &self.broker),
            (Source::Cluster, &self.cluster),
            (Source::File, &self.file),
        ]
    }

    /// Every value that these names have, the strongest first: layer by layer, and in each layer in
    /// the order of the names.
    pub fn said(&self, names: &[&str]) -> Vec<Said> {
        let mut said = Vec::new();
        let mut add = |name: &str, text: &str, source| {
            said.push(Said {
                name: name.to_owned(),
                text: text.to_owned(),
                source,
            });
        };
        for (source, texts) in self.layers() {
            for name in names {
                if let Some(text) = texts.get(*name) {
                    add(name, text, source);
                }
            }
        }
        for name in names {
            if let Some(default) = names::key_of(name).and_then(|key| key.default) {
                add(name, default, Source::Default);
            }
        }
        said
    }

    /// What a key says in the strongest layer that has it, its default at last.
    pub fn text(&self, name: &str) -> Option<&str> {
        let set = self.layers().into_iter().find_map(|(_, it)| it.get(name));
        set.map(String::as_str)
            .or_else(|| keys::broker(name)?.default)
    }

    /// Whether a layer sets a key.
    pub fn is_set(&self, name: &str) -> bool {
        self.layers().iter().any(|(_, it)| it.contains_key(name))
    }

    fn value(&self, name: &str) -> Option<Value> {
        let key: &Key = keys::broker(name).expect("only keys of the table are asked for");
        let text = self.text(name)?;
        Some(
            key.parse(text)
                .expect("texts are checked when they are set"),
        )
    }

    /// What a key says that is true or false.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.value(name) == Some(Value::Bool(true))
    }

    /// What a key says that is a number and has a default.
    pub(super) fn number(&self, name: &str) -> i64 {
        self.number_if_set(name)
            .expect("the table has a default for the key")
    }

    /// What a key says that is a number, if it says something.
    pub(super) fn number_if_set(&self, name: &str) -> Option<i64> {
        match self.value(name)? {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// A number that counts something; what is below 0 is 0.
    pub(super) fn count(&self, name: &str) -> usize {
        usize::try_from(self.number(name).max(0)).unwrap_or(usize::MAX)
    }

    /// A number that counts something, where a negative one is no bound.
    pub(super) fn bound(&self, name: &str) -> Option<usize> {
        usize::try_from(self.number(name)).ok()
    }

    /// The items of a list.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Some(Value::List(items)) => items,
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> Texts {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn a_layer_that_is_closer_wins_whatever_the_name() {
        let mut settings = Settings::of_file(texts(&[("log.retention.minutes", "5")]));
        let unfit = settings.set_dynamic(
            &texts(&[("log.retention.ms", "1000")]),
            &texts(&[("num.io.threads", "9")]),
        );
        assert!(unfit.is_empty());
        let names = [
            "log.retention.ms",
            "log.retention.minutes",
            "log.retention.hours",
        ];
        let said = settings.said(&names);
        let found: Vec<_> = said
            .iter()
            .map(|it| (it.source, it.name.as_str(), it.text.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                (Source::Cluster, "log.retention.ms", "1000"),
                (Source::File, "log.retention.minutes", "5"),
                (Source::Default, "log.retention.hours", "168"),
            ]
        );
        assert_eq!(settings.text("num.io.threads"), Some("9"));
    }

    #[test]
    fn what_is_stored_and_does_not_hold_any_more_is_left_out_by_name() {
        let mut settings = Settings::default();
        let unfit = settings.set_dynamic(
            &texts(&[("message.max.bytes", "-5"), ("num.partitions", "7")]),
            &texts(&[("gone", "1")]),
        );
        assert_eq!(unfit, ["message.max.bytes", "num.partitions", "gone"]);
        assert_eq!(settings.number("message.max.bytes"), 1_048_588);
        assert_eq!(settings.number("num.partitions"), 1);
    }
}
