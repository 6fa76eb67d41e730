//! Zip archives in memory: names may repeat or be empty, as Go's reader and writer have it.
//!
//! Neither encryption nor archives of 4 GiB and more (zip64) are known; both are refused.

use flate2::Crc;
use millrace_message::Error;

use super::compression::{Algorithm, compress, inflate, over};

const LOCAL_HEADER: u32 = 0x0403_4b50;
const CENTRAL_HEADER: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_SIZE: usize = 22;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// The bit of the flags that says that names are UTF-8.
const UTF8: u16 = 1 << 11;
const ENCRYPTED: u16 = 1;
/// Made by Unix, version 2.0 of the format.
const MADE_BY: u16 = 3 << 8 | 20;
/// A regular file that everyone may read and write.
const UNIX_MODE: u32 = 0o100_666;

/// An archive of these files, deflated.
///
/// # Errors
/// It would not fit into 4 GiB or 65,535 files.
pub(super) fn write<'a>(
    files: impl ExactSizeIterator<Item = (&'a str, &'a [u8])>,
) -> Result<Vec<u8>, Error> {
    let too_large = || Error::rejected("a zip archive holds 65,535 files and 4 GiB at most");
    let count = u16::try_from(files.len()).map_err(|_| too_large())?;
    let (date, time) = dos_time();
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let offset = u32::try_from(out.len()).map_err(|_| too_large())?;
        let size = u32::try_from(content.len()).map_err(|_| too_large())?;
        let name_size = u16::try_from(name.len()).map_err(|_| {
            Error::rejected("a name of more than 65,535 bytes cannot stand in a zip")
        })?;
        let mut crc = Crc::new();
        crc.update(content);
        let deflated = compress(Algorithm::Flate, None, content)?;
        let deflated_size = u32::try_from(deflated.len()).map_err(|_| too_large())?;
        let mut header = Vec::with_capacity(26);
        for word in [20, UTF8, DEFLATED, time, date] {
            header.extend_from_slice(&word.to_le_bytes());
        }
        for word in [crc.sum(), deflated_size, size] {
            header.extend_from_slice(&word.to_le_bytes());
        }
        header.extend_from_slice(&name_size.to_le_bytes());
        header.extend_from_slice(&0_u16.to_le_bytes());

        out.extend_from_slice(&LOCAL_HEADER.to_le_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&deflated);

        directory.extend_from_slice(&CENTRAL_HEADER.to_le_bytes());
        directory.extend_from_slice(&MADE_BY.to_le_bytes());
        directory.extend_from_slice(&header);
        // Comment, disk and internal attributes.
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&(UNIX_MODE << 16).to_le_bytes());
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let start = u32::try_from(out.len()).map_err(|_| too_large())?;
    let size = u32::try_from(directory.len()).map_err(|_| too_large())?;
    out.extend_from_slice(&directory);
    out.extend_from_slice(&END.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    Ok(out)
}

/// Now, as zip writes it: the date and the time of day, in UTC.
fn dos_time() -> (u16, u16) {
    let now = millrace_message::clock::now().to_zoned(jiff::tz::TimeZone::UTC);
    let year = (now.year() - 1980).clamp(0, 127) as u16;
    let date = (year << 9) | ((now.month() as u16) << 5) | now.day() as u16;
    let time =
        ((now.hour() as u16) << 11) | ((now.minute() as u16) << 5) | (now.second() as u16 / 2);
    (date, time)
}

/// The files of an archive, in the order of its directory, of `limit` bytes together at most.
///
/// # Errors
/// It is no zip archive, is cut, is damaged, exceeds `limit`, or needs what is not known here.
pub(super) fn read(archive: &[u8], limit: usize) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let end = find_end(archive).ok_or_else(|| damaged("it has no directory"))?;
    let count = usize::from(u16_at(archive, end + 10)?);
    let mut at = u32_at(archive, end + 16)? as usize;
    if at == u32::MAX as usize {
        return Err(damaged("zip64 is not supported"));
    }
    let mut left = limit;
    let mut files = Vec::new();
    for _ in 0..count {
        if u32_at(archive, at)? != CENTRAL_HEADER {
            return Err(damaged("its directory is cut"));
        }
        let entry = Entry::read(archive, at)?;
        let content = entry.content(archive, left)?;
        left -= content.len();
        at += entry.size_in_directory;
        files.push((entry.name, content));
    }
    Ok(files)
}

