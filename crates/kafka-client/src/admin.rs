//! What administrators ask for, as methods of [`Cluster`](crate::Cluster).

mod brokers;
mod configs;
mod groups;
mod offsets;
mod records;
mod topics;
mod users;

pub use brokers::{BrokerInfo, ClusterInfo};
pub use configs::ConfigEntry;
pub use groups::{Committed, GroupInfo, GroupMember, ListedGroup};
pub use offsets::{OffsetAt, TopicPartition};
pub use topics::{CreatedTopic, NewTopic, PartitionInfo, TopicInfo};
pub use users::UserInfo;

pub(crate) use groups::Commit;

use std::time::Duration;

/// How long a broker may take to change the metadata.
const CHANGE: Duration = Duration::from_secs(30);

fn change_ms() -> i32 {
    CHANGE.as_millis() as i32
}
