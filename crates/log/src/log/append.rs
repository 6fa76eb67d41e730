//! Appending.

use millrace_kafka_wire::batch::BatchHeader;

use super::Log;
use super::pending::Pending;
use crate::batch::Batch;
use crate::error::{LogError, OnDisk};
use crate::names;
use crate::producer::{Origin, Refusal, Verdict};

/// Where a batch is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The offset of its first record; for a marker that had nothing to end, the end of the log.
    pub base_offset: i64,
    /// The time that its records were given, where the topic says `LogAppendTime`.
    pub append_time: Option<i64>,
    /// Nothing was written: it is there already.
    pub is_duplicate: bool,
}

/// Whose offsets and epoch a batch gets.
#[derive(Clone, Copy)]
enum Place {
    Leader { epoch: i32, now: i64 },
    Follower { now: i64 },
}

impl Log {
    /// Appends batches with the next offsets. One that is refused does not keep the others from
    /// being appended, but those of its producer that follow it.
    ///
    /// The bytes of the batches are written as they are, but for their headers: base offset,
    /// leader epoch, and where the topic says `LogAppendTime` the time, which is `now`.
    ///
    /// # Durability
    /// None; see [`Log::take_dirty`].
    ///
    /// # Errors
    /// The disk failed, now or before: nothing of the call is to be acknowledged. A full disk is
    /// no error: the batches that did not fit are refused, the file ends with the last that did.
    pub fn append(
        &mut self,
        batches: &[Batch],
        origin: Origin,
        leader_epoch: i32,
        now: i64,
    ) -> Result<Vec<Result<Appended, Refusal>>, LogError> {
        let place = Place::Leader {
            epoch: leader_epoch,
            now,
        };
        self.place(batches, origin, place)
    }

    /// Appends batches that a leader holds, with the offsets and epochs that they have. Offsets
    /// may be missing between them, where they were compacted away, but none may lie before the
    /// end of the log.
    ///
    /// # Durability
    /// None; see [`Log::take_dirty`].
    ///
    /// # Errors
    /// As of [`Log::append`].
    pub fn append_as_follower(
        &mut self,
        batches: &[Batch],
        now: i64,
    ) -> Result<Vec<Result<Appended, Refusal>>, LogError> {
        self.place(batches, Origin::Leader, Place::Follower { now })
    }

    fn place(
        &mut self,
        batches: &[Batch],
        origin: Origin,
        place: Place,
    ) -> Result<Vec<Result<Appended, Refusal>>, LogError> {
        self.check()?;
        let mut results = Vec::with_capacity(batches.len());
        let mut pending = Pending::default();
        let (mut next, mut index) = (self.end_offset, 0);
        while let Some(batch) = batches.get(index) {
            let header = match self.judge(batch, origin, place, next, &pending) {
                Ok((header, Verdict::Append(update))) => {
                    let rolled = self.make_room(&header, place, &mut pending, &mut results)?;
                    if let Some(may_go_on) = rolled {
                        // What was pending was written or refused, so it is judged again.
                        next = self.end_offset;
                        if !may_go_on {
                            results.push(Err(Refusal::NoSpace));
                            index += 1;
                        }
                        continue;
                    }
                    pending.add(index, batch, header, update);
                    header
                }
                Ok((_, Verdict::Duplicate(base_offset))) => {
                    results.push(Ok(Appended::already(base_offset)));
                    index += 1;
                    continue;
                }
                Ok((_, Verdict::AlreadyEnded)) => {
                    // Its marker stands somewhere before the end: who waits for it waits for all that
                    // there is, and for nothing that is still to come.
                    results.push(Ok(Appended::already(next - 1)));
                    index += 1;
                    continue;
                }
                Err(refusal) => {
                    results.push(Err(refusal));
                    index += 1;
                    continue;
                }
            };
            next = header.next_offset();
            results.push(Ok(Appended {
                base_offset: header.base_offset,
                append_time: place.append_time(self.config.is_append_time),
                is_duplicate: false,
            }));
            index += 1;
        }
        self.write(pending, &mut results)?;
        Ok(results)
    }

