//! What a pass does, segment by segment.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::batches::{Found, each_batch};
use super::filter::{Fate, Filter, each_record, opened};
use super::groups::{Group, grouped};
use super::offset_map::OffsetMap;
use super::output::Output;
use super::transactions::Transactions;
use super::{Cleaned, Cleaning, CleaningTools};
use crate::error::{LogError, OnDisk};

/// What is known once the dirty part was read.
pub(crate) struct Pass {
    filter: Filter,
    groups: VecDeque<Group>,
}

/// Why a pass ends early.
pub(crate) enum Ended {
    Stopped,
    Failed(LogError),
}

impl From<LogError> for Ended {
    fn from(error: LogError) -> Self {
        Ended::Failed(error)
    }
}

impl Cleaning {
    /// Below which offset it may clean.
    pub fn end_offset(&self) -> i64 {
        self.snapshot.segments[self.count].base_offset
    }

    /// Writes the next segment; `None` when the pass is over, was ended, or is void because the log
    /// was cut or lost segments from its start. Call it until then, and give what it returns to the
    /// log in order, as soon as it is there.
    ///
    /// # Durability
    /// What is returned is on the medium, under names that the next [`Log::open`](crate::Log::open)
    /// removes.
    ///
    /// # Costs
    /// The map of [`CleaningTools::memory`], a window of 256 KiB or of the largest batch, that batch
    /// opened and written again, and one MiB of what is written; some 50 bytes for each producer and
    /// each aborted transaction. The disk needs room for the segment. Read are, by all calls of a
    /// pass together, the dirty part twice and what is before it once.
    ///
    /// # Errors
    /// A batch is [damaged](LogError::Corrupt), or cannot be opened or compressed; the disk fails
    /// or is full. Nothing has changed, and the pass is over.
    pub fn run(&mut self, tools: &CleaningTools<'_>) -> Result<Option<Cleaned>, LogError> {
        if self.is_over {
            return Ok(None);
        }
        let cleaned = self.next(tools);
        self.is_over = !matches!(&cleaned, Ok(cleaned) if cleaned.first_dirty.is_none());
        match cleaned {
            Ok(cleaned) => Ok(Some(cleaned)),
            Err(Ended::Stopped) => Ok(None),
            // What it has read may be of another segment with the same name.
            Err(Ended::Failed(_)) if self.ticket.is_void() => Ok(None),
            Err(Ended::Failed(error)) => Err(error),
        }
    }

    fn next(&mut self, tools: &CleaningTools<'_>) -> Result<Cleaned, Ended> {
        let mut pass = match self.pass.take() {
            Some(pass) => pass,
            None => self.begin(tools)?,
        };
        let group = pass.groups.pop_front();
        let group = group.expect("a plan has a dirty segment, and the last group ends the pass");
        let mut cleaned = self.clean(&mut pass.filter, group, tools)?;
        match pass.groups.is_empty() {
            true => cleaned.first_dirty = Some(pass.filter.mapped + 1),
            false => self.pass = Some(pass),
        }
        Ok(cleaned)
    }

    /// Reads the dirty part.
    fn begin(&mut self, tools: &CleaningTools<'_>) -> Result<Pass, Ended> {
        // What the pass before this one swapped in has its last names on the medium before a file
        // of this pass is there, which says of those that have not that they were not finished.
        self.files.sync_dir(&self.dir).on_disk("sync", &self.dir)?;
        let (map, mapped) = self.map_offsets(tools)?;
        let segments = &self.snapshot.segments;
        let below = segments.partition_point(|it| it.base_offset <= mapped);
        let count = below.min(self.count);
        let end = segments[count].base_offset;
        let aborted = self.snapshot.aborted(segments[0].base_offset, end)?;
        let mut filter = Filter::new(map, mapped, Transactions::new(aborted));
        filter.producers = std::mem::take(&mut self.producers);
        filter.now = self.now;
        filter.delete_retention_ms = self.delete_retention_ms;
        Ok(Pass {
            filter,
            groups: grouped(&segments[..count], end, self.limits)?,
        })
    }

