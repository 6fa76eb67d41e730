//! The topics that consumers subscribe to, read from what they tell each other.

use std::collections::BTreeSet;

use bytes::Bytes;
use millrace_kafka_wire::records::consumer_protocol::ConsumerProtocolSubscription;
use millrace_kafka_wire::{Message, ReadError, Reader, Str, read_prefix};

/// The topics of all members; `None` when what one says cannot be read.
pub(super) fn topics(members: impl Iterator<Item = Bytes>) -> Option<BTreeSet<Str>> {
    let mut all: BTreeSet<Str> = BTreeSet::new();
    for metadata in members {
        for topic in read(metadata).ok()?.topics {
            if !all.contains(&topic) {
                all.insert(topic.detach());
            }
        }
    }
    Some(all)
}

/// Every version begins as version 0 does, so that newer ones than are known here are read too.
fn read(metadata: Bytes) -> Result<ConsumerProtocolSubscription, ReadError> {
    let mut reader = Reader::new(metadata);
    read_prefix(&mut reader)?;
    ConsumerProtocolSubscription::read(&mut reader, 0)
}

#[cfg(test)]
mod tests {
    use millrace_kafka_wire::write_prefixed;

    use super::*;

    fn subscription(version: i16, names: &[&str]) -> Bytes {
        let said = ConsumerProtocolSubscription {
            topics: names.iter().map(|it| Str::from(*it)).collect(),
            ..Default::default()
        };
        write_prefixed(version, &said, version.min(3)).unwrap()
    }

    #[test]
    fn topics_of_all_members_are_found_whatever_their_version() {
        let members = [subscription(0, &["a", "b"]), subscription(9, &["b", "c"])];
        let found = topics(members.into_iter()).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn topics_are_not_known_when_one_member_says_something_else() {
        let members = [subscription(1, &["a"]), Bytes::from_static(b"?")];
        assert_eq!(topics(members.into_iter()), None);
    }
}
