//! A snapshot of the metadata: a file `<end offset>-<epoch>.checkpoint` beside the log (KIP-630).
//!
//! Records that make the image behind the offset, in batches as in a log, between a control record
//! that begins them and one that ends them.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use millrace_kafka_wire::batch::{BatchBuilder, HEADER_SIZE, Records};
use millrace_kafka_wire::metadata::MetadataRecord;
use millrace_kafka_wire::records::control::{SnapshotFooterRecord, SnapshotHeaderRecord};
use millrace_kafka_wire::{Message, WriteError, Writer};
use millrace_log::offline::{FileKind, kind_of};
use millrace_log::{Batch, Files, LogError, list_beside, read_beside, write_beside};

use super::image::Image;

/// A batch is ended when it has so many bytes.
const BATCH: usize = 1 << 20;
/// No snapshot is larger, in bytes.
const LONGEST: u64 = 1 << 30;
const SUFFIX: &str = ".checkpoint";
/// Keys of the control records: version 0, and the type.
const HEADER_KEY: [u8; 4] = [0, 0, 0, 3];
const FOOTER_KEY: [u8; 4] = [0, 0, 0, 4];
const REMEDY: &str = "restore the data directory from a backup";

/// Which part of the log a snapshot stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotId {
    /// The offset behind its last record.
    pub end_offset: i64,
    /// The leader epoch of that record.
    pub epoch: i32,
}

impl SnapshotId {
    /// The name of its file.
    pub fn file_name(self) -> String {
        format!("{:020}-{:010}{SUFFIX}", self.end_offset, self.epoch)
    }

    /// What a file is a snapshot of, by its name.
    pub fn of_file_name(name: &str) -> Option<Self> {
        let (end_offset, epoch) = name.strip_suffix(SUFFIX)?.split_once('-')?;
        let id = Self {
            end_offset: end_offset.parse().ok()?,
            epoch: epoch.parse().ok()?,
        };
        (id.file_name() == name).then_some(id)
    }
}

/// The snapshots in a directory, the oldest first; none when there is no such directory.
///
/// # Errors
/// The disk fails.
pub fn list(files: &dyn Files, dir: &Path) -> Result<Vec<SnapshotId>, LogError> {
    let names = list_beside(files, dir)?;
    let ids = names.iter().filter_map(|it| SnapshotId::of_file_name(it));
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    Ok(ids)
}

/// Writes the snapshot of an image.
///
/// # Durability
/// It is on the medium on return.
///
/// # Errors
/// The disk fails or has no room: there is no such snapshot.
pub fn write(files: &dyn Files, dir: &Path, image: &Image, now: i64) -> Result<(), LogError> {
    let id = SnapshotId {
        end_offset: image.end_offset,
        epoch: image.epoch,
    };
    write_beside(files, &dir.join(id.file_name()), &encode(image, now)?)
}

fn encode(image: &Image, now: i64) -> Result<Vec<u8>, LogError> {
    let begin = |offset| BatchBuilder::new(offset).leader_epoch(image.epoch);
    let control = |offset, key: &[u8], value: &[u8]| {
        let mut batch = begin(offset).control();
        batch.add(now, Some(key), Some(value), &[]);
        batch.finish()
    };
    let header = SnapshotHeaderRecord {
        record_version: 0,
        last_contained_log_timestamp: now,
    };
    let mut bytes = control(0, &HEADER_KEY, &value_of(&header)?);
    let mut offset = 1;
    let mut batch = begin(offset);
    for record in image.to_records() {
        let value = record.encode(record.latest_version()).map_err(too_long)?;
        batch.add(now, None, Some(&value), &[]);
        offset += 1;
        if batch.size() >= BATCH {
            bytes.extend(std::mem::replace(&mut batch, begin(offset)).finish());
        }
    }
    if !batch.is_empty() {
        bytes.extend(batch.finish());
    }
    let footer = SnapshotFooterRecord { record_version: 0 };
    bytes.extend(control(offset, &FOOTER_KEY, &value_of(&footer)?));
    Ok(bytes)
}

fn value_of(control: &impl Message) -> Result<Bytes, LogError> {
    let mut writer = Writer::new();
    let written = control.write(&mut writer, 0);
    let finished = written.and_then(|()| writer.finish());
    Ok(finished.map_err(too_long)?.into_bytes())
}

fn too_long(_: WriteError) -> LogError {
    LogError::Misuse("a metadata record is too long")
}

