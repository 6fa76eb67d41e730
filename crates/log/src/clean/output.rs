//! The files of a cleaned segment while they are written.

use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace_kafka_wire::batch::BatchHeader;

use crate::error::{LogError, OnDisk};
use crate::files::{File, Files, Open};
use crate::names::{self, CLEANED};
use crate::segment::{Indexes, Interval};
use crate::txn_index::{self, AbortedTxn};

/// How many bytes are written at once.
const CHUNK: usize = 1 << 20;
/// Kafka's positions are signed 32-bit integers.
const LARGEST: u64 = i32::MAX as u64;

pub(super) struct Output {
    files: Arc<dyn Files>,
    dir: Arc<Path>,
    pub base_offset: i64,
    log: Arc<dyn File>,
    path: PathBuf,
    /// What is not written yet.
    buffer: Vec<u8>,
    written: u64,
    indexes: Indexes,
    interval: Interval,
    /// All that was made, by what their names end with when they are in their place.
    made: Vec<&'static str>,
}

impl Output {
    pub fn create(
        files: &Arc<dyn Files>,
        dir: &Arc<Path>,
        base_offset: i64,
        interval: Interval,
    ) -> Result<Self, LogError> {
        let path = names::file(dir, base_offset, names::LOG);
        let path = names::marked(&path, CLEANED);
        let log = files.open(&path, Open::Create).on_disk("create", &path)?;
        Ok(Self {
            files: Arc::clone(files),
            dir: Arc::clone(dir),
            base_offset,
            log,
            path,
            buffer: Vec::with_capacity(CHUNK),
            written: 0,
            indexes: Indexes::default(),
            interval,
            made: vec![names::LOG],
        })
    }

    /// How many bytes the segment has so far.
    pub fn size(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Whether so many bytes may follow.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.size() + bytes <= LARGEST
    }

    pub fn add(&mut self, header: &BatchHeader, bytes: &[u8]) -> Result<(), LogError> {
        let position = self.size();
        if !self.has_room(bytes.len() as u64) {
            return Err(LogError::Misuse(
                "a cleaned segment would be larger than 2 GiB: its records take more bytes when \
                 they are compressed again than before",
            ));
        }
        self.indexes
            .add(header, self.base_offset, position, self.interval);
        self.buffer.extend_from_slice(bytes);
        match self.buffer.len() >= CHUNK {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), LogError> {
        let written = self
            .log
            .write_at(&[IoSlice::new(&self.buffer)], self.written);
        written.on_disk("write", &self.path)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Writes what is left and the indexes, and waits until all of it is on the medium under its
    /// present names. An index of transactions without entries is written where `replaces_index`:
    /// it must take the place of another one.
    pub fn finish(
        &mut self,
        aborted: &[AbortedTxn],
        replaces_index: bool,
    ) -> Result<Vec<&'static str>, LogError> {
        self.flush()?;
        self.log.sync().on_disk("sync", &self.path)?;
        self.indexes.finish();
        for (suffix, bytes) in self.indexes.to_bytes() {
            self.write(suffix, &bytes)?;
        }
        if replaces_index || !aborted.is_empty() {
            self.write(names::TXN_INDEX, &txn_index::to_bytes(aborted))?;
        }
        self.files.sync_dir(&self.dir).on_disk("sync", &self.dir)?;
        Ok(self.made.clone())
    }

    fn write(&mut self, suffix: &'static str, bytes: &[u8]) -> Result<(), LogError> {
        let path = names::file(&self.dir, self.base_offset, suffix);
        let path = names::marked(&path, CLEANED);
        let file = self
            .files
            .open(&path, Open::Create)
            .on_disk("create", &path)?;
        self.made.push(suffix);
        let written = file.write_at(&[IoSlice::new(bytes)], 0);
        written.on_disk("write", &path)?;
        file.sync().on_disk("sync", &path)
    }

    /// Gives up what was written. What cannot be unlinked now is unlinked before the next pass, or
    /// when the log is opened.
    pub fn discard(&self) {
        for suffix in &self.made {
            let path = names::file(&self.dir, self.base_offset, suffix);
            let _ = self.files.unlink(&names::marked(&path, CLEANED));
        }
    }
}
