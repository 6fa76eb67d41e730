//! What messages can make the log say again and again is bounded, counted, and never silent.

use std::process::Stdio;

use millrace_testkit::poll::{self, PATIENCE};
use millrace_testkit::port::free_port;
use millrace_testkit::{http, millrace};

use super::{Setup, contains, end, pipe};

const MESSAGES: u64 = 2000;

/// A query that fails with another text for each message.
const FAILS: &str = "throw(\"no \" + content().string())";

/// The lines that name a message, and how many of them the log says it has left out.
fn told(stderr: &str) -> (u64, u64) {
    let lines = stderr.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let is_of_message = line["message"].as_str().unwrap().contains("no text");
        let left_out = line["left_out"].as_u64().unwrap_or(0);
        (u64::from(is_of_message), left_out)
    });
    lines.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1))
}

/// Runs with as many different messages.
#[track_caller]
fn stays_short(config: &str, lines_of_each: u64) {
    let messages: String = (0..MESSAGES).map(|n| format!("no text {n}\n")).collect();
    let said = Setup::new(config).run_with(messages.as_bytes());
    let (lines, left_out) = told(&said.stderr);
    assert!((1..=100).contains(&lines), "{lines} lines: {config}");
    assert_eq!(lines + left_out, lines_of_each * MESSAGES, "{config}");
}

#[test]
fn processors_that_fail_on_each_message_tell_a_few_and_count_the_rest() {
    for processor in [
        "metric: { type: counter_by, name: m, value: '${! content() }' }".to_owned(),
        "sleep: { duration: '${! content() }' }".to_owned(),
        format!("while: {{ check: '{FAILS}', processors: [ noop: {{}} ] }}"),
        format!("log: {{ message: x, level: DEBUG, fields_mapping: 'root.a = {FAILS}' }}"),
        format!("group_by: [ {{ check: '{FAILS}', processors: [] }} ]"),
    ] {
        let level = "logger: { level: DEBUG }\n";
        stays_short(
            &format!("{level}{}", pipe(&format!("{{ {processor} }}"))),
            1,
        );
    }
    let cached = format!(
        "cache_resources: [ {{ label: c, memory: {{}} }} ]\n{}",
        pipe(&format!(
            "{{ cached: {{ cache: c, key: k, skip_on: '{FAILS}', processors: [ noop: {{}} ] }} }}"
        ))
    );
    stays_short(&cached, 1);
}

#[test]
fn outputs_and_policies_that_fail_on_each_message_tell_a_few_and_count_the_rest() {
    let writes = |output: &str| {
        format!(
            "http: {{ enabled: false }}
input: {{ stdin: {{}} }}
output: {{ {output} }}
cache_resources: [ {{ label: c, memory: {{}} }} ]
"
        )
    };
    let switch = format!(
        "switch: {{ cases: [ {{ check: '{FAILS}', output: {{ drop: {{}} }} }}, {{ output: {{ drop: {{}} }} }} ] }}"
    );
    stays_short(&writes(&switch), 1);
    let batching = format!(
        "broker: {{ outputs: [ drop: {{}} ], batching: {{ count: 10, check: '{FAILS}' }} }}"
    );
    let said = Setup::new(&writes(&batching)).run_with(&b"no text\n".repeat(100));
    assert_eq!(said.code, Some(0));
    contains(&said.stderr, "batching check");
    for failing in [
        format!("file: {{ path: '${{! {FAILS} }}' }}"),
        format!("cache: {{ target: c, key: '${{! {FAILS} }}' }}"),
    ] {
        let output = format!("drop_on: {{ error: true, output: {{ {failing} }} }}");
        // The output tells why it fails, and `drop_on` that it drops the message.
        stays_short(&writes(&output), 2);
    }
}

#[test]
fn an_output_that_is_tried_for_ever_says_why_and_ends_with_the_stream() {
    let retrying = [
        "broker: { outputs: [ { reject: 'no way' }, { drop: {} } ], batching: { count: 1, period: 1ms, byte_size: 1 } }",
        "retry: { output: { reject: 'no way' } }",
        "switch: { retry_until_success: true, cases: [ { output: { fallback: [ { reject: 'no way' } ] } }, { output: { drop: {} } } ] }",
    ];
    for output in retrying {
        let port = free_port();
        let setup = Setup::new(&format!(
            "http: {{ address: '127.0.0.1:{port}' }}
input: {{ generate: {{ mapping: 'root = \"x\"', count: 1, interval: '' }} }}
output: {{ {output} }}
shutdown_timeout: 100ms
"
        ));
        let mut process = setup.start();
        // The child tells that it refuses, and the output above it that it goes on trying.
        let name = output.split(':').next().unwrap();
        let line =
            format!("\"send message: no way\",\"component\":\"{name}\",\"path\":\"root.output\"");
        process.wait_for_stderr(&line, PATIENCE).unwrap();
        let metrics = format!("http://127.0.0.1:{port}/metrics");
        poll::until("a counted failure", PATIENCE, || {
            let text = http::get(&metrics).ok()?.text();
            let mut lines = text.lines();
            let line = lines.find(|it| {
                it.starts_with("bento_output_error_total") && it.contains("\"root.output\"")
            })?;
            (!line.ends_with(" 0")).then_some(())
        })
        .unwrap();
        process.terminate(PATIENCE).unwrap();
        let said = end(process);
        contains(&said.stderr, "stopped before 1 message was delivered");
        assert!(!said.stderr.contains("did not stop in time"), "{output}");
    }
}

#[test]
fn a_command_that_ends_while_messages_are_written_is_told_with_how_many_it_had() {
    let setup = Setup::new(
        "http: { enabled: false }
input: { generate: { mapping: 'root = \"x\"', interval: 1ms } }
output: { subprocess: { name: sh, args: [ -c, 'read -r line' ] } }
",
    );
    let mut process = setup.start();
    let line = process
        .wait_for_stderr("messages that it was given since it started", PATIENCE)
        .unwrap();
    contains(&line, "command `sh` has ended: exit status: 0");
    contains(&line, "\"level\":\"warn\"");
    process.terminate(PATIENCE).unwrap();
    let mut lint = millrace::command().unwrap();
    lint.args(["lint", "--strict", "config.yaml"])
        .current_dir(setup.folder.path())
        .stdin(Stdio::null());
    let output = lint.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    contains(
        &said,
        "output subprocess acknowledges what the pipe has taken",
    );
}
