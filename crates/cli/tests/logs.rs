//! What a run writes to its log.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::process::{Command, Stdio};

/// Runs a config to its good end; its log lines, and what it printed.
fn run(config: &str) -> (Vec<serde_json::Value>, String) {
    let (lines, printed, code) = run_to_end(&format!("http: {{ enabled: false }}\n{config}"));
    assert_eq!(code, Some(0), "{lines:?}");
    (lines, printed)
}

/// Runs a config; its log lines, what it printed, and its exit code.
fn run_to_end(config: &str) -> (Vec<serde_json::Value>, String, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_millrace"))
        .arg("run")
        .arg(&path)
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let parsed = |it| serde_json::from_str(it).unwrap_or_else(|_| panic!("no log line: {it}"));
    let lines = told.lines().map(parsed).collect();
    let printed = String::from_utf8(output.stdout).unwrap();
    (lines, printed, output.status.code())
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

#[test]
fn the_reason_of_a_failing_run_is_a_log_line_in_the_chosen_format_at_every_level() {
    let config = "
http: { enabled: false }
input: { file: { paths: [ /no/such/file ] } }
output: { drop: {} }
";
    for level in ["INFO", "ERROR", "FATAL"] {
        let (lines, _, code) = run_to_end(&format!("logger: {{ level: {level} }}\n{config}"));
        assert_eq!(code, Some(1));
        let last = lines.last().unwrap();
        assert_eq!(last["level"], "fatal", "{lines:?}");
        let message = last["message"].as_str().unwrap();
        assert!(message.contains("open `/no/such/file`"), "{message}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    let told = |level: &str| {
        let logger = format!("logger: {{ format: logfmt, level: {level} }}");
        std::fs::write(&path, format!("{logger}\n{config}")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
        let output = command.arg("run").arg(&path).stdin(Stdio::null()).output();
        String::from_utf8(output.unwrap().stderr).unwrap()
    };
    let logfmt = told("INFO");
    assert!(logfmt.lines().all(|it| it.contains("level=")), "{logfmt}");
    // Who wants no logs still hears why the exit code is 1.
    let off = told("OFF");
    assert!(off.contains("open `/no/such/file`"), "{off}");
    assert!(off.lines().count() == 1 && !off.contains("level="), "{off}");
}

#[test]
fn the_address_that_the_http_server_listens_on_is_logged() {
    let config = "
http: { address: \"127.0.0.1:0\" }
input: { generate: { mapping: 'root = 1', count: 1 } }
output: { drop: {} }
";
    let (lines, _, _) = run_to_end(config);
    let line = lines.iter().find(|it| it["address"].is_string());
    let line = line.unwrap_or_else(|| panic!("{lines:?}"));
    assert_eq!(line["level"], "info");
    let address = line["address"].as_str().unwrap();
    assert!(
        address.starts_with("127.0.0.1:") && !address.ends_with(":0"),
        "{line}"
    );
}

#[test]
fn a_server_that_refuses_is_told_at_the_first_attempt_and_not_at_each_of_many() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    drop(held);
    let (lines, _) = run(&format!(
        "
input: {{ generate: {{ mapping: 'root = 1', interval: 0s, count: 200 }} }}
pipeline:
  processors:
    - http: {{ url: 'http://me:hidden1@127.0.0.1:{port}/a?token=hidden2', retries: 1, retry_period: 1ms }}
output: {{ drop: {{}} }}
"
    ));
    let told: Vec<_> = lines
        .iter()
        .filter(|it| {
            it["message"]
                .as_str()
                .unwrap()
                .contains("is tried again in")
        })
        .collect();
    assert!((1..10).contains(&told.len()), "{told:?}");
    let first = told[0];
    assert_eq!(
        (&first["level"], &first["component"], &first["path"]),
        (
            &"warn".into(),
            &"http".into(),
            &"root.pipeline.processors.0".into()
        )
    );
    let message = first["message"].as_str().unwrap();
    assert!(
        message.contains(&format!("http://127.0.0.1:{port}/a")),
        "{message}"
    );
    assert!(message.contains("onnection refused"), "{message}");
    let all = format!("{lines:?}");
    assert!(!all.contains("hidden"), "{all}");
}

#[test]
fn a_pattern_without_files_is_an_error_where_nothing_else_is_read_and_else_a_warning() {
    let output = "output: { drop: {} }\nhttp: { enabled: false }\n";
    for input in ["file", "csv"] {
        let config = format!("input: {{ {input}: {{ paths: [ '/no/such/*.x' ] }} }}\n{output}");
        let (lines, _, code) = run_to_end(&config);
        assert_eq!(code, Some(1));
        let last = lines.last().unwrap()["message"].as_str().unwrap();
        let expected = format!("`root.input.{input}`: paths: no file matches `/no/such/*.x`");
        assert!(last.contains(&expected), "{last}");
    }
    for input in [
        "file: { paths: [ '/no/such/*.x', config.yaml ] }",
        "sequence: { inputs: [ { file: { paths: [ '/no/such/*.x' ] } }, { file: { paths: [ config.yaml ] } } ] }",
    ] {
        let (lines, _, code) = run_to_end(&format!("input: {{ {input} }}\n{output}"));
        assert_eq!(code, Some(0), "{lines:?}");
        let warned = lines.iter().filter(|it| it["level"] == "warn");
        let warned: Vec<_> = warned.map(|it| it["message"].as_str().unwrap()).collect();
        assert_eq!(warned, ["paths: no file matches `/no/such/*.x`"]);
    }
}

#[test]
fn what_stays_in_a_buffer_on_disk_for_the_next_start_is_said_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    let config = "
http: { enabled: false }
input: { generate: { mapping: 'root = \"a message\"', interval: 0s, count: 20 } }
buffer: { sqlite: { path: b.db } }
pipeline: { threads: 1 }
output:
  drop: {}
  processors: [ { log: { message: here } }, { sleep: { duration: 600s } } ]
shutdown_timeout: 1ms
";
    std::fs::write(&path, config).unwrap();
    let mut command = millrace_testkit::millrace::command().unwrap();
    command
        .args(["run", "config.yaml"])
        .current_dir(folder.path());
    let mut process = millrace_testkit::millrace::Millrace::start(&mut command).unwrap();
    let patience = millrace_testkit::poll::PATIENCE;
    process.wait_for_stderr("here", patience).unwrap();
    process.terminate(patience).unwrap();
    let lines = process.stderr_lines();
    let behind = lines.iter().find(|it| it.contains("behind the buffer"));
    let behind = behind.unwrap_or_else(|| panic!("{lines:?}"));
    let behind: serde_json::Value = serde_json::from_str(behind).unwrap();
    let [kept, bytes] = ["kept", "kept_bytes"].map(|it| behind[it].as_u64().unwrap());
    assert!((1..=20).contains(&kept) && bytes >= 9 * kept, "{behind}");
    assert_eq!(behind["kept_in"], "b.db");
}

#[test]
fn a_statement_that_never_ends_does_not_hold_the_end_up() {
    let folder = tempfile::tempdir().unwrap();
    let config = "
http: { enabled: false }
input: { generate: { mapping: 'root = {}', count: 1 } }
pipeline:
  processors:
    - log: { message: here }
    - sql_raw:
        driver: sqlite
        dsn: 'file:endless.db'
        query: >
          WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c
output: { drop: {} }
shutdown_timeout: 1ms
";
    std::fs::write(folder.path().join("config.yaml"), config).unwrap();
    let mut command = millrace_testkit::millrace::command().unwrap();
    command
        .args(["run", "config.yaml"])
        .current_dir(folder.path());
    let mut process = millrace_testkit::millrace::Millrace::start(&mut command).unwrap();
    let patience = millrace_testkit::poll::PATIENCE;
    process.wait_for_stderr("here", patience).unwrap();
    let status = process.terminate(patience).unwrap();
    assert_eq!(status.code(), Some(1));
}
