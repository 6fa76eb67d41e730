//! What a run shows on a terminal, and what it does not show elsewhere.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::process::{Child, Command, Stdio};

const ERASE: &str = "\r\u{1b}[2K";

/// The two ends of a terminal.
fn terminal() -> (File, File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let slave = OpenOptions::new()
        .read(true)
        .write(true)
        .open(name)
        .unwrap();
    (File::from(master), slave)
}

fn start(folder: &tempfile::TempDir, config: &str, stderr: Stdio) -> Child {
    start_with(folder, config, Stdio::null(), stderr)
}

fn start_with(folder: &tempfile::TempDir, config: &str, stdout: Stdio, stderr: Stdio) -> Child {
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, format!("http: {{ enabled: false }}\n{config}")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_millrace"))
        .arg("-c")
        .arg(path)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .unwrap()
}

/// Everything that is written to a terminal, until `seen` says so or its last writer is gone.
fn read(master: &mut File, text: &mut String, seen: impl Fn(&str) -> bool) {
    let mut bytes = [0; 4096];
    while !seen(text) {
        match master.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => text.push_str(&String::from_utf8_lossy(&bytes[..count])),
            // The other end is closed.
            Err(_) => break,
        }
    }
}

const SECONDS_LONG: &str = "
input: { generate: { mapping: 'root = \"x\"', interval: 100ms, count: 25 } }
buffer: { memory: {} }
output: { drop: {} }
";

#[test]
fn a_long_run_shows_its_progress_and_at_its_end_both_sides_of_the_buffer() {
    let folder = tempfile::tempdir().unwrap();
    let (mut master, slave) = terminal();
    let mut child = start(&folder, SECONDS_LONG, slave.into());
    let mut text = String::new();
    read(&mut master, &mut text, |_| false);
    assert!(child.wait().unwrap().success(), "{text}");
    assert!(text.contains("0:00:01  received "), "{text}");
    assert!(
        text.contains(&format!("{ERASE}0:00:02  received ")),
        "{text}"
    );
    let (_, summary) = text.rsplit_once(ERASE).expect("the line is taken away");
    let (before, behind) = summary.split_once("behind the buffer").expect("two parts");
    for part in [before, behind] {
        assert!(part.contains("received             25"), "{text}");
        assert!(part.contains("delivered            25"), "{text}");
    }
}

#[test]
fn messages_that_go_to_the_terminal_are_not_mixed_with_a_line_of_progress() {
    let folder = tempfile::tempdir().unwrap();
    let (mut master, slave) = terminal();
    let config = SECONDS_LONG.replace("drop", "stdout");
    let stdout = slave.try_clone().unwrap();
    let mut child = start_with(&folder, &config, stdout.into(), slave.into());
    let mut text = String::new();
    read(&mut master, &mut text, |_| false);
    assert!(child.wait().unwrap().success(), "{text}");
    assert_eq!(
        text.lines().filter(|it| it.trim() == "x").count(),
        25,
        "{text}"
    );
    assert!(!text.contains(ERASE) && !text.contains("0:00:0"), "{text}");
    assert!(text.contains("behind the buffer"), "{text}");
}

#[test]
fn messages_that_go_elsewhere_leave_the_line_of_progress() {
    let folder = tempfile::tempdir().unwrap();
    let (mut master, slave) = terminal();
    let mut child = start(
        &folder,
        &SECONDS_LONG.replace("drop", "stdout"),
        slave.into(),
    );
    let mut text = String::new();
    read(&mut master, &mut text, |_| false);
    assert!(child.wait().unwrap().success(), "{text}");
    assert!(text.contains("0:00:01  received "), "{text}");
}

#[test]
fn the_summary_names_failed_processing_and_the_file_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let (mut master, slave) = terminal();
    let out = folder.path().join("out.txt");
    let config = format!(
        "
input: {{ generate: {{ mapping: 'root.n = counter()', interval: 0s, count: 5 }} }}
pipeline: {{ processors: [ {{ mapping: 'root = if this.n == 2 {{ throw(\"no\") }}' }} ] }}
output: {{ file: {{ path: {} }} }}
",
        out.display()
    );
    let mut child = start(&folder, &config, slave.into());
    let mut text = String::new();
    read(&mut master, &mut text, |_| false);
    assert!(child.wait().unwrap().success(), "{text}");
    assert!(
        text.contains(
            "delivered             5   (1 written although a processor had failed on them)"
        ),
        "{text}"
    );
    assert!(
        text.contains(&format!("written to   {}", out.display())),
        "{text}"
    );
}

#[test]
fn what_is_no_terminal_gets_whole_log_lines_and_no_progress() {
    let folder = tempfile::tempdir().unwrap();
    let child = start(&folder, SECONDS_LONG, Stdio::piped());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.is_empty());
    for line in text.lines() {
        assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
    }
}

#[test]
fn what_a_memory_buffer_loses_when_the_time_is_over_is_reported_as_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (mut master, slave) = terminal();
    let config = "
input: { generate: { mapping: 'root = \"x\"', interval: 0s, count: 5 } }
buffer: { memory: {} }
output: { inproc: nobody }
shutdown_timeout: 100ms
";
    let mut child = start(&folder, config, slave.into());
    let mut text = String::new();
    // The line of progress says that the buffer has taken them all.
    read(&mut master, &mut text, |text| {
        text.contains("received 5  delivered 0")
    });
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    read(&mut master, &mut text, |_| false);
    assert!(!child.wait().unwrap().success(), "{text}");
    assert!(
        text.contains("5 messages were lost with the buffer"),
        "{text}"
    );
    assert!(
        text.contains("dropped               5   (buffer_shutdown: 5)"),
        "{text}"
    );
}
