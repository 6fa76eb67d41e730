//! Reading: what other threads see of a log.

use std::sync::Arc;

use bytes::Bytes;
use millrace_kafka_wire::batch::BatchHeader;

use crate::epochs::LeaderEpochs;
use crate::error::{LogError, OnDisk};
use crate::files::File;
use crate::names;
use crate::segment::Segment;
use crate::txn_index::AbortedTxn;
use crate::walk::{FEW, Walker};

/// The log as it was when [`Log::snapshot`](crate::Log::snapshot) was called: cheap to clone, for
/// any thread. What was cut off or deleted since is answered with [`LogError::Gone`], or with
/// bytes whose checksum tells.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) segments: Arc<[Arc<Segment>]>,
    pub(crate) start_offset: i64,
    pub(crate) end_offset: i64,
    /// How many bytes of the last segment belong to it.
    pub(crate) end_position: u64,
    pub(crate) epochs: Arc<LeaderEpochs>,
}

/// Whole batches of one segment, one after another.
#[derive(Clone)]
pub struct Slice {
    file: Arc<dyn File>,
    path_of: Arc<Segment>,
    /// Where they begin in the file.
    pub position: u64,
    /// How many bytes they are; never 0.
    pub length: usize,
    /// The first offset of the first batch; it may be before the one that was asked for.
    pub base_offset: i64,
    /// The offset after the last batch.
    pub next_offset: i64,
}

impl Snapshot {
    /// The first offset that can be read.
    pub fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// The offset that the next record will have.
    pub fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// Which leaders wrote what it holds.
    pub fn epochs(&self) -> &LeaderEpochs {
        &self.epochs
    }

    /// The batches from that with `offset` on: as many as fit into `max_bytes`, but at least one,
    /// and none with an offset at or above `up_to` (the high watermark, the last stable offset or,
    /// for a follower, the end of the log). `None` when there is none.
    ///
    /// The first batch may begin before `offset`. Batches of one segment are returned; ask again
    /// from [`Slice::next_offset`] for more.
    ///
    /// # Errors
    /// `offset` is before the start or behind the end of the log; the disk fails.
    pub fn read(
        &self,
        offset: i64,
        max_bytes: usize,
        up_to: i64,
    ) -> Result<Option<Slice>, LogError> {
        if !(self.start_offset..=self.end_offset).contains(&offset) {
            return Err(LogError::OutOfRange {
                offset,
                start: self.start_offset,
                end: self.end_offset,
            });
        }
        if offset >= up_to.min(self.end_offset) {
            return Ok(None);
        }
        // Where the offset was compacted away, the next batch may be in a later segment.
        for index in self.segment_of(offset)..self.segments.len() {
            let segment = &self.segments[index];
            if let Some((position, header)) = segment.find(offset, self.end_of(index))? {
                self.check(index, position, &header)?;
                if header.next_offset() > up_to {
                    return Ok(None);
                }
                let mut slice = Slice {
                    file: segment.log()?,
                    path_of: Arc::clone(segment),
                    position,
                    length: header.size(),
                    base_offset: header.base_offset,
                    next_offset: header.next_offset(),
                };
                self.extend(&mut slice, max_bytes, up_to, index)?;
                return Ok(Some(slice));
            }
        }
        Ok(None)
    }

    /// Adds to a slice of one batch those behind it that fit.
    fn extend(
        &self,
        slice: &mut Slice,
        max_bytes: usize,
        up_to: i64,
        index: usize,
    ) -> Result<(), LogError> {
        let end = self.end_of(index);
        let segment = Arc::clone(&slice.path_of);
        let limit = end.min(slice.position.saturating_add(max_bytes as u64));
        let mut walker = Walker::new(&*slice.file, end, FEW);
        let mut at = slice.position + slice.length as u64;
        let base = segment.base_offset;
        let known = segment.with_indexes(|it| it.last_start(limit, up_to, base))?;
        // An entry of the index is where a batch begins, so that those before it need no look.
        let mut next_offset = slice.next_offset;
        if known > at
            && let Ok(Some(header)) = walker.header(known)
            && self.check(index, known, &header).is_ok()
        {
            (at, next_offset) = (known, header.base_offset);
        }
        // Damage ends the slice before it; who reads on from there is told.
        while let Ok(Some(header)) = segment.header(&mut walker, at) {
            let after = at + header.size() as u64;
            if self.check(index, at, &header).is_err() {
                break;
            }
            if after > limit || header.next_offset() > up_to {
                break;
            }
            next_offset = header.next_offset();
            at = after;
        }
        slice.length = usize::try_from(at - slice.position).unwrap_or(usize::MAX);
        slice.next_offset = next_offset;
        Ok(())
    }

