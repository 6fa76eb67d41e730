//! What lies on a simulated disk, and what of it is on the medium.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::{Fault, Random, Skip};

#[derive(Default)]
pub(super) struct State {
    pub random: Random,
    pub inodes: Vec<Inode>,
    pub dirs: BTreeMap<PathBuf, Dir>,
    pub locks: BTreeSet<PathBuf>,
    /// How many calls that change something were made.
    pub calls: u64,
    pub fault: Option<(u64, Fault)>,
    /// At how many calls the power goes.
    pub cut: Option<u64>,
    /// The power is gone: nothing changes any more.
    pub is_cut: bool,
    pub skip: Option<Skip>,
    /// How many bytes the files may have together.
    pub limit: Option<u64>,
    /// Grows when the power goes: files opened before are gone.
    pub boot: u64,
}

#[derive(Clone, Default)]
pub(super) struct Inode {
    pub now: Vec<u8>,
    pub durable: Vec<u8>,
    pub pending: Vec<Change>,
}

#[derive(Clone)]
pub(super) enum Change {
    Write {
        at: usize,
        bytes: Vec<u8>,
        /// A sync failed after it.
        is_doomed: bool,
    },
    Truncate(usize),
}

#[derive(Default)]
pub(super) struct Dir {
    pub now: BTreeMap<String, usize>,
    pub durable: BTreeMap<String, usize>,
    pub pending: Vec<Entry>,
    /// Whether it is there after a power loss.
    pub is_durable: bool,
    /// It was removed, which a power loss may undo.
    pub is_removed: bool,
}

#[derive(Clone)]
pub(super) enum Entry {
    Made(String, usize),
    Gone(String),
    Renamed(String, String, usize),
}

impl State {
    /// Counts a call that changes something; it fails when its turn to fail has come.
    pub fn change(&mut self) -> io::Result<()> {
        self.is_cut |= self.cut.is_some_and(|at| self.calls >= at);
        if self.is_cut {
            return Err(Fault::Broken.error());
        }
        self.calls += 1;
        match self.fault {
            Some((at, fault)) if self.calls > at => {
                self.fault = None;
                Err(fault.error())
            }
            _ => Ok(()),
        }
    }

    /// How many bytes the files have that have names.
    pub fn used(&self) -> u64 {
        let named = self.dirs.values().flat_map(|dir| dir.now.values());
        named.map(|it| self.inodes[*it].now.len() as u64).sum()
    }

    /// How many bytes the files may still grow.
    pub fn room(&self) -> u64 {
        let room = self.limit.map(|it| it.saturating_sub(self.used()));
        room.unwrap_or(u64::MAX)
    }

    /// Files and locks that a process has are gone.
    pub fn lose_process(&mut self) {
        self.boot += 1;
        self.fault = None;
        self.cut = None;
        self.is_cut = false;
        self.locks.clear();
    }

    pub fn dir(&mut self, path: &Path) -> io::Result<&mut Dir> {
        let dir = self.dirs.get_mut(path).filter(|dir| !dir.is_removed);
        dir.ok_or_else(not_found)
    }

    pub fn lookup(&self, path: &Path) -> io::Result<usize> {
        let (dir, name) = split(path);
        let dir = self.dirs.get(&dir).filter(|dir| !dir.is_removed);
        dir.ok_or_else(not_found)?
            .now
            .get(&name)
            .copied()
            .ok_or_else(not_found)
    }

    pub fn create(&mut self, path: &Path) -> io::Result<usize> {
        self.change()?;
        if let Ok(inode) = self.lookup(path) {
            self.inodes[inode].truncate(0);
            return Ok(inode);
        }
        let inode = self.inodes.len();
        let (dir, name) = split(path);
        let dir = self.dir(&dir)?;
        dir.now.insert(name.clone(), inode);
        dir.pending.push(Entry::Made(name, inode));
        self.inodes.push(Inode::default());
        Ok(inode)
    }
}

impl Inode {
    pub fn truncate(&mut self, size: usize) {
        self.now.resize(size, 0);
        self.pending.push(Change::Truncate(size));
    }

    pub fn write(&mut self, at: usize, bytes: &[u8]) {
        put(&mut self.now, at, bytes);
        self.pending.push(Change::Write {
            at,
            bytes: bytes.to_vec(),
            is_doomed: false,
        });
    }

    pub fn sync(&mut self) {
        for change in self.pending.drain(..) {
            match change {
                // The kernel takes it for written.
                Change::Write {
                    is_doomed: true, ..
                } => {}
                Change::Write { at, bytes, .. } => put(&mut self.durable, at, &bytes),
                Change::Truncate(size) => self.durable.resize(size, 0),
            }
        }
    }
}

impl Fault {
    pub fn error(self) -> io::Error {
        io::Error::from_raw_os_error(match self {
            Fault::Broken => rustix::io::Errno::IO.raw_os_error(),
            Fault::Full => rustix::io::Errno::NOSPC.raw_os_error(),
        })
    }
}

pub(super) fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

pub(super) fn split(path: &Path) -> (PathBuf, String) {
    let dir = path.parent().unwrap_or(Path::new("")).to_owned();
    let name = path.file_name().unwrap_or_default();
    (dir, name.to_string_lossy().into_owned())
}
