//! Runs a program of a suite for no longer than it may take.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use millrace_testkit::process::Process;

use crate::test_counts::without_escapes;

/// How often a program is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Runs `command` with what it says in `log`; `None` when it was ended because of its time.
pub fn bounded(command: &mut Command, log: &Path, within: Duration) -> Result<Option<ExitStatus>> {
    if log.exists() {
        fs::remove_file(log).context("remove an old log")?;
    }
    let mut process = Process::spawn_logged("a suite", command, log)?;
    let start = Instant::now();
    loop {
        if let Some(status) = process.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > within {
            process.kill().context("end what takes too long")?;
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

/// What is in a log, without colours.
pub fn text(log: &Path) -> Result<String> {
    let bytes = fs::read(log).with_context(|| format!("read `{}`", log.display()))?;
    Ok(without_escapes(&String::from_utf8_lossy(&bytes)))
}