/// One entry of the directory.
struct Entry {
    name: String,
    flags: u16,
    method: u16,
    crc: u32,
    packed_size: usize,
    size: usize,
    /// Where its local header stands.
    offset: usize,
    size_in_directory: usize,
}

impl Entry {
    fn read(archive: &[u8], at: usize) -> Result<Self, Error> {
        let lengths = [28, 30, 32].map(|offset| u16_at(archive, at + offset));
        let [name, extra, comment] = lengths;
        let (name, extra, comment) = (name?.into(), usize::from(extra?), usize::from(comment?));
        let name = slice(archive, at + 46, name)?;
        Ok(Self {
            name: String::from_utf8_lossy(name).into_owned(),
            flags: u16_at(archive, at + 8)?,
            method: u16_at(archive, at + 10)?,
            crc: u32_at(archive, at + 16)?,
            packed_size: u32_at(archive, at + 20)? as usize,
            size: u32_at(archive, at + 24)? as usize,
            offset: u32_at(archive, at + 42)? as usize,
            size_in_directory: 46 + name.len() + extra + comment,
        })
    }

    fn content(&self, archive: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
        let in_file = |error: Error| error.context(format_args!("file `{}` of a zip", self.name));
        if self.flags & ENCRYPTED != 0 {
            return Err(in_file(Error::rejected("encryption is not supported")));
        }
        if u32_at(archive, self.offset)? != LOCAL_HEADER {
            return Err(damaged("a file is not where its directory says"));
        }
        let name = usize::from(u16_at(archive, self.offset + 26)?);
        let extra = usize::from(u16_at(archive, self.offset + 28)?);
        let packed = slice(archive, self.offset + 30 + name + extra, self.packed_size)?;
        let content = match self.method {
            STORED if packed.len() <= limit => packed.to_vec(),
            STORED => return Err(in_file(over(limit))),
            DEFLATED => inflate(packed, limit).map_err(in_file)?,
            method => {
                let reason = format!("compression method {method} is not supported");
                return Err(in_file(Error::rejected(reason)));
            }
        };
        let mut crc = Crc::new();
        crc.update(&content);
        if content.len() != self.size || crc.sum() != self.crc {
            return Err(in_file(Error::rejected("its content is damaged")));
        }
        Ok(content)
    }
}

/// The end record, behind which only a comment of its length may stand.
fn find_end(archive: &[u8]) -> Option<usize> {
    let last = archive.len().checked_sub(END_SIZE)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    (first..=last).rev().find(|&at| {
        archive[at..].starts_with(&END.to_le_bytes())
            && u16_at(archive, at + 20)
                .is_ok_and(|it| at + END_SIZE + usize::from(it) == archive.len())
    })
}

fn damaged(reason: &str) -> Error {
    Error::rejected(format!("read a zip archive: {reason}"))
}

fn slice(archive: &[u8], at: usize, size: usize) -> Result<&[u8], Error> {
    at.checked_add(size)
        .and_then(|end| archive.get(at..end))
        .ok_or_else(|| damaged("it is cut"))
}

fn u16_at(archive: &[u8], at: usize) -> Result<u16, Error> {
    let bytes = slice(archive, at, 2)?;
    Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
}

fn u32_at(archive: &[u8], at: usize) -> Result<u32, Error> {
    let bytes = slice(archive, at, 4)?;
    Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_back_in_order_with_repeated_and_empty_names() {
        let files = [("", &b"one"[..]), ("", b""), ("a/b.txt", &[7; 5000])];
        let archive = write(files.into_iter()).expect("it fits");
        let read = read(&archive, 10_000).expect("it was written so");
        let read: Vec<_> = read
            .iter()
            .map(|(name, it)| (name.as_str(), it.as_slice()))
            .collect();
        assert_eq!(read, files);
    }

    #[test]
    fn a_cut_or_changed_archive_is_an_error() {
        let archive = write([("a", &b"some text, some text"[..])].into_iter()).expect("it fits");
        for end in 0..archive.len() {
            assert!(read(&archive[..end], 1000).is_err(), "cut at {end}");
        }
        let mut changed = archive;
        changed[35] ^= 0x40;
        assert!(read(&changed, 1000).is_err());
    }

    #[test]
    fn more_than_the_limit_is_an_error() {
        let archive = write([("a", &[0; 100_000][..])].into_iter()).expect("it fits");
        let error = read(&archive, 1000).expect_err("it is larger");
        assert!(error.text().contains("1000 bytes"), "{error}");
    }
}
