//! A disk in memory for tests: it loses power, runs full and breaks, the same way for one seed.
//!
//! What a kernel may leave when the power goes: of what was written and not synced any subset of
//! pages, the last of them torn at a sector; a file as long as it was, as what is left of it, or
//! anything between, with zeros where nothing was kept; of what was made, renamed and unlinked in
//! a directory and not synced any subset. What was written before a sync that failed is never
//! synced by a later one.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{File, Files, Lock, Open};

mod loss;
mod random;
mod state;

pub use random::Random;
use state::{Change, Entry, Inode, State, split};

/// A simulated disk; clones are the same disk.
#[derive(Clone)]
pub struct Simulated {
    state: Arc<Mutex<State>>,
}

/// What the disk says at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The medium fails: EIO.
    Broken,
    /// There is no room: ENOSPC.
    Full,
}

/// A sync that is claimed and not done: the mistake of code that forgets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// [`Files::sync_dir`].
    Directories,
    /// [`Files::sync_dir`] of a directory where, for each of these, there is a name that ends so,
    /// or is none.
    DirectoriesWhere(&'static [(&'static str, bool)]),
    /// [`File::sync`] of files whose name, when opened, ended so.
    FilesNamed(&'static str),
}

struct SimulatedFile {
    state: Arc<Mutex<State>>,
    inode: usize,
    name: String,
    boot: u64,
}

struct SimulatedLock(Arc<Mutex<State>>, PathBuf);

impl Lock for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        self.0.lock().locks.remove(&self.1);
    }
}

impl Simulated {
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: Random::new(seed),
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The `n`-th call from now on that changes something fails, for 0 the next one.
    pub fn fail_at(&self, n: u64, fault: Fault) {
        let mut state = self.state.lock();
        state.fault = Some((state.calls + n, fault));
    }

    pub fn clear_fault(&self) {
        self.state.lock().fault = None;
    }

    pub fn skip(&self, skip: Option<Skip>) {
        self.state.lock().skip = skip;
    }

    /// How many bytes the files may grow; what is cut or unlinked gives room back.
    pub fn set_room(&self, room: Option<u64>) {
        let mut state = self.state.lock();
        state.limit = room.map(|it| state.used() + it);
    }

    /// How many calls that change something were made.
    pub fn calls(&self) -> u64 {
        self.state.lock().calls
    }

    /// The content of a file, as a program sees it.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state.lock();
        let inode = state.lookup(path).ok()?;
        Some(state.inodes[inode].now.clone())
    }

    /// Puts a file on the medium, past all accounting.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state.lock();
        let inode = state.inodes.len();
        state.inodes.push(Inode {
            now: bytes.to_vec(),
            durable: bytes.to_vec(),
            pending: Vec::new(),
        });
        let (dir, name) = split(path);
        let dir = state.dirs.entry(dir).or_default();
        dir.is_durable = true;
        dir.now.insert(name.clone(), inode);
        dir.durable.insert(name, inode);
    }

    /// Turns a bit of a file on the medium.
    pub fn flip_bit(&self, path: &Path, byte: usize, bit: u8) {
        let mut bytes = self.content(path).expect("the file is there");
        bytes[byte] ^= 1 << bit;
        self.put(path, &bytes);
    }

    /// Before the `n`-th call from now on that changes something, for 0 the next one, the power goes:
    /// this call and those after it do nothing and fail, until [`Simulated::lose_power`] says what
    /// is left.
    pub fn cut_at(&self, n: u64) {
        let mut state = self.state.lock();
        state.cut = Some(state.calls + n);
    }

    /// Whether the moment that [`Simulated::cut_at`] named has come.
    pub fn is_cut(&self) -> bool {
        self.state.lock().is_cut
    }

    /// The process ends, and the kernel goes on: all that it was given is there. Files and locks
    /// held before are gone.
    pub fn lose_process(&self) {
        self.state.lock().lose_process();
    }

    /// The power goes and comes back. Files and locks held before are gone.
    pub fn lose_power(&self) {
        self.state.lock().lose_power();
    }
}

