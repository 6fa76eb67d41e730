//! The one way to the disk: all that the log does to files goes through [`Files`] and [`File`].
//!
//! [`Disk`] is the real one. [`sim::Simulated`] is a disk in memory that loses power: it keeps what
//! was synced and any part of the rest.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

mod disk;
#[doc(hidden)]
pub mod sim;

pub use disk::Disk;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// It must exist; it is only read.
    Read,
    /// It must exist.
    Write,
    /// It is made when it does not exist, and emptied when it does.
    Create,
}

/// The directories of a disk. Every call waits until it is done.
///
/// Errors are those of the operating system: `StorageFull` when there is no room, anything else
/// when the disk cannot be trusted any more.
pub trait Files: Send + Sync {
    /// # Errors
    /// There is no such file (but for [`Open::Create`]), or the system refuses.
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>>;

    /// Makes a directory and those above it; it may be there already.
    ///
    /// # Durability
    /// None before [`Files::sync_dir`] of its parent.
    ///
    /// # Errors
    /// The system refuses.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Gives a file another name in the same directory, in place of a file that has it.
    ///
    /// # Durability
    /// None before [`Files::sync_dir`]; then either name may be there, never both or none.
    ///
    /// # Errors
    /// There is no such file, or the system refuses.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// # Durability
    /// None before [`Files::sync_dir`].
    ///
    /// # Errors
    /// There is no such file, or the system refuses.
    fn unlink(&self, path: &Path) -> io::Result<()>;

    /// The names of the files in a directory, sorted.
    ///
    /// # Errors
    /// There is no such directory, or the system refuses.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// The names of the directories in a directory, sorted.
    ///
    /// # Errors
    /// There is no such directory, or the system refuses.
    fn list_dirs(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Removes an empty directory.
    ///
    /// # Durability
    /// None before [`Files::sync_dir`] of its parent.
    ///
    /// # Errors
    /// It is not empty, there is none, or the system refuses.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// # Durability
    /// What was made, renamed and unlinked in the directory stays so.
    ///
    /// # Errors
    /// As of [`File::sync`].
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// How many bytes can still be written where a directory lies.
    ///
    /// # Errors
    /// There is no such directory, or the system refuses.
    fn free_space(&self, dir: &Path) -> io::Result<u64>;

    /// How many bytes there are where a directory lies, written or not.
    ///
    /// # Errors
    /// There is no such directory, or the system refuses.
    fn total_space(&self, dir: &Path) -> io::Result<u64>;

    /// Holds a lock on a file, which is made when it does not exist, until the returned value is
    /// dropped. Another process, or another call, cannot hold it at the same time.
    ///
    /// # Errors
    /// `WouldBlock` when someone else holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;

    /// As [`Files::lock`], of a file that is only looked at: `None` when there is none.
    ///
    /// # Errors
    /// `WouldBlock` when someone else holds it.
    fn lock_existing(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>>;
}

/// A lock that is held; see [`Files::lock`].
pub trait Lock: Send + Sync {}

/// An open file. Threads may use it at the same time.
pub trait File: Send + Sync {
    /// Writes all parts, one after another, from a position on.
    ///
    /// # Durability
    /// None before [`File::sync`]: after a power loss any part of it may be there.
    ///
    /// # Errors
    /// A part of it may be written. `StorageFull` when there is no room.
    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()>;

    /// Reads from a position on; fewer bytes than asked for only at the end of the file.
    ///
    /// # Errors
    /// The system refuses.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;

    /// Reads what can be had without waiting for the disk; `None` when nothing can.
    ///
    /// # Errors
    /// The system refuses.
    fn read_cached(&self, buffer: &mut [u8], position: u64) -> io::Result<Option<usize>>;

    /// How many bytes it has.
    ///
    /// # Errors
    /// The system refuses.
    fn size(&self) -> io::Result<u64>;

    /// Whether it has another name, somewhere: what is written to it is seen there, too.
    ///
    /// # Errors
    /// The system refuses.
    fn is_shared(&self) -> io::Result<bool>;

    /// Cuts it.
    ///
    /// # Durability
    /// None before [`File::sync`].
    ///
    /// # Errors
    /// The system refuses.
    fn truncate(&self, size: u64) -> io::Result<()>;

    /// # Durability
    /// All that was written before the call is on the medium, and its size; its name is not: see
    /// [`Files::sync_dir`].
    ///
    /// # Errors
    /// What was written may be lost, even if a later call says nothing: do not call it again.
    fn sync(&self) -> io::Result<()>;
}

/// Reads a whole small file; `None` when there is none.
///
/// # Errors
/// It has more than `longest` bytes, or the system refuses.
pub(crate) fn read_whole(
    files: &dyn Files,
    path: &Path,
    longest: u64,
) -> io::Result<Option<Vec<u8>>> {
    let file = match files.open(path, Open::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let size = file.size()?;
    if size > longest {
        return Err(io::Error::other(format!(
            "it has {size} bytes, more than the {longest} that are expected"
        )));
    }
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// Makes a directory and those above it that do not exist.
///
/// # Durability
/// Their names are on the medium on return.
///
/// # Errors
/// The system refuses.
pub(crate) fn make_dir(files: &dyn Files, path: &Path) -> io::Result<()> {
    let is_missing = |it: &&Path| {
        let listed = files.list(it);
        listed.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    let missing = path.ancestors().take_while(is_missing).count();
    files.create_dir(path)?;
    // Also when it was there: who made it may have been killed before the sync.
    for dir in path.ancestors().take(missing.max(1)) {
        let Some(parent) = dir.parent() else { break };
        let here = Path::new(".");
        let parent = if parent.as_os_str().is_empty() {
            here
        } else {
            parent
        };
        match files.sync_dir(parent) {
            // Who may not open the parent has not made anything in it.
            Err(error) if missing == 0 && error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}

/// Cuts a file. One that has other names, as a backup gives it, becomes a file of its own before, so
/// that nobody sees it change there; then this is the one to go on with.
///
/// # Durability
/// The bytes before `size` are as durable as they were. That the rest is gone is not, before
/// [`File::sync`] and [`Files::sync_dir`].
///
/// # Errors
/// The system refuses; the file is as it was, or cut.
pub(crate) fn cut(
    files: &dyn Files,
    path: &Path,
    file: &Arc<dyn File>,
    size: u64,
) -> io::Result<Arc<dyn File>> {
    if !file.is_shared()? {
        file.truncate(size)?;
        return Ok(Arc::clone(file));
    }
    let temporary = crate::names::marked(path, crate::names::TEMPORARY);
    let own = files.open(&temporary, Open::Create)?;
    let mut buffer = vec![0; 256 << 10];
    let mut position = 0;
    while position < size {
        let left = usize::try_from(size - position).unwrap_or(usize::MAX);
        let part = buffer.len().min(left);
        let read = file.read_at(&mut buffer[..part], position)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        own.write_at(&[IoSlice::new(&buffer[..read])], position)?;
        position += read as u64;
    }
    own.sync()?;
    files.rename(&temporary, path)?;
    Ok(own)
}

/// Writes a file so that either the old one or the whole new one is there, whatever happens.
///
/// # Durability
/// The new one is on the medium on return.
///
/// # Errors
/// The old one is there, and perhaps a file with `.tmp` behind its name.
pub(crate) fn replace(files: &dyn Files, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    let file = files.open(temporary, Open::Create)?;
    file.write_at(&[IoSlice::new(bytes)], 0)?;
    file.sync()?;
    files.rename(temporary, path)?;
    match path.parent() {
        Some(dir) => files.sync_dir(dir),
        None => Ok(()),
    }
}
