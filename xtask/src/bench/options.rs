//! The arguments of `cargo xtask bench`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::workload::{WORKLOADS, Workload};

/// A program that runs Bento's configuration with `-c FILE`.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    pub name: String,
    pub path: PathBuf,
}

/// What to measure.
#[derive(Debug, PartialEq)]
pub struct Options {
    /// The binary under test; without one a release build of this tree.
    pub binary: Option<PathBuf>,
    pub peers: Vec<Binary>,
    /// Names of workloads; empty means all.
    pub only: Vec<String>,
    pub threads: Vec<u32>,
    /// Measured rounds after the warm-up.
    pub repetitions: u32,
    /// Messages of a run, for every workload but HTTP.
    pub count: Option<u64>,
    /// How long the HTTP workload sends requests.
    pub load_time: Duration,
    /// Where the table is written as a page.
    pub write: Option<PathBuf>,
    /// The arguments as they were given, for the page.
    pub given: String,
}

impl Options {
    /// Reads the arguments.
    pub fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            binary: None,
            peers: Vec::new(),
            only: Vec::new(),
            threads: vec![1, 2],
            repetitions: 3,
            count: None,
            load_time: Duration::from_secs(10),
            write: None,
            given: arguments.join(" "),
        };
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            let value = rest
                .next()
                .with_context(|| format!("`{flag}` needs a value"))?;
            let number = || {
                let number = value.parse::<u64>().ok().filter(|number| *number > 0);
                number.with_context(|| format!("`{flag} {value}` is no number above 0"))
            };
            match flag.as_str() {
                "--binary" => options.binary = Some(PathBuf::from(value)),
                "--peer" => options.peers.push(peer(value)?),
                "--only" => options.only = names(value, WORKLOADS.iter().map(|it| it.name))?,
                "--threads" => options.threads = threads(value)?,
                "--reps" => options.repetitions = u32::try_from(number()?)?,
                "--count" => options.count = Some(number()?),
                "--seconds" => options.load_time = Duration::from_secs(number()?),
                "--write" => options.write = Some(PathBuf::from(value)),
                other => bail!("`{other}` is no option of `cargo xtask bench`"),
            }
        }
        Ok(options)
    }

    /// Whether the workload of that name was asked for.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|it| it == name)
    }

    /// How many messages a run of the workload has.
    pub fn messages(&self, workload: &Workload) -> u64 {
        self.count.unwrap_or(workload.messages)
    }
}

fn peer(value: &str) -> Result<Binary> {
    let (name, path) = value
        .split_once('=')
        .with_context(|| format!("`--peer {value}` is not `--peer NAME=PATH`"))?;
    let path = fs::canonicalize(path).with_context(|| format!("find the peer `{path}`"))?;
    Ok(Binary {
        name: name.to_owned(),
        path,
    })
}

/// Names of workloads with commas between them, each of them one that is known.
pub fn names(value: &str, known: impl Iterator<Item = &'static str>) -> Result<Vec<String>> {
    let names: Vec<String> = value.split(',').map(str::to_lowercase).collect();
    let known: Vec<&str> = known.collect();
    match names.iter().find(|it| !known.contains(&it.as_str())) {
        Some(unknown) => bail!("`{unknown}` is no workload: use {}", known.join(", ")),
        None => Ok(names),
    }
}

fn threads(value: &str) -> Result<Vec<u32>> {
    value
        .split(',')
        .map(|it| it.parse().ok().filter(|number| *number > 0))
        .collect::<Option<_>>()
        .with_context(|| format!("`--threads {value}` is no list of numbers above 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Options> {
        Options::parse(
            &words
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn options_are_read() {
        let options = parse(
            "--only B2,b6 --threads 1 --reps 5 --count 1000 --peer shell=/bin/sh --seconds 2",
        )
        .unwrap();
        assert!(options.wants("b2") && options.wants("b6") && !options.wants("b1"));
        assert_eq!(
            (options.threads.as_slice(), options.repetitions),
            (&[1][..], 5)
        );
        assert_eq!(options.messages(&WORKLOADS[0]), 1000);
        assert_eq!(options.peers[0].name, "shell");
        assert_eq!(options.load_time, Duration::from_secs(2));
        assert!(parse("").unwrap().wants("b1"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (words, named) in [
            ("--only b9", "b9"),
            ("--threads 0", "--threads 0"),
            ("--reps", "--reps"),
            ("--reps x", "--reps x"),
            ("--peer bento", "NAME=PATH"),
            ("--peer x=/no/such/file", "/no/such/file"),
            ("--fast yes", "--fast"),
        ] {
            let error = format!("{:#}", parse(words).unwrap_err());
            assert!(error.contains(named), "{words}: {error}");
        }
    }
}
