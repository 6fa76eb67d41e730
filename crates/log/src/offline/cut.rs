//! Cutting a partition that no broker has open: the act of an operator, where a log is damaged and
//! the broker does not cut.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::{Damage, ReadError, SegmentFile};
use crate::dir::{LogDir, OffsetKind, TopicPartition};
use crate::error::{LogError, OnDisk};
use crate::files::{self, Files, Open};
use crate::names::{self, INDEX, LOG, SNAPSHOT, SWAP, TIME_INDEX, TXN_INDEX};

/// What a cut would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutPlan {
    /// Which partition.
    pub partition: TopicPartition,
    /// Where its log starts.
    pub start_offset: i64,
    /// Where it would end: at the offset that was asked for, or before it where a batch spans that
    /// or records were cleaned away.
    pub end_offset: i64,
    /// The last segment that stays.
    pub path: PathBuf,
    /// Where that would end.
    pub position: u64,
    /// How many bytes of it go.
    pub bytes: u64,
    /// The files that go as a whole. What follows from the batches of the last segment goes, too:
    /// the broker makes it anew.
    pub removed: Vec<Gone>,
    /// How many sound batches go.
    pub batches: u64,
    /// The last offset of the last one of them.
    pub last_offset: Option<i64>,
    /// Where what goes is damaged, at first.
    pub damage: Option<Damage>,
}

/// A file that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Which.
    pub path: PathBuf,
    /// How many bytes it has.
    pub bytes: u64,
}

/// Why a partition is not cut.
#[derive(Clone, Debug)]
pub enum CutRefused {
    /// It has no directory, or that has no segment.
    Missing(PathBuf),
    /// The broker has to finish what it began first.
    Unfinished(PathBuf),
    /// The log starts behind the offset.
    BeforeStart {
        /// There.
        start: i64,
    },
    /// Nothing lies at the offset or behind it.
    BehindEnd {
        /// The log ends there.
        end: i64,
    },
    /// What would stay is damaged.
    Damaged(Damage),
    /// The disk fails.
    Log(LogError),
}

