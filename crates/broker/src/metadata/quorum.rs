//! Who keeps the metadata log, and how far each has come.

use millrace_kafka_wire::Uuid;

use super::controller::Metadata;

/// The voters of the metadata log, as their leader sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    pub leader: i32,
    pub leader_epoch: i32,
    pub high_watermark: i64,
    pub voters: Vec<LogReplica>,
    /// Who copies the log without a vote.
    pub observers: Vec<LogReplica>,
}

/// One that has the metadata log, or is copying it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogReplica {
    pub id: i32,
    /// The directory in which it has the log.
    pub dir: Uuid,
    pub end_offset: i64,
    /// When it asked for more, in milliseconds since 1970.
    pub last_fetch: i64,
    /// When it had all that there was, likewise.
    pub last_caught_up: i64,
}

/// The node that keeps the metadata log here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeper {
    pub id: i32,
    /// The directory of the log.
    pub dir: Uuid,
}

impl Metadata {
    /// The quorum at a time, in milliseconds since 1970: this broker is the only voter, and nobody
    /// observes. Of its log only what is durable is counted, which with one voter is all that is in
    /// force.
    pub fn quorum(&self, now: i64) -> Quorum {
        let image = self.image();
        let Keeper { id, dir } = self.keeper();
        Quorum {
            leader: id,
            leader_epoch: image.epoch,
            high_watermark: image.end_offset,
            voters: vec![LogReplica {
                id,
                dir,
                end_offset: image.end_offset,
                // The leader has what it writes.
                last_fetch: now,
                last_caught_up: now,
            }],
            observers: Vec::new(),
        }
    }
}
