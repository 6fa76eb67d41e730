//! What a topic may be called.

use millrace_kafka_wire::ErrorCode;

use super::super::image::Image;
use crate::partitions::Refused;

/// Longer names make no directory.
const LONGEST: usize = 249;
/// The directory of such a topic is that of the metadata log.
const METADATA: &str = "__cluster_metadata";

/// Checks the name of a new topic.
///
/// # Errors
/// It is not one, it is taken, or a topic differs from it only in `.` and `_`, which metrics
/// cannot tell apart.
pub fn check_name(name: &str, image: &Image) -> Result<(), Refused> {
    let invalid = |reason: String| Refused::new(ErrorCode::InvalidTopicException, reason);
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() {
        return Err(invalid("the name of the topic is empty".into()));
    }
    if name == "." || name == ".." {
        return Err(invalid("a topic cannot be called `.` or `..`".into()));
    }
    if name == METADATA {
        return Err(invalid(format!("`{METADATA}` is the broker's own")));
    }
    if name.len() > LONGEST {
        let length = name.len();
        return Err(invalid(format!(
            "the name has {length} bytes, {LONGEST} are allowed"
        )));
    }
    if !name.bytes().all(is_allowed) {
        let reason = "the name has other characters than letters, digits, `.`, `_` and `-`";
        return Err(invalid(reason.into()));
    }
    if image.topic(name).is_some() {
        let reason = format!("topic '{name}' already exists");
        return Err(Refused::new(ErrorCode::TopicAlreadyExists, reason));
    }
    let merged = |name: &str| name.replace('.', "_");
    if name.contains(['.', '_'])
        && let Some(other) = (image.topics()).find(|it| merged(&it.name) == merged(name))
    {
        let other = &other.name;
        return Err(invalid(format!(
            "the name collides with that of topic '{other}'"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use millrace_kafka_wire::Uuid;
    use millrace_kafka_wire::metadata::{MetadataRecord, TopicRecord};

    use super::*;

    #[test]
    fn names_are_those_that_kafka_takes() {
        let mut image = Image::default();
        let taken = TopicRecord {
            name: "a.b".into(),
            topic_id: Uuid([1; 16]),
        };
        image.apply(&MetadataRecord::Topic(taken)).unwrap();
        let code = |name: &str| check_name(name, &image).err().map(|it| it.code);
        for name in ["a", "A-b_c.9", "...", "a.b.c", &"x".repeat(249)] {
            assert_eq!(code(name), None, "{name}");
        }
        let long = "x".repeat(250);
        for name in [
            "",
            ".",
            "..",
            "a b",
            "a/b",
            "ä",
            "a_b",
            "__cluster_metadata",
            &long,
        ] {
            assert_eq!(code(name), Some(ErrorCode::InvalidTopicException), "{name}");
        }
        assert_eq!(code("a.b"), Some(ErrorCode::TopicAlreadyExists));
    }
}
