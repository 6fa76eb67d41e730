//! The files that follow from the batches of a segment: indexes, aborted transactions, producers.

use std::path::Path;

use super::Damage;
use crate::error::{LogError, OnDisk};
use crate::files::{Files, read_whole};
use crate::index::{Entry, OffsetEntry, TimeEntry};
use crate::names;
use crate::producer::{Producer, Producers};
use crate::txn_index::{self, AbortedTxn};

/// No file of these kinds is larger, in bytes.
const LONGEST: u64 = 64 << 20;

/// What a file holds, up to where it is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries<T> {
    /// The sound entries, in their order.
    pub entries: Vec<T>,
    /// What is wrong behind them.
    pub damage: Option<Damage>,
}

/// An entry of `.index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetIndexEntry {
    /// The last offset of a batch.
    pub offset: i64,
    /// Where that batch begins.
    pub position: u64,
}

/// An entry of `.timeindex`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeIndexEntry {
    /// No record up to the offset is later, in milliseconds since 1970.
    pub timestamp: i64,
    /// The last offset of the batch that has it.
    pub offset: i64,
}

/// Reads a `.index`.
///
/// # Errors
/// There is none, it has more than 64 MiB, or the disk fails.
pub fn read_offset_index(
    files: &dyn Files,
    path: &Path,
) -> Result<Entries<OffsetIndexEntry>, LogError> {
    let follows = |before: &OffsetEntry, it: &OffsetEntry| {
        before.relative_offset < it.relative_offset && before.position < it.position
    };
    let read = read_entries(files, path, follows)?;
    let base = base_of(path);
    Ok(read.map(|it| OffsetIndexEntry {
        offset: base.saturating_add(i64::from(it.relative_offset)),
        position: u64::from(it.position),
    }))
}

/// Reads a `.timeindex`.
///
/// # Errors
/// As of [`read_offset_index`].
pub fn read_time_index(
    files: &dyn Files,
    path: &Path,
) -> Result<Entries<TimeIndexEntry>, LogError> {
    let follows = |before: &TimeEntry, it: &TimeEntry| {
        before.relative_offset < it.relative_offset && before.timestamp < it.timestamp
    };
    let read = read_entries(files, path, follows)?;
    let base = base_of(path);
    Ok(read.map(|it| TimeIndexEntry {
        timestamp: it.timestamp,
        offset: base.saturating_add(i64::from(it.relative_offset)),
    }))
}

/// Reads a `.txnindex`.
///
/// # Errors
/// As of [`read_offset_index`].
pub fn read_txn_index(files: &dyn Files, path: &Path) -> Result<Entries<AbortedTxn>, LogError> {
    let bytes = read(files, path)?;
    let base = base_of(path);
    let mut entries: Vec<AbortedTxn> = Vec::new();
    let mut reason = None;
    for entry in bytes.chunks(txn_index::ENTRY) {
        let least = entries
            .last()
            .map_or(base, |it| it.last_offset.saturating_add(1));
        match txn_index::parse(entry, least) {
            Some(one) => entries.extend(one),
            None if entry.len() < txn_index::ENTRY => reason = Some("the file ends within it"),
            None => reason = Some("it is of another version, or its marker is out of order"),
        }
        if reason.is_some() {
            break;
        }
    }
    let position = (entries.len() * txn_index::ENTRY) as u64;
    let offset = entries
        .last()
        .map_or(base, |it| it.last_offset.saturating_add(1));
    let damage = reason.map(|it| damage(path, position, offset, it));
    Ok(Entries { entries, damage })
}

/// Reads a `.snapshot`: producers by their ids. It is whole or nothing of it is known.
///
/// # Errors
/// As of [`read_offset_index`].
pub fn read_producers(
    files: &dyn Files,
    path: &Path,
) -> Result<Entries<(i64, Producer)>, LogError> {
    let bytes = read(files, path)?;
    let offset = base_of(path);
    let Some(producers) = Producers::from_snapshot(&bytes, offset) else {
        let reason = "it does not have the version 1, its checksum and whole entries";
        return Ok(Entries {
            entries: Vec::new(),
            damage: Some(damage(path, 0, offset, reason)),
        });
    };
    let found = producers.iter().map(|(id, it)| (id, it.clone()));
    let mut entries: Vec<_> = found.collect();
    entries.sort_unstable_by_key(|(id, _)| *id);
    Ok(Entries {
        entries,
        damage: None,
    })
}

impl<T> Entries<T> {
    fn map<U>(self, change: impl Fn(T) -> U) -> Entries<U> {
        Entries {
            entries: self.entries.into_iter().map(change).collect(),
            damage: self.damage,
        }
    }
}

fn read_entries<E: Entry>(
    files: &dyn Files,
    path: &Path,
    follows: impl Fn(&E, &E) -> bool,
) -> Result<Entries<E>, LogError> {
    let bytes = read(files, path)?;
    let mut entries: Vec<E> = Vec::with_capacity(bytes.len() / E::SIZE);
    let mut reason = None;
    for entry in bytes.chunks(E::SIZE) {
        if entry.len() < E::SIZE {
            reason = Some("the file ends within it");
            break;
        }
        let entry = E::read(entry);
        if entries.last().is_some_and(|last| !follows(last, &entry)) {
            reason = Some("it is not larger than the one before it");
            break;
        }
        entries.push(entry);
    }
    let position = (entries.len() * E::SIZE) as u64;
    let last = entries.last().map_or(0, |it| it.relative_offset());
    let offset = base_of(path).saturating_add(i64::from(last));
    let damage = reason.map(|it| damage(path, position, offset, it));
    Ok(Entries { entries, damage })
}

fn read(files: &dyn Files, path: &Path) -> Result<Vec<u8>, LogError> {
    let bytes = read_whole(files, path, LONGEST).on_disk("read", path)?;
    let there = bytes.ok_or_else(|| std::io::ErrorKind::NotFound.into());
    there.on_disk("open", path)
}

fn damage(path: &Path, position: u64, offset: i64, reason: &str) -> Damage {
    Damage {
        path: path.to_owned(),
        position,
        offset,
        reason: format!("no entry begins there: {reason}"),
    }
}

fn base_of(path: &Path) -> i64 {
    let name = path.file_name().and_then(|name| name.to_str());
    name.and_then(names::parse).map_or(0, |(offset, _)| offset)
}
