//! Compaction, as far as the owner of the log has to do with it: what a pass may clean, and putting
//! its segments in their place.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Log, Removed};
use crate::clean::{Cleaned, Cleaning, Compaction, LastOfProducer, Limits, Ticket};
use crate::error::{LogError, OnDisk};
use crate::names;
use crate::producer::Producer;
use crate::segment::Segment;
use crate::walk::{FEW, Walker};

/// What the owner knows of passes.
#[derive(Default)]
pub(super) struct State {
    /// The records before it were cleaned by passes that are over.
    pub first_dirty: i64,
    /// Grows when segments change in a way that a pass does not expect; then what it made is void.
    /// Whoever holds a clone is a pass, or made by one.
    generation: Arc<AtomicU64>,
}

impl State {
    /// The pass that is out is of no use any more.
    pub fn make_void(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    fn is_out(&self) -> bool {
        Arc::strong_count(&self.generation) > 1
    }

    fn ticket(&self) -> Ticket {
        Ticket {
            generation: self.generation.load(Ordering::Acquire),
            current: Arc::clone(&self.generation),
        }
    }
}

/// What became of a [`Cleaned`].
#[must_use = "it has files to be unlinked"]
pub struct Swapped {
    /// The log was cut, or lost segments from its start, since the pass was planned: nothing was
    /// changed, and the pass is of no use any more.
    pub is_void: bool,
    /// The files that are of no use any more.
    pub removed: Removed,
}

impl Log {
    /// From where on the log is dirty: before it, of each key only the last record is there. The
    /// caller keeps it in `cleaner-offset-checkpoint`, after [`Log::finish_cleaning`] raised it.
    pub fn first_dirty_offset(&self) -> i64 {
        self.cleaning.first_dirty.max(self.start_offset)
    }

    /// One that lies behind the log says nothing about it.
    pub(super) fn set_first_dirty(&mut self, offset: i64) {
        let is_known = offset <= self.end_offset;
        self.cleaning.first_dirty = if is_known { offset } else { 0 };
    }

    /// A pass of compaction, if one is due: the dirty part is large enough or too old. `None` also
    /// while another pass of this log is out. No batch is read here, but a few headers where the
    /// topic has a `max.compaction.lag.ms`.
    ///
    /// Cleaned are sealed segments that are durable and lie below the last stable offset, below the
    /// youngest records that `min.compaction.lag.ms` allows, and below the segment in which
    /// `recovery_point` lies, the one in the caller's checkpoint: what recovery may have to check
    /// again is as it was written.
    ///
    /// # Errors
    /// The disk fails.
    pub fn plan_cleaning(
        &mut self,
        now: i64,
        recovery_point: i64,
    ) -> Result<Option<Cleaning>, LogError> {
        self.check()?;
        let Some(compaction) = self.config.compaction.clone() else {
            return Ok(None);
        };
        if self.cleaning.is_out() {
            return Ok(None);
        }
        let first_dirty = self.first_dirty_offset();
        let snapshot = self.snapshot();
        let dirty = snapshot.segment_of(first_dirty);
        let bound = self
            .last_stable_offset()
            .min(self.unsynced.durable_base)
            .min(recovery_point.saturating_sub(1));
        let behind = snapshot.segments.windows(2);
        let count = behind.take_while(|two| two[1].base_offset <= bound).count();
        let count = self.old_enough(dirty, count, now, &compaction)?;
        if !self.is_due(dirty, count, now, &compaction)? {
            return Ok(None);
        }
        self.drop_unfinished()?;
        Ok(Some(Cleaning {
            files: Arc::clone(&self.files),
            dir: Arc::clone(&self.dir),
            snapshot,
            count,
            first_dirty,
            now,
            delete_retention_ms: compaction.delete_retention_ms,
            limits: Limits {
                segment_bytes: self.segment_bytes(),
                max_index_bytes: u64::from(self.config.max_index_bytes),
            },
            interval: self.interval(),
            producers: self
                .producers
                .iter()
                .map(|(id, it)| (id, last_of(it)))
                .collect(),
            ticket: self.cleaning.ticket(),
            pass: None,
            is_over: false,
        }))
    }

