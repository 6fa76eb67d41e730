//! Files that appear whole or not at all: they are written beside their place and moved there.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// How the names of files begin that are being written.
pub(crate) const UNFINISHED: &str = ".millrace-unfinished-";

/// How many files this process has begun: each has a name of its own.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// A file that is being written; it is gone from this name in the end.
pub(crate) struct Unfinished(PathBuf);

impl Unfinished {
    /// Writes a new file in the folder of `path`, which is made when it is missing.
    ///
    /// # Errors
    /// The folder or the file cannot be made, or what `fill` says.
    pub fn beside(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<Self> {
        let folder = path.parent().unwrap_or(Path::new(""));
        if !folder.as_os_str().is_empty() {
            std::fs::create_dir_all(folder)?;
        }
        let number = BEGUN.fetch_add(1, Ordering::Relaxed);
        let name = format!("{UNFINISHED}{}-{number}", std::process::id());
        let unfinished = Self(folder.join(name));
        fill(&mut File::create(&unfinished.0)?)?;
        Ok(unfinished)
    }

    /// Where it is until it is moved.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Moves the file to its place, over one that is there.
    ///
    /// # Errors
    /// It cannot be there, as where a folder is.
    pub fn finish(self, path: &Path) -> io::Result<()> {
        std::fs::rename(&self.0, path)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After a move there is nothing to remove.
        let _moved = std::fs::remove_file(&self.0);
    }
}
