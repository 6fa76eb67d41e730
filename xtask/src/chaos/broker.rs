//! `cargo xtask chaos broker`: the broker is killed while clients work, and starts again.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use millrace_testkit::millrace::Millrace;

use super::Options;
use crate::promises::check::{self, free_address, start};
use crate::promises::story::{End, Story};
use crate::random::Random;

/// How long clients work at least before a kill, and how much longer they may.
const SHORTEST: u64 = 150;
const LONGER: u64 = 1000;

/// Kills so many brokers, each with a directory of its own, and compares what the next start has with
/// what clients were told: twice, since a start after a kill writes, too.
///
/// # Errors
/// Something was lost, doubled or made up, or a broker does not start.
pub fn run(options: &Options) -> Result<()> {
    let mut random = Random::new(options.seed);
    let mut told = 0;
    for kill in 1..=options.kills {
        let lasting = Duration::from_millis(SHORTEST + random.below(LONGER));
        let folder = tempfile::tempdir().context("make a folder")?;
        told += killed(&options.binary, folder.path(), lasting)
            .with_context(|| format!("kill {kill} after {lasting:?}"))?;
    }
    println!(
        "{} kills, {told} promises, every one is kept",
        options.kills
    );
    Ok(())
}

/// How many promises there were.
fn killed(binary: &Path, folder: &Path, lasting: Duration) -> Result<usize> {
    let data = folder.join("data");
    fs::create_dir(&data)?;
    let address = free_address();
    let mut broker: Millrace = start(&check::busy_command(binary, address, folder)?)?;
    let mut kill = || broker.kill().map(drop);
    let story = Story::play(address, lasting, End::Sudden(&mut kill))?;
    for _ in 0..2 {
        check::check(binary, &data, &story, f64::INFINITY)?;
    }
    Ok(story.moments().len())
}
