//! Making a data directory of a backup.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use millrace_log::offline::{Damage, Damaged, FileKind, kind_of, verify};
use millrace_log::{Disk, LogDir, Opening, TopicPartition};

use super::error::{At, BackupError};
use super::link::{copy, names};
use super::making::{Making, check_place};
use super::manifest::{HeldPartition, Manifest};
use super::settle::{Settled, settle};
use super::sync::Unsynced;
use super::take::write_offsets;

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
/// what to do. What was made is removed.
///
/// # Cancel safety
/// What a call has made that is dropped is removed, once nothing is copied any more.
pub async fn restore(backup: &Path, data: &Path) -> Result<Restored, BackupError> {
    let (from, to) = (backup.to_owned(), data.to_owned());
    let copying = tokio::task::spawn_blocking(move || copy_all(&from, &to)).await;
    let gone = |_| BackupError::new(data, "the copying was interrupted");
    let (making, mut restored, held) = copying.map_err(gone)??;
    let Settled { aborted, hanging } = settle(data, restored.node_id, &held).await?;
    making.finish()?;
    (restored.aborted, restored.hanging) = (aborted, hanging);
    Ok(restored)
}

type Copied = (Making, Restored, Vec<HeldPartition>);

fn copy_all(backup: &Path, data: &Path) -> Result<Copied, BackupError> {
    let manifest = Manifest::read(backup)?;
    refuse_strange(backup)?;
    check_place(backup, "backup", data)?;
    let _held = LogDir::open_existing(Arc::new(Disk), backup).at("take", backup)?;
    let making = Making::begin(data)?;
    let (mut batches, mut bytes) = (0, 0);
    let mut unsynced = Unsynced::default();
    for partition in &manifest.partitions {
        bytes += copy_partition(backup, data, partition, &mut unsynced)?;
        batches += check(backup, data, partition)?;
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
    Ok((making, restored, manifest.partitions))
}

/// Nothing but files and directories is read, before one of them is opened: a pipe may have no end,
/// and a link leads out of the backup.
fn refuse_strange(dir: &Path) -> Result<(), BackupError> {
    for entry in fs::read_dir(dir).at("list", dir)? {
        let entry = entry.at("list", dir)?;
        let kind = entry.file_type().at("look at", &entry.path())?;
        if !kind.is_file() && !kind.is_dir() {
            let reason = "it is neither a file nor a directory, and a backup has nothing else";
            return Err(BackupError::new(&entry.path(), reason)
                .remedy("put the file there that it stands for, or restore another backup"));
        }
    }
    Ok(())
}

fn copy_partition(
    backup: &Path,
    data: &Path,
    partition: &HeldPartition,
    unsynced: &mut Unsynced,
) -> Result<u64, BackupError> {
    let name = dir_name(backup, partition)?;
    let (from, to) = (backup.join(&name), data.join(&name));
    refuse_strange(&from)?;
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

/// Reads all that was copied; how many batches it has. What is damaged is named as it is in the backup:
/// the copy goes.
fn check(backup: &Path, data: &Path, partition: &HeldPartition) -> Result<u64, BackupError> {
    let name = partition.name().to_string();
    let (held, copy) = (backup.join(&name), data.join(&name));
    let opening = Opening {
        start_offset: partition.start,
        recovery_point: partition.end,
        first_dirty_offset: partition.first_dirty,
        is_clean: false,
        now: 0,
    };
    let found = verify(&Disk, &copy, &opening).at("read", &copy)?;
    let is_all = found.end_offset == partition.end || partition.segments.is_empty();
    let reason = match found.damage.into_iter().next() {
        None if is_all => return Ok(found.batches),
        None => format!(
            "its log ends with offset {}, not {}",
            found.end_offset, partition.end
        ),
        Some(Damaged { at, .. }) => {
            let path = at.path.strip_prefix(&copy);
            let path = path.map_or(at.path.clone(), |it| held.join(it));
            Damage { path, ..at }.to_string()
        }
    };
    Err(BackupError::new(&held, reason).remedy("the backup is damaged: restore another one"))
}
