//! What a log is after it was not closed: checked, with everything made anew that follows from its
//! batches.

use std::io::IoSlice;
use std::sync::Arc;

use super::scan::Scan;
use super::{Active, Cut, Log, OpenReport, Opening};
use crate::epochs::LeaderEpochs;
use crate::error::{LogError, OnDisk};
use crate::files;
use crate::names;
use crate::segment::Segment;
use crate::walk::{FEW, MANY, WalkError, Walker};

impl Log {
    pub(super) fn recover(
        &mut self,
        opening: &Opening,
        report: &mut OpenReport,
    ) -> Result<(), LogError> {
        let kept = self.read_epochs()?;
        let has_epochs = kept.is_some();
        let mut epochs = kept.clone().unwrap_or_default();
        if !(opening.is_clean && has_epochs && self.open_clean()?) {
            let last = self.segments.len() - 1;
            // A segment that begins at the recovery point was begun after it, so that the indexes
            // of the one before it may not be durable.
            let behind = |it: &Arc<Segment>| it.base_offset < opening.recovery_point;
            let from = match opening.is_clean {
                true => last,
                false => self.segments.partition_point(behind).saturating_sub(1),
            };
            self.rebuild_indexes(from, report)?;
            if !has_epochs && from > 0 {
                self.collect_epochs(from, &mut epochs)?;
                report.rebuilt.push(self.dir.join(names::EPOCHS));
            }
            // The batches say the rest again; there the file may be from before the log was cut.
            // Below the recovery point it is not, and has epochs whose batches are cleaned away.
            let known = self.segments[from].base_offset.max(opening.recovery_point);
            epochs.truncate_end(known);
            if !self.is_start_missing(opening, report)? {
                self.scan_from(from, &mut epochs, opening, report)?;
            }
        }
        if self.end_offset < opening.recovery_point {
            let active = &self.active.segment;
            return Err(self.corrupt(active, active.size(), opening, "it ends there", None));
        }
        epochs.truncate_end(self.end_offset);
        epochs.truncate_start(self.start_offset);
        self.unsynced.epochs = kept.as_ref() != Some(&epochs);
        self.epochs = Arc::new(epochs);
        self.unsynced.durable = match opening.is_clean {
            true => self.end_offset,
            false => opening.recovery_point.max(self.segments[0].base_offset),
        };
        let is_durable = |it: &&Arc<Segment>| it.base_offset < self.unsynced.durable;
        let durable = self.segments.iter().rev().find(is_durable);
        self.unsynced.durable_base = durable.map_or(i64::MIN, |it| it.base_offset);
        if self.end_offset < opening.start_offset {
            self.truncate_fully_and_start_at(opening.start_offset)?;
        }
        self.high_watermark = self.start_offset;
        self.producers
            .expire(opening.now, self.config.producer_expiration_ms);
        self.close_idle_files();
        self.drop_stray_snapshots()?;
        // What was removed must stay so: a snapshot from before a cut would fit what comes next.
        self.active.is_cut |= !opening.is_clean;
        Ok(())
    }

    /// Takes the last segment as it was closed. Tells whether that could be done.
    fn open_clean(&mut self) -> Result<bool, LogError> {
        let segment = Arc::clone(&self.active.segment);
        let path = segment.path(names::LOG);
        let size = segment.size();
        let Some(indexes) = segment.open_indexes()? else {
            return Ok(false);
        };
        let indexes = indexes.to_memory(size).on_disk("read", &path)?;
        let (Some(indexes), Ok(aborted)) = (indexes, segment.aborted()) else {
            return Ok(false);
        };
        let mut position = indexes.last_position().unwrap_or(0);
        let mut walker = Walker::new(&*self.active.file, size, FEW);
        let mut end_offset = segment.base_offset;
        loop {
            match walker.header(position) {
                Ok(Some(header)) => {
                    end_offset = header.next_offset();
                    position += header.size() as u64;
                }
                Ok(None) => break,
                Err(WalkError::Io(error)) => return Err(error).on_disk("read", &path),
                Err(WalkError::Bad(_) | WalkError::Short(_)) => return Ok(false),
            }
        }
        if let Ok(Some(first)) = walker.header(0) {
            self.active.first_timestamp = Some(first.max_timestamp);
        }
        segment.set_indexes(indexes, aborted.to_vec());
        self.end_offset = end_offset;
        let (producers, _) = self.load_producers(end_offset)?;
        self.producers = producers;
        Ok(true)
    }

    /// Whether the log has lost its first segments, which only a log may whose first sync was not
    /// over: then nothing of it is kept.
    fn is_start_missing(
        &mut self,
        opening: &Opening,
        report: &mut OpenReport,
    ) -> Result<bool, LogError> {
        let first = Arc::clone(&self.segments[0]);
        if opening.is_clean || first.base_offset <= opening.start_offset {
            return Ok(false);
        }
        if opening.recovery_point > opening.start_offset {
            self.end_offset = opening.start_offset;
            return Err(self.corrupt(&first, 0, opening, "the segments before it are gone", None));
        }
        report.cut = Some(Cut {
            path: first.path(names::LOG),
            position: 0,
            offset: opening.start_offset,
            reason: "the segments before it are gone".to_owned(),
            bytes: self.size(),
            had_sound_batches: true,
        });
        self.truncate_fully_and_start_at(opening.start_offset)?;
        Ok(true)
    }