impl Files for Simulated {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let mut state = self.state.lock();
        let inode = match how {
            Open::Read | Open::Write => state.lookup(path)?,
            Open::Create => state.create(path)?,
        };
        Ok(Arc::new(SimulatedFile {
            state: Arc::clone(&self.state),
            inode,
            name: split(path).1,
            boot: state.boot,
        }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.is_cut {
            return Err(Fault::Broken.error());
        }
        let dir = state.dirs.entry(path.to_owned()).or_default();
        dir.is_removed = false;
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.change()?;
        let inode = state.lookup(from)?;
        let ((dir, from), (_, to)) = (split(from), split(to));
        let dir = state.dir(&dir)?;
        dir.now.remove(&from);
        dir.now.insert(to.clone(), inode);
        dir.pending.push(Entry::Renamed(from, to, inode));
        Ok(())
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.change()?;
        state.lookup(path)?;
        let (dir, name) = split(path);
        let dir = state.dir(&dir)?;
        dir.now.remove(&name);
        dir.pending.push(Entry::Gone(name));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        Ok(self.state.lock().dir(dir)?.now.keys().cloned().collect())
    }

    fn list_dirs(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state.lock();
        state.dir(path)?;
        let dirs = state.dirs.iter().filter(|(_, dir)| !dir.is_removed);
        let children = dirs.filter(|(child, _)| child.parent() == Some(path));
        Ok(children.map(|(child, _)| split(child).1).collect())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.change()?;
        let dir = state.dir(path)?;
        if !dir.now.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        dir.is_removed = true;
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.change()?;
        let names = state.dirs.get(path).map(|dir| &dir.now);
        let is_there =
            |end: &str| names.is_some_and(|it| it.keys().any(|name| name.ends_with(end)));
        match state.skip {
            Some(Skip::Directories) => return Ok(()),
            Some(Skip::DirectoriesWhere(ends))
                if ends.iter().all(|(end, wanted)| is_there(end) == *wanted) =>
            {
                return Ok(());
            }
            _ => {}
        }
        let is_child = |child: &Path| child.parent() == Some(path);
        (state.dirs).retain(|child, dir| !(dir.is_removed && is_child(child)));
        for (child, dir) in &mut state.dirs {
            dir.is_durable |= is_child(child);
        }
        if let Some(dir) = state.dirs.get_mut(path) {
            dir.durable = dir.now.clone();
            dir.pending.clear();
        }
        Ok(())
    }

    fn free_space(&self, _dir: &Path) -> io::Result<u64> {
        Ok(self.state.lock().room())
    }

    fn total_space(&self, _dir: &Path) -> io::Result<u64> {
        Ok(self.state.lock().limit.unwrap_or(u64::MAX))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        match self.state.lock().locks.insert(path.to_owned()) {
            true => Ok(Box::new(SimulatedLock(
                Arc::clone(&self.state),
                path.to_owned(),
            ))),
            false => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn lock_existing(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        // A lock leaves no file here, so that there is always one to look at.
        self.lock(path).map(Some)
    }
}

impl SimulatedFile {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock();
        match state.boot == self.boot {
            true => act(&mut state),
            false => Err(io::Error::other(
                "the file was opened before the power went",
            )),
        }
    }
}

impl File for SimulatedFile {
    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        let mut bytes = Vec::new();
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        let at = usize::try_from(position).expect("a simulated file is small");
        self.with(|state| {
            let size = state.inodes[self.inode].now.len();
            let growth = (at + bytes.len()).saturating_sub(size) as u64;
            let fault = match state.change() {
                Ok(()) if state.room() < growth => Some(Fault::Full.error()),
                Ok(()) => None,
                Err(fault) => Some(fault),
            };
            let Some(fault) = fault else {
                state.inodes[self.inode].write(at, &bytes);
                return Ok(());
            };
            if state.is_cut {
                return Err(fault);
            }
            let part = state.random.below(bytes.len() as u64 + 1) as usize;
            if part > 0 {
                state.inodes[self.inode].write(at, &bytes[..part]);
            }
            Err(fault)
        })
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let at = usize::try_from(position).unwrap_or(usize::MAX);
        self.with(|state| {
            let content = state.inodes[self.inode].now.get(at..).unwrap_or_default();
            let read = content.len().min(buffer.len());
            buffer[..read].copy_from_slice(&content[..read]);
            Ok(read)
        })
    }

    fn read_cached(&self, buffer: &mut [u8], position: u64) -> io::Result<Option<usize>> {
        self.read_at(buffer, position).map(Some)
    }

    fn size(&self) -> io::Result<u64> {
        self.with(|state| Ok(state.inodes[self.inode].now.len() as u64))
    }

    fn is_shared(&self) -> io::Result<bool> {
        Ok(false)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        let size = usize::try_from(size).expect("a simulated file is small");
        self.with(|state| {
            state.change()?;
            state.inodes[self.inode].truncate(size);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|state| {
            if let Err(fault) = state.change() {
                for change in &mut state.inodes[self.inode].pending {
                    if let Change::Write { is_doomed, .. } = change {
                        *is_doomed = true;
                    }
                }
                return Err(fault);
            }
            match state.skip {
                Some(Skip::FilesNamed(suffix)) if self.name.ends_with(suffix) => {}
                _ => state.inodes[self.inode].sync(),
            }
            Ok(())
        })
    }
}
