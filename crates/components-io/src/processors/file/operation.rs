//! One operation on a file, run to its end on a thread that may wait.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use millrace_component::{PartRoom, ScannerFactory, SourceDetails};
use millrace_formats::{FileError, open_file};
use millrace_message::Error;

use super::status::Status;
use crate::whole_file::Unfinished;

/// What is to be done.
pub(super) enum Operation {
    Read {
        path: PathBuf,
        scanner: Arc<dyn ScannerFactory>,
        max: usize,
    },
    Write {
        path: PathBuf,
        content: Bytes,
    },
    Delete {
        path: PathBuf,
    },
    Move {
        path: PathBuf,
        to: PathBuf,
    },
    Rename {
        path: PathBuf,
        to: PathBuf,
    },
    Stat {
        path: PathBuf,
    },
}

/// What came of it.
#[derive(Default)]
pub(super) struct Done {
    pub status: Option<Status>,
    /// The contents of the messages that were read.
    pub parts: Vec<Bytes>,
}

impl Operation {
    pub fn run(self) -> Result<Done, Error> {
        match self {
            Self::Read { path, scanner, max } => {
                return read(&path, &*scanner, max);
            }
            Self::Stat { path } => {
                let status = std::fs::metadata(&path).map(|it| Status::of(&path, &it));
                let status = status.map_err(|error| failed("look at", &path, &error))?;
                return Ok(Done {
                    status: Some(status),
                    parts: Vec::new(),
                });
            }
            Self::Write { path, content } => {
                let written = Unfinished::beside(&path, |file| file.write_all(&content))
                    .and_then(|unfinished| unfinished.finish(&path));
                written.map_err(|error| failed("write", &path, &error))?;
            }
            Self::Delete { path } => {
                delete(&path).map_err(|error| failed("delete", &path, &error))?;
            }
            Self::Move { path, to } => move_file(&path, &to)?,
            Self::Rename { path, to } => {
                let renamed = std::fs::rename(&path, &to);
                renamed.map_err(|error| failed_to("rename", &path, &to, &error))?;
            }
        }
        Ok(Done::default())
    }
}

fn read(path: &Path, scanner: &dyn ScannerFactory, max: usize) -> Result<Done, Error> {
    let (file, _) = open_file(path, max).map_err(|error| match error {
        FileError::Io(error) => failed("open", path, &error),
        FileError::TooLarge(_) => too_large(path, max),
        other => Error::rejected(format!("read `{}`: {other}", path.display())),
    })?;
    let metadata = file.metadata();
    let metadata = metadata.map_err(|error| failed("look at", path, &error))?;
    let details = SourceDetails {
        name: path.display().to_string(),
    };
    // It may grow while it is read.
    let bounded = file.take(max as u64 + 1);
    let mut scanner = scanner.open(Box::new(bounded), &details)?;
    let mut parts = Vec::new();
    let mut room = PartRoom::new(max);
    while let Some(batch) = scanner.next()? {
        for message in batch.iter() {
            let content = message.bytes();
            room.take(content.len()).map_err(|error| {
                Error::rejected(format!("read `{}`: {error}; {REMEDY}", path.display()))
            })?;
            parts.push(content.clone());
        }
    }
    Ok(Done {
        status: Some(Status::of(path, &metadata)),
        parts,
    })
}

/// What to do where a file is too large.
const REMEDY: &str = "raise `max_size`, or `memory_limit` where that is smaller, if it is wanted";

fn too_large(path: &Path, max: usize) -> Error {
    let path = path.display();
    Error::rejected(format!("`{path}` is larger than {max} bytes; {REMEDY}"))
}

/// Deletes a file or an empty folder.
fn delete(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if path.is_dir() => {
            std::fs::remove_dir(path).map_err(|as_folder| match as_folder.kind() {
                ErrorKind::NotADirectory => error,
                _ => as_folder,
            })
        }
        deleted => deleted,
    }
}

fn move_file(from: &Path, to: &Path) -> Result<(), Error> {
    let make_folder = || match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => std::fs::create_dir_all(folder),
        _ => Ok(()),
    };
    let moved = make_folder().and_then(|()| std::fs::rename(from, to));
    match moved {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => copy_and_delete(from, to),
        moved => moved.map_err(|error| failed_to("move", from, to, &error)),
    }
}

/// Copies a file, with its permissions, and deletes it when the copy is whole.
fn copy_and_delete(from: &Path, to: &Path) -> Result<(), Error> {
    let copy = || {
        let mut source = File::open(from)?;
        let permissions = source.metadata()?.permissions();
        let copy = Unfinished::beside(to, |file| {
            io::copy(&mut source, file)?;
            file.set_permissions(permissions)
        })?;
        copy.finish(to)
    };
    copy().map_err(|error| failed_to("move", from, to, &error))?;
    std::fs::remove_file(from).map_err(|error| {
        Error::rejected(format!(
            "`{}` is copied to `{}` and stays, because it cannot be deleted: {error}",
            from.display(),
            to.display()
        ))
    })
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::rejected(format!("{what} `{}`: {error}", path.display()))
}

fn failed_to(what: &str, from: &Path, to: &Path, error: &io::Error) -> Error {
    let (from, to) = (from.display(), to.display());
    Error::rejected(format!("{what} `{from}` to `{to}`: {error}"))
}

/// The shortest path of the same meaning: without `.`, without what `..` takes back.
pub(super) fn clean(path: &str) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in Path::new(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match clean.components().next_back() {
                Some(Component::Normal(_)) => {
                    clean.pop();
                }
                Some(Component::RootDir) => {}
                _ => clean.push(".."),
            },
            other => clean.push(other),
        }
    }
    match clean.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => clean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_as_short_as_it_can_be() {
        for (path, expected) in [
            ("a/./b//c/", "a/b/c"),
            ("a/../b", "b"),
            ("../../a", "../../a"),
            ("/../a/..", "/"),
            ("a/..", "."),
            ("", "."),
            ("/a/b/../../..", "/"),
        ] {
            assert_eq!(clean(path), Path::new(expected), "{path}");
        }
    }

    #[test]
    fn a_copy_over_file_systems_is_whole_and_the_source_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::write(&from, "content").expect("it can be written");
        copy_and_delete(&from, &to).expect("it can be moved");
        assert_eq!(
            std::fs::read_to_string(&to).ok().as_deref(),
            Some("content")
        );
        let left = std::fs::read_dir(folder.path()).expect("a folder");
        assert_eq!(left.count(), 1, "only the copy is left");
    }
}
