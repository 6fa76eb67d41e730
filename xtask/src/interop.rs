//! `cargo xtask interop`: real clients against a broker that is killed under them, and Kafka's own
//! reader of what it has left on the disk.

mod broker;
mod clients;
mod files;
mod install;
mod options;
mod story;
mod suites;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use millrace_testkit::programs::{self, Program};
use millrace_testkit::python;

use crate::packages;
use crate::test_counts::TestCounts;
use broker::Broker;
use clients::JAVA;
use options::Options;

/// The name under which what the broker has left is judged.
const FILES: &str = "files";

/// Runs the clients, and the suites that are asked for; true when all is well.
pub fn run(arguments: &[String]) -> Result<bool> {
    judge(&options::parse(arguments)?)
}

/// As [`run`], with the part of the clients that every change is tried with.
pub fn run_in_ci() -> Result<bool> {
    judge(&options::in_ci())
}

fn judge(options: &Options) -> Result<bool> {
    let binary = crate::test::binary(options.binary.clone(), &[])?;
    let cache = python::cache()?;
    let mut verdicts = Verdicts::default();
    // Each client says by itself what it lacks.
    if let Err(error) = packages::install(&needed(options)) {
        eprintln!("error: {error:#}");
    }
    if !options.clients.is_empty() {
        run_stories(options, &binary, &cache, &mut verdicts)?;
    }
    for suite in &options.suites {
        let place = suites::Place {
            checkouts: &options.checkouts,
            binary: &binary,
            cache: &cache,
            logs: &options.logs,
        };
        verdicts.add(&format!("{SUITE}{}", suite.name), || suite.judge(&place));
    }
    Ok(verdicts.report())
}

/// What is needed of Debian; a suite may need any of it.
fn needed(options: &Options) -> Vec<Program> {
    if !options.suites.is_empty() {
        return [programs::CLIENTS, &[programs::PYTHON]].concat();
    }
    let files: &[Program] = if options.reads_files { JAVA } else { &[] };
    let clients = options.clients.iter().flat_map(|it| it.programs);
    clients.chain(files).copied().collect()
}

/// What stands before the name of a suite, which may be that of a client.
const SUITE: &str = "suite:";

/// Runs the story of each client against one broker, and reads what it has left.
fn run_stories(
    options: &Options,
    binary: &Path,
    cache: &Path,
    verdicts: &mut Verdicts,
) -> Result<()> {
    let dir = tempfile::tempdir().context("make a directory for the broker")?;
    let mut broker = Broker::start(binary, dir.path())?;
    for client in &options.clients {
        verdicts.add(client.name, || {
            let mut command = (client.begin)(cache).context("install it")?;
            command.args([&broker.address(), client.name]);
            story::run(&mut command, &mut broker)?;
            Ok(String::new())
        });
    }
    if !options.reads_files {
        return broker.stop();
    }
    verdicts.add(FILES, || {
        broker.stop()?;
        let files = files::check(&install::kafka(cache)?, &broker.data)?;
        Ok(format!(" ({files}, after {} crashes)", broker.kills))
    });
    Ok(())
}

/// One line for each client, in the order in which they ran.
#[derive(Default)]
struct Verdicts {
    lines: Vec<String>,
    counts: TestCounts,
}

impl Verdicts {
    fn add(&mut self, name: &str, judge: impl FnOnce() -> Result<String>) {
        println!("== {name}");
        let start = Instant::now();
        let verdict = judge();
        let seconds = start.elapsed().as_secs_f32();
        self.lines.push(match verdict {
            Ok(remark) => {
                self.counts.passed += 1;
                format!("{seconds:>6.1} s  {name}: ok{remark}")
            }
            Err(error) => {
                self.counts.failed += 1;
                format!("{seconds:>6.1} s  {name}: failed: {error:#}")
            }
        });
    }

    /// Prints all; true when none has failed.
    fn report(&self) -> bool {
        println!();
        for line in &self.lines {
            println!("{line}");
        }
        println!("{}", self.counts);
        self.counts.failed == 0
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_client_that_cannot_be_installed_is_a_failure() {
        let mut verdicts = Verdicts::default();
        verdicts.add("good", || Ok(String::new()));
        assert!(verdicts.report());
        verdicts.add("absent", || bail!("no such package"));
        assert!(!verdicts.report());
        assert!(verdicts.lines[1].ends_with("absent: failed: no such package"));
        assert_eq!((verdicts.counts.passed, verdicts.counts.failed), (1, 1));
    }
}
