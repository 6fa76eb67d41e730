//! Inputs to which nobody says anything: they hear a stop, and take nothing after it.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::fs;
use std::io::{PipeWriter, Write};
use std::path::{Path, PathBuf};

use millrace_testkit::millrace::{self, Millrace};
use millrace_testkit::poll::PATIENCE;
use millrace_testkit::process::Signal;
use tempfile::TempDir;

struct Run {
    process: Millrace,
    stdin: PipeWriter,
    path: PathBuf,
    _folder: TempDir,
}

/// Runs an input before the standard output.
fn run(input: &str, flags: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    fs::write(&path, config(input)).unwrap();
    let (reader, stdin) = std::io::pipe().unwrap();
    let mut run = millrace::command().unwrap();
    run.arg("run").args(flags).arg(&path).stdin(reader);
    Run {
        process: Millrace::start_with_stdin(&mut run).unwrap(),
        stdin,
        path,
        _folder: folder,
    }
}

fn config(input: &str) -> String {
    format!("http: {{ enabled: false }}\ninput: {{ {input} }}\noutput: {{ stdout: {{}} }}\n")
}

impl Run {
    fn say(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").unwrap();
    }

    fn hear(&mut self, lines: &[&str]) {
        let printed = |it: &Millrace| (it.stdout_lines() == lines).then_some(());
        let what = format!("{lines:?}");
        self.process.wait_for(&what, PATIENCE, printed).unwrap();
    }

    /// Ends by itself, or because it was told to, and has failed at nothing.
    fn ends_well(&mut self) {
        let status = self.process.wait(PATIENCE).unwrap();
        assert!(
            status.success(),
            "{status}: {:?}",
            self.process.stderr_lines()
        );
    }
}

#[test]
fn a_stop_is_heard_while_an_input_waits() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let pipe = pipe.display();
    // Nobody has opened the named pipe for writing yet.
    for input in [
        "stdin: {}".to_owned(),
        "stdin: { scanner: { csv: { parse_header_row: false } } }".to_owned(),
        format!("file: {{ paths: [ '{pipe}' ] }}"),
        format!("csv: {{ paths: [ '{pipe}' ] }}"),
    ] {
        for signal in [Signal::TERM, Signal::INT] {
            let mut run = run(&input, &[]);
            if input.starts_with("stdin: {}") {
                run.say("one");
                run.hear(&["one"]);
            }
            let connected = "input is connected";
            run.process.wait_for_stderr(connected, PATIENCE).unwrap();
            run.process.signal(signal).unwrap();
            run.ends_well();
        }
    }
}

#[test]
fn read_until_ends_an_input_that_waits() {
    let mut idle = run(
        "read_until: { idle_timeout: 100ms, input: { stdin: {} } }",
        &[],
    );
    idle.say("one");
    idle.hear(&["one"]);
    idle.ends_well();
    let check = "read_until: { check: 'content() == \"end\"', input: { stdin: {} } }";
    let mut checked = run(check, &[]);
    checked.say("end");
    checked.ends_well();
    assert_eq!(checked.process.stdout_lines(), ["end"]);
}

#[test]
fn a_config_that_takes_over_reads_what_comes_after_it() {
    let mut run = run("stdin: {}", &["--watcher"]);
    run.say("one");
    run.hear(&["one"]);
    change(&run.path);
    let is_connected = |it: &String| it.contains("input is connected");
    let has_taken_over = |it: &Millrace| {
        let connected = it
            .stderr_lines()
            .iter()
            .filter(|it| is_connected(it))
            .count();
        (connected == 2).then_some(())
    };
    run.process
        .wait_for("the changed config", PATIENCE, has_taken_over)
        .unwrap();
    run.say("two");
    run.say("three");
    run.hear(&["one", "TWO", "THREE"]);
    run.process.signal(Signal::TERM).unwrap();
    run.ends_well();
}

#[test]
fn a_config_that_takes_over_loses_nothing_of_what_was_read_ahead() {
    let scanners = [
        "lines: {}",
        "csv: { parse_header_row: false }",
        "chunker: { size: 6 }",
    ];
    for scanner in scanners {
        let input = format!("stdin: {{ scanner: {{ {scanner} }} }}");
        let mut run = run(&input, &["--watcher"]);
        let numbers = (0..4000).map(|it| format!("{it:05}"));
        let text: String = numbers.map(|it| it + "\n").collect();
        // The cut is within a message.
        let (first, rest) = text.split_at(text.len() / 2 + 3);
        run.stdin.write_all(first.as_bytes()).unwrap();
        fs::write(&run.path, config(&input) + "logger: { level: INFO }\n").unwrap();
        run.stdin.write_all(rest.as_bytes()).unwrap();
        let all_came = |it: &Millrace| {
            let lines = it.stdout_lines();
            let numbers = lines
                .iter()
                .flat_map(|it| it.split(|it: char| !it.is_ascii_digit()));
            let count = numbers.filter(|it| it.len() == 5).count();
            (count == 4000).then_some(())
        };
        run.process.wait_for(scanner, PATIENCE, all_came).unwrap();
        run.process.signal(Signal::TERM).unwrap();
        run.ends_well();
    }
}

fn change(path: &Path) {
    let louder = "{ threads: 1, processors: [ { mapping: 'root = content().uppercase()' } ] }";
    let changed = format!("{}pipeline: {louder}\n", config("stdin: {}"));
    fs::write(path, changed).unwrap();
}
