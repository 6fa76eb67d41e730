//! Deleting from the start of the log: records by request, segments by age and size.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Log;
use crate::error::{LogError, OnDisk};
use crate::files::Files;
use crate::names;
use crate::segment::Segment;

/// Files that are deleted by name and still have their bytes. Unlinking large files takes time, so
/// any thread may do it; what is forgotten, the next [`Log::open`] does.
#[must_use = "the bytes are on the disk until they are unlinked"]
pub struct Removed {
    pub(super) files: Arc<dyn Files>,
    pub(super) paths: Vec<PathBuf>,
}

impl Removed {
    /// Whether there is nothing to unlink.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// These and those of the same log.
    pub fn and(mut self, others: Self) -> Self {
        self.paths.extend(others.paths);
        self
    }

    /// Unlinks them.
    ///
    /// # Errors
    /// The disk fails.
    pub fn unlink(self) -> Result<(), LogError> {
        for path in &self.paths {
            match self.files.unlink(path) {
                // One that was removed later under the same name took its place.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                unlinked => unlinked.on_disk("unlink", path)?,
            }
        }
        Ok(())
    }
}

impl Log {
    /// Deletes the records below `offset`, which must not be above the high watermark: they can no
    /// longer be read, and the segments that hold nothing else are removed. A segment stays until
    /// the one behind it is durable, with the producers at its start; call again, after a sync.
    ///
    /// # Durability
    /// The caller has the new start in its checkpoint **before** it calls this: a log whose first
    /// segment begins behind its start has lost something.
    ///
    /// # Errors
    /// `offset` is above the high watermark; the disk fails. A full disk is no error.
    pub fn delete_records(&mut self, offset: i64) -> Result<Removed, LogError> {
        self.check()?;
        if offset > self.high_watermark {
            return Err(LogError::OutOfRange {
                offset,
                start: self.start_offset,
                end: self.high_watermark,
            });
        }
        if offset == self.end_offset && self.active.segment.size() > 0 {
            match self.roll(offset, self.active.created) {
                // The segment goes later.
                Err(LogError::NoSpace { .. }) => {}
                rolled => self.note(rolled)?,
            }
        }
        if offset > self.start_offset {
            self.start_offset = offset;
            self.unsynced.epochs |= Arc::make_mut(&mut self.epochs).truncate_start(offset);
        }
        let last = offset.min(self.unsynced.durable_base);
        let kept = self.segments.windows(2);
        let count = kept.take_while(|two| two[1].base_offset <= last).count();
        let gone: Vec<_> = self.segments[..count].to_vec();
        if count > 0 {
            self.segments = self.segments[count..].into();
            self.cleaning.make_void();
        }
        let removed = self.remove(&gone);
        self.note(removed)
    }

    /// Whether a segment lies below the start of the log that [`Log::delete_records`] has left: what is
    /// behind it was not durable, or there was no room to begin another one.
    pub fn has_unwanted(&self) -> bool {
        let next = self.segments.get(1).map(|it| it.base_offset);
        let end = next.unwrap_or(self.end_offset);
        end <= self.start_offset && self.segments[0].size() > 0
    }

    /// Where the log should start by `retention.ms` and `retention.bytes`: behind the oldest
    /// segments that the topic does not want any more, as far as they are below the high
    /// watermark. A segment whose records have no time does not age. The caller notes it and calls
    /// [`Log::delete_records`].
    ///
    /// # Errors
    /// The disk fails.
    pub fn retention_start(&self, now: i64) -> Result<i64, LogError> {
        let mut start = self.start_offset;
        let mut size = self.size();
        for (index, segment) in self.segments.iter().enumerate() {
            let next = self.segments.get(index + 1).map(|it| it.base_offset);
            let end = next.unwrap_or(self.end_offset);
            let is_unwanted =
                self.has_aged(segment, now)? || self.is_too_much(size, segment.size());
            if end > self.high_watermark || segment.size() == 0 || !is_unwanted {
                break;
            }
            size -= segment.size();
            start = start.max(end);
        }
        Ok(start)
    }

    fn has_aged(&self, segment: &Segment, now: i64) -> Result<bool, LogError> {
        let Some(retention_ms) = self.config.retention_ms else {
            return Ok(false);
        };
        let largest = segment.with_indexes(|it| Ok(it.largest()))?;
        Ok(largest.is_some_and(|it| now.saturating_sub(it.timestamp) > retention_ms))
    }

    fn is_too_much(&self, size: u64, segment: u64) -> bool {
        let kept = self.config.retention_bytes;
        kept.is_some_and(|kept| size - segment >= kept)
    }

    /// Renames the files of segments that are no longer part of the log, and the snapshots before
    /// its first segment.
    pub(super) fn remove(&mut self, gone: &[Arc<Segment>]) -> Result<Removed, LogError> {
        let mut paths = Vec::new();
        for segment in gone {
            for suffix in [
                names::LOG,
                names::INDEX,
                names::TIME_INDEX,
                names::TXN_INDEX,
            ] {
                paths.extend(self.mark(&segment.path(suffix))?);
            }
        }
        if !gone.is_empty() {
            let first = self.segments[0].base_offset;
            for name in self.files.list(&self.dir).on_disk("list", &self.dir)? {
                if let Some((offset, names::SNAPSHOT)) = names::parse(&name)
                    && offset < first
                {
                    paths.extend(self.mark(&self.dir.join(name))?);
                }
            }
            self.unsynced.directory = true;
        }
        Ok(Removed {
            files: Arc::clone(&self.files),
            paths,
        })
    }

    /// Gives a file the name of a deleted one; there may be none.
    pub(super) fn mark(&self, path: &Path) -> Result<Option<PathBuf>, LogError> {
        let marked = names::marked(path, names::DELETED);
        match self.files.rename(path, &marked) {
            Ok(()) => Ok(Some(marked)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).on_disk("rename", path),
        }
    }
}
