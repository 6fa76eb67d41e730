//! `cargo xtask interop`: real clients against a broker that is killed under them, and Kafka's own
//! reader of what it has left on the disk.

mod broker;
mod clients;
mod files;
mod install;
mod story;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use millrace_testkit::{programs, python};

use crate::packages;
use crate::test_counts::TestCounts;
use broker::Broker;
use clients::{CLIENTS, Client};

/// The name under which what the broker has left is judged.
const FILES: &str = "files";

/// Runs the clients; true when all is well.
pub fn run(arguments: &[String]) -> Result<bool> {
    let (chosen, binary) = parse(arguments)?;
    let cache = python::cache()?;
    let dir = tempfile::tempdir().context("make a directory for the broker")?;
    let mut verdicts = Verdicts::default();
    // Each client says by itself what it lacks.
    let programs = [programs::CLIENTS, &[programs::PYTHON]].concat();
    if let Err(error) = packages::install(&programs) {
        eprintln!("error: {error:#}");
    }
    let mut broker = Broker::start(&binary, dir.path())?;
    for client in chosen {
        verdicts.add(client.name, || {
            let mut command = (client.begin)(&cache).context("install it")?;
            command.args([&broker.address(), client.name]);
            story::run(&mut command, &mut broker)?;
            Ok(String::new())
        });
    }
    verdicts.add(FILES, || {
        broker.stop()?;
        let files = files::check(&install::kafka(&cache)?, &broker.data)?;
        Ok(format!(" ({files}, after {} crashes)", broker.kills))
    });
    Ok(verdicts.report())
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

fn parse(arguments: &[String]) -> Result<(Vec<&'static Client>, PathBuf)> {
    let (mut chosen, mut binary) = (Vec::new(), None);
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let value = rest.next();
        let value = value.with_context(|| format!("`{flag}` needs a value"))?;
        match flag.as_str() {
            "--only" => {
                for name in value.split(',') {
                    let found = CLIENTS.iter().find(|it| it.name == name);
                    let names: Vec<_> = CLIENTS.iter().map(|it| it.name).collect();
                    let help = || format!("`{name}` is no client: use {}", names.join(", "));
                    chosen.push(found.with_context(help)?);
                }
            }
            "--binary" => binary = Some(PathBuf::from(value)),
            other => bail!("`{other}` is no option of `cargo xtask interop`"),
        }
    }
    if chosen.is_empty() {
        chosen.extend(CLIENTS);
    }
    Ok((chosen, crate::test::binary(binary, &[])?))
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn an_unknown_client_is_refused() {
        let words = ["--only", "kcat,nobody"].map(str::to_owned);
        assert!(parse(&words).is_err());
    }
}
