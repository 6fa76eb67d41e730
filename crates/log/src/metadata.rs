//! `partition.metadata`, which says to which topic a directory belongs.
//!
//! Two lines of text: `version: 0` and `topic_id: ` with 16 bytes in URL-safe base64.

use std::path::Path;

use millrace_kafka_wire::Uuid;

use crate::error::{LogError, OnDisk};
use crate::files::{Files, read_whole, replace};
use crate::names;

/// No such file is longer, in bytes.
const LONGEST: u64 = 1024;

/// To which topic a partition belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// The id of the topic, as in requests.
    pub topic_id: Uuid,
}

impl PartitionMetadata {
    /// Reads the file in the directory of a partition; `None` when there is none.
    ///
    /// # Errors
    /// The file cannot be read, or is not what Kafka writes.
    pub fn read(files: &dyn Files, dir: &Path) -> Result<Option<Self>, LogError> {
        let path = dir.join(names::METADATA);
        let malformed = |reason: String| LogError::Malformed {
            path: path.clone(),
            reason,
            remedy: "restore it, or remove it to have the topic's id written anew",
        };
        let bytes = read_whole(files, &path, LONGEST);
        let bytes = bytes.map_err(|error| malformed(format!("it cannot be read: {error}")))?;
        let Some(bytes) = bytes else { return Ok(None) };
        let parsed = std::str::from_utf8(&bytes).ok().and_then(Self::parse);
        let lines = "it does not have the lines `version: 0` and `topic_id: …`";
        parsed.map(Some).ok_or_else(|| malformed(lines.to_owned()))
    }

    /// Writes the file in the directory of a partition.
    ///
    /// # Durability
    /// It is on the medium on return.
    ///
    /// # Errors
    /// The disk fails; the old file is there, if there was one.
    pub fn write(&self, files: &dyn Files, dir: &Path) -> Result<(), LogError> {
        let path = dir.join(names::METADATA);
        replace(files, &path, self.to_text().as_bytes()).on_disk("write", &path)
    }

    fn to_text(self) -> String {
        format!("version: 0\ntopic_id: {}", self.topic_id)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let version = lines.next()?.strip_prefix("version: ")?;
        let topic_id = lines.next()?.strip_prefix("topic_id: ")?;
        (version == "0" && lines.next().is_none()).then_some(())?;
        Some(Self {
            topic_id: topic_id.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_that_of_kafka() {
        let metadata = PartitionMetadata {
            topic_id: Uuid(1_u128.to_be_bytes()),
        };
        // Kafka's id of the metadata topic.
        let text = "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ";
        assert_eq!(metadata.to_text(), text);
        assert_eq!(PartitionMetadata::parse(text), Some(metadata));
        let all = PartitionMetadata {
            topic_id: Uuid(*b"\xff\xfe0123456789ab\x80\x7f"),
        };
        assert_eq!(PartitionMetadata::parse(&all.to_text()), Some(all));
        assert_eq!(
            PartitionMetadata::parse("version: 1\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ"),
            None
        );
        assert_eq!(PartitionMetadata::parse("version: 0\ntopic_id: AAAA"), None);
        assert_eq!(
            PartitionMetadata::parse("version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAB"),
            None
        );
    }
}
