//! `partition.metadata`, which says to which topic a directory belongs.
//!
//! Two lines of text: `version: 0` and `topic_id: ` with 16 bytes in URL-safe base64.

use std::path::Path;

use crate::error::{LogError, OnDisk};
use crate::files::{Files, read_whole, replace};
use crate::names;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// To which topic a partition belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// The id of the topic, as in requests.
    pub topic_id: [u8; 16],
}

impl PartitionMetadata {
    /// Reads the file in the directory of a partition; `None` when there is none.
    ///
    /// # Errors
    /// The disk fails, or the file is not what Kafka writes.
    pub fn read(files: &dyn Files, dir: &Path) -> Result<Option<Self>, LogError> {
        let path = dir.join(names::METADATA);
        let bytes = read_whole(files, &path, 1024).on_disk("read", &path)?;
        let Some(bytes) = bytes else { return Ok(None) };
        let parsed = std::str::from_utf8(&bytes).ok().and_then(Self::parse);
        parsed.map(Some).ok_or(LogError::Misuse(
            "`partition.metadata` does not have the lines `version: 0` and `topic_id: …`; \
             restore it, or remove it to have the topic's id written anew",
        ))
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
        format!("version: 0\ntopic_id: {}", encode(self.topic_id))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let version = lines.next()?.strip_prefix("version: ")?;
        let topic_id = lines.next()?.strip_prefix("topic_id: ")?;
        (version == "0" && lines.next().is_none()).then_some(())?;
        Some(Self {
            topic_id: decode(topic_id)?,
        })
    }
}

/// 22 digits of six bits each, of which the last four are none.
fn encode(id: [u8; 16]) -> String {
    let bits = u128::from_be_bytes(id);
    let digit = |at: u32| match at {
        21 => (bits << 4) & 63,
        at => (bits >> (122 - 6 * at)) & 63,
    };
    (0..22)
        .map(|at| char::from(DIGITS[digit(at) as usize]))
        .collect()
}

fn decode(text: &str) -> Option<[u8; 16]> {
    if text.len() != 22 {
        return None;
    }
    let mut bits: u128 = 0;
    for (at, byte) in text.bytes().enumerate() {
        let digit = DIGITS.iter().position(|it| *it == byte)? as u128;
        bits = match at {
            21 if digit & 15 == 0 => bits << 2 | digit >> 4,
            21 => return None,
            _ => bits << 6 | digit,
        };
    }
    Some(bits.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_that_of_kafka() {
        let mut topic_id = [0; 16];
        topic_id[15] = 1;
        let metadata = PartitionMetadata { topic_id };
        // Kafka's id of the metadata topic.
        let text = "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ";
        assert_eq!(metadata.to_text(), text);
        assert_eq!(PartitionMetadata::parse(text), Some(metadata));
        let all = PartitionMetadata {
            topic_id: *b"\xff\xfe0123456789ab\x80\x7f",
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
