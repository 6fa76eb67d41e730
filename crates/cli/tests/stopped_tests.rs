//! Signals that come while `millrace test` runs.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::fs;
use std::io::Write;
use std::path::Path;

use millrace_testkit::millrace::{self, Millrace};
use millrace_testkit::poll::{self, PATIENCE};
use rustix::process::Signal;

/// The number that a command has written into a file.
fn started(file: &Path) -> u32 {
    let read = || {
        fs::read_to_string(file)
            .ok()?
            .strip_suffix('\n')?
            .parse()
            .ok()
    };
    poll::until("the command to start", PATIENCE, read).unwrap()
}

/// Waits until a process is gone; one that nobody reaps is gone too.
fn wait_for_end(process: u32) {
    let is_gone = || match fs::read_to_string(format!("/proc/{process}/stat")) {
        Ok(stat) => stat
            .rsplit_once(')')?
            .1
            .trim_start()
            .starts_with('Z')
            .then_some(()),
        Err(_) => Some(()),
    };
    poll::until("the command to end", PATIENCE, is_gone).unwrap();
}

#[test]
fn a_signal_ends_the_tests_and_the_commands_that_they_have_started() {
    let command =
        "{ name: sh, args_mapping: 'root = [\"-c\", \"echo $$ > FILE; exec sleep 1000\"]' }";
    let subprocess = "{ name: sh, args: [ -c, 'echo $$ > FILE; exec sleep 1000' ] }";
    for (processor, signal, code) in [
        (format!("command: {command}"), Signal::TERM, 143),
        (format!("command: {command}"), Signal::INT, 130),
        (format!("subprocess: {subprocess}"), Signal::TERM, 143),
        (
            format!("parallel: {{ processors: [ {{ command: {command} }} ] }}"),
            Signal::TERM,
            143,
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("number");
        let processor = processor.replace("FILE", file.to_str().unwrap());
        let config = format!(
            "
pipeline: {{ processors: [ {{ label: one, noop: {{}} }} ] }}
tests:
  - {{ name: holds, input_batch: [{{}}], output_batches: [[{{}}]] }}
  - name: hangs
    mocks: {{ one: {{ {processor} }} }}
    input_batch: [{{}}]
    output_batches: [[{{}}]]
  - {{ name: never, input_batch: [{{}}], output_batches: [[{{}}]] }}
"
        );
        let path = folder.path().join("config.yaml");
        fs::write(&path, config).unwrap();
        let mut run = millrace::command().unwrap();
        run.arg("test")
            .arg("config.yaml")
            .current_dir(folder.path());
        let mut process = Millrace::start(&mut run).unwrap();
        let number = started(&file);
        process.signal(signal).unwrap();
        let status = process.wait(PATIENCE).unwrap();
        let said = process.stderr_lines();
        assert_eq!(status.code(), Some(code), "{said:?}");
        let stopped = "stopped in 'config.yaml', after 1 test";
        assert!(said.iter().any(|it| it == stopped), "{said:?}");
        assert_eq!(process.stdout_lines(), [""; 0]);
        wait_for_end(number);
    }
}

#[test]
fn a_test_that_does_not_stop_is_given_up_and_its_commands_are_killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("number");
    let config = format!(
        "
pipeline:
  processors:
    - subprocess: {{ name: sh, args: [ -c, 'echo $$ > {}; exec cat' ] }}
    - json_schema: {{ schema_path: 'file:///dev/stdin' }}
tests:
  - {{ name: hangs, input_batch: [{{}}], output_batches: [[{{}}]] }}
",
        file.display()
    );
    let path = folder.path().join("config.yaml");
    fs::write(&path, config).unwrap();
    // The second processor is built when the standard input ends.
    let (reader, mut stdin) = std::io::pipe().unwrap();
    let mut run = millrace::command().unwrap();
    run.arg("test").arg(&path).stdin(reader);
    let mut process = Millrace::start_with_stdin(&mut run).unwrap();
    stdin.write_all(b" ").unwrap();
    let is_read = || Ok(rustix::io::ioctl_fionread(&stdin)? == 0);
    poll::until_ok("the standard input to be read", PATIENCE, is_read).unwrap();
    let number = started(&file);
    process.signal(Signal::TERM).unwrap();
    process
        .wait_for_stderr("received SIGTERM; stopping", PATIENCE)
        .unwrap();
    process.signal(Signal::INT).unwrap();
    let status = process.wait(PATIENCE).unwrap();
    let said = process.stderr_lines();
    assert_eq!(status.code(), Some(143), "{said:?}");
    assert!(said.iter().any(|it| it.contains("is given up")), "{said:?}");
    wait_for_end(number);
}
