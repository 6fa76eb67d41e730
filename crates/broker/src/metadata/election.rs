//! Elections of leaders that an operator asks for (KIP-183, KIP-460).

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::metadata::MetadataRecord;

use super::image::{Image, TopicImage};
use super::partition_change::{Changing, Election, NO_LEADER};
use crate::partitions::Refused;

/// The record that elects a leader of a partition.
///
/// # Errors
/// There is no such partition (`UNKNOWN_TOPIC_OR_PARTITION`); it has a leader as it is asked for
/// (`ELECTION_NOT_NEEDED`); nobody can lead it (`PREFERRED_LEADER_NOT_AVAILABLE`,
/// `ELIGIBLE_LEADERS_NOT_AVAILABLE`).
pub fn elect(
    image: &Image,
    topic: Option<&TopicImage>,
    index: i32,
    election: Election,
) -> Result<MetadataRecord, Refused> {
    let partition = Changing::find(image, topic, index)?;
    let is_preferred = election == Election::Preferred;
    let is_needless = match is_preferred {
        true => partition.now.has_preferred_leader(),
        false => partition.now.leader != NO_LEADER,
    };
    if is_needless {
        let reason = "the leader is already one as is asked for";
        return Err(Refused::new(ErrorCode::ElectionNotNeeded, reason));
    }
    let elected = partition.record(partition.now.clone(), election);
    elected.ok_or_else(|| match is_preferred {
        true => Refused::new(
            ErrorCode::PreferredLeaderNotAvailable,
            "the preferred leader is not there, or not in sync",
        ),
        false => Refused::new(
            ErrorCode::EligibleLeadersNotAvailable,
            "no replica is on a broker that is there",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::example::{self, Partition};

    /// The leader and those in sync after an election.
    fn elected(
        partition: Partition,
        fenced: &[i32],
        election: Election,
    ) -> Result<(i32, Vec<i32>), ErrorCode> {
        let mut image = example::image(&[1, 2, 3], partition);
        for id in fenced {
            image.brokers.get_mut(id).unwrap().is_fenced = true;
        }
        let topic = image.topic(example::TOPIC).map(|it| &**it);
        let record = elect(&image, topic, 0, election).map_err(|it| it.code)?;
        image.apply(&record).unwrap();
        let after = example::partition(&image);
        Ok((after.leader, after.isr.clone()))
    }

    fn partition(leader: i32, isr: &[i32]) -> Partition {
        Partition {
            leader,
            replicas: vec![1, 2, 3],
            isr: isr.to_vec(),
        }
    }

    #[test]
    fn the_preferred_replica_becomes_the_leader_when_it_is_in_sync() {
        let led_by_another = || partition(2, &[1, 2]);
        let preferred = |fenced: &[i32]| elected(led_by_another(), fenced, Election::Preferred);
        assert_eq!(preferred(&[]), Ok((1, vec![1, 2])));
        assert_eq!(preferred(&[1]), Err(ErrorCode::PreferredLeaderNotAvailable));
        let out_of_sync = elected(partition(2, &[2, 3]), &[], Election::Preferred);
        assert_eq!(out_of_sync, Err(ErrorCode::PreferredLeaderNotAvailable));
    }

    #[test]
    fn nobody_is_elected_where_a_leader_is() {
        let not_needed = Err(ErrorCode::ElectionNotNeeded);
        let led = || partition(1, &[1]);
        assert_eq!(elected(led(), &[], Election::Preferred), not_needed);
        assert_eq!(elected(led(), &[], Election::Unclean), not_needed);
        let not_preferred = partition(2, &[1, 2]);
        assert_eq!(elected(not_preferred, &[], Election::Unclean), not_needed);
    }

    #[test]
    fn an_unclean_election_takes_who_is_there_when_none_in_sync_is() {
        let unclean = |isr: &[i32], fenced: &[i32]| {
            elected(partition(NO_LEADER, isr), fenced, Election::Unclean)
        };
        assert_eq!(unclean(&[1, 2], &[1]), Ok((2, vec![1, 2])));
        assert_eq!(unclean(&[1], &[1]), Ok((2, vec![2])));
        let nobody = Err(ErrorCode::EligibleLeadersNotAvailable);
        assert_eq!(unclean(&[1], &[1, 2, 3]), nobody);
    }

    #[test]
    fn only_partitions_that_are_there_have_elections() {
        let image = example::image(&[1, 2, 3], partition(1, &[1]));
        let topic = image.topic(example::TOPIC).map(|it| &**it);
        for (topic, index) in [(None, 0), (topic, 1), (topic, -1)] {
            let refused = elect(&image, topic, index, Election::Preferred).unwrap_err();
            assert_eq!(refused.code, ErrorCode::UnknownTopicOrPartition);
        }
    }
}
