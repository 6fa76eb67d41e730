//! Files of a partition: linked while the broker keeps them, then made a copy that is on the medium.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use millrace_log::offline::{FileKind, ReadError, SegmentFile, kind_of};
use millrace_log::{Disk, EPOCHS_FILE, PARTITION_FILE};

use super::error::{At, BackupError};
use super::manifest::HeldSegment;
use super::sync::Unsynced;
use crate::metadata::SnapshotId;

/// Behind the first offset in the name of a segment that grows, until it is copied.
const GROWING: &str = "growing";

/// How much was linked and copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    pub linked_files: u64,
    pub linked_bytes: u64,
    pub copied_bytes: u64,
}

/// Links the files of a partition that have something below `end` into a new directory, the segment
/// that grows, too. The broker keeps them meanwhile.
///
/// # Durability
/// None before [`settle`].
///
/// # Errors
/// The system refuses.
pub fn pin(from: &Path, to: &Path, end: i64) -> Result<(), BackupError> {
    fs::create_dir(to).at("make", to)?;
    let names = names(from)?;
    let bases = names.iter().filter_map(|name| segment(name));
    let last = bases.filter(|base| *base < end).max();
    for name in &names {
        let source = from.join(name);
        match what(name, last, end) {
            What::Linked => link(&source, &to.join(name))?,
            What::Growing(base) => link(&source, &growing(to, base))?,
            What::Copied => drop(copy(&source, &to.join(name), u64::MAX)?.0),
            What::None => {}
        }
    }
    Ok(())
}

/// What becomes of a file.
enum What {
    /// It does not change any more.
    Linked,
    /// The segment in which the copy ends, with its first offset.
    Growing(i64),
    /// It is small, and replaced now and then.
    Copied,
    None,
}

fn what(name: &str, last: Option<i64>, end: i64) -> What {
    if let Some(snapshot) = SnapshotId::of_file_name(name) {
        return match snapshot.end_offset <= end {
            true => What::Linked,
            false => What::None,
        };
    }
    if name == EPOCHS_FILE || name == PARTITION_FILE {
        return What::Copied;
    }
    let (Some((kind, offset)), Some(last)) = (file_of(name), last) else {
        return What::None;
    };
    match kind {
        FileKind::Segment if offset == last => What::Growing(last),
        FileKind::Producers if offset <= last => What::Linked,
        FileKind::Producers => What::None,
        _ if offset < last => What::Linked,
        // What follows from the segment that grows is made anew from the copy of that.
        _ => What::None,
    }
}

/// What a file is, if it is not about to be removed or swapped in.
fn file_of(name: &str) -> Option<(FileKind, i64)> {
    let is_plain = name.bytes().filter(|it| *it == b'.').count() == 1;
    kind_of(name).filter(|_| is_plain)
}

fn segment(name: &str) -> Option<i64> {
    match file_of(name)? {
        (FileKind::Segment, base) => Some(base),
        _ => None,
    }
}

fn growing(dir: &Path, base: i64) -> PathBuf {
    dir.join(format!("{base:020}.{GROWING}"))
}

/// Makes the pinned files a copy up to `end`, in the same directory or, where that is on another
/// file system, in `to`. Returns the segments.
///
/// # Durability
/// All of it is on the medium when what is unsynced was synced, but for the name of the directory.
pub fn settle(
    pinned: &Path,
    to: &Path,
    end: i64,
    amounts: &mut Amounts,
    unsynced: &mut Unsynced,
) -> Result<Vec<HeldSegment>, BackupError> {
    let is_moved = pinned != to;
    if is_moved {
        fs::create_dir(to).at("make", to)?;
    }
    let mut segments = Vec::new();
    for name in names(pinned)? {
        let path = pinned.join(&name);
        if let Some(base) = growing_base(&name) {
            let bytes = end_of(&path, end)?;
            let target = to.join(format!("{base:020}.log"));
            let (copied, file) = copy(&path, &target, bytes)?;
            amounts.copied_bytes += copied;
            unsynced.add_open(&target, file)?;
            fs::remove_file(&path).at("remove", &path)?;
            segments.push(HeldSegment { base, bytes });
            continue;
        }
        let bytes = fs::metadata(&path).at("look at", &path)?.len();
        segments.extend(segment(&name).map(|base| HeldSegment { base, bytes }));
        if is_moved {
            let target = to.join(&name);
            let (copied, file) = copy(&path, &target, bytes)?;
            amounts.copied_bytes += copied;
            unsynced.add_open(&target, file)?;
        } else {
            amounts.linked_files += 1;
            amounts.linked_bytes += bytes;
            // The broker may leave that to the system.
            unsynced.add(&path)?;
        }
    }
    unsynced.add(to)?;
    segments.sort_by_key(|it| it.base);
    Ok(segments)
}

fn growing_base(name: &str) -> Option<i64> {
    let (digits, suffix) = name.split_once('.')?;
    (suffix == GROWING).then(|| digits.parse().ok())?
}

/// How many bytes the batches below `end` have, all of which must be sound.
fn end_of(path: &Path, end: i64) -> Result<u64, BackupError> {
    let remedy = "see `millrace log verify` of the stopped broker";
    let segment = SegmentFile::open(&Disk, path).at("open", path)?;
    let mut batches = segment.batches();
    while batches.offset() < end {
        match batches.next_sound() {
            Ok(Some(_)) => {}
            Ok(None) => {
                let reason = format!("it ends with offset {}, before {end}", batches.offset());
                return Err(BackupError::new(path, reason).remedy(remedy));
            }
            Err(ReadError::Damaged(damage)) => {
                return Err(BackupError::new(path, damage).remedy(remedy));
            }
            Err(ReadError::Log(error)) => return Err(error).at("read", path),
        }
    }
    Ok(batches.position())
}

/// Copies up to so many bytes of a file into a new one; returns how many, and the new file.
///
/// # Durability
/// None.
pub fn copy(from: &Path, to: &Path, bytes: u64) -> Result<(u64, File), BackupError> {
    let source = File::open(from).at("open", from)?;
    let mut target = File::create_new(to).at("make", to)?;
    let copied = io::copy(&mut source.take(bytes), &mut target).at("write", to)?;
    Ok((copied, target))
}

fn link(from: &Path, to: &Path) -> Result<(), BackupError> {
    fs::hard_link(from, to).at("link", from)
}

/// Whether files of one directory can be linked into the other.
pub fn can_link(from: &Path, to: &Path) -> Result<bool, BackupError> {
    let (probe, target) = (from.join("meta.properties"), to.join(".probe"));
    match fs::hard_link(&probe, &target) {
        Ok(()) => {
            fs::remove_file(&target).at("remove", &target)?;
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => Ok(false),
        Err(error) => Err(error).at("link", &probe),
    }
}

/// The names of the files in a directory; one that is not text is none of the broker's.
pub fn names(dir: &Path) -> Result<Vec<String>, BackupError> {
    millrace_log::Files::list(&Disk, dir).at("list", dir)
}

/// # Durability
/// What was made in the directory stays.
pub fn sync_dir(dir: &Path) -> Result<(), BackupError> {
    File::open(dir).and_then(|it| it.sync_all()).at("sync", dir)
}
