//! Goes from batch to batch through the file of a segment.

use std::io;

use millrace_kafka_wire::batch::{BatchError, BatchHeader, HEADER_SIZE, checksum};

use crate::files::File;

/// Where the checksum of a batch begins to cover it.
const COVERED_AT: usize = 21;
/// A control batch holds one small record.
const LONGEST_CONTROL_BATCH: usize = 1 << 20;

/// For a look at a few headers.
pub(crate) const FEW: usize = 4096;
/// For all that a segment holds.
pub(crate) const MANY: usize = 256 * 1024;

/// Why a walk ends before the file does.
#[derive(Debug)]
pub(crate) enum WalkError {
    Io(io::Error),
    /// There is no sound batch where it stands.
    Bad(String),
    /// There are fewer bytes left than the batch has.
    Short(String),
}

impl From<BatchError> for WalkError {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::Short { .. } => WalkError::Short(error.to_string()),
            _ => WalkError::Bad(error.to_string()),
        }
    }
}

impl From<io::Error> for WalkError {
    fn from(error: io::Error) -> Self {
        WalkError::Io(error)
    }
}

/// Reads a file through a window.
pub(crate) struct Walker<'a> {
    file: &'a dyn File,
    /// What is behind is not looked at.
    end: u64,
    window: Vec<u8>,
    at: u64,
    filled: usize,
}

impl<'a> Walker<'a> {
    pub fn new(file: &'a dyn File, end: u64, window: usize) -> Self {
        Self {
            file,
            end,
            window: vec![0; window],
            at: 0,
            filled: 0,
        }
    }

    /// Bytes from `position` on: at least `wanted` of them but at the end, as many as the window
    /// has.
    pub fn bytes(&mut self, position: u64, wanted: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(self.end.saturating_sub(position)).unwrap_or(usize::MAX);
        let wanted = wanted.min(left);
        let is_there =
            position >= self.at && position + wanted as u64 <= self.at + self.filled as u64;
        if !is_there {
            if self.window.len() < wanted {
                self.window.resize(wanted, 0);
            }
            let length = self.window.len().min(left);
            self.filled = self.file.read_at(&mut self.window[..length], position)?;
            self.at = position;
        }
        let from = usize::try_from(position - self.at).expect("it lies in the window");
        let to = self.filled.min(from.saturating_add(left));
        Ok(&self.window[from.min(to)..to])
    }

    /// The header of the batch at `position`, of which all bytes are there; `None` at the end.
    pub fn header(&mut self, position: u64) -> Result<Option<BatchHeader>, WalkError> {
        if position >= self.end {
            return Ok(None);
        }
        let header = BatchHeader::read(self.bytes(position, HEADER_SIZE)?)?;
        let left = self.end - position;
        match header.size() as u64 <= left && header.last_offset_delta >= 0 {
            true => Ok(Some(header)),
            false if header.last_offset_delta < 0 => {
                Err(WalkError::Bad("its last offset is before its first".into()))
            }
            false => Err(WalkError::Short(format!(
                "the batch has {} bytes and only {left} are left",
                header.size()
            ))),
        }
    }

    /// As [`Walker::header`]; the checksum is that of the batch, too.
    pub fn sound(&mut self, position: u64) -> Result<Option<BatchHeader>, WalkError> {
        let Some(header) = self.header(position)? else {
            return Ok(None);
        };
        let found = self.checksum(position, header.size())?;
        match found == header.crc {
            true => Ok(Some(header)),
            false => Err(BatchError::Checksum {
                said: header.crc,
                found,
            }
            .into()),
        }
    }

    /// The checksum that a batch of so many bytes would have.
    pub fn checksum(&mut self, position: u64, size: usize) -> io::Result<u32> {
        if size <= self.window.len() {
            let bytes = self.bytes(position, size)?;
            return Ok(checksum(bytes.get(..size).unwrap_or_default()));
        }
        let (mut at, end) = (position + COVERED_AT as u64, position + size as u64);
        let mut crc = 0;
        while at < end {
            let bytes = self.bytes(at, 1)?;
            let part = bytes
                .len()
                .min(usize::try_from(end - at).unwrap_or(usize::MAX));
            if part == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            crc = crc32c::crc32c_append(crc, &bytes[..part]);
            at += part as u64;
        }
        Ok(crc)
    }

