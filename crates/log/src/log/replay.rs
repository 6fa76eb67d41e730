//! Producers from snapshots and batches.

use std::path::PathBuf;

use super::Log;
use crate::error::{LogError, OnDisk};
use crate::files::read_whole;
use crate::names;
use crate::producer::{Older, Producers};
use crate::segment::{Indexes, Segment};
use crate::txn_index::AbortedTxn;
use crate::walk::{FEW, Walker};

/// No snapshot is larger: more than a million producers.
pub(super) const LONGEST_SNAPSHOT: u64 = 64 << 20;

/// So many bytes before a snapshot are looked at: five batches of the size that Kafka's clients send,
/// and what others have sent between them.
const LEARNED: u64 = 256 << 10;

impl Log {
    /// The producers as they are at `offset`, and the snapshots that could not be read: the newest
    /// snapshot at or before it, and the batches behind that.
    pub(super) fn load_producers(
        &self,
        offset: i64,
    ) -> Result<(Producers, Vec<(i64, PathBuf)>), LogError> {
        let mut unreadable = Vec::new();
        let first = self.segments[0].base_offset;
        let mut snapshots = self.snapshot_offsets()?;
        snapshots.sort_unstable();
        for at in snapshots.into_iter().rev() {
            if !(first..=offset).contains(&at) {
                continue;
            }
            let path = names::file(&self.dir, at, names::SNAPSHOT);
            let bytes = read_whole(&*self.files, &path, LONGEST_SNAPSHOT).on_disk("read", &path)?;
            match Producers::from_snapshot(&bytes.unwrap_or_default(), at) {
                Some(mut producers) => {
                    self.learn_batches(&mut producers, at)?;
                    self.replay(&mut producers, offset)?;
                    return Ok((producers, unreadable));
                }
                None => unreadable.push((at, path)),
            }
        }
        let mut producers = Producers::at(first);
        self.replay(&mut producers, offset)?;
        Ok((producers, unreadable))
    }

    /// A snapshot has the last batch of each producer; who had several under way sends all of them
    /// again. Those that stand close before the snapshot are read.
    fn learn_batches(&self, producers: &mut Producers, offset: i64) -> Result<(), LogError> {
        if producers.is_empty() {
            return Ok(());
        }
        let end = (self.segments).partition_point(|it| it.base_offset < offset);
        let (mut first, mut size) = (end, 0);
        while first > 0 && size < LEARNED {
            first -= 1;
            size += self.segments[first].size();
        }
        let mut older = Older::default();
        let mut skipped = size.saturating_sub(LEARNED);
        for segment in &self.segments[first..end] {
            let start = |it: &Indexes| it.last_start(skipped, i64::MAX, segment.base_offset);
            let mut position = match skipped {
                0 => 0,
                _ => segment.with_indexes(start)?,
            };
            skipped = 0;
            let file = segment.log()?;
            let mut walker = Walker::new(&*file, segment.size(), FEW);
            // What is damaged is found by whoever reads it.
            while let Ok(Some(header)) = walker.header(position) {
                if header.base_offset >= offset {
                    break;
                }
                older.add(&header);
                position += header.size() as u64;
            }
        }
        producers.remember(older);
        Ok(())
    }

    /// Accounts for the batches from where the producers stand up to `offset`.
    fn replay(&self, producers: &mut Producers, offset: i64) -> Result<(), LogError> {
        let from = producers.end_offset;
        if from >= offset {
            return Ok(());
        }
        let index = self.segments.partition_point(|it| it.base_offset <= from);
        for segment in &self.segments[index.saturating_sub(1)..] {
            if segment.base_offset >= offset {
                break;
            }
            self.replay_segment(segment, producers, offset, &mut Vec::new())?;
        }
        producers.end_offset = offset;
        Ok(())
    }

    /// Accounts for the batches of a segment from where the producers stand up to `offset`, and
    /// collects the transactions that they abort.
    pub(super) fn replay_segment(
        &self,
        segment: &Segment,
        producers: &mut Producers,
        offset: i64,
        aborted: &mut Vec<AbortedTxn>,
    ) -> Result<(), LogError> {
        let path = segment.path(names::LOG);
        let found = segment.find(producers.end_offset, segment.size())?;
        let Some((mut position, _)) = found else {
            return Ok(());
        };
        let file = segment.log()?;
        let mut walker = Walker::new(&*file, segment.size(), FEW);
        while let Some(header) = segment.header(&mut walker, position)? {
            if header.base_offset >= offset {
                break;
            }
            let records = walker.control_records(position, &header);
            let records = records.on_disk("read", &path)?;
            let update = producers.replay(&header, &records);
            aborted.extend(update.and_then(|it| producers.apply(it)));
            position += header.size() as u64;
        }
        Ok(())
    }
}
