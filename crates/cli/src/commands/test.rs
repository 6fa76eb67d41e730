//! `test`: the unit tests of configs.

use std::fmt::Write;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use millrace_component::Registry;
use millrace_diagnostics::{printable, printable_line};
use millrace_node::unit_test::{Failure, Report, Settings, Stop, find};
use millrace_node::{expand_files, install_logs_of_tests, without_secrets, without_templates};

use super::config::components;
use super::{complain, print};
use crate::args::{ConfigArgs, TestArgs};

/// Runs the tests of the files named.
pub fn test(args: &TestArgs, first: &ConfigArgs) -> ExitCode {
    if !first.set.is_empty() {
        complain(
            "fields cannot be set with -s in unit tests: a test names what it changes in `mocks`",
        );
        return ExitCode::FAILURE;
    }
    let named = first.config_file.iter().map(|it| it.display().to_string());
    let paths: Vec<String> = named.chain(args.paths.iter().cloned()).collect();
    if paths.is_empty() {
        complain("nothing to test: name files or folders, as in `millrace test ./...`");
        return ExitCode::from(2);
    }
    let settings = Settings {
        resources: [&*first.resources, &args.resources].concat(),
        env_files: [&*first.env_file, &args.env_file].concat(),
    };
    let templates = [&*first.templates, &args.templates].concat();
    let Some(registry) = components(&templates) else {
        return ExitCode::FAILURE;
    };
    let files = expand_files(&paths, &["yaml", "yml"]);
    let tested = files
        .and_then(|files| without_templates(files, &templates))
        .and_then(|files| run(&files, args.log.as_deref(), &settings, &registry));
    match tested {
        Ok(End::Passed) => ExitCode::SUCCESS,
        Ok(End::Failed) => ExitCode::FAILURE,
        Ok(End::Stopped(signal)) => ExitCode::from(code_of(signal)),
        Err(reason) => {
            complain(&without_secrets(&reason));
            ExitCode::FAILURE
        }
    }
}

/// What the tests end with.
enum End {
    /// All of them hold.
    Passed,
    Failed,
    /// They were stopped by this signal.
    Stopped(&'static str),
}

/// The exit code of a process that a signal has stopped, as shells have it.
fn code_of(signal: &str) -> u8 {
    match signal {
        "SIGINT" => 130,
        _ => 143,
    }
}

/// Prints what becomes of the tests.
fn run(
    files: &[PathBuf],
    log: Option<&str>,
    settings: &Settings,
    registry: &Arc<Registry>,
) -> Result<End, String> {
    let _logs = log.map(install_logs_of_tests).transpose()?;
    let stop = Stop::at_signals(
        |signal| complain(&format!("received {signal}; stopping")),
        |signal| {
            complain("a test does not stop, and is given up");
            std::process::exit(code_of(signal).into());
        },
    )?;
    let targets = find(files, registry)?;
    let colours = Colours::of_stdout();
    if targets.is_empty() {
        let Colours { caution, end, .. } = colours;
        print(&format!("{caution}No tests were found{end}\n"));
        return Ok(End::Failed);
    }
    let (mut cases, mut failed) = (0, Vec::new());
    for target in &targets {
        let report = target.run(settings, registry, &stop);
        let name = target.config.display().to_string();
        let name = printable_line(&name);
        let Colours { good, bad, end, .. } = colours;
        cases += report.cases;
        if report.is_stopped {
            let cases = counted(cases, "test");
            complain(&format!("stopped in '{name}', after {cases}"));
            return Ok(End::Stopped(stop.signal().unwrap_or_default()));
        }
        if report.is_success() {
            print(&format!("Test '{name}' {good}succeeded{end}\n"));
        } else {
            print(&format!("Test '{name}' {bad}failed{end}\n"));
            failed.push((name.into_owned(), report));
        }
    }
    if !failed.is_empty() {
        let told: Vec<_> = failed
            .iter()
            .map(|(name, report)| told(name, report, colours))
            .collect();
        print(&format!(
            "\nFailures:\n\n{}",
            without_secrets(&told.join("\n"))
        ));
    }
    let (files, tests) = (counted(targets.len(), "config"), counted(cases, "test"));
    print(&match failed.len() {
        0 => format!("\n{tests} of {files} passed\n"),
        _ => format!("\n{tests} of {files}: {}\n", tally(&failed, cases)),
    });
    Ok(match failed.is_empty() {
        true => End::Passed,
        false => End::Failed,
    })
}

/// How many tests have passed and failed, and how many configs are wrong beside that.
fn tally(failed: &[(String, Report)], cases: usize) -> String {
    let wrong = failed.iter().map(|(_, report)| report.failed_cases()).sum();
    let mut text = format!("{} passed, {wrong} failed", cases.saturating_sub(wrong));
    let linted = failed.iter().filter(|(_, report)| !report.lints.is_empty());
    match linted.count() {
        0 => {}
        count => text.push_str(&format!(", {} with lint errors", counted(count, "config"))),
    }
    text
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        several => format!("{several} {what}s"),
    }
}

/// What failed of one config.
fn told(name: &str, report: &Report, colours: Colours) -> String {
    let mut text = format!("--- {name} ---\n");
    if !report.lints.is_empty() {
        text.push('\n');
    }
    for lint in &report.lints {
        // Writing to a text does not fail.
        let _ = writeln!(text, "Lint: {lint}");
    }
    let mut earlier = None;
    for failure in &report.failures {
        let Failure {
            name,
            case,
            reason,
            condition,
        } = failure;
        if earlier.replace(case) != Some(case) {
            // What is secret is known by its text, not by its escapes.
            let heading = without_secrets(&format!("{name} [{case}]:"));
            let _ = writeln!(text, "\n{}", printable_line(&heading));
        }
        let _ = writeln!(
            text,
            "{}",
            colours.reason(&printable(&without_secrets(reason)))
        );
        if let Some(condition) = condition {
            let condition = condition.to_string();
            let _ = writeln!(text, "  the condition: {}", printable_line(&condition));
        }
    }
    text
}

/// How parts of the output are set apart; empty where no person watches.
#[derive(Clone, Copy)]
struct Colours {
    good: &'static str,
    bad: &'static str,
    caution: &'static str,
    expected: &'static str,
    end: &'static str,
}

impl Colours {
    fn of_stdout() -> Self {
        if std::io::stdout().is_terminal() {
            Self {
                good: "\u{1b}[32m",
                bad: "\u{1b}[31m",
                caution: "\u{1b}[33m",
                expected: "\u{1b}[34m",
                end: "\u{1b}[0m",
            }
        } else {
            Self {
                good: "",
                bad: "",
                caution: "",
                expected: "",
                end: "",
            }
        }
    }

    /// A reason with what was expected and what was received set apart.
    fn reason(self, reason: &str) -> String {
        let Self {
            bad, expected, end, ..
        } = self;
        let line = |line: &str| {
            for (label, colour) in [
                ("  expected: ", expected),
                ("   pattern: ", expected),
                ("  received: ", bad),
            ] {
                if let Some(rest) = line.strip_prefix(label) {
                    return format!("{label}{colour}{rest}{end}");
                }
            }
            line.to_owned()
        };
        reason.lines().map(line).collect::<Vec<_>>().join("\n")
    }
}
