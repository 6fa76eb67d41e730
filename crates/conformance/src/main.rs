//! Runs Bento's conformance cases against this build: `millrace-conformance DIR [--floor PERCENT]`.
//!
//! `DIR` holds files of cases, one JSON object a line; which there are, and what their rows mean, is
//! told in the `README.md` beside them. Each file has a module in [`files`], each kind of config case
//! one below it.
//!
//! # Processes
//!
//! Rows run in a worker process, so that none can end the run: a row that panics, hangs or kills its
//! process is a row that fails, and the next one runs in a new process ([`supervisor`], [`worker`]).
//! A row shares nothing with another but the variables of its process.

mod compare;
mod environment;
mod files;
mod messages;
mod report;
mod rows;
mod supervisor;
mod verdict;
mod workbench;
mod worker;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use report::Floors;

const USAGE: &str = "\
usage: millrace-conformance DIR [--floor PERCENT] [--floor FILE=PERCENT]

  runs every file of cases in DIR, lists what fails, and prints what passed. With a floor, the exit
  code is 1 when a file is below it; one failing row is always allowed below a floor of 100.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// What was asked for.
#[derive(Debug, PartialEq)]
struct Options {
    directory: PathBuf,
    floors: Floors,
}

fn options(arguments: &[String]) -> Result<Options> {
    let (mut directory, mut floors) = (None, Floors::NONE);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--floor") {
            Some("") => {
                let percent = arguments.next().context("`--floor` needs a percentage")?;
                floors.add(percent)?;
            }
            Some(rest) if rest.starts_with('=') => floors.add(&rest[1..])?,
            _ if argument.starts_with('-') => bail!("`{argument}` is no option\n\n{USAGE}"),
            _ if directory.is_none() => directory = Some(PathBuf::from(argument)),
            _ => bail!("`{argument}`: one directory is enough\n\n{USAGE}"),
        }
    }
    let directory = directory.with_context(|| format!("no directory\n\n{USAGE}"))?;
    Ok(Options { directory, floors })
}

/// Runs what was asked for; whether every file is above the floor.
fn run(arguments: &[String]) -> Result<bool> {
    if let Some(("--worker", rest)) = arguments
        .split_first()
        .map(|(first, rest)| (first.as_str(), rest))
    {
        return worker::run(rest).map(|()| true);
    }
    let Options { directory, floors } = options(arguments)?;
    let mut reports = Vec::new();
    for file in files::ALL {
        let path = directory.join(file.name);
        if path.is_file() {
            let report = supervisor::run(file, &path)?;
            say(&report.to_string());
            reports.push(report);
        }
    }
    if reports.is_empty() {
        bail!("{}: there is no file of cases", directory.display());
    }
    for name in others(&directory)? {
        say(&format!(
            "{name}: holds no cases, or none that are known; not run"
        ));
    }
    say(&report::table(&reports, &floors));
    Ok(reports.iter().all(|it| it.passes(&floors)))
}

/// The other files of rows in the directory, which would otherwise be passed over in silence.
fn others(directory: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(directory)
        .with_context(|| format!("read the folder `{}`", directory.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_known = files::ALL.iter().any(|file| file.name == name);
        if name.ends_with(".jsonl") && !is_known {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[allow(
    clippy::print_stdout,
    reason = "the report is what this program is for"
)]
fn say(text: &str) {
    println!("{text}");
}

#[allow(clippy::print_stderr, reason = "there is no log to complain to")]
fn complain(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        options(&words)
    }

    #[test]
    fn a_floor_stands_before_or_behind_the_directory() {
        for line in ["cases --floor 99", "--floor=99 cases"] {
            let options = parsed(line).expect("good arguments");
            assert_eq!(options.directory, PathBuf::from("cases"));
            assert_eq!(options.floors.of("config_cases.jsonl").to_string(), "99 %");
        }
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for line in [
            "",
            "a b",
            "a --floor",
            "a --floor 101",
            "a --flor 9",
            "a --floor x=9",
            "--worker",
        ] {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            assert!(run(&words).is_err(), "{line}");
        }
    }
}
