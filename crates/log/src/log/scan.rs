//! Checking the batches of one segment, and judging what is wrong with them.

use std::io;

use super::{Log, Opening};
use crate::damage::{Next, Part, Place, Verdict, judge};
use crate::epochs::LeaderEpochs;
use crate::error::{Corruption, LogError, OnDisk};
use crate::names;
use crate::producer::Producers;
use crate::segment::{Indexes, Segment};
use crate::txn_index::AbortedTxn;
use crate::walk::{MANY, WalkError, Walker};

/// What the batches of a segment say.
pub(super) struct Scan {
    pub indexes: Indexes,
    pub aborted: Vec<AbortedTxn>,
    pub first_timestamp: Option<i64>,
    /// Where what may not be durable begins.
    pub unsynced: u64,
    /// Behind the last sound batch.
    pub position: u64,
    pub offset: i64,
    pub bad: Option<Bad>,
}

/// What is wrong where a scan ended.
pub(super) struct Bad {
    pub reason: String,
    /// The file ends within the batch, by what its header says.
    is_short: bool,
}

impl Scan {
    fn end_with(mut self, error: WalkError) -> io::Result<Self> {
        let (reason, is_short) = match error {
            WalkError::Io(error) => return Err(error),
            WalkError::Bad(reason) => (reason, false),
            WalkError::Short(reason) => (reason, true),
        };
        self.bad = Some(Bad { reason, is_short });
        Ok(self)
    }
}

impl Log {
    /// Checks the batches of a segment, one after another, and accounts for them.
    pub(super) fn scan(
        &self,
        segment: &Segment,
        producers: &mut Producers,
        epochs: &mut LeaderEpochs,
        opening: &Opening,
    ) -> Result<Scan, LogError> {
        let file = segment.log()?;
        let mut walker = Walker::new(&*file, segment.size(), MANY);
        let mut scan = Scan {
            indexes: Indexes::default(),
            aborted: Vec::new(),
            first_timestamp: None,
            unsynced: 0,
            position: 0,
            offset: segment.base_offset,
            bad: None,
        };
        let path = segment.path(names::LOG);
        loop {
            let position = scan.position;
            let header = match walker.sound(position) {
                Ok(Some(header)) => header,
                Ok(None) => return Ok(scan),
                Err(error) => return scan.end_with(error).on_disk("read", &path),
            };
            let span = i32::try_from(header.last_offset().saturating_sub(segment.base_offset));
            if header.base_offset < scan.offset || span.is_err() {
                let reason = format!("its offset {} is out of order", header.base_offset);
                return scan.end_with(WalkError::Bad(reason)).on_disk("read", &path);
            }
            let records = walker.control_records(position, &header);
            let records = records.on_disk("read", &path)?;
            let update = producers.replay(&header, &records);
            scan.aborted
                .extend(update.and_then(|it| producers.apply(it)));
            if epochs
                .latest()
                .is_none_or(|it| it.epoch < header.leader_epoch)
            {
                epochs.assign(header.leader_epoch, header.base_offset);
            }
            scan.first_timestamp.get_or_insert(header.max_timestamp);
            let interval = self.interval();
            scan.indexes
                .add(&header, segment.base_offset, position, interval);
            scan.position += header.size() as u64;
            if header.next_offset() <= opening.recovery_point {
                scan.unsynced = scan.position;
            }
            scan.offset = header.next_offset();
        }
    }

    /// Lets damage pass that a crash leaves; see [`Log::open`].
    /// Tells whether sound batches follow.
    pub(super) fn judge_damage(
        &self,
        index: usize,
        scan: &Scan,
        bad: &Bad,
        opening: &Opening,
    ) -> Result<bool, LogError> {
        let parts = self.segments[index..].iter().map(|segment| {
            Ok(Part {
                file: segment.log()?,
                size: segment.size(),
                path: segment.path(names::LOG),
            })
        });
        let place = Place {
            position: scan.position,
            offset: scan.offset,
            is_short: bad.is_short,
            recovery_point: opening.recovery_point,
        };
        match judge(parts, &place)? {
            Verdict::Torn { had_sound_batches } => Ok(had_sound_batches),
            Verdict::Corrupt { next } => {
                let segment = &self.segments[index];
                Err(self.corrupt(segment, scan.position, opening, &bad.reason, next))
            }
        }
    }

    pub(super) fn corrupt(
        &self,
        segment: &Segment,
        position: u64,
        opening: &Opening,
        reason: &str,
        next: Next,
    ) -> LogError {
        LogError::Corrupt(Corruption {
            path: segment.path(names::LOG),
            position,
            offset: self.end_offset,
            reason: reason.to_owned(),
            next,
            durable: opening.recovery_point,
        })
    }
}