    /// The aborted transactions with records between `offset` and `up_to`: those that a reader of
    /// committed records must skip. They are in the order of their markers.
    ///
    /// # Errors
    /// The disk fails, or an index of transactions is damaged.
    pub fn aborted(&self, offset: i64, up_to: i64) -> Result<Vec<AbortedTxn>, LogError> {
        let mut found = Vec::new();
        for segment in &self.segments[self.segment_of(offset)..] {
            for txn in segment.aborted()?.iter() {
                if txn.last_offset >= offset && txn.first_offset < up_to {
                    found.push(*txn);
                }
                if txn.last_stable_offset >= up_to {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    /// The leader epoch of the record at an offset, or of the one behind it.
    pub fn epoch_for(&self, offset: i64) -> Option<i32> {
        self.epochs.epoch_for(offset)
    }

    /// Where an epoch ended, for `OffsetForLeaderEpoch`; see
    /// [`LeaderEpochs::end_offset_for`].
    pub fn end_offset_for_epoch(&self, epoch: i32) -> Option<(i32, i64)> {
        self.epochs.end_offset_for(epoch, self.end_offset)
    }

    /// The checksum of a batch does not cover its offset, so that at least it must lie where those
    /// of its segment do.
    fn check(&self, index: usize, position: u64, header: &BatchHeader) -> Result<(), LogError> {
        let segment = &self.segments[index];
        let next = self.segments.get(index + 1).map(|it| it.base_offset);
        let offsets = segment.base_offset..=next.unwrap_or(self.end_offset);
        let (first, behind) = (header.base_offset, header.next_offset());
        match offsets.contains(&first) && offsets.contains(&behind) {
            true => Ok(()),
            false => {
                let reason =
                    format!("its offsets {first} to {behind} are not those of its segment");
                Err(segment.damaged(&segment.path(names::LOG), position, first, &reason))
            }
        }
    }

    /// The index of the segment in which an offset lies.
    pub(crate) fn segment_of(&self, offset: i64) -> usize {
        let behind = self.segments.partition_point(|it| it.base_offset <= offset);
        behind.saturating_sub(1)
    }

    /// How many bytes of a segment may be read.
    pub(crate) fn end_of(&self, index: usize) -> u64 {
        match index + 1 == self.segments.len() {
            true => self.end_position,
            false => self.segments[index].size(),
        }
    }
}

impl Slice {
    /// The file in which the batches lie, for `sendfile` and the like.
    pub fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    /// The bytes of the batches; waits for the disk.
    ///
    /// # Errors
    /// The file was cut since, or the disk fails.
    pub fn bytes(&self) -> Result<Bytes, LogError> {
        let mut bytes = vec![0; self.length];
        let path = self.path_of.path(names::LOG);
        let read = self.file.read_at(&mut bytes, self.position);
        match read.on_disk("read", &path)? == self.length {
            true => Ok(bytes.into()),
            false => Err(LogError::Gone { path }),
        }
    }

    /// The bytes of the batches, if all of them can be had without waiting for the disk.
    ///
    /// # Errors
    /// The disk fails.
    pub fn cached_bytes(&self) -> Result<Option<Bytes>, LogError> {
        let mut bytes = vec![0; self.length];
        let path = self.path_of.path(names::LOG);
        let mut read = 0;
        while read < self.length {
            let at = self.position + read as u64;
            match self
                .file
                .read_cached(&mut bytes[read..], at)
                .on_disk("read", &path)?
            {
                Some(0) => return Err(LogError::Gone { path }),
                Some(more) => read += more,
                None => return Ok(None),
            }
        }
        Ok(Some(bytes.into()))
    }
}
