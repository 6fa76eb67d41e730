//! Where lines go.

use std::fmt;
use std::io::{self, Write};

use super::file::LogFile;
use super::status::write_above;

/// The destination of log lines; each is written in one call.
pub enum LogSink {
    Stderr,
    Stdout,
    File(LogFile),
    Writer(Box<dyn Write + Send>),
}

impl LogSink {
    /// Writes a whole line. A file that cannot be written is given up for standard error, with the
    /// reason; when that fails too there is nobody left to tell.
    pub(super) fn write(&mut self, line: &str) {
        let result = match self {
            Self::Stderr => write_above(line),
            Self::Stdout => io::stdout().lock().write_all(line.as_bytes()),
            Self::File(file) => file.write(line),
            Self::Writer(writer) => writer.write_all(line.as_bytes()),
        };
        if let Err(error) = result {
            if matches!(self, Self::Stderr) {
                return;
            }
            *self = Self::Stderr;
            let mut stderr = io::stderr().lock();
            let _ = writeln!(
                stderr,
                "write log: {error}; logging to standard error from now on"
            );
            let _ = stderr.write_all(line.as_bytes());
        }
    }
}

impl fmt::Debug for LogSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stderr => "Stderr",
            Self::Stdout => "Stdout",
            Self::File(_) => "File",
            Self::Writer(_) => "Writer",
        })
    }
}
