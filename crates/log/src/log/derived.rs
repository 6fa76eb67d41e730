//! Files that follow from the batches, made anew.

use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Log, OpenReport};
use crate::epochs::LeaderEpochs;
use crate::error::{LogError, OnDisk};
use crate::files::{Open, read_whole, replace};
use crate::names;
use crate::producer::Producers;
use crate::segment::{Indexes, Segment};
use crate::txn_index::{self, AbortedTxn};
use crate::walk::{FEW, Walker};

impl Log {
    /// Makes the indexes anew that the first `count` segments, which were durable, do not have;
    /// that of transactions also where it is damaged, as only the owner can make it.
    pub(super) fn rebuild_indexes(
        &mut self,
        count: usize,
        report: &mut OpenReport,
    ) -> Result<(), LogError> {
        let names = self.files.list(&self.dir).on_disk("list", &self.dir)?;
        let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        for segment in &self.segments[..count] {
            if matches!(segment.aborted(), Err(LogError::Corrupt(_))) {
                let path = segment.path(names::TXN_INDEX);
                let bytes = txn_index::to_bytes(&self.aborted_in(segment)?);
                self.rewrite(path, &bytes, report)?;
            }
            let mut needed = [names::INDEX, names::TIME_INDEX].into_iter();
            let is_there = |suffix| {
                let path = segment.path(suffix);
                let name = path.file_name().and_then(|name| name.to_str());
                name.is_some_and(|name| names.contains(name))
            };
            if needed.all(is_there) {
                continue;
            }
            let indexes = Indexes::of(segment, self.interval())?;
            for (suffix, bytes) in indexes.to_bytes() {
                let path = segment.path(suffix);
                self.rewrite(path, &bytes, report)?;
            }
        }
        Ok(())
    }

    fn rewrite(
        &self,
        path: PathBuf,
        bytes: &[u8],
        report: &mut OpenReport,
    ) -> Result<(), LogError> {
        match replace(&*self.files, &path, bytes).on_disk("write", &path) {
            Err(LogError::NoSpace { .. }) => self.skip(&path, report)?,
            written => written?,
        }
        report.rebuilt.push(path);
        Ok(())
    }

    /// Goes on without a file that a full disk has no room for: the log opens, and the file is made
    /// when it is needed.
    fn skip(&self, path: &Path, report: &mut OpenReport) -> Result<(), LogError> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        for path in [path, Path::new(&temporary)] {
            match self.files.unlink(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).on_disk("unlink", path);
                }
                _ => {}
            }
        }
        report.skipped.push(path.to_owned());
        Ok(())
    }

    /// The transactions whose markers in a segment aborted them.
    fn aborted_in(&self, segment: &Segment) -> Result<Vec<AbortedTxn>, LogError> {
        let (mut producers, _) = self.load_producers(segment.base_offset)?;
        let mut aborted = Vec::new();
        self.replay_segment(segment, &mut producers, i64::MAX, &mut aborted)?;
        Ok(aborted)
    }

    /// The leader epochs of the first `count` segments.
    pub(super) fn collect_epochs(
        &self,
        count: usize,
        epochs: &mut LeaderEpochs,
    ) -> Result<(), LogError> {
        for segment in &self.segments[..count] {
            let file = segment.log()?;
            let mut walker = Walker::new(&*file, segment.size(), FEW);
            let mut position = 0;
            while let Some(header) = segment.header(&mut walker, position)? {
                epochs.assign(header.leader_epoch, header.base_offset);
                position += header.size() as u64;
            }
        }
        Ok(())
    }

    /// Writes the producers at the start of a segment, if that is not kept yet, so that the next
    /// recovery need not go back behind it.
    pub(super) fn keep_producers(
        &mut self,
        producers: &Producers,
        offset: i64,
        report: &mut OpenReport,
    ) -> Result<(), LogError> {
        let path = names::file(&self.dir, offset, names::SNAPSHOT);
        self.keep(&path, &producers.to_snapshot(), report)
    }

    /// Seals a segment that was checked: its indexes, on the medium, are those of its batches.
    pub(super) fn write_scanned(
        &mut self,
        segment: &Arc<Segment>,
        report: &mut OpenReport,
    ) -> Result<(), LogError> {
        segment.change_indexes(Indexes::finish);
        for (suffix, bytes) in segment.with_indexes(|it| Ok(it.to_bytes()))? {
            self.keep(&segment.path(suffix), &bytes, report)?;
        }
        let path = segment.path(names::TXN_INDEX);
        let aborted = segment.aborted()?;
        if aborted.is_empty() {
            return self.unlink_if_there(&path);
        }
        self.keep(&path, &txn_index::to_bytes(&aborted), report)?;
        if report.skipped.last() == Some(&path) {
            self.unsynced.aborted.push(Arc::clone(segment));
        }
        Ok(())
    }

    /// Puts a file in the place of another, as a whole, unless that has the same bytes. Those may
    /// not have reached the medium, so they are written again and synced with everything else.
    fn keep(&mut self, path: &Path, bytes: &[u8], report: &mut OpenReport) -> Result<(), LogError> {
        let old = read_whole(&*self.files, path, 2 * bytes.len() as u64 + 64);
        if !matches!(old, Ok(Some(old)) if old == bytes) {
            return match replace(&*self.files, path, bytes).on_disk("write", path) {
                Err(LogError::NoSpace { .. }) => self.skip(path, report),
                written => written,
            };
        }
        let file = self.files.open(path, Open::Write).on_disk("open", path)?;
        let written = file.write_at(&[IoSlice::new(bytes)], 0);
        written.on_disk("write", path)?;
        self.unsynced.files.push(file);
        Ok(())
    }

    /// Keeps the snapshots at the starts of segments, and the last one; what lies behind the end
    /// of the log is of something that was cut.
    pub(super) fn drop_stray_snapshots(&mut self) -> Result<(), LogError> {
        let end_offset = self.end_offset;
        let bases: BTreeSet<i64> = self.segments.iter().map(|it| it.base_offset).collect();
        let offsets = self.snapshot_offsets()?;
        let last = offsets.into_iter().filter(|it| *it <= end_offset).max();
        self.drop_snapshots(|it| it > end_offset || !bases.contains(&it) && Some(it) != last)
    }
}