    /// The last offset of each key in the dirty part, and up to where that is known.
    fn map_offsets(&self, tools: &CleaningTools<'_>) -> Result<(OffsetMap, i64), Ended> {
        let segments = &self.snapshot.segments;
        let aborted = self.snapshot.aborted(self.first_dirty, self.end_offset())?;
        let mut transactions = Transactions::new(aborted);
        let mut map = OffsetMap::new(tools.memory);
        let mut mapped = self.first_dirty - 1;
        for index in self.snapshot.segment_of(self.first_dirty)..self.count {
            let segment = &segments[index];
            let found = segment.find(self.first_dirty, segment.size())?;
            let next = segments[index + 1].base_offset;
            let Some((position, _)) = found else {
                mapped = next - 1;
                continue;
            };
            let flow = each_batch(segment, position, next, |batch| {
                self.go_on(tools, batch)?;
                let full = self.map_batch(batch, &mut map, &mut transactions, tools)?;
                mapped = full.map_or(batch.header.last_offset(), |offset| offset - 1);
                Ok(match full {
                    Some(_) => ControlFlow::Break(()),
                    None => ControlFlow::Continue(()),
                })
            })?;
            if flow.is_break() {
                return Ok((map, mapped));
            }
            mapped = next - 1;
        }
        Ok((map, mapped))
    }

    /// Notes the keys of a batch. Returns the offset of the first for which there is no room.
    fn map_batch(
        &self,
        batch: &Found<'_>,
        map: &mut OffsetMap,
        transactions: &mut Transactions,
        tools: &CleaningTools<'_>,
    ) -> Result<Option<i64>, LogError> {
        let (header, records) = (&batch.header, batch.records());
        if header.attributes.is_control() {
            transactions.on_control(header, records);
            return Ok(None);
        }
        let is_aborted = transactions.on_batch(header);
        if is_aborted || header.record_count == 0 {
            return Ok(None);
        }
        let damaged = |reason: String| batch.damaged(&reason);
        let records = opened(header, records, tools.decompress).map_err(damaged)?;
        let mut full = None;
        let read = each_record(header, &records, |record, offset, _| {
            if let (Some(key), None) = (record.key, full)
                && offset >= self.first_dirty
                && map.put(key, offset).is_err()
            {
                full = Some(offset);
            }
        });
        read.map_err(damaged)?;
        Ok(full)
    }

    fn go_on(&self, tools: &CleaningTools<'_>, batch: &Found<'_>) -> Result<(), Ended> {
        match !self.ticket.is_void() && (tools.go_on)(batch.header.size()) {
            true => Ok(()),
            false => Err(Ended::Stopped),
        }
    }

    /// Writes one segment for those of a group.
    fn clean(
        &self,
        filter: &mut Filter,
        group: Group,
        tools: &CleaningTools<'_>,
    ) -> Result<Cleaned, Ended> {
        let base_offset = group.sources[0].base_offset;
        let mut output = Output::create(&self.files, &self.dir, base_offset, self.interval)?;
        let written = self.fill(&mut output, filter, &group, tools);
        let written = written.inspect_err(|_| output.discard())?;
        Ok(Cleaned {
            base_offset,
            size: output.size(),
            sources: group.sources,
            suffixes: written,
            first_dirty: None,
            ticket: self.ticket.clone(),
        })
    }

    fn fill(
        &self,
        output: &mut Output,
        filter: &mut Filter,
        group: &Group,
        tools: &CleaningTools<'_>,
    ) -> Result<Vec<&'static str>, Ended> {
        let last = group.sources.iter().rposition(|it| it.size() > 0);
        let mut left: u64 = group.sources.iter().map(|it| it.size()).sum();
        for (index, segment) in group.sources.iter().enumerate() {
            let next = group.sources.get(index + 1);
            let end = next.map_or(group.end, |it| it.base_offset);
            // A batch of it never ends the loop.
            let _ = each_batch(segment, 0, end, |batch| {
                self.go_on(tools, batch)?;
                let ends_segment = Some(index) == last && batch.is_last();
                left -= batch.header.size() as u64;
                let fate = filter.judge(&batch.header, batch.bytes, ends_segment, tools);
                let fate = fate.map_err(|reason| batch.damaged(&reason))?;
                put(output, batch, fate, left)?;
                Ok(ControlFlow::Continue(()))
            })?;
        }
        let replaces_index = !group.sources[0].aborted()?.is_empty();
        let aborted = filter.transactions.take_index();
        Ok(output.finish(&aborted, replaces_index)?)
    }
}

/// Writes what stays of a batch, behind which the segment needs room for `left` bytes.
fn put(output: &mut Output, batch: &Found<'_>, fate: Fate, left: u64) -> Result<(), LogError> {
    let (header, bytes) = (&batch.header, batch.bytes);
    match fate {
        Fate::Goes => Ok(()),
        // Times that are counted from a later one can take more bytes. Where there is no room for
        // that, the horizon is left to another pass.
        Fate::Becomes(new, written)
            if new.record_count == header.record_count
                && !output.has_room(written.len() as u64 + left) =>
        {
            output.add(header, bytes)
        }
        Fate::Becomes(new, written) => output.add(&new, &written),
        Fate::Stays => output.add(header, bytes),
    }
}
