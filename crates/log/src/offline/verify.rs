//! Whether a partition is sound, by all that lies in its directory.
//!
//! The rules are those of recovery: see [`Log::open`](crate::Log::open). The difference is that
//! here every segment is read, and nothing is changed.

mod indexes;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Damage, ReadError, SegmentFile, read_producers};
use crate::damage::{Next, Part, Place, Verdict, judge};
use crate::epochs::LeaderEpochs;
use crate::error::{LogError, OnDisk};
use crate::files::{Files, read_whole};
use crate::log::Opening;
use crate::names::{self, CLEANED, DELETED, SWAP, TEMPORARY};
use indexes::IndexCheck;

/// What was found in the directory of a partition.
#[derive(Clone, Debug, Default)]
pub struct Verification {
    /// Where the log starts.
    pub start_offset: i64,
    /// The offset after the last sound batch before any damage.
    pub end_offset: i64,
    /// Up to here the log was durable, by the checkpoint of its directory.
    pub recovery_point: i64,
    /// How many segments there are.
    pub segments: usize,
    /// How many batches were read and are sound.
    pub batches: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// What is wrong.
    pub damage: Vec<Damaged>,
    /// What an interrupted deletion, cleaning or rewrite left, which the broker clears away.
    pub leftovers: Vec<PathBuf>,
}

/// Where a partition is damaged, and what that means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Where.
    pub at: Damage,
    /// What of it.
    pub meaning: Meaning,
}

/// What damage means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// An end that was never durable: the broker cuts it off when it starts.
    Torn {
        /// How many bytes go, in all segments.
        bytes: u64,
        /// Whether sound batches are among them.
        had_sound_batches: bool,
    },
    /// The batches have changed since they were durable: the broker does not serve the partition.
    Corrupt {
        /// The next sound batch: its offset, and its position when it lies in the same file.
        next: Option<(i64, Option<u64>)>,
    },
    /// A file that follows from the batches does not fit them. Without it the broker makes it anew.
    Derived,
}

/// All of it in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is nothing wrong.
    Sound,
    /// It is damaged where a crash leaves that.
    Torn,
    /// It is damaged.
    Corrupt,
}

impl Verification {
    /// All of it in a word.
    pub fn state(&self) -> State {
        let is_torn = |it: &Damaged| matches!(it.meaning, Meaning::Torn { .. });
        match self.damage.is_empty() {
            true => State::Sound,
            false if self.damage.iter().all(is_torn) => State::Torn,
            false => State::Corrupt,
        }
    }
}

/// Reads every batch, index entry and snapshot of a partition whose owner knows `opening` of it.
///
/// Indexes are compared with the batches, but for those that a crash may leave as they are: those
/// of the segments that recovery reads.
///
/// # Errors
/// The disk fails. Damage is no error.
pub fn verify(files: &dyn Files, dir: &Path, opening: &Opening) -> Result<Verification, LogError> {
    let names = files.list(dir).on_disk("list", dir)?;
    let mut bases: Vec<i64> = names
        .iter()
        .filter_map(|name| names::parse(name))
        .filter(|(_, suffix)| *suffix == names::LOG)
        .map(|(offset, _)| offset)
        .collect();
    bases.sort_unstable();
    let first = bases.first().copied().unwrap_or(opening.start_offset);
    let mut verifier = Verifier {
        files,
        dir,
        opening,
        bases,
        found: Verification {
            start_offset: opening.start_offset.max(first),
            end_offset: first,
            recovery_point: opening.recovery_point,
            leftovers: leftovers(dir, &names),
            ..Verification::default()
        },
    };
    verifier.found.segments = verifier.bases.len();
    verifier.check_start(first);
    if verifier.found.damage.is_empty() {
        verifier.read_segments()?;
    }
    verifier.check_producers(&names)?;
    verifier.check_epochs()?;
    Ok(verifier.found)
}

fn leftovers(dir: &Path, names: &[String]) -> Vec<PathBuf> {
    let is_left = |name: &&String| {
        let mut marks = [DELETED, CLEANED, SWAP, TEMPORARY].into_iter();
        marks.any(|mark| names::has_mark(name, mark))
    };
    names
        .iter()
        .filter(is_left)
        .map(|it| dir.join(it))
        .collect()
}

struct Verifier<'a> {
    files: &'a dyn Files,
    dir: &'a Path,
    opening: &'a Opening,
    /// The offsets in the names of the segments, in order.
    bases: Vec<i64>,
    found: Verification,
}