    /// How many of the first `count` segments have no record that is too young.
    fn old_enough(
        &self,
        dirty: usize,
        count: usize,
        now: i64,
        compaction: &Compaction,
    ) -> Result<usize, LogError> {
        if compaction.min_lag_ms <= 0 {
            return Ok(count);
        }
        let youngest = now.saturating_sub(compaction.min_lag_ms);
        for index in dirty..count {
            let largest = self.segments[index].with_indexes(|it| Ok(it.largest()))?;
            if largest.is_some_and(|it| it.timestamp > youngest) {
                return Ok(index);
            }
        }
        Ok(count)
    }

    /// Whether the first `count` segments, which are dirty from one of them on, are to be cleaned.
    fn is_due(
        &self,
        dirty: usize,
        count: usize,
        now: i64,
        compaction: &Compaction,
    ) -> Result<bool, LogError> {
        let bytes = |segments: &[Arc<Segment>]| segments.iter().map(|it| it.size()).sum::<u64>();
        if dirty >= count {
            return Ok(false);
        }
        let (all, dirty_bytes) = (
            bytes(&self.segments[..count]),
            bytes(&self.segments[dirty..count]),
        );
        #[expect(clippy::cast_precision_loss, reason = "a ratio need not be exact")]
        let ratio = dirty_bytes as f64 / all as f64;
        if dirty_bytes == 0 || ratio > compaction.min_dirty_ratio {
            return Ok(dirty_bytes > 0);
        }
        let oldest = now.saturating_sub(compaction.max_lag_ms.max(0));
        if compaction.max_lag_ms < i64::MAX {
            for segment in &self.segments[dirty..count] {
                let file = segment.log()?;
                let first = segment.header(&mut Walker::new(&*file, segment.size(), FEW), 0)?;
                let time = first.map_or(-1, |it| it.max_timestamp);
                if time > 0 && time < oldest {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Unlinks what a pass left that was not finished: recovery would take it for a sign that
    /// nothing behind it was finished.
    fn drop_unfinished(&mut self) -> Result<(), LogError> {
        let unlinked = self.files.list(&self.dir).on_disk("list", &self.dir);
        let unlinked = unlinked.and_then(|names| {
            let is_unfinished = |name: &&String| name.ends_with(names::CLEANED);
            for name in names.iter().filter(is_unfinished) {
                self.unlink_if_there(&self.dir.join(name))?;
            }
            Ok(())
        });
        self.note(unlinked)
    }

    /// Puts a cleaned segment in the place of those that it was made of, for readers in one step:
    /// a snapshot shows all of the old ones or the new one. Snapshots that were taken before hold
    /// the old ones.
    ///
    /// # Durability
    /// On return the new segment is there after a power loss, and the old ones are not. This waits
    /// for two syncs of the directory.
    ///
    /// # Errors
    /// The disk fails: the log takes no more writes, and when it is opened again it has the old
    /// segments or the new one. When an old segment cannot be read, nothing is changed and the log
    /// goes on.
    pub fn finish_cleaning(&mut self, cleaned: Cleaned) -> Result<Swapped, LogError> {
        self.check()?;
        let Some(at) = self.place_of(&cleaned) else {
            let unused = self.unused(&cleaned);
            let paths = self.note(unused)?;
            return Ok(Swapped {
                is_void: true,
                removed: self.removed(paths),
            });
        };
        for source in &cleaned.sources {
            // Readers that have it find its files open when their names are gone.
            source.log()?;
            source.with_indexes(|_| Ok(()))?;
            source.aborted()?;
        }
        let swapped = self.swap_files(&cleaned);
        let paths = swapped.inspect_err(|_| self.has_failed = true)?;
        let base = cleaned.base_offset;
        let new = Segment::on_disk(&self.files, &self.dir, base, cleaned.size);
        let behind = at + cleaned.sources.len();
        let before = self.segments[..at].iter().cloned();
        let behind = self.segments[behind..].iter().cloned();
        self.segments = before.chain([Arc::new(new)]).chain(behind).collect();
        if let Some(first_dirty) = cleaned.first_dirty {
            self.cleaning.first_dirty = first_dirty;
        }
        Ok(Swapped {
            is_void: false,
            removed: self.removed(paths),
        })
    }

    /// Where the segments lie that a cleaned one replaces; `None` when it is void.
    fn place_of(&self, cleaned: &Cleaned) -> Option<usize> {
        let ticket = &cleaned.ticket;
        if ticket.is_void() || !Arc::ptr_eq(&ticket.current, &self.cleaning.generation) {
            return None;
        }
        let first = &cleaned.sources[0];
        self.segments.iter().position(|it| Arc::ptr_eq(it, first))
    }

    /// Each step is on the medium before the next one begins, but for the last: which names are
    /// there tells [`Log::open`] what is to be finished.
    fn swap_files(&mut self, cleaned: &Cleaned) -> Result<Vec<PathBuf>, LogError> {
        let base = cleaned.base_offset;
        let named = |suffix: &&'static str| names::file(&self.dir, base, suffix);
        let places: Vec<PathBuf> = cleaned.suffixes.iter().map(named).collect();
        for place in &places {
            self.rename_marked(place, Some(names::CLEANED), Some(names::SWAP))?;
        }
        self.files.sync_dir(&self.dir).on_disk("sync", &self.dir)?;
        let mut paths = Vec::new();
        for (index, source) in cleaned.sources.iter().enumerate() {
            for suffix in [
                names::LOG,
                names::INDEX,
                names::TIME_INDEX,
                names::TXN_INDEX,
            ] {
                paths.extend(self.mark(&source.path(suffix))?);
            }
            // No segment begins there any more.
            if index > 0 {
                paths.extend(self.mark(&source.path(names::SNAPSHOT))?);
            }
        }
        self.files.sync_dir(&self.dir).on_disk("sync", &self.dir)?;
        for place in &places {
            self.rename_marked(place, Some(names::SWAP), None)?;
        }
        self.unsynced.directory = true;
        Ok(paths)
    }

    fn rename_marked(
        &self,
        path: &std::path::Path,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(), LogError> {
        let marked = |mark: Option<&str>| mark.map_or(path.into(), |it| names::marked(path, it));
        let (from, to) = (marked(from), marked(to));
        self.files.rename(&from, &to).on_disk("rename", &from)
    }

    /// Renames the files of a cleaned segment that is void, so that the next pass can use the names.
    fn unused(&self, cleaned: &Cleaned) -> Result<Vec<PathBuf>, LogError> {
        let mut paths = Vec::new();
        for suffix in &cleaned.suffixes {
            let path = names::file(&self.dir, cleaned.base_offset, suffix);
            paths.extend(self.mark(&names::marked(&path, names::CLEANED))?);
        }
        Ok(paths)
    }

    fn removed(&self, paths: Vec<PathBuf>) -> Removed {
        Removed {
            files: Arc::clone(&self.files),
            paths,
        }
    }

    /// `segment.ms`; where old records must be cleaned, a segment is sealed for that.
    pub(super) fn segment_ms(&self) -> i64 {
        let compaction = self.config.compaction.as_ref();
        let lag = compaction.map_or(i64::MAX, |it| it.max_lag_ms.max(0));
        self.config.segment_ms.min(lag)
    }
}

fn last_of(producer: &Producer) -> LastOfProducer {
    match producer.batches.last() {
        Some(last) => LastOfProducer::Batch(last.last_offset),
        None => LastOfProducer::Marker(producer.epoch),
    }
}
