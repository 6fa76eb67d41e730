//! What is read: a file, or what another process writes, which may have nothing to say for long.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use millrace_component::BLOCKING_READ_MAX;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

/// The stop of an input, as its sources hear it.
#[derive(Clone, Default)]
pub(super) struct Stop(Arc<State>);

#[derive(Default)]
struct State {
    token: OnceLock<CancellationToken>,
    was_heard: AtomicBool,
    /// How often something was taken from a source.
    reads: AtomicU64,
}

impl Stop {
    pub(super) fn set(&self, token: &CancellationToken) {
        // An input is started once.
        let _first = self.0.token.set(token.clone());
    }

    /// Whether a source has given up waiting because of it.
    pub(super) fn was_heard(&self) -> bool {
        self.0.was_heard.load(Ordering::Acquire)
    }

    /// How often something was taken from a source that may wait.
    pub(super) fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::Acquire)
    }

    fn is_asked(&self) -> bool {
        let token = self.0.token.get();
        token.is_some_and(CancellationToken::is_cancelled)
    }

    fn is_heard(&self) -> bool {
        let is_asked = self.is_asked();
        if is_asked {
            self.0.was_heard.store(true, Ordering::Release);
        }
        is_asked
    }
}

/// Opens a file; of a named pipe nobody has to write yet.
pub(super) fn open_to_wait(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// What is read.
pub(super) enum Source {
    File(File),
    /// One that others read on, from where it was left.
    Shared(File),
    #[cfg(test)]
    Memory(&'static [u8]),
}

impl Source {
    /// Whether what is taken from it is there no more, as in a pipe.
    pub(super) fn is_live(&self) -> bool {
        match self {
            Self::File(file) => !file.metadata().is_ok_and(|it| it.is_file()),
            Self::Shared(_) => true,
            #[cfg(test)]
            Self::Memory(_) => false,
        }
    }

    /// A reader that waits until there is something, or until it is stopped; then it fails, and has
    /// taken nothing.
    pub(super) fn heeding(self, stop: &Stop) -> Box<dyn Read + Send> {
        let is_live = self.is_live();
        match self {
            Self::File(file) if !is_live => Box::new(file),
            Self::File(file) | Self::Shared(file) => Box::new(Waiting {
                file,
                stop: stop.clone(),
            }),
            #[cfg(test)]
            Self::Memory(bytes) => Box::new(bytes),
        }
    }
}

/// A pipe, a terminal, a socket.
struct Waiting {
    file: File,
    stop: Stop,
}

impl Read for Waiting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let patience = Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(BLOCKING_READ_MAX.subsec_nanos()),
        };
        loop {
            let mut waiting = [PollFd::new(&self.file, PollFlags::IN)];
            match poll(&mut waiting, Some(&patience)) {
                Ok(0) if self.stop.is_heard() => {
                    return Err(io::Error::other("the input is stopped"));
                }
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => {
                    // Who completes a message after the stop takes nothing of what is behind it.
                    let most = match self.stop.is_asked() {
                        true => buffer.len().min(1),
                        false => buffer.len(),
                    };
                    match self.file.read(&mut buffer[..most]) {
                        // Somebody else has read it.
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        read => {
                            self.stop.0.reads.fetch_add(1, Ordering::AcqRel);
                            return read;
                        }
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
