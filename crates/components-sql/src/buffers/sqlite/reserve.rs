//! Room on the disk that is kept for the time when there is none: SQLite writes to remove a row.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Result, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes that are written at a time.
const CHUNK: usize = 64 * 1024;

/// A file beside the database that takes up room, and is removed to give it back.
pub struct Reserve {
    path: PathBuf,
    bytes: u64,
}

impl Reserve {
    /// The reserve of the database `path`, as an earlier process has left it.
    ///
    /// # Errors
    /// The file cannot be looked at.
    pub fn of(path: &str) -> Result<Self> {
        let path = PathBuf::from(format!("{path}-reserve"));
        let bytes = length(&path)?;
        Ok(Self { path, bytes })
    }

    /// How much room is kept.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Keeps at least `bytes`.
    ///
    /// # Errors
    /// There is no room for them. What was kept before still is.
    pub fn ensure(&mut self, bytes: u64) -> Result<()> {
        // Who looks for room on a full disk may have removed it.
        self.bytes = length(&self.path)?;
        if self.bytes >= bytes {
            return Ok(());
        }
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)?;
        if let Err(error) = fill(&mut file, self.bytes, bytes) {
            file.set_len(self.bytes)?;
            return Err(error);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Gives back what is above `bytes`.
    ///
    /// # Errors
    /// The file cannot be shortened.
    pub fn shrink(&mut self, bytes: u64) -> Result<()> {
        if self.bytes > bytes {
            OpenOptions::new()
                .write(true)
                .open(&self.path)?
                .set_len(bytes)?;
            self.bytes = bytes;
        }
        Ok(())
    }

    /// Gives back all of it.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn spend(&mut self) -> Result<()> {
        if self.bytes > 0 {
            match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => self.bytes = 0,
            }
        }
        Ok(())
    }
}

/// How much a reserve has; none is there yet where the file is missing.
fn length(path: &Path) -> Result<u64> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(ErrorKind::IsADirectory.into()),
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Writes up to the length `to`, with bytes that no file system compresses.
fn fill(file: &mut File, from: u64, to: u64) -> Result<()> {
    file.seek(SeekFrom::Start(from))?;
    let mut state = from | 1;
    let mut chunk = Vec::with_capacity(CHUNK);
    let mut at = from;
    while at < to {
        chunk.clear();
        while chunk.len() < CHUNK {
            // Xorshift: it only has to look like noise.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            chunk.extend_from_slice(&state.to_le_bytes());
        }
        let length = usize::try_from(to - at).map_or(CHUNK, |rest| rest.min(CHUNK));
        file.write_all(&chunk[..length])?;
        at += length as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_up_as_much_as_it_says_until_it_is_spent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.db").display().to_string();
        let length = || std::fs::metadata(format!("{path}-reserve")).map(|it| it.len());
        let mut reserve = Reserve::of(&path).unwrap();
        for (bytes, kept) in [(0, 0), (100_000, 100_000), (5, 100_000), (200_001, 200_001)] {
            reserve.ensure(bytes).unwrap();
            assert_eq!((reserve.bytes(), length().unwrap_or(0)), (kept, kept));
        }
        reserve.shrink(10).unwrap();
        assert_eq!(Reserve::of(&path).unwrap().bytes(), 10);
        reserve.spend().unwrap();
        assert!(length().is_err());
        reserve.spend().unwrap();
        assert_eq!(Reserve::of(&path).unwrap().bytes(), 0);
    }

    #[test]
    fn one_that_somebody_removed_is_spent_and_is_kept_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.db").display().to_string();
        let file = format!("{path}-reserve");
        let mut reserve = Reserve::of(&path).unwrap();
        reserve.ensure(1000).unwrap();
        std::fs::remove_file(&file).unwrap();
        reserve.ensure(1000).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().len(), 1000);
        std::fs::remove_file(&file).unwrap();
        reserve.spend().unwrap();
        assert_eq!(reserve.bytes(), 0);
    }

    #[test]
    fn what_there_is_no_room_for_is_not_kept() {
        let mut reserve = Reserve {
            path: PathBuf::from("/dev/full"),
            bytes: 0,
        };
        assert!(reserve.ensure(1).is_err());
        assert_eq!(reserve.bytes(), 0);
    }
}
