//! From written to durable.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Log;
use crate::error::{LogError, OnDisk};
use crate::files::{File, Files, Open};
use crate::names;
use crate::segment::Segment;

/// What was written and not synced.
#[derive(Default)]
pub(super) struct Unsynced {
    /// Sealed segments, their indexes, snapshots.
    pub files: Vec<Arc<dyn File>>,
    /// Something was made, renamed or unlinked.
    pub directory: bool,
    /// The segment that grows has grown.
    pub active: bool,
    /// The leader epochs are not those of their file.
    pub epochs: bool,
    /// Segments for whose aborted transactions a full disk had no room: nobody could tell later
    /// that they are missing.
    pub aborted: Vec<Arc<Segment>>,
    /// Up to which offset the log is durable.
    pub durable: i64,
    /// Where the last segment begins whose file and whose snapshot of producers are durable.
    pub durable_base: i64,
    /// What the [`Dirty`] that is out has.
    taken: Option<Taken>,
    /// Of the last [`Dirty`] that counts; a truncation makes those before it count no more.
    generation: u64,
}

struct Taken {
    files: Vec<Arc<dyn File>>,
    directory: bool,
    epochs: bool,
    /// Where the segment begins that grew when it was taken.
    base: i64,
}

impl Unsynced {
    pub fn seal(&mut self, file: Arc<dyn File>) {
        self.files.push(file);
        self.active = false;
    }

    /// The log was cut: what was taken before and is not back yet says nothing about what is
    /// written from now on.
    pub fn cut(&mut self, end_offset: i64) {
        self.durable = self.durable.min(end_offset);
        self.durable_base = self.durable_base.min(end_offset);
        self.generation += 1;
        self.active = true;
        if let Some(taken) = self.taken.take() {
            self.files.extend(taken.files);
            self.directory |= taken.directory;
            self.epochs |= taken.epochs;
        }
    }
}

/// What has to be synced before the log is durable up to its end. It may go to another thread.
///
/// One is out at a time: what is written meanwhile is in the next one.
#[must_use = "the log waits for its outcome"]
pub struct Dirty {
    files: Arc<dyn Files>,
    dir: Arc<Path>,
    synced: Vec<Arc<dyn File>>,
    /// Written, to be renamed.
    epochs: Option<(PathBuf, Arc<dyn File>)>,
    directory: bool,
    up_to: i64,
    generation: u64,
}

/// What became of a [`Dirty`]; goes back to [`Log::synced`].
#[must_use = "the log waits for it"]
#[derive(Debug)]
pub struct SyncOutcome {
    up_to: i64,
    generation: u64,
    result: io::Result<()>,
}

impl SyncOutcome {
    /// Whether everything is on the medium.
    pub fn is_ok(&self) -> bool {
        self.result.is_ok()
    }
}

impl Dirty {
    /// How many files have to be synced.
    pub fn file_count(&self) -> usize {
        self.synced.len() + usize::from(self.epochs.is_some()) + usize::from(self.directory)
    }

    /// Waits until the disk has everything. The directory comes last, as only then all that is
    /// named in it is there.
    pub fn sync(self) -> SyncOutcome {
        let result = self.sync_all();
        SyncOutcome {
            up_to: self.up_to,
            generation: self.generation,
            result,
        }
    }

    fn sync_all(&self) -> io::Result<()> {
        for file in &self.synced {
            file.sync()?;
        }
        if let Some((temporary, file)) = &self.epochs {
            file.sync()?;
            self.files
                .rename(temporary, &self.dir.join(names::EPOCHS))?;
        }
        match self.directory {
            true => self.files.sync_dir(&self.dir),
            false => Ok(()),
        }
    }
}

impl Log {
    /// The offset up to which the log survives a power loss, together with all files and names
    /// that are needed to find it.
    pub fn durable_end(&self) -> i64 {
        self.unsynced.durable
    }

