//! A segment: a part of the log in one file, and its indexes.
//!
//! Its owner appends to the last one; any thread reads. What threads share of it lies behind short
//! locks, none of which is held while the disk is waited for, but when a sealed segment is read for
//! the first time.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use millrace_kafka_wire::batch::BatchHeader;
use parking_lot::{Mutex, RwLock};

use crate::error::{Corruption, LogError, OnDisk};
use crate::files::{File, Files, Open, read_whole};
use crate::index::{Entry, Index, OffsetEntry, TimeEntry};
use crate::names;
use crate::txn_index::{self, AbortedTxn};
use crate::walk::{FEW, WalkError, Walker};

mod indexes;

pub(crate) use indexes::{Indexes, Interval};

/// No `.txnindex` is larger: two million transactions.
const LONGEST_TXN_INDEX: u64 = 64 << 20;

pub(crate) struct Segment {
    pub base_offset: i64,
    files: Arc<dyn Files>,
    dir: Arc<Path>,
    size: AtomicU64,
    /// Opened when it is read for the first time.
    log: Mutex<Option<Arc<dyn File>>>,
    indexes: RwLock<Option<Indexes>>,
    aborted: RwLock<Option<Arc<[AbortedTxn]>>>,
}

impl Segment {
    /// A segment of which nothing was read yet.
    pub fn on_disk(files: &Arc<dyn Files>, dir: &Arc<Path>, base_offset: i64, size: u64) -> Self {
        Self {
            base_offset,
            files: Arc::clone(files),
            dir: Arc::clone(dir),
            size: AtomicU64::new(size),
            log: Mutex::new(None),
            indexes: RwLock::new(None),
            aborted: RwLock::new(None),
        }
    }

    /// A segment that grows: its file is open and its indexes are in memory.
    pub fn growing(
        files: &Arc<dyn Files>,
        dir: &Arc<Path>,
        base_offset: i64,
        file: Arc<dyn File>,
    ) -> Self {
        let segment = Self::on_disk(files, dir, base_offset, 0);
        *segment.log.lock() = Some(file);
        segment.set_indexes(Indexes::default(), Vec::new());
        segment
    }

    /// How many bytes it has. Only the owner of the log may take that as its end.
    pub fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    pub fn set_size(&self, size: u64) {
        self.size.store(size, Ordering::Release);
    }

    pub fn path(&self, suffix: &str) -> PathBuf {
        names::file(&self.dir, self.base_offset, suffix)
    }

    /// Its file, open.
    pub fn log(&self) -> Result<Arc<dyn File>, LogError> {
        let mut log = self.log.lock();
        if let Some(file) = &*log {
            return Ok(Arc::clone(file));
        }
        let path = self.path(names::LOG);
        let opened = match self.files.open(&path, Open::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(LogError::Gone { path });
            }
            opened => opened.on_disk("open", &path)?,
        };
        *log = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Goes on with another file of its name.
    pub fn set_log(&self, file: Arc<dyn File>) {
        *self.log.lock() = Some(file);
    }

    /// Closes what is open of a sealed segment; it is opened again when someone reads it.
    pub fn close_files(&self) {
        *self.log.lock() = None;
        *self.indexes.write() = None;
    }

    pub fn set_indexes(&self, indexes: Indexes, aborted: Vec<AbortedTxn>) {
        *self.indexes.write() = Some(indexes);
        *self.aborted.write() = Some(aborted.into());
    }

    /// Calls `act` with the indexes, which are read from the disk, or made anew when they do not
    /// fit the log.
    pub fn with_indexes<T>(
        &self,
        act: impl FnOnce(&Indexes) -> io::Result<T>,
    ) -> Result<T, LogError> {
        let path = self.path(names::INDEX);
        if let Some(indexes) = &*self.indexes.read() {
            return act(indexes).on_disk("read", &path);
        }
        let mut indexes = self.indexes.write();
        if indexes.is_none() {
            *indexes = Some(match self.open_indexes()? {
                Some(opened) => opened,
                None => Indexes::of(self, Interval::default())?,
            });
        }
        act(indexes.as_ref().expect("it was just set")).on_disk("read", &path)
    }

    /// For the owner, while the segment grows.
    pub fn change_indexes(&self, act: impl FnOnce(&mut Indexes)) {
        if let Some(indexes) = &mut *self.indexes.write() {
            act(indexes);
        }
    }

