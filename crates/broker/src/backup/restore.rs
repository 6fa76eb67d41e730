//! Making a data directory of a backup.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use millrace_log::offline::{FileKind, State, kind_of, verify};
use millrace_log::{Disk, LogDir, Opening, TopicPartition};

use super::error::{At, BackupError};
use super::link::{copy, names};
use super::manifest::{HeldPartition, Manifest, begin, finish};
use super::settle::{Settled, settle};
use super::sync::Unsynced;
use super::take::{empty, write_offsets};

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The cluster that the broker belongs to.
    pub cluster_id: String,
    /// The broker that the data are of.
    pub node_id: i32,
    /// Partitions, of topics and of the metadata.
    pub partitions: usize,
    /// Batches that were read, and are sound.
    pub batches: u64,
    /// Bytes that were copied.
    pub bytes: u64,
    /// Transactions that were open, and are aborted.
    pub aborted: usize,
    /// Partitions with records of a transaction that no coordinator knows: readers of committed
    /// records wait there, as they did on the broker that the backup is of.
    pub hanging: Vec<String>,
}

/// Makes a data directory of a backup: copies it, reads every batch, and aborts the transactions that
/// were open when it was taken. `data` must not exist, or be empty. Memory is bounded by the number
/// of partitions.
///
/// # Durability
/// All of it is on the medium on return. A directory in which this was interrupted has a file
/// `INCOMPLETE`, and no broker starts on it.
///
/// # Errors
/// The backup is not whole or damaged, its version is not known, or the system refuses; the text says
/// what to do.
///
/// # Cancel safety
/// A call that is dropped leaves the directory as one that was interrupted.
pub async fn restore(backup: &Path, data: &Path) -> Result<Restored, BackupError> {
    let (from, to) = (backup.to_owned(), data.to_owned());
    let copying = tokio::task::spawn_blocking(move || copy_all(&from, &to)).await;
    let gone = |_| BackupError::new(data, "the copying was interrupted");
    let (mut restored, held) = copying.map_err(gone)??;
    let Settled { aborted, hanging } = settle(data, restored.node_id, &held).await?;
    finish(data)?;
    (restored.aborted, restored.hanging) = (aborted, hanging);
    Ok(restored)
}

fn copy_all(backup: &Path, data: &Path) -> Result<(Restored, Vec<HeldPartition>), BackupError> {
    let manifest = Manifest::read(backup)?;
    let _held = LogDir::open_existing(Arc::new(Disk), backup).at("take", backup)?;
    empty(data)?;
    begin(data)?;
    let (mut batches, mut bytes) = (0, 0);
    let mut unsynced = Unsynced::default();
    for partition in &manifest.partitions {
        bytes += copy_partition(backup, data, partition, &mut unsynced)?;
        batches += check(data, partition)?;
    }
    unsynced.sync()?;
    write_offsets(data, &manifest)?;
    let restored = Restored {
        partitions: manifest.partitions.len(),
        cluster_id: manifest.cluster_id,
        node_id: manifest.node_id,
        batches,
        bytes,
        aborted: 0,
        hanging: Vec::new(),
    };
    Ok((restored, manifest.partitions))
}

fn copy_partition(
    backup: &Path,
    data: &Path,
    partition: &HeldPartition,
    unsynced: &mut Unsynced,
) -> Result<u64, BackupError> {
    let name = dir_name(backup, partition)?;
    let (from, to) = (backup.join(&name), data.join(&name));
    fs::create_dir(&to).at("make", &to)?;
    let mut copied = 0;
    for segment in &partition.segments {
        let name = format!("{:020}.log", segment.base);
        let (path, bytes) = (from.join(&name), segment.bytes);
        let target = to.join(&name);
        let (length, file) = copy(&path, &target, bytes)?;
        if length != bytes {
            let reason = format!("it has {length} bytes, and had {bytes} when it was taken");
            return Err(BackupError::new(&path, reason).remedy("restore another backup"));
        }
        unsynced.add_open(&target, file)?;
        copied += length;
    }
    for name in names(&from)? {
        if !matches!(kind_of(&name), Some((FileKind::Segment, _))) {
            let target = to.join(&name);
            let (length, file) = copy(&from.join(&name), &target, u64::MAX)?;
            unsynced.add_open(&target, file)?;
            copied += length;
        }
    }
    unsynced.add(&to)?;
    Ok(copied)
}

/// The name of its directory: no other than that may be written to.
fn dir_name(backup: &Path, partition: &HeldPartition) -> Result<String, BackupError> {
    let name = partition.name().to_string();
    let is_safe = !name.contains('/') && !name.starts_with('.');
    match is_safe && TopicPartition::from_dir_name(&name).is_some() {
        true => Ok(name),
        false => Err(BackupError::new(
            backup,
            format!("`{name}` is no name of a partition"),
        )),
    }
}

/// Reads all that was copied; how many batches it has.
fn check(data: &Path, partition: &HeldPartition) -> Result<u64, BackupError> {
    let dir = data.join(partition.name().to_string());
    let opening = Opening {
        start_offset: partition.start,
        recovery_point: partition.end,
        first_dirty_offset: partition.first_dirty,
        is_clean: false,
        now: 0,
    };
    let found = verify(&Disk, &dir, &opening).at("read", &dir)?;
    let damaged = |place: &Path, reason: String| {
        Err(BackupError::new(place, reason).remedy("the backup is damaged: restore another one"))
    };
    if let Some(damage) = found.damage.first() {
        return damaged(&dir, damage.at.to_string());
    }
    match found.state() == State::Sound
        && (found.end_offset == partition.end || partition.segments.is_empty())
    {
        true => Ok(found.batches),
        false => {
            let (found, expected) = (found.end_offset, partition.end);
            damaged(
                &dir,
                format!("its log ends with offset {found}, not {expected}"),
            )
        }
    }
}
