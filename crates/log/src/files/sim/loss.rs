//! What is left on the medium when the power goes.

use super::Random;
use super::state::{Change, Dir, Entry, Inode, State, put};

const PAGE: usize = 4096;
const SECTOR: usize = 512;

impl State {
    pub(super) fn lose_power(&mut self) {
        self.lose_process();
        // One power loss may keep nearly all, another nothing.
        let kept = [0, 10, 50, 90, 100][self.random.below(5) as usize];
        for inode in &mut self.inodes {
            inode.lose_power(kept, &mut self.random);
        }
        let random = &mut self.random;
        (self.dirs).retain(|_, dir| dir.is_durable && !(dir.is_removed && random.percent(kept)));
        for dir in self.dirs.values_mut() {
            dir.is_removed = false;
            dir.lose_power(kept, &mut self.random);
        }
    }
}

impl Inode {
    /// A kernel writes pages as a whole, each when it likes: of each page a state is kept that it
    /// had since the last sync.
    fn lose_power(&mut self, kept: u64, random: &mut Random) {
        let changes = std::mem::take(&mut self.pending);
        let before = std::mem::take(&mut self.durable);
        let ends = changes.iter().map(Change::end);
        let longest = ends.max().unwrap_or(0).max(before.len());
        let count = changes.len() as u64;
        let seen: Vec<u64> = (0..=longest / PAGE)
            .map(|_| match (random.percent(kept), random.percent(50)) {
                (true, _) => count,
                (false, true) => 0,
                (false, false) => random.below(count + 1),
            })
            .collect();
        let mut left = before.clone();
        left.resize(longest, 0);
        let mut last = None;
        for (index, change) in changes.iter().enumerate() {
            let is_kept = |at: usize| (index as u64) < seen[at / PAGE];
            match change {
                Change::Truncate(size) => {
                    let zeros = vec![0; longest.saturating_sub(*size)];
                    for (at, page) in pages(*size, &zeros).filter(|(at, _)| is_kept(*at)) {
                        put(&mut left, at, page);
                    }
                }
                Change::Write { at, bytes, .. } => {
                    for (at, page) in pages(*at, bytes).filter(|(at, _)| is_kept(*at)) {
                        put(&mut left, at, page);
                        last = last.max(Some(at / PAGE * PAGE));
                    }
                }
            }
        }
        if let Some(page) = last.filter(|_| random.percent(30)) {
            tear(&mut left, &before, page, random);
        }
        left.resize(self.size_left(before.len(), random), 0);
        self.now = left.clone();
        self.durable = left;
    }

    fn size_left(&self, before: usize, random: &mut Random) -> usize {
        let (low, high) = (before.min(self.now.len()), before.max(self.now.len()));
        match random.below(4) {
            0 => before,
            1 => low + random.below((high - low) as u64 + 1) as usize,
            _ => self.now.len(),
        }
    }
}

impl Change {
    fn end(&self) -> usize {
        match self {
            Change::Write { at, bytes, .. } => at + bytes.len(),
            Change::Truncate(size) => *size,
        }
    }
}

/// Of a page only the first sectors were written.
fn tear(content: &mut [u8], before: &[u8], page: usize, random: &mut Random) {
    let from = page + random.below((PAGE / SECTOR) as u64) as usize * SECTOR;
    let end = content.len().min(page + PAGE);
    let kept = before.get(from..).unwrap_or_default();
    let kept = kept.iter().copied().chain(std::iter::repeat(0));
    for (byte, old) in content[from.min(end)..end].iter_mut().zip(kept) {
        *byte = old;
    }
}

/// The parts of a write that lie in one page each.
fn pages(at: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let start = at + done;
        let length = (PAGE - start % PAGE).min(bytes.len() - done);
        let page = &bytes[done..done + length];
        done += length;
        (length > 0).then_some((start, page))
    })
}

impl Dir {
    fn lose_power(&mut self, kept: u64, random: &mut Random) {
        for entry in std::mem::take(&mut self.pending) {
            if !random.percent(kept) {
                continue;
            }
            match entry {
                Entry::Made(name, inode) => {
                    self.durable.insert(name, inode);
                }
                Entry::Gone(name) => {
                    self.durable.remove(&name);
                }
                Entry::Renamed(from, to, inode) => {
                    if self.durable.get(&from) == Some(&inode) {
                        self.durable.remove(&from);
                    }
                    self.durable.insert(to, inode);
                }
            }
        }
        self.now = self.durable.clone();
    }
}
