//! What an interrupted deletion, cleaning or rewrite left in a directory, and which segments there
//! are. The rules are Kafka's.

use std::path::{Path, PathBuf};

use super::replay::LONGEST_SNAPSHOT;
use crate::error::{LogError, OnDisk};
use crate::files::{Files, Open, read_whole, replace};
use crate::names::{
    self, CLEANED, DELETED, INDEX, LOG, SNAPSHOT, SWAP, TEMPORARY, TIME_INDEX, TXN_INDEX,
};
use crate::producer::Producers;
use crate::walk::{FEW, WalkError, Walker};

/// Removes what is of no use and finishes what was swapped in halfway. Returns what was removed.
///
/// The power may go here, too: a step that the next one relies on is on the medium before that
/// begins.
pub(super) fn clean(files: &dyn Files, dir: &Path) -> Result<Vec<PathBuf>, LogError> {
    let mut removed = Vec::new();
    let names = files.list(dir).on_disk("list", dir)?;
    let unfinished = names.iter().filter(|name| names::has_mark(name, CLEANED));
    let first_cleaned = unfinished
        .filter_map(|name| names::parse(name))
        .map(|(offset, _)| offset)
        .min();
    let mut swapped = Vec::new();
    for name in names.iter().filter(|name| names::has_mark(name, SWAP)) {
        let offset = names::parse(name).map(|(offset, _)| offset);
        // What was to take the place of others together with a file that was not finished.
        let is_incomplete = offset
            .zip(first_cleaned)
            .is_some_and(|(it, least)| it >= least);
        match is_incomplete {
            true => unlink(files, dir, name, &mut removed)?,
            false => swapped.push(name.as_str()),
        }
    }
    if !removed.is_empty() {
        files.sync_dir(dir).on_disk("sync", dir)?;
    }
    let of_no_use = |name: &&String| {
        let mut suffixes = [DELETED, CLEANED, TEMPORARY].into_iter();
        suffixes.any(|it| names::has_mark(name, it))
    };
    for name in names.iter().filter(of_no_use) {
        unlink(files, dir, name, &mut removed)?;
    }
    swap_in(files, dir, &swapped, &mut removed)?;
    if !removed.is_empty() || !swapped.is_empty() {
        files.sync_dir(dir).on_disk("sync", dir)?;
    }
    Ok(removed)
}

fn unlink(
    files: &dyn Files,
    dir: &Path,
    name: &str,
    removed: &mut Vec<PathBuf>,
) -> Result<(), LogError> {
    let path = dir.join(name);
    files.unlink(&path).on_disk("unlink", &path)?;
    removed.push(path);
    Ok(())
}

/// The segments that were swapped in take the place of all that lie where they do. What has the
/// name of one of their own files is replaced, or is such a file already.
fn swap_in(
    files: &dyn Files,
    dir: &Path,
    swapped: &[&str],
    removed: &mut Vec<PathBuf>,
) -> Result<(), LogError> {
    if swapped.is_empty() {
        return Ok(());
    }
    // The names that are seen may not be on the medium, and what was marked as deleted neither.
    files.sync_dir(dir).on_disk("sync", dir)?;
    let mut replaced = Vec::new();
    for name in swapped {
        if let Some((offset, "log.swap")) = names::parse(name) {
            replaced.push((offset, end_of(files, &dir.join(name), offset)?));
        }
    }
    let is_replaced = |offset: i64| {
        let is_own = replaced.iter().any(|(base, _)| *base == offset);
        let mut ranges = replaced.iter();
        !is_own && ranges.any(|(base, end)| (*base..*end).contains(&offset))
    };
    let before = removed.len();
    for name in files.list(dir).on_disk("list", dir)? {
        let offset = names::parse(&name).map(|(offset, _)| offset);
        if offset.is_some_and(is_replaced) {
            unlink(files, dir, &name, removed)?;
        }
    }
    if removed.len() > before {
        files.sync_dir(dir).on_disk("sync", dir)?;
    }
    for name in swapped {
        let (from, to) = (dir.join(name), dir.join(name.trim_end_matches(".swap")));
        files.rename(&from, &to).on_disk("rename", &from)?;
    }
    Ok(())
}

/// The offset after the last batch of a file.
fn end_of(files: &dyn Files, path: &Path, base_offset: i64) -> Result<i64, LogError> {
    let file = files.open(path, Open::Read).on_disk("open", path)?;
    let size = file.size().on_disk("read", path)?;
    let mut walker = Walker::new(&*file, size, FEW);
    let (mut position, mut end) = (0, base_offset);
    loop {
        match walker.header(position) {
            Ok(Some(header)) => {
                end = header.next_offset();
                position += header.size() as u64;
            }
            Err(WalkError::Io(error)) => return Err(error).on_disk("read", path),
            Ok(None) | Err(WalkError::Bad(_) | WalkError::Short(_)) => return Ok(end),
        }
    }
}

/// The base offsets of the segments that hold something at `start_offset` or behind it, in order.
/// Removes those that do not, unless the producers behind them are not kept, and indexes that have
/// no segment.
pub(super) fn segments(
    files: &dyn Files,
    dir: &Path,
    start_offset: i64,
    removed: &mut Vec<PathBuf>,
) -> Result<Vec<i64>, LogError> {
    let names = files.list(dir).on_disk("list", dir)?;
    let parsed: Vec<_> = names.iter().filter_map(|name| names::parse(name)).collect();
    let logs = parsed.iter().filter(|(_, suffix)| *suffix == LOG);
    let mut bases: Vec<i64> = logs.map(|(offset, _)| *offset).collect();
    bases.sort_unstable();
    let below = bases.windows(2).take_while(|two| two[1] <= start_offset);
    let gone = below.count();
    let kept = match gone > 0 && keep_producers(files, dir, bases[gone])? {
        true => bases.split_off(gone),
        false => bases,
    };
    for (offset, suffix) in parsed {
        let is_ours = [LOG, INDEX, TIME_INDEX, TXN_INDEX].contains(&suffix);
        if is_ours && kept.binary_search(&offset).is_err() {
            let path = names::file(dir, offset, suffix);
            files.unlink(&path).on_disk("unlink", &path)?;
            removed.push(path);
        }
    }
    Ok(kept)
}

/// Makes the producers at the start of a segment durable, which nobody else knows once the segments
/// before it are gone. Tells whether that could be done: those that did not reach the medium are
/// made of the segments, which go when the next deletion finds them.
fn keep_producers(files: &dyn Files, dir: &Path, offset: i64) -> Result<bool, LogError> {
    let path = names::file(dir, offset, SNAPSHOT);
    let bytes = read_whole(files, &path, LONGEST_SNAPSHOT).on_disk("read", &path)?;
    let bytes = bytes.unwrap_or_default();
    if Producers::from_snapshot(&bytes, offset).is_none() {
        return Ok(false);
    }
    match replace(files, &path, &bytes).on_disk("write", &path) {
        Err(LogError::NoSpace { .. }) => Ok(false),
        written => written.map(|()| true),
    }
}
