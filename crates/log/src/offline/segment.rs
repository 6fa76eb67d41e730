//! The batches of one segment, as they lie in its file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace_kafka_wire::batch::{BatchHeader, HEADER_SIZE};

use super::{Damage, ReadError};
use crate::error::{LogError, OnDisk};
use crate::files::{File, Files, Open};
use crate::log::LARGEST_SEGMENT;
use crate::names;
use crate::walk::{MANY, WalkError, Walker};

/// The records of a larger batch are not read, in bytes.
pub const LONGEST_RECORDS: usize = 64 << 20;

/// A segment, to be read.
pub struct SegmentFile {
    pub(super) file: Arc<dyn File>,
    path: PathBuf,
    base_offset: i64,
    size: u64,
}

/// A batch in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundBatch {
    /// Where it begins.
    pub position: u64,
    /// What it says of itself.
    pub header: BatchHeader,
    /// The checksum that its bytes have.
    pub checksum: u32,
}

impl FoundBatch {
    /// Whether its bytes are those that were written.
    pub fn is_sound(&self) -> bool {
        self.checksum == self.header.crc
    }

    /// Where it ends.
    pub fn end(&self) -> u64 {
        self.position + self.header.size() as u64
    }
}

impl SegmentFile {
    /// Opens a file whose name begins with the offset of its first batch; 0 when it does not.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn open(files: &dyn Files, path: &Path) -> Result<Self, LogError> {
        let file = files.open(path, Open::Read).on_disk("open", path)?;
        let size = file.size().on_disk("read", path)?;
        let name = path.file_name().and_then(|name| name.to_str());
        let parsed = name.and_then(names::parse);
        Ok(Self {
            file,
            path: path.to_owned(),
            base_offset: parsed.map_or(0, |(offset, _)| offset),
            size,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The offset in its name.
    pub fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Kafka's positions are signed 32-bit integers, so that no segment goes on behind them.
    ///
    /// # Errors
    /// It does. What is claimed to be in it would take long to read.
    pub fn check_size(&self) -> Result<(), Damage> {
        match self.size <= LARGEST_SEGMENT {
            true => Ok(()),
            false => Err(Damage {
                path: self.path.clone(),
                position: LARGEST_SEGMENT,
                offset: self.base_offset,
                reason: format!("it has {} bytes, and no segment more than 2 GiB", self.size),
            }),
        }
    }

    /// Its batches from the first one on.
    pub fn batches(&self) -> Batches<'_> {
        self.batches_from(0, self.base_offset)
    }

    /// Its batches from that on which begins at `position`, with `offset` or a later one.
    pub(super) fn batches_from(&self, position: u64, offset: i64) -> Batches<'_> {
        Batches {
            segment: self,
            walker: Walker::new(&*self.file, self.size, MANY),
            position,
            offset,
            is_short: false,
        }
    }
}

/// Goes from batch to batch.
pub struct Batches<'a> {
    segment: &'a SegmentFile,
    walker: Walker<'a>,
    position: u64,
    /// What the next batch begins with, or a later one.
    offset: i64,
    is_short: bool,
}

impl Batches<'_> {
    /// The next batch, sound or not; `None` at the end of the file.
    ///
    /// # Errors
    /// There is nothing that could be a batch, or the disk fails. The same is said again then.
    pub fn next_found(&mut self) -> Result<Option<FoundBatch>, ReadError> {
        let position = self.position;
        let header = match self.walker.header(position) {
            Ok(Some(header)) => header,
            Ok(None) => return Ok(None),
            Err(error) => return Err(self.error(error)),
        };
        let checksum = match self.walker.checksum(position, header.size()) {
            Ok(checksum) => checksum,
            Err(error) => return Err(self.error(WalkError::Io(error))),
        };
        let found = FoundBatch {
            position,
            header,
            checksum,
        };
        self.position = found.end();
        if found.is_sound() {
            self.offset = header.next_offset();
        }
        Ok(Some(found))
    }

    /// The next batch, which must be sound and follow those before it.
    ///
    /// # Errors
    /// It is not, or the disk fails. The same is said again then.
    pub fn next_sound(&mut self) -> Result<Option<FoundBatch>, ReadError> {
        let position = self.position;
        let header = match self.walker.sound(position) {
            Ok(Some(header)) => header,
            Ok(None) => return Ok(None),
            Err(error) => return Err(self.error(error)),
        };
        let base = self.segment.base_offset;
        let is_within = i32::try_from(header.last_offset().saturating_sub(base)).is_ok();
        if header.base_offset < self.offset || !is_within {
            let reason = format!("its offset {} is out of order", header.base_offset);
            return Err(self.error(WalkError::Bad(reason)));
        }
        let found = FoundBatch {
            position,
            header,
            checksum: header.crc,
        };
        self.position = found.end();
        self.offset = header.next_offset();
        Ok(Some(found))
    }

    /// After an error: goes to the next sound batch behind where it lies. Tells whether there is
    /// one.
    ///
    /// # Errors
    /// The disk fails.
    pub fn skip_damage(&mut self) -> Result<bool, LogError> {
        match self.walker.find_sound(self.position + 1, self.offset) {
            Ok(Some((position, header))) => {
                self.position = position;
                self.offset = header.base_offset;
                Ok(true)
            }
            Ok(None) | Err(WalkError::Bad(_) | WalkError::Short(_)) => Ok(false),
            Err(WalkError::Io(error)) => Err(error).on_disk("read", &self.segment.path),
        }
    }

    /// Where the next batch begins.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The offset that the next batch begins with, or a later one.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// After an error: whether the file ends within the batch, by what its header says.
    pub fn is_short(&self) -> bool {
        self.is_short
    }

    /// The bytes behind the header of a batch: records, perhaps compressed.
    ///
    /// # Errors
    /// There are more than [`LONGEST_RECORDS`], or the disk fails.
    pub fn records(&mut self, found: &FoundBatch) -> Result<Vec<u8>, ReadError> {
        let size = found.header.size();
        if size > LONGEST_RECORDS {
            return Err(ReadError::Damaged(Damage {
                path: self.segment.path.clone(),
                position: found.position,
                offset: found.header.base_offset,
                reason: format!(
                    "the batch has {size} bytes, and the records of more than {LONGEST_RECORDS} \
                     are not read"
                ),
            }));
        }
        // Not through the window, which would stay as large as this batch.
        let mut bytes = vec![0; size - HEADER_SIZE];
        let from = found.position + HEADER_SIZE as u64;
        let read = self.segment.file.read_at(&mut bytes, from);
        bytes.truncate(read.on_disk("read", &self.segment.path)?);
        Ok(bytes)
    }

    fn error(&mut self, error: WalkError) -> ReadError {
        self.is_short = matches!(error, WalkError::Short(_));
        let path = self.segment.path.clone();
        match error {
            WalkError::Io(error) => ReadError::Log(LogError::Disk {
                action: "read",
                path,
                error: Arc::<io::Error>::new(error),
            }),
            WalkError::Bad(reason) | WalkError::Short(reason) => ReadError::Damaged(Damage {
                path,
                position: self.position,
                offset: self.offset,
                reason,
            }),
        }
    }
}