    /// What is behind the header of a control batch; nothing for other batches.
    pub fn control_records(&mut self, position: u64, header: &BatchHeader) -> io::Result<Vec<u8>> {
        if !header.attributes.is_control() || header.size() > LONGEST_CONTROL_BATCH {
            return Ok(Vec::new());
        }
        let bytes = self.bytes(position, header.size())?;
        let records = bytes.get(HEADER_SIZE..header.size());
        Ok(records.unwrap_or_default().to_vec())
    }

    /// The first sound batch at `position` or behind it that begins with `least` or a later
    /// offset. Every byte may be the first of one.
    pub fn find_sound(
        &mut self,
        mut position: u64,
        least: i64,
    ) -> Result<Option<(u64, BatchHeader)>, WalkError> {
        loop {
            let bytes = self.bytes(position, HEADER_SIZE)?;
            if bytes.len() < HEADER_SIZE {
                return Ok(None);
            }
            let candidates = bytes.len() - HEADER_SIZE + 1;
            let found = (0..candidates).find(|at| is_candidate(&bytes[*at..], least));
            let Some(skipped) = found else {
                position += candidates as u64;
                continue;
            };
            position += skipped as u64;
            match self.sound(position) {
                Ok(Some(header)) => return Ok(Some((position, header))),
                Err(WalkError::Io(error)) => return Err(error.into()),
                Ok(None) | Err(WalkError::Bad(_) | WalkError::Short(_)) => position += 1,
            }
        }
    }

    /// Whether some of the bytes from `from`, where a batch with `offset` or a later one begins, to `to`
    /// look as if they had never reached the disk.
    ///
    /// A file system writes pages as a whole, in any order, and a disk writes sectors as a whole:
    /// what was lost is zeros from the start of a sector to the end of a page or of the file.
    pub fn has_lost_pages(&mut self, from: u64, to: u64, offset: i64) -> io::Result<bool> {
        const PAGE: u64 = 4096;
        const SECTOR: u64 = 512;
        // A batch begins with its offset, whose first bytes are zeros on every disk: they tell
        // nothing at `from`, unless the offset has others, and hide nothing at `to`.
        const OFFSET: u64 = 8;
        let mut start = from;
        while start < to {
            let end = ((start / PAGE + 1) * PAGE).min(self.end);
            if end >= to + OFFSET {
                break;
            }
            let length = usize::try_from(end - start).unwrap_or(0);
            let page = &self.bytes(start, length)?[..length];
            let zeros = page.iter().rev().take_while(|byte| **byte == 0).count() as u64;
            let sector = (end - zeros).next_multiple_of(SECTOR);
            // The few bytes of a last page may well have been zeros, and yet it is far more likely that
            // the page is lost than that a bit has changed in what was written just now.
            let is_end = end == self.end && start >= from + OFFSET;
            let is_of_offset =
                start == from && (offset.to_be_bytes().iter().take(length)).any(|byte| *byte != 0);
            let is_whole = zeros == length as u64 && (zeros >= OFFSET || is_end || is_of_offset);
            if is_whole || sector < end.min(to) && zeros < length as u64 {
                return Ok(true);
            }
            start = end;
        }
        Ok(false)
    }
}

fn is_candidate(bytes: &[u8], least: i64) -> bool {
    // The format, and the half of the attributes of which nothing is used.
    if bytes[16] != 2 || bytes[21] != 0 {
        return false;
    }
    BatchHeader::read(bytes).is_ok_and(|header| {
        let distance = header.base_offset.saturating_sub(least);
        (0..=i64::from(u32::MAX)).contains(&distance)
    })
}
