//! What may be on the medium when the power goes at some moment.

use std::fs;
use std::io::{self, IoSlice};
use std::path::Path;

use anyhow::{Context, Result};
use millrace_log::files::sim::{Simulated, Skip};
use millrace_log::files::{Files, Open};

use super::strace::{Call, Change};

/// One moment, and one of the states that it may leave.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// In seconds since 1970.
    pub at: f64,
    pub seed: u64,
}

/// Writes to `target` what may be left of `root`.
///
/// A call that had begun and had not ended may have changed something. A sync counts when it had
/// ended, for what had ended when it began; those of `skip` are taken not to have been made.
///
/// # Errors
/// The calls do not fit together, or the target cannot be written.
pub fn leave(
    calls: &[Call],
    moment: Moment,
    skip: Option<Skip>,
    root: &Path,
    target: &Path,
) -> Result<()> {
    let disk = Simulated::new(moment.seed);
    let above = root.parent().context("the directory lies somewhere")?;
    disk.create_dir(root)?;
    disk.sync_dir(above)?;
    disk.skip(skip);
    let mut done: Vec<&Call> = calls.iter().filter(|it| it.is_seen_at(moment.at)).collect();
    done.sort_by(|one, other| one.counts_at().total_cmp(&other.counts_at()));
    for call in done {
        apply(&disk, &call.change).with_context(|| format!("replay {:.200?}", call.change))?;
    }
    disk.lose_power();
    copy(&disk, root, target).context("write what is left")
}

impl Call {
    fn is_sync(&self) -> bool {
        matches!(self.change, Change::FileSynced(_) | Change::DirSynced(_))
    }

    fn is_seen_at(&self, moment: f64) -> bool {
        match self.is_sync() {
            true => self.ended <= moment,
            false => self.begun <= moment,
        }
    }

    fn counts_at(&self) -> f64 {
        match self.is_sync() {
            true => self.begun,
            false => self.ended,
        }
    }
}

fn apply(disk: &Simulated, change: &Change) -> io::Result<()> {
    match change {
        Change::Opened { file, is_emptied } => {
            let is_there = disk.content(file).is_some();
            match is_there && !is_emptied {
                true => Ok(()),
                false => disk.open(file, Open::Create).map(drop),
            }
        }
        Change::Written { file, at, bytes } => {
            let opened = disk.open(file, Open::Write)?;
            opened.write_at(&[IoSlice::new(bytes)], *at)
        }
        Change::Truncated(file, size) => disk.open(file, Open::Write)?.truncate(*size),
        Change::FileSynced(file) => disk.open(file, Open::Write)?.sync(),
        Change::DirSynced(dir) => disk.sync_dir(dir),
        Change::Renamed(from, to) => disk.rename(from, to),
        Change::Unlinked(path) => disk.unlink(path),
        Change::DirMade(dir) => disk.create_dir(dir),
        Change::DirRemoved(dir) => disk.remove_dir(dir),
    }
}

fn copy(disk: &Simulated, from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for name in disk.list(from)? {
        let content = disk.content(&from.join(&name)).context("it is listed")?;
        fs::write(to.join(&name), content)?;
    }
    for name in disk.list_dirs(from)? {
        copy(disk, &from.join(&name), &to.join(&name))?;
    }
    Ok(())
}
