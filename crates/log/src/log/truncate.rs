//! Cutting the end of the log, when another leader wrote something else there.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{Active, Log};
use crate::error::{LogError, OnDisk};
use crate::files;
use crate::names;
use crate::segment::{Indexes, Segment};

impl Log {
    /// Where the log would end if it were cut at `offset`: there, or behind the last batch that
    /// ends before it.
    ///
    /// # Errors
    /// The disk fails.
    pub fn truncation_end(&self, offset: i64) -> Result<i64, LogError> {
        if offset >= self.end_offset || offset <= self.segments[0].base_offset {
            return Ok(offset.min(self.end_offset));
        }
        let index = self.segments.partition_point(|it| it.base_offset < offset) - 1;
        let (_, end_offset) = self.segments[index].cut_before(offset)?;
        Ok(end_offset)
    }

    /// Cuts the log at [`Log::truncation_end`] of `offset`, which is returned.
    ///
    /// # Durability
    /// The caller lowers its recovery point, and the start of the log and the first dirty offset if
    /// they are higher, to that offset **before** it calls this: after a power loss the log may end
    /// anywhere from there to its old end.
    ///
    /// # Errors
    /// The disk fails.
    pub fn truncate_to(&mut self, offset: i64) -> Result<i64, LogError> {
        self.check()?;
        if offset >= self.end_offset {
            return Ok(self.end_offset);
        }
        self.cleaning.make_void();
        let result = match offset <= self.segments[0].base_offset {
            true => self.restart_at(offset),
            false => self.cut_at(offset),
        };
        self.note(result)
    }

    /// Removes everything and begins anew at `offset`, which may be behind the present end.
    ///
    /// # Durability
    /// As of [`Log::truncate_to`]: the recovery point, the start of the log and the first dirty
    /// offset that the caller keeps are at most `offset` before it calls this.
    ///
    /// # Errors
    /// The disk fails.
    pub fn truncate_fully_and_start_at(&mut self, offset: i64) -> Result<(), LogError> {
        self.check()?;
        self.cleaning.make_void();
        let result = self.restart_at(offset).map(|_| ());
        self.note(result)
    }

    fn cut_at(&mut self, offset: i64) -> Result<i64, LogError> {
        let kept = self.segments.partition_point(|it| it.base_offset < offset);
        let last = Arc::clone(&self.segments[kept - 1]);
        let (position, end_offset) = last.cut_before(offset)?;
        let gone = self.segments[kept..].to_vec();
        self.segments = self.segments[..kept].into();
        self.unlink_from_end(&gone)?;
        let was_cut = self.active.is_cut;
        self.active = self.cut_segment(&last, position)?;
        self.active.is_cut |= was_cut || !gone.is_empty();
        self.end_at(end_offset)?;
        Ok(end_offset)
    }

    fn restart_at(&mut self, offset: i64) -> Result<i64, LogError> {
        let gone = self.segments.to_vec();
        self.unlink_from_end(&gone)?;
        self.active = self.begin_segment(offset, self.active.created)?;
        self.active.is_cut = true;
        self.segments = [Arc::clone(&self.active.segment)].into();
        self.start_offset = offset;
        self.end_at(offset)?;
        Ok(offset)
    }

    /// What depends on the end of the log.
    fn end_at(&mut self, end_offset: i64) -> Result<(), LogError> {
        self.end_offset = end_offset;
        self.start_offset = self.start_offset.min(end_offset);
        self.high_watermark = self.high_watermark.min(end_offset);
        self.cleaning.first_dirty = self.cleaning.first_dirty.min(end_offset);
        self.unsynced.cut(end_offset);
        self.unsynced.epochs |= Arc::make_mut(&mut self.epochs).truncate_end(end_offset);
        self.drop_snapshots(|offset| offset > end_offset)?;
        let (producers, _) = self.load_producers(end_offset)?;
        self.producers = producers;
        self.producers.on_high_watermark(self.high_watermark);
        Ok(())
    }

    /// The last segment comes first, so that what a crash leaves has no hole.
    pub(super) fn unlink_from_end(&mut self, gone: &[Arc<Segment>]) -> Result<(), LogError> {
        for segment in gone.iter().rev() {
            for suffix in [
                names::LOG,
                names::INDEX,
                names::TIME_INDEX,
                names::TXN_INDEX,
            ] {
                self.unlink_if_there(&segment.path(suffix))?;
            }
        }
        Ok(())
    }

    pub(super) fn unlink_if_there(&mut self, path: &Path) -> Result<(), LogError> {
        self.unsynced.directory = true;
        match self.files.unlink(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).on_disk("unlink", path)
            }
            _ => Ok(()),
        }
    }

    /// Unlinks the snapshots of producers at offsets that are not wanted.
    pub(super) fn drop_snapshots(
        &mut self,
        is_unwanted: impl Fn(i64) -> bool,
    ) -> Result<(), LogError> {
        for offset in self.snapshot_offsets()? {
            if is_unwanted(offset) {
                let path = names::file(&self.dir, offset, names::SNAPSHOT);
                self.unlink_if_there(&path)?;
            }
        }
        Ok(())
    }

    pub(super) fn snapshot_offsets(&self) -> Result<Vec<i64>, LogError> {
        let names = self.files.list(&self.dir).on_disk("list", &self.dir)?;
        let parsed = names.iter().filter_map(|name| names::parse(name));
        let snapshots = parsed.filter(|(_, suffix)| *suffix == names::SNAPSHOT);
        Ok(snapshots.map(|(offset, _)| offset).collect())
    }

    /// Cuts a segment and makes it the one that grows.
    pub(super) fn cut_segment(
        &mut self,
        segment: &Arc<Segment>,
        position: u64,
    ) -> Result<Active, LogError> {
        let mut file = segment.log()?;
        let path = segment.path(names::LOG);
        let is_cut = position < file.size().on_disk("read", &path)?;
        if is_cut {
            let cut = files::cut(&*self.files, &path, &file, position).on_disk("cut", &path)?;
            self.unsynced.directory |= !Arc::ptr_eq(&cut, &file);
            segment.set_log(Arc::clone(&cut));
            file = cut;
        }
        // Its indexes are made anew from the batches, so that they are in memory again.
        let aborted = segment.aborted().unwrap_or_default();
        segment.set_size(position);
        let (indexes, first_timestamp, end) = Indexes::grow_on(segment, self.interval())?;
        let aborted = aborted.iter().filter(|txn| txn.last_offset < end);
        segment.set_indexes(indexes, aborted.copied().collect());
        self.unsynced.active = true;
        Ok(Active {
            segment: Arc::clone(segment),
            file,
            first_timestamp,
            created: self.active.created,
            is_cut,
        })
    }
}