impl From<LogError> for CutRefused {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl fmt::Display for CutRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(dir) => write!(
                f,
                "{} has no segments, so there is nothing to cut; name the directory of a partition",
                dir.display()
            ),
            Self::Unfinished(path) => write!(
                f,
                "{} is of a cleaning that was interrupted: start the broker once, which finishes \
                 it, stop it, and look again",
                path.display()
            ),
            Self::BeforeStart { start } => write!(
                f,
                "the log starts at offset {start}: cut there to remove all of it"
            ),
            Self::BehindEnd { end } => {
                write!(f, "the log ends at offset {end}: there is nothing to cut")
            }
            Self::Damaged(damage) => write!(
                f,
                "what would stay is damaged: {damage}; cut at offset {} or before it",
                damage.offset
            ),
            Self::Log(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CutRefused {}

impl CutPlan {
    /// What a cut at an offset would do. Nothing is changed.
    ///
    /// The segment in which the log would end is read up to there, and what goes is read as far as
    /// it can be; earlier segments are not, see [`verify`](super::verify).
    ///
    /// # Errors
    /// It cannot be cut there, or the disk fails.
    pub fn new(
        files: &dyn Files,
        dir: &LogDir,
        partition: &TopicPartition,
        offset: i64,
    ) -> Result<Self, CutRefused> {
        let path = dir.partition_path(partition);
        let names = files.list(&path).on_disk("list", &path)?;
        if let Some(unfinished) = names.iter().find(|it| names::has_mark(it, SWAP)) {
            return Err(CutRefused::Unfinished(path.join(unfinished)));
        }
        let bases = offsets_of(&names, LOG);
        let Some(first) = bases.first() else {
            return Err(CutRefused::Missing(path));
        };
        let starts = dir.offsets(OffsetKind::LogStart)?;
        let start_offset = starts.get(partition).map_or(*first, |it| *it.max(first));
        if offset < start_offset {
            return Err(CutRefused::BeforeStart {
                start: start_offset,
            });
        }
        let kept = bases.partition_point(|base| *base < offset).max(1);
        let segment = SegmentFile::open(files, &names::file(&path, bases[kept - 1], LOG))?;
        let (position, end_offset) = place(&segment, offset)?;
        let mut plan = Self {
            partition: partition.clone(),
            start_offset,
            end_offset,
            path: segment.path().to_owned(),
            position,
            bytes: segment.size() - position,
            removed: gone(files, &path, &names, bases[kept - 1], end_offset)?,
            batches: 0,
            last_offset: None,
            damage: None,
        };
        if plan.bytes == 0 && kept == bases.len() {
            return Err(CutRefused::BehindEnd { end: end_offset });
        }
        plan.count(&segment, position)?;
        for base in &bases[kept..] {
            let segment = SegmentFile::open(files, &names::file(&path, *base, LOG))?;
            plan.count(&segment, 0)?;
        }
        Ok(plan)
    }

    /// Does it. The directory must be held by [`LogDir::open`].
    ///
    /// The mark of a clean shutdown goes first, so that the broker checks what is left.
    ///
    /// # Durability
    /// The partition is cut on the medium on return. When the power goes before that it ends
    /// anywhere between here and its old end, and can be cut again.
    ///
    /// # Errors
    /// The disk fails.
    pub fn execute(&self, files: &dyn Files, dir: &LogDir) -> Result<(), LogError> {
        dir.take_clean_mark()?;
        for kind in [
            OffsetKind::RecoveryPoint,
            OffsetKind::LogStart,
            OffsetKind::FirstDirty,
        ] {
            let mut offsets = dir.offsets(kind)?;
            if lower(&mut offsets, &self.partition, self.end_offset) {
                dir.store_offsets(kind, &offsets)?;
            }
        }
        let path = dir.partition_path(&self.partition);
        // The last segment comes first, so that what a crash leaves has no hole.
        for gone in self.removed.iter().rev() {
            unlink(files, &gone.path)?;
        }
        files.sync_dir(&path).on_disk("sync", &path)?;
        let file = files.open(&self.path, Open::Write);
        let file = file.on_disk("open", &self.path)?;
        let cut = files::cut(files, &self.path, &file, self.position);
        let cut = cut.on_disk("cut", &self.path)?;
        cut.sync().on_disk("sync", &self.path)?;
        files.sync_dir(&path).on_disk("sync", &path)
    }

    /// All bytes of batches that go.
    pub fn bytes_of_batches(&self) -> u64 {
        let is_log = |it: &&Gone| it.path.extension().is_some_and(|suffix| suffix == LOG);
        let whole = self.removed.iter().filter(is_log).map(|it| it.bytes);
        self.bytes + whole.sum::<u64>()
    }

    /// Accounts for the batches of a segment from a position on, as far as they can be read.
    fn count(&mut self, segment: &SegmentFile, position: u64) -> Result<(), LogError> {
        if let Err(damage) = segment.check_size() {
            self.damage.get_or_insert(damage);
            return Ok(());
        }
        let mut batches = segment.batches_from(position, self.end_offset);
        loop {
            match batches.next_sound() {
                Ok(Some(batch)) => {
                    self.batches += 1;
                    self.last_offset = Some(batch.header.last_offset());
                }
                Ok(None) => return Ok(()),
                Err(ReadError::Log(error)) => return Err(error),
                Err(ReadError::Damaged(damage)) => {
                    self.damage.get_or_insert(damage);
                    if !batches.skip_damage()? {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// Where a segment is to be cut so that it has nothing with `offset` or a later one, and the offset
/// after what is left. All that is left must be sound.
fn place(segment: &SegmentFile, offset: i64) -> Result<(u64, i64), CutRefused> {
    segment.check_size().map_err(CutRefused::Damaged)?;
    let mut batches = segment.batches();
    loop {
        let (position, end_offset) = (batches.position(), batches.offset());
        if end_offset >= offset {
            return Ok((position, end_offset));
        }
        match batches.next_sound() {
            Ok(Some(batch)) if batch.header.last_offset() < offset => {}
            Ok(_) => return Ok((position, end_offset)),
            Err(ReadError::Damaged(damage)) => return Err(CutRefused::Damaged(damage)),
            Err(ReadError::Log(error)) => return Err(error.into()),
        }
    }
}

/// The files that go as a whole: those of later segments, producers behind the end, and what
/// follows from the batches of the last segment that stays. In the order of their offsets.
fn gone(
    files: &dyn Files,
    dir: &Path,
    names: &[String],
    last: i64,
    end_offset: i64,
) -> Result<Vec<Gone>, LogError> {
    let mut gone = Vec::new();
    for name in names {
        let Some((offset, suffix)) = names::parse(name) else {
            continue;
        };
        let goes = match suffix {
            LOG => offset > last,
            INDEX | TIME_INDEX | TXN_INDEX => offset >= last,
            SNAPSHOT => offset > end_offset,
            _ => false,
        };
        if goes {
            let path = dir.join(name);
            let file = files.open(&path, Open::Read).on_disk("open", &path)?;
            let bytes = file.size().on_disk("read", &path)?;
            gone.push(Gone { path, bytes });
        }
    }
    Ok(gone)
}

fn offsets_of(names: &[String], wanted: &str) -> Vec<i64> {
    let parsed = names.iter().filter_map(|name| names::parse(name));
    let wanted = parsed.filter(|(_, suffix)| *suffix == wanted);
    let mut offsets: Vec<i64> = wanted.map(|(offset, _)| offset).collect();
    offsets.sort_unstable();
    offsets
}

/// Tells whether that changed anything.
fn lower(
    offsets: &mut BTreeMap<TopicPartition, i64>,
    partition: &TopicPartition,
    most: i64,
) -> bool {
    match offsets.get_mut(partition) {
        Some(offset) if *offset > most => {
            *offset = most;
            true
        }
        _ => false,
    }
}

fn unlink(files: &dyn Files, path: &Path) -> Result<(), LogError> {
    match files.unlink(path) {
        // It was gone already when this was begun before.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.on_disk("unlink", path),
    }
}
