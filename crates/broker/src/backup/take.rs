//! Taking a backup of a broker that runs, from another process.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use millrace_log::{DirProperties, Disk, LogDir, LogError, OffsetKind, TopicPartition};

use super::cut::{Cut, CutPartition};
use super::error::{At, BackupError};
use super::link::{Amounts, can_link, pin, settle};
use super::making::{Making, check_place};
use super::manifest::{HeldPartition, Manifest};
use super::staging::Staging;
use super::sync::Unsynced;
use crate::clock::Clock;
use crate::control::Client;
use crate::metadata::{MetadataLog, metadata_start};

/// What a data directory is called in complaints.
const DATA: &str = "data directory";

/// What was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Partitions, of topics and of the metadata.
    pub partitions: usize,
    /// Files that are shared with the broker, and their bytes.
    pub linked_files: u64,
    /// See there.
    pub linked_bytes: u64,
    /// Bytes that were copied.
    pub copied_bytes: u64,
    /// How long ends of transactions waited.
    pub held: Duration,
}

/// Takes a backup of the broker that runs on a data directory into `target`, which must not exist, or
/// be empty. Blocks; memory is bounded by the number of partitions.
///
/// # Durability
/// The whole backup is on the medium on return. One that was interrupted has a file `INCOMPLETE`.
///
/// # Errors
/// No broker runs there, it refuses, or the system does; the text says what to do. What was made is
/// removed.
pub fn take(data: &Path, target: &Path) -> Result<Taken, BackupError> {
    // It lasts as long as the work does: by its end the broker knows that nobody uses the links.
    let mut broker = connect(data)?;
    check_place(data, DATA, target)?;
    let making = Making::begin(target)?;
    let refused = |reason: String| BackupError::new(data, reason);
    let cut = broker.ask::<Cut>("backup").map_err(refused)?;
    let mut dirs = cut.dirs.iter();
    dirs.try_for_each(|dir| check_place(dir, DATA, target))?;
    let parts = parts(&cut)?;
    let staging = Staging::for_cut(&cut, target, can_link)?;
    for part in &parts {
        let place = staging.place(part.dir, &part.name());
        pin(&part.from(&cut), &place, part.end)?;
    }
    broker.ask::<()>("release").map_err(refused)?;
    let mut amounts = Amounts::default();
    let partitions = settle_all(&parts, &staging, target, &mut amounts)?;
    staging.remove()?;
    let (count, held) = (partitions.len(), Duration::from_micros(cut.held_us));
    let manifest = manifest_of(cut, partitions);
    write_offsets(target, &manifest)?;
    manifest.write(target)?;
    making.finish()?;
    Ok(Taken {
        partitions: count,
        linked_files: amounts.linked_files,
        linked_bytes: amounts.linked_bytes,
        copied_bytes: amounts.copied_bytes,
        held,
    })
}

/// Makes what was linked the files of the backup.
///
/// # Durability
/// They are on the medium on return.
fn settle_all(
    parts: &[CutPartition],
    staging: &Staging,
    target: &Path,
    amounts: &mut Amounts,
) -> Result<Vec<HeldPartition>, BackupError> {
    let mut unsynced = Unsynced::default();
    let mut held = Vec::new();
    for part in parts {
        let pinned = staging.place(part.dir, &part.name());
        let to = target.join(part.name().to_string());
        held.push(HeldPartition {
            segments: settle(&pinned, &to, part.end, amounts, &mut unsynced)?,
            topic: part.topic.clone(),
            partition: part.partition,
            start: part.start,
            end: part.end,
            first_dirty: part.first_dirty,
        });
    }
    unsynced.sync()?;
    Ok(held)
}

fn manifest_of(cut: Cut, partitions: Vec<HeldPartition>) -> Manifest {
    Manifest {
        version: Manifest::version(),
        taken_at_ms: Clock::system().now(),
        held_us: cut.held_us,
        metadata_end: cut.metadata_end,
        cluster_id: cut.cluster_id,
        node_id: cut.node_id,
        directory_id: cut.directory_id,
        checksum: 0,
        partitions,
    }
}

impl CutPartition {
    fn name(&self) -> TopicPartition {
        TopicPartition {
            topic: self.topic.as_str().into(),
            partition: self.partition,
        }
    }

    fn from(&self, cut: &Cut) -> PathBuf {
        cut.dirs[self.dir].join(self.name().to_string())
    }
}

/// The partitions of a cut, that of the metadata last.
fn parts(cut: &Cut) -> Result<Vec<CutPartition>, BackupError> {
    let metadata = MetadataLog::partition();
    let dir = cut.dirs[cut.metadata_dir].join(metadata.to_string());
    let start = metadata_start(&Disk, &dir).at("look at", &dir)?;
    let metadata = CutPartition {
        topic: metadata.topic.to_string(),
        partition: metadata.partition,
        dir: cut.metadata_dir,
        start,
        end: cut.metadata_end,
        first_dirty: 0,
    };
    Ok(cut.partitions.iter().cloned().chain([metadata]).collect())
}

fn connect(data: &Path) -> Result<Client, BackupError> {
    let error = match Client::connect(data) {
        Ok(client) => return Ok(client),
        Err(error) => error,
    };
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {}
        _ => return Err(error).at("connect to the broker of", data),
    }
    let held = LogDir::open_existing(Arc::new(Disk), data);
    match held.at("look at", data).map(drop) {
        Ok(()) => {
            let remedy = format!(
                "start it and try again, or keep the directory of the stopped broker: tar -czf \
                 backup.tar.gz -C {} .",
                data.display()
            );
            Err(BackupError::new(data, "no broker runs on it").remedy(remedy))
        }
        Err(_) if is_locked(data) => {
            let reason = "a broker runs on it and cannot be reached over `control.sock`";
            Err(BackupError::new(data, reason).remedy("see the broker's log"))
        }
        Err(error) => Err(error),
    }
}

fn is_locked(data: &Path) -> bool {
    let held = LogDir::open_existing(Arc::new(Disk), data);
    matches!(held, Err(LogError::Disk { error, .. }) if error.kind() == io::ErrorKind::WouldBlock)
}

/// Writes what a data directory has beside its partitions.
///
/// # Durability
/// It is on the medium on return.
pub fn write_offsets(dir: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    let held = LogDir::open(Arc::new(Disk), dir).at("take", dir)?;
    let of = |offset: fn(&HeldPartition) -> i64| -> BTreeMap<_, _> {
        let partitions = manifest.partitions.iter();
        partitions.map(|it| (it.name(), offset(it))).collect()
    };
    for (kind, offsets) in [
        // Everything in a backup is on the medium.
        (OffsetKind::RecoveryPoint, of(|it| it.end)),
        (OffsetKind::LogStart, of(|it| it.start)),
        (OffsetKind::FirstDirty, of(|it| it.first_dirty)),
    ] {
        held.store_offsets(kind, &offsets).at("write to", dir)?;
    }
    let directory_id = manifest.directory_id.parse();
    let properties = DirProperties {
        cluster_id: manifest.cluster_id.as_str().into(),
        node_id: manifest.node_id,
        directory_id: directory_id
            .map_err(|_| BackupError::new(dir, "its id of the directory is none"))?,
    };
    held.set_properties(&properties).at("write to", dir)
}