    fn scan_from(
        &mut self,
        from: usize,
        epochs: &mut LeaderEpochs,
        opening: &Opening,
        report: &mut OpenReport,
    ) -> Result<(), LogError> {
        let base_offset = self.segments[from].base_offset;
        let (mut producers, unreadable) = self.load_producers(base_offset)?;
        let is_unreadable = !unreadable.is_empty();
        // That of a segment which was begun after the last sync need not be there.
        let durable = unreadable
            .into_iter()
            .filter(|(at, _)| *at < opening.recovery_point);
        report.rebuilt.extend(durable.map(|(_, path)| path));
        self.end_offset = base_offset;
        for index in from..self.segments.len() {
            let segment = Arc::clone(&self.segments[index]);
            if self.is_tail_missing(index, from, opening)? {
                let before = self.segments[index - 1].size();
                report.cut = Some(Cut {
                    reason: "the segment behind it begins later".to_owned(),
                    had_sound_batches: true,
                    ..self.cut(index - 1, before)?
                });
                break;
            }
            let is_kept = self.snapshot_offsets()?.contains(&segment.base_offset);
            if index > from || is_unreadable || is_kept {
                self.keep_producers(&producers, segment.base_offset, report)?;
            }
            let scan = self.scan(&segment, &mut producers, epochs, opening)?;
            report.scanned_bytes += scan.position;
            self.end_offset = scan.offset;
            let damage = match &scan.bad {
                Some(bad) => Some((
                    bad.reason.clone(),
                    self.judge_damage(index, &scan, bad, opening)?,
                )),
                None => None,
            };
            let size = segment.size();
            segment.set_size(scan.position);
            write_again(&segment, scan.unsynced)?;
            self.adopt(&segment, scan, opening.now)?;
            if let Some((reason, had_sound_batches)) = damage {
                report.cut = Some(Cut {
                    reason,
                    had_sound_batches,
                    ..self.cut(index, size)?
                });
                break;
            }
            if index + 1 < self.segments.len() {
                self.write_scanned(&segment, report)?;
                self.unsynced.files.push(segment.log()?);
            }
        }
        self.producers = producers;
        Ok(())
    }

    /// Whether a segment that was checked does not reach the one behind it.
    fn is_tail_missing(
        &self,
        index: usize,
        from: usize,
        opening: &Opening,
    ) -> Result<bool, LogError> {
        let segment = &self.segments[index];
        let gap = segment.base_offset - self.end_offset;
        if index == from || gap == 0 || gap > i64::from(i32::MAX) {
            return Ok(false);
        }
        if gap > 0 && self.end_offset >= opening.recovery_point {
            return Ok(true);
        }
        let reason = format!("the segment before it ends with offset {}", self.end_offset);
        Err(self.corrupt(segment, 0, opening, &reason, None))
    }

    fn adopt(&mut self, segment: &Arc<Segment>, scan: Scan, now: i64) -> Result<(), LogError> {
        segment.set_indexes(scan.indexes, scan.aborted);
        self.active = Active {
            segment: Arc::clone(segment),
            file: segment.log()?,
            first_timestamp: scan.first_timestamp,
            created: now,
            is_cut: false,
        };
        self.unsynced.active = true;
        Ok(())
    }

    /// Cuts a segment that had `before` bytes where its scan ended, and removes those behind it,
    /// for good.
    fn cut(&mut self, index: usize, before: u64) -> Result<Cut, LogError> {
        let segment = Arc::clone(&self.segments[index]);
        let gone = self.segments[index + 1..].to_vec();
        let position = segment.size();
        let behind: u64 = gone.iter().map(|it| it.size()).sum();
        self.unlink_from_end(&gone)?;
        self.segments = self.segments[..=index].into();
        let path = segment.path(names::LOG);
        let file = files::cut(&*self.files, &path, &segment.log()?, position);
        let file = file.on_disk("cut", &path)?;
        segment.set_log(Arc::clone(&file));
        self.active.file = Arc::clone(&file);
        file.sync().on_disk("sync", &path)?;
        self.files.sync_dir(&self.dir).on_disk("sync", &self.dir)?;
        Ok(Cut {
            path,
            position,
            offset: self.end_offset,
            reason: String::new(),
            bytes: before - position + behind,
            had_sound_batches: false,
        })
    }
}

/// Writes the bytes of a segment from a position on as they are. When a sync has failed before, the
/// kernel holds pages that it takes for written and that are not on the medium: only this makes the
/// next sync write them.
fn write_again(segment: &Segment, mut position: u64) -> Result<(), LogError> {
    let path = segment.path(names::LOG);
    let file = segment.log()?;
    let mut bytes = vec![0; MANY.min(usize::try_from(segment.size() - position).unwrap_or(MANY))];
    while position < segment.size() {
        let left = usize::try_from(segment.size() - position).unwrap_or(usize::MAX);
        let part = bytes.len().min(left);
        let read = file
            .read_at(&mut bytes[..part], position)
            .on_disk("read", &path)?;
        if read == 0 {
            return Err(LogError::Gone { path });
        }
        let written = file.write_at(&[IoSlice::new(&bytes[..read])], position);
        written.on_disk("write", &path)?;
        position += read as u64;
    }
    Ok(())
}