    /// The indexes in their files, if they fit the log.
    pub fn open_indexes(&self) -> Result<Option<Indexes>, LogError> {
        let Some(offsets) = self.open_index::<OffsetEntry>(names::INDEX)? else {
            return Ok(None);
        };
        let Some(times) = self.open_index::<TimeEntry>(names::TIME_INDEX)? else {
            return Ok(None);
        };
        let indexes = Indexes::from_files(offsets, times);
        let indexes = indexes.on_disk("read", &self.path(names::INDEX))?;
        Ok(indexes.filter(|it| it.last_position().is_none_or(|it| it < self.size())))
    }

    fn open_index<E: Entry>(&self, suffix: &str) -> Result<Option<Index<E>>, LogError> {
        let path = self.path(suffix);
        match self
            .files
            .open(&path, Open::Read)
            .and_then(Index::from_file)
        {
            Ok(index) => Ok(Some(index)),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::InvalidData => Ok(None),
                _ => Err(error).on_disk("read", &path),
            },
        }
    }

    /// The aborted transactions whose markers are in it.
    pub fn aborted(&self) -> Result<Arc<[AbortedTxn]>, LogError> {
        if let Some(aborted) = &*self.aborted.read() {
            return Ok(Arc::clone(aborted));
        }
        let path = self.path(names::TXN_INDEX);
        let bytes = read_whole(&*self.files, &path, LONGEST_TXN_INDEX).on_disk("read", &path)?;
        let parsed = txn_index::parse(&bytes.unwrap_or_default(), self.base_offset);
        let parsed = parsed.ok_or_else(|| {
            self.damaged(&path, 0, self.base_offset, "its entries are out of order")
        })?;
        let parsed: Arc<[AbortedTxn]> = parsed.into();
        *self.aborted.write() = Some(Arc::clone(&parsed));
        Ok(parsed)
    }

    /// Appends to the aborted transactions, for the owner.
    pub fn add_aborted(&self, more: &[AbortedTxn]) {
        let mut aborted = self.aborted.write();
        let before = aborted.as_deref().unwrap_or_default();
        *aborted = Some([before, more].concat().into());
    }

    /// The first batch whose last offset is `offset` or later, among the first `end` bytes.
    pub fn find(&self, offset: i64, end: u64) -> Result<Option<(u64, BatchHeader)>, LogError> {
        let file = self.log()?;
        let mut walker = Walker::new(&*file, end, FEW);
        let mut position = self.start_before(&mut walker, offset)?;
        while let Some(header) = self.header(&mut walker, position)? {
            if header.last_offset() >= offset {
                return Ok(Some((position, header)));
            }
            position += header.size() as u64;
        }
        Ok(None)
    }

    /// Where the segment is to be cut so that it has no batch with `offset` or a later one, and the
    /// offset where it ends then: `offset`, or less where records were compacted away before it.
    pub fn cut_before(&self, offset: i64) -> Result<(u64, i64), LogError> {
        let file = self.log()?;
        let mut walker = Walker::new(&*file, self.size(), FEW);
        let mut end = self.base_offset;
        let mut position = self.start_before(&mut walker, offset.saturating_sub(1))?;
        while let Some(header) = self.header(&mut walker, position)?
            && header.last_offset() < offset
        {
            end = header.next_offset();
            position += header.size() as u64;
        }
        Ok((position, end))
    }

    /// Where a batch begins that ends with `offset` or before it; the start when none is known.
    fn start_before(&self, walker: &mut Walker<'_>, offset: i64) -> Result<u64, LogError> {
        let position = self.with_indexes(|it| it.position_before(offset, self.base_offset))?;
        // The index may be wrong, the log itself never is without an error.
        let starts_before = |header: BatchHeader| header.last_offset() <= offset;
        let is_right = position == 0
            || matches!(walker.header(position), Ok(header) if header.is_none_or(starts_before));
        Ok(if is_right { position } else { 0 })
    }

    /// The header at a position.
    pub fn header(
        &self,
        walker: &mut Walker<'_>,
        position: u64,
    ) -> Result<Option<BatchHeader>, LogError> {
        let path = self.path(names::LOG);
        walker.header(position).map_err(|error| match error {
            WalkError::Io(error) => LogError::Disk {
                action: "read",
                path,
                error: Arc::new(error),
            },
            WalkError::Bad(reason) | WalkError::Short(reason) => {
                self.damaged(&path, position, self.base_offset, &reason)
            }
        })
    }

    pub fn damaged(&self, path: &Path, position: u64, offset: i64, reason: &str) -> LogError {
        LogError::Corrupt(Corruption {
            path: path.to_owned(),
            position,
            offset,
            reason: reason.to_owned(),
            next: None,
            durable: offset,
        })
    }
}
