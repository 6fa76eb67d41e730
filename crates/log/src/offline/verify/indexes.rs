//! The indexes of one segment beside its batches.

use std::io;
use std::path::{Path, PathBuf};

use super::super::{
    Damage, Entries, FoundBatch, OffsetIndexEntry, TimeIndexEntry, read_offset_index,
    read_time_index, read_txn_index,
};
use crate::error::LogError;
use crate::files::Files;
use crate::names;
use crate::txn_index::AbortedTxn;

/// The entries of the three files, of which each is compared when its batch comes.
pub(super) struct IndexCheck {
    offsets: Column<OffsetIndexEntry>,
    times: Column<TimeIndexEntry>,
    aborted: Column<AbortedTxn>,
    /// The largest so far.
    timestamp: i64,
    end_offset: i64,
}

struct Column<T> {
    path: PathBuf,
    entries: Vec<T>,
    /// How many of them were compared.
    at: usize,
    entry_size: u64,
    /// The first one.
    fault: Option<Damage>,
}

impl IndexCheck {
    /// Reads the files of the segment that begins at an offset.
    pub fn of(files: &dyn Files, dir: &Path, base: i64) -> Result<Self, LogError> {
        let column = |suffix| names::file(dir, base, suffix);
        let (index, times) = (column(names::INDEX), column(names::TIME_INDEX));
        let aborted = column(names::TXN_INDEX);
        let read = read_txn_index(files, &aborted);
        // A segment without an aborted transaction has none.
        let aborted_read = match or_missing(read)? {
            Some(read) => read,
            None => Entries {
                entries: Vec::new(),
                damage: None,
            },
        };
        Ok(Self {
            offsets: Column::new(
                &index,
                base,
                or_missing(read_offset_index(files, &index))?,
                8,
            ),
            times: Column::new(
                &times,
                base,
                or_missing(read_time_index(files, &times))?,
                12,
            ),
            aborted: Column::new(&aborted, base, Some(aborted_read), 34),
            timestamp: i64::MIN,
            end_offset: base,
        })
    }

    /// Compares the entries that are of a batch; batches come in their order.
    pub fn pass(&mut self, batch: &FoundBatch) {
        let header = &batch.header;
        while let Some(entry) = self.offsets.next_if(|it| it.position <= batch.position) {
            if entry.position < batch.position {
                let reason = format!("no batch begins at {}", entry.position);
                self.offsets.fail(entry.offset, reason);
            } else if entry.offset != header.last_offset() {
                let reason = format!("the batch there ends with {}", header.last_offset());
                self.offsets.fail(entry.offset, reason);
            }
        }
        self.timestamp = self.timestamp.max(header.max_timestamp);
        let timestamp = self.timestamp;
        while let Some(entry) = self.times.next_if(|it| it.offset <= header.last_offset()) {
            if timestamp > entry.timestamp {
                let reason = format!(
                    "it says {} and the batches up to there have {timestamp}",
                    entry.timestamp
                );
                self.times.fail(entry.offset, reason);
            }
        }
        let is_due = |it: &AbortedTxn| it.last_offset <= header.last_offset();
        while let Some(txn) = self.aborted.next_if(is_due) {
            let is_marker = header.attributes.is_control()
                && header.producer_id == txn.producer_id
                && txn.last_offset >= header.base_offset;
            if !is_marker {
                let reason = format!("no marker of producer {} is there", txn.producer_id);
                self.aborted.fail(txn.last_offset, reason);
            }
        }
        self.end_offset = header.next_offset();
    }

    /// What is wrong, at the end of the segment: the first fault of each file.
    pub fn finish(mut self) -> Vec<Damage> {
        let end = self.end_offset;
        let behind = || format!("the segment ends with offset {end}");
        if let Some(entry) = self.offsets.next_if(|_| true) {
            self.offsets.fail(entry.offset, behind());
        }
        if let Some(entry) = self.times.next_if(|_| true) {
            self.times.fail(entry.offset, behind());
        }
        if let Some(entry) = self.aborted.next_if(|_| true) {
            self.aborted.fail(entry.last_offset, behind());
        }
        let faults = [self.offsets.fault, self.times.fault, self.aborted.fault];
        faults.into_iter().flatten().collect()
    }
}

fn or_missing<T>(read: Result<Entries<T>, LogError>) -> Result<Option<Entries<T>>, LogError> {
    match read {
        Err(LogError::Disk { error, .. }) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

impl<T: Copy> Column<T> {
    fn new(path: &Path, base: i64, read: Option<Entries<T>>, entry_size: u64) -> Self {
        let missing = || Damage {
            path: path.to_owned(),
            position: 0,
            offset: base,
            reason: "it is missing".to_owned(),
        };
        let (entries, fault) = match read {
            Some(Entries { entries, damage }) => (entries, damage),
            None => (Vec::new(), Some(missing())),
        };
        Self {
            path: path.to_owned(),
            entries,
            at: 0,
            entry_size,
            fault,
        }
    }

    fn next_if(&mut self, is_due: impl FnOnce(&T) -> bool) -> Option<T> {
        let entry = self.entries.get(self.at).copied()?;
        is_due(&entry).then(|| {
            self.at += 1;
            entry
        })
    }

    /// Notes what is wrong with the entry that was just taken, if it lies before all that is known.
    fn fail(&mut self, offset: i64, reason: String) {
        let position = (self.at as u64).saturating_sub(1) * self.entry_size;
        if self
            .fault
            .as_ref()
            .is_some_and(|it| it.position <= position)
        {
            return;
        }
        self.fault = Some(Damage {
            path: self.path.clone(),
            position,
            offset,
            reason,
        });
    }
}
