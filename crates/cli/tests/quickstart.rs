//! The quickstart, run once more than it has to be.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::process::Command;

#[test]
fn a_second_run_answers_no_city_again() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.ndjson");
    let run = || {
        let output = Command::new(env!("CARGO_BIN_EXE_millrace"))
            .args(["run", "examples/quickstart.yaml"])
            .current_dir(root)
            .env("OUT", &out)
            .env("BUFFER", folder.path().join("buffer.db"))
            .output()
            .unwrap();
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