/// The image that a snapshot is of.
///
/// # Errors
/// The disk fails, or the snapshot is damaged.
pub fn read(files: &dyn Files, dir: &Path, id: SnapshotId) -> Result<Image, LogError> {
    let path = dir.join(id.file_name());
    let malformed = |reason: String| LogError::Malformed {
        path: path.clone(),
        reason,
        remedy: REMEDY,
    };
    let bytes = read_beside(files, &path, LONGEST)?;
    let bytes = bytes.ok_or_else(|| malformed("it is gone".to_owned()))?;
    let mut image = decode(bytes.into()).map_err(malformed)?;
    image.end_offset = id.end_offset;
    Ok(image)
}

/// The snapshots in a directory of the metadata log that cannot be read, the oldest first.
///
/// # Errors
/// The disk fails.
pub fn damaged(files: &dyn Files, dir: &Path) -> Result<Vec<DamagedSnapshot>, LogError> {
    let mut damaged = Vec::new();
    let mut is_whole = false;
    for id in list(files, dir)? {
        match read(files, dir, id) {
            Ok(_) => is_whole = true,
            Err(LogError::Malformed { path, reason, .. }) => damaged.push(DamagedSnapshot {
                path,
                end_offset: id.end_offset,
                reason,
                is_needed: false,
            }),
            Err(error) => return Err(error),
        }
    }
    let is_needed = !is_whole && first_segment(files, dir)? > 0;
    damaged.iter_mut().for_each(|it| it.is_needed = is_needed);
    Ok(damaged)
}

/// A snapshot that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedSnapshot {
    pub path: PathBuf,
    /// The offset behind its last record.
    pub end_offset: i64,
    pub reason: String,
    /// Neither another one nor the log has what is in it.
    pub is_needed: bool,
}

/// Where the log starts that has these snapshots, the oldest first: records are removed behind the older
/// of two, when the newer one is durable.
pub fn start_behind(snapshots: &[SnapshotId]) -> i64 {
    match snapshots {
        [older, _, ..] => older.end_offset,
        _ => 0,
    }
}

/// Where the metadata log in a directory starts.
///
/// # Errors
/// The disk fails.
pub fn metadata_start(files: &dyn Files, dir: &Path) -> Result<i64, LogError> {
    let snapshots = list(files, dir)?;
    Ok(match first_segment(files, dir)? {
        // Nothing has been removed yet, or nothing by its name.
        0 => start_behind(&snapshots),
        // Somebody may have removed the other one.
        _ => snapshots.first().map_or(0, |it| it.end_offset),
    })
}

/// The first offset of the first segment in a directory; 0 where there is none.
fn first_segment(files: &dyn Files, dir: &Path) -> Result<i64, LogError> {
    let names = list_beside(files, dir)?;
    let bases = names.iter().filter_map(|name| match kind_of(name) {
        Some((FileKind::Segment, base)) if name.ends_with(".log") => Some(base),
        _ => None,
    });
    Ok(bases.min().unwrap_or(0))
}

fn decode(mut bytes: Bytes) -> Result<Image, String> {
    let mut image = Image::default();
    let mut place = Place::Before;
    while !bytes.is_empty() {
        let batch = Batch::own_prefix(&mut bytes).map_err(|error| error.to_string())?;
        let is_control = batch.header().attributes.is_control();
        place = match (place, is_control) {
            (Place::Before, true) if key(&batch) == Some(HEADER_KEY) => Place::Within,
            (Place::Within, true) if key(&batch) == Some(FOOTER_KEY) => Place::Behind,
            (Place::Within, false) => {
                take(&batch, &mut image)?;
                Place::Within
            }
            _ => return Err("its batches are in no order".to_owned()),
        };
    }
    match place {
        Place::Behind => Ok(image),
        Place::Before | Place::Within => Err("it has no end".to_owned()),
    }
}

/// Where in a snapshot a batch may lie.
enum Place {
    Before,
    Within,
    Behind,
}

/// The key of the record of a control batch.
fn key(batch: &Batch) -> Option<[u8; 4]> {
    let header = batch.header();
    let bytes = &batch.bytes()[HEADER_SIZE..];
    let record = Records::new(bytes, header.record_count).next()?.ok()?;
    record.key?.try_into().ok()
}

/// Takes the records of a batch into an image.
///
/// # Errors
/// One is malformed, of an unknown kind, or does not follow.
pub fn take(batch: &Batch, image: &mut Image) -> Result<(), String> {
    let header = batch.header();
    for record in Records::new(&batch.bytes()[HEADER_SIZE..], header.record_count) {
        let value = record.ok().and_then(|it| it.value);
        let value = value.ok_or("a record is malformed")?;
        match MetadataRecord::decode(Bytes::copy_from_slice(value)) {
            Ok(Some(record)) => image.apply(&record)?,
            Ok(None) => return Err("a record is of an unknown kind".to_owned()),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}
