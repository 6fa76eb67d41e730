//! Where the partitions of a broker that runs end, at one moment as far as transactions go.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Duration, timeout};

use super::hold::{Held, warm};
use super::staging;
use crate::broker::Broker;
use crate::metadata::{Image, TopicImage};
use crate::partitions::{Kept, PartitionId};

/// How long decisions on transactions wait at most.
const LONGEST_HOLD: Duration = Duration::from_secs(10);
/// How long it is waited for what removes files at the moment, and for coordinators to read their
/// logs; nothing is held meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where each partition ends, and what else there is to know of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    pub cluster_id: String,
    pub node_id: i32,
    /// That of the directory with the metadata log.
    pub directory_id: String,
    /// The log directories, as paths from the root.
    pub dirs: Vec<PathBuf>,
    /// Which of them has the metadata log.
    pub metadata_dir: usize,
    /// The offset behind the last metadata record.
    pub metadata_end: i64,
    pub partitions: Vec<CutPartition>,
    /// The name of a directory of links, in each of the log directories where one is needed: the
    /// broker removes it when whoever asked for the cut is gone.
    pub staging: String,
    /// For how many microseconds decisions on transactions were held.
    pub held_us: u64,
}

/// A partition in a [`Cut`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutPartition {
    pub topic: String,
    pub partition: i32,
    /// In which of the log directories it is.
    pub dir: usize,
    /// The first offset that can be read.
    pub start: i64,
    /// The high watermark.
    pub end: i64,
    /// From where on it is not compacted.
    pub first_dirty: i64,
}

/// As long as it is there, the files of a [`Cut`] stay, and there is no other one.
pub struct Lease {
    // Whoever hears that the files may go may take the next one.
    _only: OwnedMutexGuard<()>,
    _kept: Kept,
}

/// Makes a cut.
///
/// Offsets of groups are read before the partitions that they are of, so that none lies behind an
/// end; `__transaction_state` after the partitions that transactions are on, so that it knows of
/// every transaction that is on one; the metadata last, so that they have every topic that is named.
///
/// # Errors
/// Another one is being made, a partition cannot be read, or it takes too long: the text says which
/// and what to do.
///
/// # Cancel safety
/// Nothing is held and nothing is kept by a call that is dropped.
pub async fn cut(broker: &Arc<Broker>) -> Result<(Cut, Lease), String> {
    cut_within(LONGEST_HOLD, broker).await
}

/// As [`cut`], where decisions wait for `longest` at most.
pub(super) async fn cut_within(
    longest: Duration,
    broker: &Arc<Broker>,
) -> Result<(Cut, Lease), String> {
    let only = Arc::clone(broker.backup()).try_lock_owned();
    let only = only.map_err(|_| "another backup of this broker is being made: wait for its end")?;
    let dirs = paths(broker)?;
    let slow = |_| "the broker is busy removing files or reading its logs: try again later";
    let kept = timeout(PATIENCE, broker.partitions().keep()).await;
    let lease = Lease {
        _kept: kept.map_err(slow)?,
        _only: only,
    };
    timeout(PATIENCE, warm(broker)).await.map_err(slow)?;
    let held = timeout(longest, Held::new(broker)).await.map_err(|_| {
        format!(
            "transactions that were ending have not ended within {longest:?}, so that nothing was \
             copied: the broker's log says what they wait for"
        )
    })??;
    let (partitions, image) = read(broker)?;
    let held_for = held.release();
    let config = broker.config();
    let mut own = broker.config().log_dirs.clone().into_iter();
    let metadata_dir = own
        .position(|it| it == config.metadata_log_dir)
        .unwrap_or(0);
    let made = Cut {
        cluster_id: broker.cluster_id().to_string(),
        node_id: broker.node_id(),
        directory_id: broker.partitions().dirs()[metadata_dir].id.to_string(),
        dirs,
        metadata_dir,
        metadata_end: image.end_offset,
        partitions,
        staging: staging::name_for(broker.random_bytes()),
        held_us: u64::try_from(held_for.as_micros()).unwrap_or(u64::MAX),
    };
    Ok((made, lease))
}

fn paths(broker: &Broker) -> Result<Vec<PathBuf>, String> {
    let dirs = broker.partitions().dirs().iter().map(|dir| {
        let path = std::path::absolute(dir.path());
        path.map_err(|error| format!("{}: {error}", dir.path().display()))
    });
    dirs.collect()
}

/// The ends, in the order that [`cut`] says.
fn read(broker: &Broker) -> Result<(Vec<CutPartition>, Arc<Image>), String> {
    let image = broker.metadata().image();
    let mut topics: Vec<_> = image.topics().collect();
    topics.sort_by_key(|topic| match &*topic.name {
        "__consumer_offsets" => 0,
        "__transaction_state" => 2,
        _ => 1,
    });
    let mut partitions = Vec::new();
    for topic in topics {
        for index in 0..topic.partitions.len() as i32 {
            let partition = topic.partition(index);
            if partition.is_some_and(|it| it.leader == broker.node_id()) {
                partitions.push(read_one(broker, topic, index)?);
            }
        }
    }
    Ok((partitions, broker.metadata().image()))
}

fn read_one(broker: &Broker, topic: &TopicImage, index: i32) -> Result<CutPartition, String> {
    let name = &topic.name;
    let all = broker.partitions();
    let found = all.get(PartitionId {
        topic_id: topic.id,
        index,
    });
    let view = found.and_then(|it| Ok((it.view()?, it)));
    let (view, partition) = view.map_err(|refused| {
        format!(
            "partition {index} of {name} is not served, so that it cannot be copied: {}; bring it \
             back (`millrace log repair`) or delete the topic",
            refused.reason
        )
    })?;
    let dir = partition.dir();
    let mut dirs = all.dirs().iter();
    Ok(CutPartition {
        topic: name.to_string(),
        partition: index,
        dir: dirs.position(|it| Arc::ptr_eq(it, dir)).unwrap_or(0),
        start: view.log.start_offset(),
        end: view.high_watermark,
        first_dirty: dir.first_dirty(&partition),
    })
}
