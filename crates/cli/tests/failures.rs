//! Why a run has failed is said once, wherever somebody reads.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Configs whose runs fail as soon as they start, where that is, and what is wrong there.
const FAILING: &[(&str, &str, &str)] = &[
    (
        "input: { csv: { paths: [ /nowhere/a.csv ] } }",
        "`csv` at root.input: ",
        "open `/nowhere/a.csv`: No such file",
    ),
    (
        "output: { file: { path: /dev/null/a } }",
        "`file` at root.output: ",
        "open `/dev/null/a`: ",
    ),
    (
        "output: { subprocess: { name: /nowhere/a } }",
        "`subprocess` at root.output: ",
        "start command `/nowhere/a`: No such file",
    ),
    (
        "buffer: { sqlite: { path: /nowhere/a } }",
        "start: `sqlite` at root.buffer: path: ",
        "open `/nowhere/a`: No such file",
    ),
    (
        "pipeline: { processors: [ { json_schema: { schema_path: 'file:///nowhere/a' } } ] }",
        "start: `json_schema` at root.pipeline.processors.0: ",
        "load the schema `/nowhere/a`: No such file",
    ),
];

/// The config with an input and an output, where it has none.
fn whole(config: &str) -> String {
    let mut whole = format!("http: {{ enabled: false }}\n{config}\n");
    for other in [
        "input: { generate: { mapping: 'root = 1' } }",
        "output: { drop: {} }",
    ] {
        let (block, _) = other.split_once(':').unwrap();
        if !config.starts_with(block) {
            whole = format!("{whole}{other}\n");
        }
    }
    whole
}

fn start(folder: &Path, config: &str, stderr: Stdio) -> Child {
    let path = folder.join("config.yaml");
    std::fs::write(&path, config).unwrap();
    Command::new(env!("CARGO_BIN_EXE_millrace"))
        .arg("run")
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .unwrap()
}

#[track_caller]
fn said_once(said: &str, place: &str, what: &str) {
    assert!(said.contains(&format!("{place}{what}")), "{said}");
    assert_eq!(said.matches(what).count(), 1, "{said}");
}

#[test]
fn a_failure_is_said_once_in_logs_on_the_standard_error() {
    for (config, place, what) in FAILING {
        let folder = tempfile::tempdir().unwrap();
        let child = start(folder.path(), &whole(config), Stdio::piped());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        said_once(&String::from_utf8(output.stderr).unwrap(), place, what);
    }
}

#[test]
fn a_failure_is_said_once_in_a_file_of_logs_and_once_beside_it() {
    for (config, place, what) in FAILING {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        let logger = format!("logger: {{ file: {{ path: {} }} }}\n", logs.display());
        let config = whole(config) + &logger;
        let child = start(folder.path(), &config, Stdio::piped());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        said_once(&String::from_utf8(output.stderr).unwrap(), place, what);
        said_once(&std::fs::read_to_string(logs).unwrap(), place, what);
    }
}

#[test]
fn a_failure_is_said_once_on_a_terminal() {
    for (config, place, what) in FAILING {
        let folder = tempfile::tempdir().unwrap();
        let (mut master, slave) = terminal();
        let mut child = start(folder.path(), &whole(config), slave.into());
        let mut said = Vec::new();
        // It ends with an error when the other end is closed.
        let _closed = master.read_to_end(&mut said);
        assert_eq!(child.wait().unwrap().code(), Some(1));
        said_once(&String::from_utf8(said).unwrap(), place, what);
    }
}

/// The two ends of a terminal.
fn terminal() -> (File, File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let mut options = OpenOptions::new();
    let slave = options.read(true).write(true).open(name).unwrap();
    (File::from(master), slave)
}
