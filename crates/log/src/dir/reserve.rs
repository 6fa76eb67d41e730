//! Room that is kept on a disk for deleting.
//!
//! What empties a full disk writes a little first: where a log starts, the indexes of the segment that
//! grew, and the segment behind it. So a file holds some room, which is given back for that.

use std::io::{self, IoSlice};

use super::LogDir;
use crate::error::{LogError, OnDisk};
use crate::files::Open;
use crate::names;

/// As much of a disk is kept,
const SHARE: u64 = 128;
/// but no less than this, in bytes,
const LEAST: u64 = 64 << 10;
/// and no more: the indexes of a segment of a GiB have 5 MiB.
const MOST: u64 = 8 << 20;
/// On a disk with more room, in bytes, nothing is kept yet.
const PLENTY: u64 = 4 << 30;

impl LogDir {
    /// Keeps some room on a disk that may be full one day. Call it from time to time: what was given
    /// back is kept again when there is room.
    ///
    /// # Errors
    /// The disk fails. A full disk is no error.
    pub fn keep_reserve(&self) -> Result<(), LogError> {
        let free = self.files.free_space(&self.path);
        let free = free.on_disk("look at", &self.path)?;
        if free >= PLENTY {
            return Ok(());
        }
        let total = self.files.total_space(&self.path);
        let size = total.on_disk("look at", &self.path)? / SHARE;
        let size = size.clamp(LEAST, MOST);
        if free < size || self.reserve()? >= size {
            return Ok(());
        }
        match self.write_reserve(size) {
            Err(LogError::NoSpace { .. }) => self.spend_reserve().map(drop),
            written => written,
        }
    }

    /// Gives the room back; whether there was any.
    ///
    /// # Errors
    /// The disk fails.
    pub fn spend_reserve(&self) -> Result<bool, LogError> {
        let path = self.path.join(names::RESERVE);
        match self.files.unlink(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            unlinked => unlinked.on_disk("unlink", &path).map(|()| true),
        }
    }

    /// How many bytes are kept.
    fn reserve(&self) -> Result<u64, LogError> {
        let path = self.path.join(names::RESERVE);
        match self.files.open(&path, Open::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            opened => opened.and_then(|it| it.size()).on_disk("look at", &path),
        }
    }

    fn write_reserve(&self, size: u64) -> Result<(), LogError> {
        let path = self.path.join(names::RESERVE);
        let file = self.files.open(&path, Open::Create);
        let file = file.on_disk("create", &path)?;
        let bytes = incompressible(size);
        let written = file.write_at(&[IoSlice::new(&bytes)], 0);
        written.on_disk("write", &path)
    }
}

/// Bytes that take their room also on a disk that compresses: Marsaglia's xorshift.
fn incompressible(size: u64) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    let count = usize::try_from(size / 8).unwrap_or(0);
    words.take(count).flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::files::Files;
    use crate::files::sim::Simulated;

    #[test]
    fn room_is_kept_where_there_is_little_and_given_back_once() {
        let disk = Simulated::new(1);
        disk.create_dir(Path::new("/logs")).unwrap();
        let dir = LogDir::open(Arc::new(disk.clone()), Path::new("/logs")).unwrap();
        let free = || disk.free_space(Path::new("/logs")).unwrap();
        dir.keep_reserve().unwrap();
        assert!(!dir.spend_reserve().unwrap(), "there is plenty");
        for (room, kept) in [
            (100 << 20, (100 << 20) / SHARE),
            (1 << 20, LEAST),
            (LEAST - 1, 0),
        ] {
            disk.set_room(Some(room));
            for _ in 0..2 {
                dir.keep_reserve().unwrap();
                assert_eq!(free(), room - kept);
            }
            assert_eq!(dir.spend_reserve().unwrap(), kept > 0);
            assert!(!dir.spend_reserve().unwrap());
            assert_eq!(free(), room);
        }
    }
}
