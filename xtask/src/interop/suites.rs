//! `cargo xtask interop --full`: the suites of the clients, from built checkouts of theirs, each run
//! twice against brokers of its own.

mod expected;
mod franz_go;
mod librdkafka;
mod outcome;
mod python;
mod run;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::broker::Broker;
use super::install::SCRIPTS;
use expected::Expected;
use outcome::Outcomes;

/// How often each suite is run: a test that passes once only has failed.
const ROUNDS: usize = 2;

/// A suite of a client.
pub struct Suite {
    /// Of its checkout, and of the list of what is not to pass.
    pub name: &'static str,
    /// What of its checkout is there when it is built as its own documents say.
    built: &'static str,
    /// The fewest tests that pass: a suite that is skipped whole is not a good one.
    floor: u64,
    /// Runs every test once, against a broker of its own.
    run: fn(&Round) -> Result<Outcomes>,
}

pub const SUITES: &[Suite] = &[
    librdkafka::SUITE,
    franz_go::SUITE,
    python::KAFKA_PYTHON,
    python::CONFLUENT_KAFKA_PYTHON,
    python::AIOKAFKA,
];

/// What a suite is run with.
struct Round<'a> {
    checkout: PathBuf,
    /// The broker's program.
    binary: &'a Path,
    expected: &'a Expected,
    /// The directory of what is installed.
    cache: &'a Path,
    /// A directory for what the tests say, and for files of the suite.
    work: PathBuf,
}

/// Where the suites are, what they judge, and where they leave what they say.
pub struct Place<'a> {
    pub checkouts: &'a Path,
    pub binary: &'a Path,
    pub cache: &'a Path,
    pub logs: &'a Path,
}

impl Suite {
    /// Runs all twice; returns the line of counts, or what is wrong.
    pub fn judge(&self, place: &Place) -> Result<String> {
        let list = Path::new(SCRIPTS).join("expected").join(self.name);
        let expected = Expected::read(&list.with_extension("txt"))?;
        let start = Instant::now();
        let mut outcomes: Option<Outcomes> = None;
        for round in 1..=ROUNDS {
            let new = self.round(place, &expected, round)?;
            println!("   round {round}: {}", new.counts());
            outcomes = Some(match outcomes {
                Some(earlier) => earlier.and(&new),
                None => new,
            });
        }
        let outcomes = outcomes.context("there is no round")?;
        let comparison = expected.compare(&outcomes);
        for test in &comparison.old {
            println!(
                "   {test} does not fail: take it out of `{}`",
                list.display()
            );
        }
        let counts = outcomes.counts();
        let left_out = expected.left_out().count();
        let line = format!(
            "{} passed, {} failed ({} expected), {} skipped, {left_out} left out, {:.0} s",
            counts.passed,
            counts.failed,
            comparison.expected,
            counts.skipped,
            start.elapsed().as_secs_f32()
        );
        if !comparison.unexpected.is_empty() {
            let tests = comparison.unexpected.join("\n    ");
            bail!("{line}; these are not to fail:\n    {tests}");
        }
        if counts.passed < self.floor {
            bail!("{line}; at least {} must pass", self.floor);
        }
        Ok(format!(" ({line})"))
    }

    fn round(&self, place: &Place, expected: &Expected, round: usize) -> Result<Outcomes> {
        let checkout = place.checkouts.join(self.name);
        let built = checkout.join(self.built);
        if !built.exists() {
            let built = built.display();
            bail!(
                "`{built}` is not there: have the checkout of {} there, built",
                self.name
            );
        }
        let checkout = checkout.canonicalize().context("find the checkout")?;
        let work = place.logs.join(self.name).join(round.to_string());
        std::fs::create_dir_all(&work).context("make a directory for what the tests say")?;
        let work = work.canonicalize().context("find that directory")?;
        (self.run)(&Round {
            checkout,
            binary: place.binary,
            expected,
            cache: place.cache,
            work,
        })
    }
}

impl Round<'_> {
    /// Starts a broker with these settings, and stops it in order when the tests are done.
    fn with_broker<T>(&self, settings: &str, test: impl FnOnce(&Broker) -> Result<T>) -> Result<T> {
        self.with_users(settings, &[], test)
    }

    /// As [`with_broker`](Self::with_broker), with users of SCRAM.
    fn with_users<T>(
        &self,
        settings: &str,
        users: &[&str],
        test: impl FnOnce(&Broker) -> Result<T>,
    ) -> Result<T> {
        let dir = tempfile::tempdir().context("make a directory for the broker")?;
        let mut broker = Broker::start_with(self.binary, dir.path(), settings, users)?;
        let result = test(&broker)?;
        broker
            .stop()
            .context("the broker has not lived through it")?;
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_has_a_list_of_what_is_not_to_pass() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for suite in SUITES {
            let list = root.join(SCRIPTS).join("expected").join(suite.name);
            Expected::read(&list.with_extension("txt")).unwrap();
        }
    }
}
