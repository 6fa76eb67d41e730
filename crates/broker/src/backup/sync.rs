//! Files that are to be on the medium: many are synced at the same time, which takes about as long
//! as one.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use super::error::{At, BackupError};

/// So many are open at a time.
const MOST: usize = 128;
/// More threads make nothing faster.
const THREADS: usize = 16;

/// Files that were written or linked, and are not synced yet.
#[derive(Default)]
pub struct Unsynced {
    files: Vec<(PathBuf, File)>,
}

impl Unsynced {
    /// Has a file or directory synced, now or later.
    ///
    /// # Errors
    /// It cannot be opened, or an earlier one cannot be synced.
    pub fn add(&mut self, path: &Path) -> Result<(), BackupError> {
        self.add_open(path, File::open(path).at("open", path)?)
    }

    /// As [`Unsynced::add`], of one that is open.
    ///
    /// # Errors
    /// See there.
    pub fn add_open(&mut self, path: &Path, file: File) -> Result<(), BackupError> {
        self.files.push((path.to_owned(), file));
        match self.files.len() < MOST {
            true => Ok(()),
            false => self.sync(),
        }
    }

    /// # Durability
    /// All that was added is on the medium on return.
    ///
    /// # Errors
    /// What of it cannot be synced.
    pub fn sync(&mut self) -> Result<(), BackupError> {
        let files = std::mem::take(&mut self.files);
        let part = files.len().div_ceil(THREADS).max(1);
        thread::scope(|scope| {
            let started = files
                .chunks(part)
                .map(|part| thread::Builder::new().spawn_scoped(scope, || sync_all(part)));
            let started: Vec<_> = started.collect();
            for thread in started {
                let thread = thread.at("start a thread for", Path::new("the sync"))?;
                thread.join().unwrap_or_else(|_| {
                    let gone = io::Error::other("the thread has ended");
                    Err(gone).at("sync", Path::new("the files"))
                })?;
            }
            Ok(())
        })
    }
}

fn sync_all(files: &[(PathBuf, File)]) -> Result<(), BackupError> {
    let mut files = files.iter();
    files.try_for_each(|(path, file)| file.sync_all().at("sync", path))
}
