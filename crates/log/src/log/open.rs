//! Opening a log: what is there, and what of it can be trusted.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Active, Config, Log, clean, strays, sync};
use crate::epochs::LeaderEpochs;
use crate::error::{Corruption, LogError, OnDisk};
use crate::files::{Files, Open, read_whole};
use crate::names;
use crate::producer::Producers;
use crate::segment::Segment;

/// Kafka's positions are signed 32-bit integers.
pub(crate) const LARGEST_SEGMENT: u64 = i32::MAX as u64;

/// What the owner of the log directory knows of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// The start of the log, from `log-start-offset-checkpoint`.
    pub start_offset: i64,
    /// Up to here the log was durable, from `recovery-point-offset-checkpoint`.
    pub recovery_point: i64,
    /// From where on the log is dirty, from `cleaner-offset-checkpoint`: [`Log::first_dirty_offset`]
    /// at some time. When it is not known, 0: then cleaning begins at the start again.
    pub first_dirty_offset: i64,
    /// The last owner closed it: see [`Log::close`].
    pub is_clean: bool,
    /// In milliseconds since 1970.
    pub now: i64,
}

/// What was found and done when a log was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// The end that was written and never durable, if it was damaged.
    pub cut: Option<Cut>,
    /// Files that follow from others and were missing or wrong though they had been durable.
    pub rebuilt: Vec<PathBuf>,
    /// Files that follow from others, for which a full disk has no room. The log is whole without
    /// them.
    pub skipped: Vec<PathBuf>,
    /// What an interrupted deletion, cleaning or rewrite had left.
    pub removed: Vec<PathBuf>,
    /// How many bytes of batches were read and checked.
    pub scanned_bytes: u64,
}

/// What was cut off the end of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The last segment that is left.
    pub path: PathBuf,
    /// Where the file ends now.
    pub position: u64,
    /// The end of the log now.
    pub offset: i64,
    /// What is wrong behind it.
    pub reason: String,
    /// How many bytes were cut, in all segments.
    pub bytes: u64,
    /// Whether sound batches were among them: pages before them had not reached the disk.
    pub had_sound_batches: bool,
}

impl Log {
    /// Opens the log in a directory, which is made when it does not exist.
    ///
    /// After a clean shutdown little is read. Else every batch from the segment of the recovery
    /// point on is checked, and its indexes, aborted transactions, leader epochs and producers are
    /// made anew. Damage at the end, where nothing was durable, is what a crash leaves: it is cut
    /// off and reported. That is: no sound batch follows, or the bytes between are pages that never
    /// reached the disk. Any other damage is an error, and the files stay as they are.
    ///
    /// A log that was not closed must begin at or before its start, see [`Log::delete_records`]. A
    /// directory that Kafka wrote is taken over after a clean shutdown of Kafka.
    ///
    /// # Durability
    /// [`Log::durable_end`] is the recovery point at first; what lies behind it may be in the
    /// cache only. Call [`Log::sync`] before it is served.
    ///
    /// # Errors
    /// The disk fails, or has no room for the first file of a new log, or the log is [damaged](LogError::Corrupt) where it was durable.
    pub fn open(
        files: Arc<dyn Files>,
        dir: &Path,
        config: Config,
        opening: Opening,
    ) -> Result<(Self, OpenReport), LogError> {
        make_dir(&*files, dir)?;
        let mut report = OpenReport {
            removed: strays::clean(&*files, dir)?,
            ..OpenReport::default()
        };
        let start = opening.start_offset;
        let mut bases = strays::segments(&*files, dir, start, &mut report.removed)?;
        let is_new = bases.is_empty();
        if is_new {
            if opening.recovery_point > start {
                return Err(missing(dir, &opening));
            }
            let path = names::file(dir, start, names::LOG);
            files.open(&path, Open::Create).on_disk("create", &path)?;
            bases.push(start);
        }
        let dir: Arc<Path> = dir.into();
        let segments = bases.iter().map(|base| existing(&files, &dir, *base));
        let segments: Arc<[Arc<Segment>]> = segments.collect::<Result<_, _>>()?;
        let last = &segments[segments.len() - 1];
        let mut log = Self {
            active: Active {
                segment: Arc::clone(last),
                file: last.log()?,
                first_timestamp: None,
                created: opening.now,
                is_cut: false,
            },
            start_offset: start.max(segments[0].base_offset),
            end_offset: segments[0].base_offset,
            high_watermark: 0,
            files,
            dir,
            config,
            segments,
            epochs: Arc::new(LeaderEpochs::default()),
            producers: Producers::default(),
            unsynced: sync::Unsynced::default(),
            cleaning: clean::State::default(),
            has_failed: false,
            headers: Vec::new(),
        };
        log.unsynced.directory = !opening.is_clean || is_new;
        log.recover(&opening, &mut report)?;
        log.set_first_dirty(opening.first_dirty_offset);
        Ok((log, report))
    }

    /// The leader epochs in their file; `None` when there is none that is whole.
    pub(super) fn read_epochs(&self) -> Result<Option<LeaderEpochs>, LogError> {
        let path = self.dir.join(names::EPOCHS);
        let bytes = read_whole(&*self.files, &path, 16 << 20).on_disk("read", &path)?;
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(text.and_then(|text| LeaderEpochs::parse(&text)))
    }
}

fn make_dir(files: &dyn Files, dir: &Path) -> Result<(), LogError> {
    match files.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            files.create_dir(dir).on_disk("create", dir)?;
            match dir.parent() {
                Some(parent) => files.sync_dir(parent).on_disk("sync", parent),
                None => Ok(()),
            }
        }
        other => other.map(|_| ()).on_disk("list", dir),
    }
}

fn existing(
    files: &Arc<dyn Files>,
    dir: &Arc<Path>,
    base_offset: i64,
) -> Result<Arc<Segment>, LogError> {
    let segment = Segment::on_disk(files, dir, base_offset, 0);
    let path = segment.path(names::LOG);
    let file = files.open(&path, Open::Read).on_disk("open", &path)?;
    let size = file.size().on_disk("read", &path)?;
    if size > LARGEST_SEGMENT {
        return Err(segment.damaged(&path, size, base_offset, "it is larger than 2 GiB"));
    }
    segment.set_size(size);
    Ok(Arc::new(segment))
}

fn missing(dir: &Path, opening: &Opening) -> LogError {
    LogError::Corrupt(Corruption {
        path: dir.to_owned(),
        position: 0,
        offset: opening.start_offset,
        reason: "there are no segments".to_owned(),
        next: None,
        durable: opening.recovery_point,
    })
}
