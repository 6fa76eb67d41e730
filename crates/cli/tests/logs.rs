//! What a run writes to its log.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::process::{Command, Stdio};

/// Runs a config; its log lines, and what it printed.
fn run(config: &str) -> (Vec<serde_json::Value>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, format!("http: {{ enabled: false }}\n{config}")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_millrace"))
        .arg("run")
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    let lines = told.lines().map(|it| serde_json::from_str(it).unwrap());
    let printed = String::from_utf8(output.stdout).unwrap();
    (lines.collect(), printed)
}

fn messages(lines: &[serde_json::Value]) -> Vec<&str> {
    lines
        .iter()
        .map(|it| it["message"].as_str().unwrap())
        .collect()
}

const FAILING: &str = r#"
input: { generate: { mapping: 'root.n = counter()', interval: 0s, count: 200 } }
pipeline:
  threads: 1
  processors:
    - mapping: |
        root = if this.n == 150 { throw("the rare one") } else if this.n % 2 == 0 { throw("the common one") }
output: { drop: {} }
"#;

#[test]
fn a_failure_that_repeats_does_not_hide_a_different_one() {
    let (lines, _) = run(FAILING);
    let messages = messages(&lines);
    let count = |what: &str| messages.iter().filter(|it| it.contains(what)).count();
    assert_eq!(count("the rare one"), 1, "{messages:?}");
    assert!((1..=20).contains(&count("the common one")), "{messages:?}");
    let left_out: u64 = lines.iter().filter_map(|it| it["left_out"].as_u64()).sum();
    let shown = count("the rare one") + count("the common one");
    assert_eq!(left_out + shown as u64, 100, "{lines:?}");
}

#[test]
fn what_is_empty_is_left_out_of_a_line() {
    let (lines, _) = run(FAILING);
    let failure = lines
        .iter()
        .find(|it| it["component"] == "mapping")
        .unwrap();
    assert_eq!(failure["path"], "root.pipeline.processors.0");
    assert_eq!(failure.get("label"), None, "{failure}");
    assert_eq!(failure.get("left_out"), None, "{failure}");
    let labelled = FAILING.replace("- mapping", "- label: tell\n      mapping");
    let (lines, _) = run(&labelled);
    assert!(lines.iter().any(|it| it["label"] == "tell"), "{lines:?}");
}

#[test]
fn the_summary_is_a_log_line_at_every_level_but_off() {
    let config = "
input: { generate: { mapping: 'root = \"x\"', interval: 0s, count: 3 } }
buffer: { memory: {} }
output: { stdout: {} }
";
    for level in ["WARN", "ERROR"] {
        let (lines, printed) = run(&format!("logger: {{ level: {level} }}\n{config}"));
        let expected = ["the run has ended", "the run has ended: behind the buffer"];
        assert_eq!(messages(&lines), expected);
        for line in &lines {
            assert_eq!(
                (&line["level"], &line["delivered"]),
                (&"info".into(), &3.into())
            );
        }
        assert_eq!(printed, "x\nx\nx\n");
    }
    let (lines, _) = run(&format!("logger: {{ level: OFF }}\n{config}"));
    assert_eq!(lines, [] as [serde_json::Value; 0]);
}