    /// What has to be synced; `None` when there is nothing, or when the last one is not back.
    ///
    /// # Errors
    /// There is no room for the leader epochs or aborted transactions; what is written is not
    /// durable before there is.
    pub fn take_dirty(&mut self) -> Result<Option<Dirty>, LogError> {
        self.check()?;
        while let Some(segment) = self.unsynced.aborted.last().cloned() {
            // It may have been cut off or deleted since.
            if self.segments.iter().any(|it| Arc::ptr_eq(it, &segment)) {
                let written = self.write_aborted(&segment);
                self.note(written)?;
            }
            self.unsynced.aborted.pop();
        }
        let unsynced = &self.unsynced;
        let is_clean = !unsynced.active
            && !unsynced.directory
            && !unsynced.epochs
            && unsynced.files.is_empty();
        if is_clean || unsynced.taken.is_some() {
            return Ok(None);
        }
        let epochs = match unsynced.epochs {
            true => {
                let written = self.write_epochs();
                Some(self.note(written)?)
            }
            false => None,
        };
        let unsynced = &mut self.unsynced;
        let taken = Taken {
            files: std::mem::take(&mut unsynced.files),
            directory: std::mem::take(&mut unsynced.directory) || epochs.is_some(),
            epochs: std::mem::take(&mut unsynced.epochs),
            base: self.active.segment.base_offset,
        };
        let mut synced = taken.files.clone();
        if std::mem::take(&mut unsynced.active) {
            synced.push(Arc::clone(&self.active.file));
        }
        let directory = taken.directory;
        unsynced.taken = Some(taken);
        unsynced.generation += 1;
        Ok(Some(Dirty {
            files: Arc::clone(&self.files),
            dir: Arc::clone(&self.dir),
            synced,
            epochs,
            directory,
            up_to: self.end_offset,
            generation: unsynced.generation,
        }))
    }

    fn write_epochs(&mut self) -> Result<(PathBuf, Arc<dyn File>), LogError> {
        let name = format!("{}.{}", names::EPOCHS, names::TEMPORARY);
        let path = self.dir.join(name);
        let file = self
            .files
            .open(&path, Open::Create)
            .on_disk("create", &path)?;
        let text = self.epochs.to_text();
        let written = file.write_at(&[IoSlice::new(text.as_bytes())], 0);
        written.on_disk("write", &path)?;
        Ok((path, file))
    }

    /// Takes back what became of a [`Dirty`]. Returns the durable end. One that was taken before a
    /// truncation does not count.
    ///
    /// # Errors
    /// The sync failed: nothing above the durable end is to be acknowledged, now or ever, and the
    /// log takes no more writes.
    pub fn synced(&mut self, outcome: SyncOutcome) -> Result<i64, LogError> {
        let path = self.active.segment.path(names::LOG);
        if let Err(error) = outcome.result {
            let failed = LogError::Disk {
                action: "sync",
                path,
                error: Arc::new(error),
            };
            return self.note(Err(failed));
        }
        self.check()?;
        let unsynced = &mut self.unsynced;
        if outcome.generation == unsynced.generation
            && let Some(taken) = unsynced.taken.take()
        {
            unsynced.durable = unsynced.durable.max(outcome.up_to);
            unsynced.durable_base = unsynced.durable_base.max(taken.base);
        }
        Ok(unsynced.durable)
    }

    /// Takes, syncs and takes back in one step, on this thread.
    ///
    /// # Errors
    /// As of [`Log::take_dirty`] and [`Log::synced`].
    pub fn sync(&mut self) -> Result<i64, LogError> {
        match self.take_dirty()? {
            Some(dirty) => self.synced(dirty.sync()),
            None => Ok(self.unsynced.durable),
        }
    }

    /// What was cut off the end of the log is gone for good.
    pub(super) fn sync_cut(&mut self) -> Result<(), LogError> {
        let synced = self.active.file.sync();
        let synced = synced.and_then(|()| self.files.sync_dir(&self.dir));
        // A full disk can refuse what was written long before: that is lost, too.
        synced.map_err(|error| LogError::Disk {
            action: "sync",
            path: self.active.segment.path(names::LOG),
            error: Arc::new(error),
        })?;
        self.active.is_cut = false;
        Ok(())
    }

    /// Writes what a clean start needs and makes everything durable; then the caller may note that
    /// the shutdown was clean. Reading goes on; nothing is to be appended any more.
    ///
    /// # Errors
    /// As of [`Log::sync`], or a [`Dirty`] is still out; the shutdown is not clean then.
    pub fn close(&mut self) -> Result<i64, LogError> {
        self.check()?;
        if self.unsynced.taken.is_some() {
            return Err(LogError::Misuse("a sync has not come back"));
        }
        let active = Arc::clone(&self.active.segment);
        let written = self
            .write_indexes(&active)
            .and_then(|()| self.write_producers());
        self.note(written)?;
        self.sync()
    }
}
