//! Small files that lie beside the segments of a log and are replaced as a whole.

use std::path::Path;

use crate::error::{LogError, OnDisk};
use crate::files::{Files, read_whole, replace};

/// Reads a file; `None` when there is none.
///
/// # Errors
/// It has more than `longest` bytes, or the disk fails.
pub fn read_beside(
    files: &dyn Files,
    path: &Path,
    longest: u64,
) -> Result<Option<Vec<u8>>, LogError> {
    read_whole(files, path, longest).on_disk("read", path)
}

/// Writes a file so that either what was there is there or the whole new one, whatever happens.
///
/// # Durability
/// It is on the medium on return.
///
/// # Errors
/// The disk fails or has no room: what was there is there. What was written is removed when the log is
/// opened.
pub fn write_beside(files: &dyn Files, path: &Path, bytes: &[u8]) -> Result<(), LogError> {
    replace(files, path, bytes).on_disk("write", path)
}

/// Removes files of a directory by their names.
///
/// # Durability
/// They are gone from the medium on return.
///
/// # Errors
/// The disk fails; some may be gone.
pub fn remove_beside(files: &dyn Files, dir: &Path, names: &[String]) -> Result<(), LogError> {
    if names.is_empty() {
        return Ok(());
    }
    for name in names {
        let path = dir.join(name);
        files.unlink(&path).on_disk("unlink", &path)?;
    }
    files.sync_dir(dir).on_disk("sync", dir)
}

/// The names of all that lies in a directory; none when there is no such directory.
///
/// # Errors
/// The disk fails.
pub fn list_beside(files: &dyn Files, dir: &Path) -> Result<Vec<String>, LogError> {
    match files.list(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.on_disk("list", dir),
    }
}
