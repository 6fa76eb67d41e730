//! Files that are deleted once all of them has been delivered: what was read, and no more than that.
//!
//! Between the end of a file and the end of the input somebody may write on, or move another file to
//! its place. That was read by nobody, so it stays.

use std::fs::{File, Metadata};
use std::io::{self, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use millrace_component::{Ack, Identity};
use millrace_message::Error;

/// How many messages of a file were not delivered, or not yet; those that could not be read count
/// too.
#[derive(Default)]
pub(super) struct Remainder(AtomicUsize);

impl Remainder {
    pub(super) fn add(&self, messages: usize) {
        self.0.fetch_add(messages, Ordering::AcqRel);
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    /// Hears what becomes of a batch.
    pub(super) fn ack(self: &Arc<Self>, messages: usize) -> Ack {
        self.add(messages);
        let remainder = Arc::clone(self);
        Ack::Call(Box::new(move |outcomes| {
            let settled = outcomes.iter().filter(|it| it.error().is_none()).count();
            remainder.0.fetch_sub(settled, Ordering::AcqRel);
        }))
    }
}

/// A file that is read, and deleted afterwards.
pub(super) struct ToDelete {
    path: PathBuf,
    /// Shares its position with what the scanner reads.
    file: File,
    length: u64,
    pub(super) remainder: Arc<Remainder>,
}

impl ToDelete {
    /// # Errors
    /// There is no room for one more open file.
    pub(super) fn new(path: PathBuf, file: &File) -> io::Result<Self> {
        Ok(Self {
            path,
            length: file.metadata()?.len(),
            file: file.try_clone()?,
            remainder: Arc::default(),
        })
    }

    /// Remembers what was read, at the end of it.
    ///
    /// # Errors
    /// The file cannot be looked at.
    pub(super) fn finish(mut self) -> io::Result<ReadFile> {
        // Before the look: what is appended in between was not read.
        let position = self.file.stream_position();
        let metadata = self.file.metadata()?;
        let content = metadata.is_file().then(|| {
            Ok::<_, io::Error>(Content {
                // A scanner may come to its end before that of the file.
                length: position?.max(self.length),
                modified: metadata.modified()?,
            })
        });
        Ok(ReadFile {
            path: self.path,
            place: place(&metadata),
            content: content.transpose()?,
            remainder: self.remainder,
        })
    }
}

/// A file that was read to its end.
pub(super) struct ReadFile {
    path: PathBuf,
    place: (u64, u64),
    /// Nothing for a pipe or a device.
    content: Option<Content>,
    remainder: Arc<Remainder>,
}

struct Content {
    length: u64,
    modified: SystemTime,
}

impl ReadFile {
    /// Deletes it, unless there is more in its place than what was delivered; then a warning says so.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub(super) fn delete(&self, identity: &Identity) -> Result<(), Error> {
        let path = self.path.display();
        let deleted =
            std::fs::metadata(&self.path).and_then(|now| match self.reason_to_keep(&now) {
                Some(reason) => {
                    identity.log_warning(format_args!("`{path}` is not deleted: {reason}"));
                    Ok(())
                }
                None => std::fs::remove_file(&self.path),
            });
        deleted.map_err(|error| Error::fatal(format!("delete `{path}` after reading: {error}")))
    }

    fn reason_to_keep(&self, now: &Metadata) -> Option<String> {
        let left = self.remainder.count();
        if left > 0 {
            return Some(format!("{left} of its messages were not delivered"));
        }
        if place(now) != self.place {
            return Some("another file has come to its place, which was not read".to_owned());
        }
        let read = self.content.as_ref()?;
        let more = now.len().saturating_sub(read.length);
        if more > 0 {
            return Some(format!("{more} bytes were written behind what was read"));
        }
        let is_same =
            now.len() == read.length && now.modified().is_ok_and(|it| it == read.modified);
        (!is_same).then(|| "it was changed after it was read".to_owned())
    }
}

/// What tells a file from all others.
fn place(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::path::Path;

    use super::*;

    /// Why a file of two lines is kept after `change` was done to it.
    fn kept(read: usize, change: impl FnOnce(&Path)) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, "one\ntwo\n").unwrap();
        let file = File::open(&path).unwrap();
        let to_delete = ToDelete::new(path.clone(), &file).unwrap();
        (&file).read_exact(&mut vec![0; read]).unwrap();
        let read = to_delete.finish().unwrap();
        change(&path);
        let reason = read.reason_to_keep(&std::fs::metadata(&path).unwrap());
        read.delete(&Identity::new("file", "root.input", ""))
            .unwrap();
        assert_eq!(path.exists(), reason.is_some());
        reason
    }

    fn append(path: &Path) {
        let mut file = File::options().append(true).open(path).unwrap();
        file.write_all(b"three\n").unwrap();
    }

    #[test]
    fn only_what_was_read_is_deleted() {
        assert_eq!(kept(8, |_| {}), None);
        // As a scanner that ends before the end of the file.
        assert_eq!(kept(4, |_| {}), None);
        for (change, expected) in [
            (
                append as fn(&Path),
                "6 bytes were written behind what was read",
            ),
            (
                |path| {
                    std::fs::write(path.with_extension("new"), "one\ntwo\n").unwrap();
                    std::fs::rename(path.with_extension("new"), path).unwrap();
                },
                "another file has come to its place, which was not read",
            ),
            (
                |path| std::fs::write(path, "new\n").unwrap(),
                "it was changed after it was read",
            ),
        ] {
            assert_eq!(kept(8, change).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_appended_while_the_end_is_read_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, "one\n").unwrap();
        let mut file = File::open(&path).unwrap();
        let to_delete = ToDelete::new(path.clone(), &file).unwrap();
        append(&path);
        file.read_to_end(&mut Vec::new()).unwrap();
        append(&path);
        let read = to_delete.finish().unwrap();
        read.delete(&Identity::new("file", "root.input", ""))
            .unwrap();
        assert!(path.exists());
    }
}
