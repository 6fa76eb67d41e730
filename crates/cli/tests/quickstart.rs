//! The quickstart, run once more than it has to be, and killed.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The quickstart, with its files in this folder.
fn quickstart(folder: &Path) -> Command {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command
        .args(["run", "examples/quickstart.yaml"])
        .current_dir(root)
        .env("OUT", folder.join("out.ndjson"))
        .env("LOG", folder.join("log"));
    command
}

#[test]
fn nothing_is_lost_when_it_is_killed_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.ndjson");
    let size = || std::fs::metadata(&out).map_or(0, |it| it.len());
    let mut kills = 0;
    loop {
        let before = size();
        let mut run = quickstart(folder.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Every run gets further, and none is killed that does not.
        let ended = loop {
            match run.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if size() > before + 12_000 => break None,
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        if let Some(status) = ended {
            assert!(status.success());
            break;
        }
        run.kill().unwrap();
        run.wait().unwrap();
        kills += 1;
    }
    assert!(kills > 2, "killed {kills} times");
    let answers = std::fs::read_to_string(&out).unwrap();
    let answered: BTreeSet<String> = answers
        .lines()
        .map(|line| {
            let answer: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(answer["mayor"].is_string(), "{line}");
            answer["id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(answered.len(), 1000);
}

#[test]
fn a_second_run_answers_no_city_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.ndjson");
    let run = || {
        let output = quickstart(folder.path()).output().unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{log}");
        log
    };
    let count = |log: &str, what: &str| {
        let line = log
            .lines()
            .find(|it| it.contains("behind the buffer"))
            .unwrap();
        let fields: serde_json::Value = serde_json::from_str(line).unwrap();
        fields[what].as_u64().unwrap()
    };
    let first = run();
    assert_eq!(
        (count(&first, "delivered"), count(&first, "filtered")),
        (1000, 0)
    );
    let answers = std::fs::read_to_string(&out).unwrap();
    assert_eq!(answers.lines().count(), 1000);
    let second = run();
    assert_eq!(
        (count(&second, "delivered"), count(&second, "filtered")),
        (0, 1000)
    );
    assert_eq!(std::fs::read_to_string(&out).unwrap(), answers);
}
