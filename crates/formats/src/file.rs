//! Reading a whole file that somebody named: it may be anything.

use std::fmt;
use std::fs::{File, FileType};
use std::io;
use std::path::Path;

use crate::read_whole;

/// Why a file was not read. The texts stand behind the path that the caller names.
#[derive(Debug)]
pub enum FileError {
    /// It cannot be opened or read.
    Io(io::Error),
    /// It is no regular file, but what the text says.
    NotRegular(&'static str),
    /// It has more bytes than that.
    TooLarge(usize),
}

impl FileError {
    /// Whether there is no such file.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NotRegular(kind) => write!(f, "it is {kind}, not a regular file"),
            Self::TooLarge(limit) => write!(f, "the file is larger than {limit} bytes"),
        }
    }
}

impl std::error::Error for FileError {}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads a file of at most `limit` bytes to its end.
///
/// Only regular files are read: a named pipe has no end until somebody writes to it, a device may
/// have none at all. What this process holds open (the standard input, the `/dev/fd/N` of a shell's
/// process substitution) and `/dev/null` are meant when they are named, and are read within the
/// bound.
///
/// # Errors
/// It cannot be read, is no regular file, or larger.
pub fn read_file(path: impl AsRef<Path>, limit: usize) -> Result<Vec<u8>, FileError> {
    let (file, expected) = open_file(path, limit)?;
    read_whole(file, limit, expected)?.ok_or(FileError::TooLarge(limit))
}

/// Opens a file of which no more than `limit` bytes are to be read, as [`read_file`] does, and says how
/// many there are as far as that is known.
///
/// # Errors
/// As [`read_file`]; it may still grow beyond the limit.
pub fn open_file(path: impl AsRef<Path>, limit: usize) -> Result<(File, usize), FileError> {
    let path = path.as_ref();
    // Opening a pipe would wait for its other end: what it is has to be known before.
    let metadata = std::fs::metadata(path)?;
    let mut expected = 0;
    if metadata.is_file() {
        expected = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
        if expected > limit {
            return Err(FileError::TooLarge(limit));
        }
    } else if !is_meant(path) || metadata.is_dir() {
        return Err(FileError::NotRegular(kind(metadata.file_type())));
    }
    Ok((File::open(path)?, expected))
}

/// As [`read_file`], for a text.
///
/// # Errors
/// As [`read_file`], or it is no UTF-8.
pub fn read_text_file(path: impl AsRef<Path>, limit: usize) -> Result<String, FileError> {
    String::from_utf8(read_file(path, limit)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = format!("it is not UTF-8: the byte at offset {at}");
        FileError::Io(io::Error::new(io::ErrorKind::InvalidData, text))
    })
}

/// Whether the name can only mean what is no regular file.
fn is_meant(path: &Path) -> bool {
    let is_held = ["/dev/fd", "/proc/self/fd"]
        .iter()
        .any(|folder| path.starts_with(folder));
    is_held || path == Path::new("/dev/stdin") || path == Path::new("/dev/null")
}

#[cfg(unix)]
fn kind(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;

    match kind {
        it if it.is_dir() => "a folder",
        it if it.is_fifo() => "a named pipe",
        it if it.is_socket() => "a socket",
        it if it.is_char_device() || it.is_block_device() => "a device",
        _ => "something else",
    }
}

#[cfg(not(unix))]
fn kind(kind: FileType) -> &'static str {
    match kind.is_dir() {
        true => "a folder",
        false => "something else",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_file_is_read_up_to_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read_file(&path, 5).unwrap(), b"12345");
        let error = read_file(&path, 4).unwrap_err();
        assert_eq!(error.to_string(), "the file is larger than 4 bytes");
        std::fs::write(&path, b"ab\xff").unwrap();
        let error = read_text_file(&path, 5).unwrap_err();
        assert_eq!(error.to_string(), "it is not UTF-8: the byte at offset 2");
        assert!(read_file(folder.path().join("none"), 5).is_err_and(|it| it.is_not_found()));
    }

    /// A sparse file has its size without having the bytes.
    #[test]
    fn a_file_that_is_larger_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(matches!(
            read_file(&path, 1 << 20),
            Err(FileError::TooLarge(1_048_576))
        ));
    }

    /// Opening the pipe would wait for ever.
    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_refused_by_name_and_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let text = |path: &Path| read_file(path, 10).unwrap_err().to_string();
        assert_eq!(text(&pipe), "it is a named pipe, not a regular file");
        assert_eq!(text(folder.path()), "it is a folder, not a regular file");
        assert_eq!(
            text(Path::new("/dev/zero")),
            "it is a device, not a regular file"
        );
        assert!(read_file("/dev/null", 10).unwrap().is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn what_the_process_holds_open_is_read_by_its_number() {
        use std::os::fd::AsRawFd;

        let (from, mut to) = io::pipe().unwrap();
        io::Write::write_all(&mut to, b"input").unwrap();
        drop(to);
        let path = format!("/dev/fd/{}", from.as_raw_fd());
        assert_eq!(read_file(path, 10).unwrap(), b"input");
    }
}