    /// The header that a batch would get, and what is to be done with it.
    fn judge(
        &self,
        batch: &Batch,
        origin: Origin,
        place: Place,
        next: i64,
        pending: &Pending<'_>,
    ) -> Result<(BatchHeader, Verdict), Refusal> {
        let mut header = batch.header;
        match place {
            Place::Leader { epoch, .. } => {
                header.base_offset = next;
                header.leader_epoch = epoch;
            }
            Place::Follower { .. } if header.base_offset < next => {
                return Err(Refusal::Offset {
                    given: header.base_offset,
                    end: next,
                });
            }
            Place::Follower { .. } => {}
        }
        if header.size() as u64 > self.segment_bytes() {
            return Err(Refusal::TooLarge);
        }
        if let Some(now) = place.append_time(self.config.is_append_time) {
            header.max_timestamp = now;
            header.attributes.0 |= 1 << 3;
        }
        let staged = pending.staged.get(&header.producer_id);
        let placed = Batch {
            header,
            ..batch.clone()
        };
        let verdict = self
            .producers
            .judge(&placed, header.base_offset, origin, staged)?;
        Ok((header, verdict))
    }

    /// Writes what is pending and rolls when the batch does not fit behind it; then tells whether
    /// that worked. `None` when the batch fits.
    fn make_room(
        &mut self,
        header: &BatchHeader,
        place: Place,
        pending: &mut Pending<'_>,
        results: &mut [Result<Appended, Refusal>],
    ) -> Result<Option<bool>, LogError> {
        let now = place.now();
        if !self.must_roll(header, pending.bytes, pending.batches.len(), now) {
            return Ok(None);
        }
        self.write(std::mem::take(pending), results)?;
        let base_offset = match place {
            Place::Leader { .. } => self.end_offset,
            Place::Follower { .. } => self.base_for(header),
        };
        // A write that was refused may have left an empty segment, which needs no roll.
        if !self.must_roll(header, 0, 0, now) {
            return Ok(Some(true));
        }
        match self.roll(base_offset, now) {
            Ok(()) => Ok(Some(true)),
            Err(LogError::NoSpace { .. }) => Ok(Some(false)),
            Err(error) => self.note(Err(error)),
        }
    }

    /// One write for all; then they are part of the log.
    fn write(
        &mut self,
        pending: Pending<'_>,
        results: &mut [Result<Appended, Refusal>],
    ) -> Result<(), LogError> {
        if pending.batches.is_empty() {
            return Ok(());
        }
        if self.active.is_cut {
            let synced = self.sync_cut();
            self.note(synced)?;
        }
        let position = self.active.segment.size();
        let path = self.active.segment.path(names::LOG);
        let mut headers = std::mem::take(&mut self.headers);
        let parts = pending.parts(&mut headers);
        let written = self.active.file.write_at(&parts, position);
        drop(parts);
        self.headers = headers;
        match written.on_disk("write", &path) {
            Ok(()) => {
                self.commit(pending, position);
                Ok(())
            }
            Err(LogError::NoSpace { .. }) => {
                for (index, ..) in &pending.batches {
                    results[*index] = Err(Refusal::NoSpace);
                }
                self.active.is_cut = true;
                let cut = self.active.file.truncate(position).on_disk("cut", &path);
                self.note(cut)
            }
            Err(error) => self.note(Err(error)),
        }
    }

    fn commit(&mut self, pending: Pending<'_>, mut position: u64) {
        let interval = self.interval();
        let base_offset = self.active.segment.base_offset;
        if let (0, Some((_, _, first))) = (position, pending.batches.first()) {
            self.active.first_timestamp = Some(first.max_timestamp);
        }
        self.active.segment.change_indexes(|indexes| {
            for (_, _, header) in &pending.batches {
                indexes.add(header, base_offset, position, interval);
                position += header.size() as u64;
            }
        });
        for (_, _, header) in &pending.batches {
            self.assign_epoch(header.leader_epoch, header.base_offset);
            self.end_offset = header.next_offset();
        }
        let updates = pending.updates.into_iter();
        let aborted: Vec<_> = updates
            .filter_map(|update| self.producers.apply(update))
            .collect();
        self.producers.end_offset = self.end_offset;
        if !aborted.is_empty() {
            self.active.segment.add_aborted(&aborted);
        }
        self.active.segment.set_size(position);
        self.unsynced.active = true;
    }
}

impl Place {
    fn now(self) -> i64 {
        match self {
            Place::Leader { now, .. } | Place::Follower { now } => now,
        }
    }

    fn append_time(self, is_append_time: bool) -> Option<i64> {
        match self {
            Place::Leader { now, .. } if is_append_time => Some(now),
            _ => None,
        }
    }
}

impl Appended {
    fn already(base_offset: i64) -> Self {
        Self {
            base_offset,
            append_time: None,
            is_duplicate: true,
        }
    }
}
