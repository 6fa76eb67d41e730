//! Offsets of all partitions of a directory in one file, as Kafka keeps them.
//!
//! Lines of text: `0`, the number of partitions, then topic, partition and offset of each.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{LogDir, TopicPartition};
use crate::error::{LogError, OnDisk};
use crate::files::replace;
use crate::names;

/// Which offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetKind {
    /// Up to where the log was durable.
    RecoveryPoint,
    /// Where the log starts.
    LogStart,
    /// From where on the log is dirty.
    FirstDirty,
}

impl OffsetKind {
    fn file(self) -> &'static str {
        match self {
            Self::RecoveryPoint => names::RECOVERY_POINTS,
            Self::LogStart => names::LOG_STARTS,
            Self::FirstDirty => names::FIRST_DIRTY,
        }
    }
}

impl LogDir {
    /// What was stored last; nothing when nothing was.
    ///
    /// # Errors
    /// The disk fails, or the file is not what Kafka writes.
    pub fn offsets(&self, kind: OffsetKind) -> Result<BTreeMap<TopicPartition, i64>, LogError> {
        match self.read(kind.file())? {
            None => Ok(BTreeMap::new()),
            Some(bytes) => parse(&bytes).ok_or_else(|| LogError::Malformed {
                path: self.path.join(kind.file()),
                reason: "it does not have the lines `0`, the number of partitions, and `topic \
                         partition offset` for each"
                    .to_owned(),
                remedy: "restore it",
            }),
        }
    }

    /// Stores offsets in place of those that were stored.
    ///
    /// # Durability
    /// They are on the medium on return.
    ///
    /// # Errors
    /// The disk fails; the old ones are there.
    pub fn store_offsets(
        &self,
        kind: OffsetKind,
        offsets: &BTreeMap<TopicPartition, i64>,
    ) -> Result<(), LogError> {
        let path = self.path.join(kind.file());
        replace(&*self.files, &path, text(offsets).as_bytes()).on_disk("write", &path)
    }
}

fn text(offsets: &BTreeMap<TopicPartition, i64>) -> String {
    let mut text = format!("0\n{}\n", offsets.len());
    for (TopicPartition { topic, partition }, offset) in offsets {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{topic} {partition} {offset}");
    }
    text
}

fn parse(bytes: &[u8]) -> Option<BTreeMap<TopicPartition, i64>> {
    let mut lines = std::str::from_utf8(bytes).ok()?.lines();
    (lines.next()? == "0").then_some(())?;
    let count: usize = lines.next()?.parse().ok()?;
    let mut offsets = BTreeMap::new();
    for line in lines {
        let mut words = line.split(' ');
        let partition = TopicPartition {
            topic: words.next()?.into(),
            partition: words.next()?.parse().ok()?,
        };
        offsets.insert(partition, words.next()?.parse().ok()?);
        words.next().is_none().then_some(())?;
    }
    (offsets.len() == count).then_some(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition {
            topic: topic.into(),
            partition,
        }
    }

    #[test]
    fn the_text_is_that_of_kafka() {
        let offsets = BTreeMap::from([(named("a-b", 0), 7), (named("c", 12), 0)]);
        assert_eq!(text(&offsets), "0\n2\na-b 0 7\nc 12 0\n");
        assert_eq!(parse(text(&offsets).as_bytes()), Some(offsets));
        assert_eq!(parse(b"0\n0\n"), Some(BTreeMap::new()));
    }

    #[test]
    fn a_file_that_says_something_else_is_refused() {
        for text in [
            "",
            "1\n0\n",
            "0\n1\n",
            "0\n1\na 0\n",
            "0\n1\na 0 1 2\n",
            "0\n2\na 0 1\na 0 1\n",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