impl Verifier<'_> {
    fn check_start(&mut self, first: i64) {
        let Opening {
            start_offset,
            recovery_point,
            is_clean,
            ..
        } = *self.opening;
        let was_durable = recovery_point > start_offset;
        let reason = match self.bases.is_empty() {
            true if was_durable => "there are no segments",
            false if was_durable && !is_clean && first > start_offset => {
                "the segments before it are gone"
            }
            _ => return,
        };
        let path = match self.bases.is_empty() {
            true => self.dir.to_owned(),
            false => names::file(self.dir, first, names::LOG),
        };
        self.corrupt(path, 0, start_offset, reason.to_owned(), None);
    }

    fn read_segments(&mut self) -> Result<(), LogError> {
        for index in 0..self.bases.len() {
            if !self.follows(index) || !self.read_segment(index)? {
                return Ok(());
            }
        }
        let (end, recovery_point) = (self.found.end_offset, self.opening.recovery_point);
        if let Some(last) = self.bases.last()
            && end < recovery_point
        {
            let path = names::file(self.dir, *last, names::LOG);
            let position = self.size_of(*last)?;
            let reason = format!("it ends there, and was durable up to offset {recovery_point}");
            self.corrupt(path, position, end, reason, None);
        }
        Ok(())
    }

    /// Whether a segment begins where the one before it ends.
    fn follows(&mut self, index: usize) -> bool {
        let (base, end) = (self.bases[index], self.found.end_offset);
        // Kafka's cleaner leaves such holes.
        let is_compacted = base > end && base <= self.opening.first_dirty_offset;
        if index == 0 || base == end || is_compacted {
            return true;
        }
        let path = names::file(self.dir, base, names::LOG);
        let reason = format!("the segment before it ends with offset {end}");
        match base > end && end >= self.opening.recovery_point {
            true => {
                let bytes = self.bases[index..].iter();
                let bytes = bytes.filter_map(|it| self.size_of(*it).ok()).sum();
                let meaning = Meaning::Torn {
                    bytes,
                    had_sound_batches: true,
                };
                self.add(path, 0, end, reason, meaning);
            }
            false => self.corrupt(path, 0, end, reason, Some((base, Some(0)))),
        }
        false
    }

    /// Reads the batches of a segment. Tells whether all are sound.
    fn read_segment(&mut self, index: usize) -> Result<bool, LogError> {
        let base = self.bases[index];
        let path = names::file(self.dir, base, names::LOG);
        let segment = SegmentFile::open(self.files, &path)?;
        if let Err(at) = segment.check_size() {
            let meaning = Meaning::Corrupt { next: None };
            self.found.damage.push(Damaged { at, meaning });
            return Ok(false);
        }
        let mut check = match self.is_index_durable(index) {
            true => Some(IndexCheck::of(self.files, self.dir, base)?),
            false => None,
        };
        let mut batches = segment.batches();
        let damage = loop {
            match batches.next_sound() {
                Ok(Some(batch)) => {
                    self.found.batches += 1;
                    self.found.bytes += batch.header.size() as u64;
                    if let Some(check) = &mut check {
                        check.pass(&batch);
                    }
                }
                Ok(None) => break None,
                Err(ReadError::Damaged(damage)) => break Some(damage),
                Err(ReadError::Log(error)) => return Err(error),
            }
        };
        self.found.end_offset = batches.offset();
        let Some(damage) = damage else {
            let faults = check.map(IndexCheck::finish).unwrap_or_default();
            let faults = faults.into_iter().map(|at| Damaged {
                at,
                meaning: Meaning::Derived,
            });
            self.found.damage.extend(faults);
            return Ok(true);
        };
        let is_short = batches.is_short();
        let meaning = self.judge(index, &damage, is_short)?;
        self.found.damage.push(Damaged {
            at: damage,
            meaning,
        });
        Ok(false)
    }

    fn judge(&self, index: usize, at: &Damage, is_short: bool) -> Result<Meaning, LogError> {
        let parts = self.bases[index..].iter().map(|base| {
            let path = names::file(self.dir, *base, names::LOG);
            let segment = SegmentFile::open(self.files, &path)?;
            Ok(Part {
                file: Arc::clone(&segment.file),
                size: segment.size(),
                path,
            })
        });
        let place = Place {
            position: at.position,
            offset: at.offset,
            is_short,
            recovery_point: self.opening.recovery_point,
        };
        match judge(parts, &place)? {
            Verdict::Corrupt { next } => Ok(Meaning::Corrupt { next }),
            Verdict::Torn { had_sound_batches } => {
                let mut bytes = 0;
                for base in &self.bases[index..] {
                    bytes += self.size_of(*base)?;
                }
                Ok(Meaning::Torn {
                    bytes: bytes.saturating_sub(at.position),
                    had_sound_batches,
                })
            }
        }
    }

    /// Whether the indexes of a segment were on the medium before a crash could come.
    fn is_index_durable(&self, index: usize) -> bool {
        let is_behind = |base: &i64| *base < self.opening.recovery_point;
        let scanned = self.bases.partition_point(is_behind).saturating_sub(1);
        self.opening.is_clean || index < scanned
    }

    fn size_of(&self, base: i64) -> Result<u64, LogError> {
        let path = names::file(self.dir, base, names::LOG);
        Ok(SegmentFile::open(self.files, &path)?.size())
    }

    /// Snapshots of what was durable must be whole.
    fn check_producers(&mut self, names: &[String]) -> Result<(), LogError> {
        for name in names {
            let Some((offset, names::SNAPSHOT)) = names::parse(name) else {
                continue;
            };
            if offset >= self.opening.recovery_point && !self.opening.is_clean {
                continue;
            }
            let read = read_producers(self.files, &self.dir.join(name))?;
            self.found.damage.extend(read.damage.map(|at| Damaged {
                at,
                meaning: Meaning::Derived,
            }));
        }
        Ok(())
    }

    fn check_epochs(&mut self) -> Result<(), LogError> {
        let path = self.dir.join(names::EPOCHS);
        let bytes = read_whole(self.files, &path, 16 << 20).on_disk("read", &path)?;
        let Some(bytes) = bytes else { return Ok(()) };
        let text = std::str::from_utf8(&bytes).ok();
        if text.and_then(LeaderEpochs::parse).is_none() {
            let reason = "it does not have the lines `0`, the number of epochs, and `epoch offset` \
                          for each";
            let start = self.found.start_offset;
            self.add(path, 0, start, reason.to_owned(), Meaning::Derived);
        }
        Ok(())
    }

    fn corrupt(&mut self, path: PathBuf, position: u64, offset: i64, reason: String, next: Next) {
        self.add(path, position, offset, reason, Meaning::Corrupt { next });
    }

    fn add(&mut self, path: PathBuf, position: u64, offset: i64, reason: String, meaning: Meaning) {
        let at = Damage {
            path,
            position,
            offset,
            reason,
        };
        self.found.damage.push(Damaged { at, meaning });
    }
}
