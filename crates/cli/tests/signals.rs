//! Signals that come while a stream starts.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::io::{PipeWriter, Write};

use millrace_testkit::millrace::{self, Millrace};
use millrace_testkit::poll::{self, PATIENCE};
use millrace_testkit::port::free_port;
use rustix::process::Signal;

/// A config whose first processor is built when its standard input ends, and whose second one cannot
/// be built; the first one is being built.
fn start(folder: &tempfile::TempDir) -> (Millrace, PipeWriter) {
    let path = folder.path().join("config.yaml");
    let text = format!(
        "
http: {{ address: '127.0.0.1:{}' }}
input: {{ generate: {{ mapping: 'root = 1', count: 1 }} }}
pipeline:
  processors:
    - json_schema: {{ schema_path: 'file:///dev/stdin' }}
    - json_schema: {{ schema_path: 'file://{}' }}
output: {{ drop: {{}} }}
",
        free_port(),
        folder.path().join("none.json").display(),
    );
    std::fs::write(&path, text).unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut command = millrace::command().unwrap();
    command.arg("run").arg(path).stdin(reader);
    let process = Millrace::start_with_stdin(&mut command).unwrap();
    // Before it reads, a stop finds nothing that hangs.
    writer.write_all(b" ").unwrap();
    let is_read = || Ok(rustix::io::ioctl_fionread(&writer)? == 0);
    poll::until_ok("the standard input to be read", PATIENCE, is_read).unwrap();
    (process, writer)
}

#[test]
fn a_stop_while_the_stream_starts_ends_the_start_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, mut stdin) = start(&folder);
    process.signal(Signal::TERM).unwrap();
    let heard = "received SIGTERM while the stream starts";
    process.wait_for_stderr(heard, PATIENCE).unwrap();
    // Without the signal the second processor would fail now.
    stdin.write_all(b"{}").unwrap();
    drop(stdin);
    let status = process.wait(PATIENCE).unwrap();
    assert!(status.success(), "{:?}", process.stderr_lines());
}

#[test]
fn a_second_signal_ends_a_start_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, _stdin) = start(&folder);
    process.signal(Signal::TERM).unwrap();
    let heard = "received SIGTERM while the stream starts";
    process.wait_for_stderr(heard, PATIENCE).unwrap();
    process.signal(Signal::INT).unwrap();
    let status = process.wait(PATIENCE).unwrap();
    assert_eq!(status.code(), Some(1));
    let said = process.stderr_lines().join("\n");
    assert!(said.contains("could not be stopped in time"), "{said}");
}
