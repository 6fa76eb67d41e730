//! Sealing a segment and beginning the next one.

use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;

use millrace_kafka_wire::batch::BatchHeader;

use super::{Active, Log};
use crate::error::{LogError, OnDisk};
use crate::files::{File, Open};
use crate::names;
use crate::segment::Segment;
use crate::txn_index;

impl Log {
    /// Whether a batch needs a new segment, behind so many bytes and batches that are not written.
    pub(super) fn must_roll(
        &self,
        header: &BatchHeader,
        pending_bytes: u64,
        pending_batches: usize,
        now: i64,
    ) -> bool {
        let segment = &self.active.segment;
        let size = segment.size() + pending_bytes;
        let is_far =
            i32::try_from(header.last_offset().saturating_sub(segment.base_offset)).is_err();
        if size == 0 {
            return is_far;
        }
        let waited = match self.active.first_timestamp {
            Some(first) if first >= 0 => header.max_timestamp.saturating_sub(first),
            _ => now.saturating_sub(self.active.created),
        };
        let max_index_bytes = self.config.max_index_bytes;
        let is_full = || {
            segment
                .with_indexes(|it| Ok(it.is_full(pending_batches + 1, max_index_bytes)))
                .unwrap_or(true)
        };
        is_far
            || size + header.size() as u64 > self.segment_bytes()
            || waited > self.segment_ms()
            || is_full()
    }

    /// The base offset of a segment whose first batch is a leader's: where the log ends, so that
    /// no gap is between segments, unless the batch is too far away for that.
    pub(super) fn base_for(&self, header: &BatchHeader) -> i64 {
        match i32::try_from(header.last_offset().saturating_sub(self.end_offset)) {
            Ok(_) => self.end_offset,
            Err(_) => header.base_offset,
        }
    }

    /// Seals the segment that grows and begins another one at `base_offset`.
    ///
    /// # Errors
    /// When there is no room, the segment grows on.
    pub(super) fn roll(&mut self, base_offset: i64, now: i64) -> Result<(), LogError> {
        let old = Arc::clone(&self.active.segment);
        let is_empty = old.size() == 0;
        if self.active.is_cut {
            self.sync_cut()?;
        }
        if !is_empty {
            self.write_indexes(&old)?;
            self.write_producers()?;
        }
        let active = self.begin_segment(base_offset, now)?;
        let kept = self.segments.len() - usize::from(is_empty);
        let new = std::iter::once(Arc::clone(&active.segment));
        self.segments = self.segments[..kept].iter().cloned().chain(new).collect();
        let sealed = std::mem::replace(&mut self.active, active);
        self.unsynced.seal(sealed.file);
        // Its indexes are read from their files from now on.
        old.close_files();
        if is_empty && old.base_offset != base_offset {
            let path = old.path(names::LOG);
            self.files.unlink(&path).on_disk("unlink", &path)?;
        }
        Ok(())
    }

    /// Makes an empty segment.
    pub(super) fn begin_segment(&mut self, base_offset: i64, now: i64) -> Result<Active, LogError> {
        let path = names::file(&self.dir, base_offset, names::LOG);
        let file = self
            .files
            .open(&path, Open::Create)
            .on_disk("create", &path)?;
        self.unsynced.directory = true;
        let segment = Segment::growing(&self.files, &self.dir, base_offset, Arc::clone(&file));
        Ok(Active {
            segment: Arc::new(segment),
            file,
            first_timestamp: None,
            created: now,
            is_cut: false,
        })
    }

    /// Writes the index files of the segment that grows.
    pub(super) fn write_indexes(&mut self, segment: &Segment) -> Result<(), LogError> {
        segment.change_indexes(crate::segment::Indexes::finish);
        for (suffix, bytes) in segment.with_indexes(|it| Ok(it.to_bytes()))? {
            self.write_derived(&segment.path(suffix), &bytes)?;
        }
        self.write_aborted(segment)
    }

    /// Writes the aborted transactions of a segment.
    pub(super) fn write_aborted(&mut self, segment: &Segment) -> Result<(), LogError> {
        let path = segment.path(names::TXN_INDEX);
        let aborted = segment.aborted()?;
        match aborted.is_empty() {
            // There may be one from before the segment was cut.
            true => self.unlink_if_there(&path),
            false => self.write_derived(&path, &txn_index::to_bytes(&aborted)),
        }
    }

    /// Writes the producers as they are at the end of the log.
    pub(super) fn write_producers(&mut self) -> Result<(), LogError> {
        let path = names::file(&self.dir, self.end_offset, names::SNAPSHOT);
        let bytes = self.producers.to_snapshot();
        self.write_derived(&path, &bytes)
    }

    /// Writes a file that recovery can make again: until it is durable, the recovery point does
    /// not pass what it is made of.
    fn write_derived(&mut self, path: &Path, bytes: &[u8]) -> Result<(), LogError> {
        let file = self
            .files
            .open(path, Open::Create)
            .on_disk("create", path)?;
        self.unsynced.directory = true;
        let written = file.write_at(&[IoSlice::new(bytes)], 0);
        written.on_disk("write", path)?;
        self.unsynced.files.push(file as Arc<dyn File>);
        Ok(())
    }
}
