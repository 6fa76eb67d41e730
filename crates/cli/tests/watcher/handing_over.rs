//! What a replaced stream could not deliver goes to the changed config.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use millrace_testkit::http;
use millrace_testkit::millrace::{self, Millrace};
use millrace_testkit::poll::{self, PATIENCE};
use millrace_testkit::port::free_port;

use crate::{ready, start, takeovers};

/// A config that delivers nothing within its `shutdown_timeout`: `stage` waits for an hour.
fn stuck(source: &str, service: u16) -> String {
    format!(
        "http: {{ address: '127.0.0.1:{service}' }}
shutdown_timeout: 1s
{source}
pipeline: {{ threads: 1, processors: [ {{ sleep: {{ duration: 1h }} }} ] }}
output: {{ drop: {{}} }}
"
    )
}

/// A config that writes to a file at once.
fn writing(source: &str, service: u16, out: &Path) -> String {
    format!(
        "http: {{ address: '127.0.0.1:{service}' }}
{source}
pipeline: {{ threads: 1 }}
output: {{ file: {{ path: '{}', codec: lines }} }}
",
        out.display()
    )
}

const TAKEN_OVER: &str = "the changed config begins with them";

/// Waits until the log has said `times` that the changed config begins with messages.
fn taken_over(process: &mut Millrace, times: usize) {
    process
        .wait_for("what is taken over", PATIENCE, |it| {
            let logs = it.logs();
            let texts = logs.iter().filter_map(|it| it["message"].as_str());
            (texts.filter(|it| it.contains(TAKEN_OVER)).count() == times).then_some(())
        })
        .unwrap();
}

/// Waits until what the input reads has no room any more, for the buffer behind it has none.
fn full(service: u16) {
    poll::until("a full buffer", PATIENCE, || {
        let metrics = http::get(&format!("http://127.0.0.1:{service}/metrics")).ok()?;
        let depth = r#"millrace_queue_depth{label="",path="root.input"} 128"#;
        metrics.text().lines().any(|it| it == depth).then_some(())
    })
    .unwrap();
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn what_the_standard_input_gave_goes_to_the_changed_config() {
    const FIRST: usize = 150;
    let folder = tempfile::tempdir().unwrap();
    let (config, out) = (folder.path().join("config.yaml"), folder.path().join("out"));
    let service = free_port();
    let source = "input: { stdin: {}, processors: [ { mapping: 'root = content() + \"!\"' } ] }";
    std::fs::write(&config, stuck(source, service)).unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut command = millrace::command().unwrap();
    command.args(["run", "--watcher"]).arg(&config);
    command.stdin(reader);
    let mut process = Millrace::start_with_stdin(&mut command).unwrap();
    drop(command);
    let numbers = |numbers: std::ops::Range<usize>| -> Vec<u8> {
        numbers
            .flat_map(|it| format!("{it}\n").into_bytes())
            .collect()
    };
    writer.write_all(&numbers(0..FIRST)).unwrap();
    ready(service);
    // They go through another config that is stuck, too.
    std::fs::write(&config, stuck(source, service).replace("1h", "2h")).unwrap();
    taken_over(&mut process, 1);
    std::fs::write(&config, writing(source, service, &out)).unwrap();
    taken_over(&mut process, 2);
    writer.write_all(&numbers(FIRST..FIRST + 10)).unwrap();
    drop(writer);
    assert!(process.wait(PATIENCE).unwrap().success());
    // The processors of the input have seen each once.
    let wanted: Vec<_> = (0..FIRST + 10).map(|it| format!("{it}!")).collect();
    assert_eq!(lines(&out), wanted);
}

#[test]
fn what_a_buffer_in_memory_holds_goes_to_the_changed_config() {
    // Its other input keeps it open, so that what is collected has not left yet.
    let open = "input: { broker: { inputs: [
  { generate: { count: 500, interval: '', mapping: 'root = counter()' } },
  { http_server: { path: /post } } ] } }";
    let ending = "input: { generate: { count: 1, mapping: 'root = 501' } }";
    for (buffer, next_buffer) in [
        ("memory: {}", "none: {}"),
        ("memory: {}", "memory: {}"),
        (
            "memory: { batch_policy: { enabled: true, count: 7 } }",
            "none: {}",
        ),
        (
            "memory: { batch_policy: { enabled: true, count: 1000 } }",
            "none: {}",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (config, out) = (folder.path().join("config.yaml"), folder.path().join("out"));
        let service = free_port();
        let source = format!("{open}\nbuffer: {{ {buffer} }}");
        std::fs::write(&config, stuck(&source, service)).unwrap();
        let mut process = start(&config, &[]);
        ready(service);
        let source = format!("{ending}\nbuffer: {{ {next_buffer} }}");
        std::fs::write(&config, writing(&source, service, &out)).unwrap();
        taken_over(&mut process, 1);
        assert!(process.wait(PATIENCE).unwrap().success(), "{buffer}");
        let read: BTreeSet<u64> = lines(&out).iter().map(|it| it.parse().unwrap()).collect();
        assert_eq!(read, (1..=501).collect(), "{buffer}, then {next_buffer}");
    }
}

#[test]
fn what_no_config_takes_over_is_told_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    // Its output cannot go on, and what it read waits for a change that does not come.
    let folder_as_file = folder.path().join("out");
    std::fs::create_dir(&folder_as_file).unwrap();
    for (buffer, reason) in [("none", "stopped"), ("memory", "buffer_shutdown")] {
        let source = format!(
            "input: {{ generate: {{ count: 100, interval: '', mapping: 'root.n = counter()' }} }}
buffer: {{ {buffer}: {{}} }}"
        );
        let text = writing(&source, free_port(), &folder_as_file);
        std::fs::write(&config, text).unwrap();
        let mut process = start(&config, &[]);
        taken_over(&mut process, 1);
        assert_eq!(process.terminate(PATIENCE).unwrap().code(), Some(1));
        let logs = process.logs();
        let lost = |reason: &str| -> u64 {
            let counts = logs.iter().map(|it| &it["dropped_reasons"][reason]);
            counts.filter_map(serde_json::Value::as_u64).sum()
        };
        assert!(lost(reason) > 0, "{logs:?}");
        // What the buffer had no room for yet is still the input's; the input may have been stopped
        // before it had given all.
        let report = logs.iter().find(|it| it["message"] == "the run has ended");
        let received = report.and_then(|it| it["received"].as_u64()).unwrap();
        assert_eq!(
            lost("stopped") + lost("buffer_shutdown"),
            received,
            "{logs:?}"
        );
    }
}

#[test]
fn what_waits_on_disk_for_another_config_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    let rows = folder.path().join("rows.db");
    let service = free_port();
    let source = "input: { generate: { count: 100, interval: '', mapping: 'root.n = counter()' } }";
    let buffered = format!(
        "{source}\nbuffer: {{ sqlite: {{ path: '{}' }} }}",
        rows.display()
    );
    std::fs::write(&config, stuck(&buffered, service)).unwrap();
    let mut process = start(&config, &[]);
    ready(service);
    std::fs::write(&config, stuck(source, service)).unwrap();
    let part = "wait in the buffer of the earlier config";
    let line = process.wait_for_log("what is left", PATIENCE, |it| {
        it["message"].as_str().is_some_and(|it| it.contains(part))
    });
    let line = line.unwrap();
    assert!(line["messages"].as_u64().is_some_and(|it| it > 0), "{line}");
    process.kill().unwrap();
}

/// Starts with a pipe as the standard input, which is returned.
fn start_with_pipe(config: &Path) -> (Millrace, std::io::PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = millrace::command().unwrap();
    command.args(["run", "--watcher"]).arg(config);
    command.stdin(reader);
    (Millrace::start_with_stdin(&mut command).unwrap(), writer)
}

/// Waits until a change has taken over so often.
fn changed(process: &mut Millrace, times: usize) {
    let seen = process.wait_for("the takeover", PATIENCE, |it| {
        (takeovers(it) >= times).then_some(())
    });
    seen.unwrap();
}

#[test]
fn what_a_scanner_of_the_standard_input_holds_is_kept_over_a_change() {
    for (scanner, parts, wanted) in [
        (
            "lines: {}",
            ["abc\nd", "ef\ngh\n"],
            &["abc", "def", "gh"][..],
        ),
        (
            "csv: {}",
            ["id,name\n1,a\n2,", "b\n3,c\n"],
            &[
                r#"{"id":"1","name":"a"}"#,
                r#"{"id":"2","name":"b"}"#,
                r#"{"id":"3","name":"c"}"#,
            ][..],
        ),
        ("to_the_end: {}", ["abc", "def"], &["abcdef"][..]),
        (
            "json_documents: {}",
            [r#"{"a":1}{"i"#, r#"d":3}"#],
            &[r#"{"a":1}"#, r#"{"id":3}"#][..],
        ),
        (
            "chunker: { size: 4 }",
            ["abcdef", "ghij"],
            &["abcd", "efgh", "ij"][..],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (config, out) = (folder.path().join("config.yaml"), folder.path().join("out"));
        let service = free_port();
        let source = format!("input: {{ stdin: {{ scanner: {{ {scanner} }} }} }}");
        let text = writing(&source, service, &out);
        std::fs::write(&config, &text).unwrap();
        let (mut process, mut writer) = start_with_pipe(&config);
        ready(service);
        let [first, second] = parts;
        writer.write_all(first.as_bytes()).unwrap();
        // The place in the file is another one, the scanner is not.
        std::fs::write(&config, format!("# changed\n{text}")).unwrap();
        changed(&mut process, 1);
        ready(service);
        writer.write_all(second.as_bytes()).unwrap();
        drop(writer);
        assert!(process.wait(PATIENCE).unwrap().success(), "{scanner}");
        assert_eq!(lines(&out), wanted, "{scanner}");
    }
}

#[test]
fn a_changed_scanner_gets_what_the_earlier_one_has_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (config, out) = (folder.path().join("config.yaml"), folder.path().join("out"));
    let service = free_port();
    let text = |scanner: &str| {
        let source = format!("input: {{ stdin: {{ scanner: {{ {scanner} }} }} }}");
        writing(&source, service, &out)
    };
    std::fs::write(&config, text("lines: {}")).unwrap();
    let (mut process, mut writer) = start_with_pipe(&config);
    ready(service);
    writer.write_all(b"a\nb\n").unwrap();
    poll::until("two lines", PATIENCE, || {
        (lines(&out).len() == 2).then_some(())
    })
    .unwrap();
    std::fs::write(&config, text("chunker: { size: 2 }")).unwrap();
    changed(&mut process, 1);
    ready(service);
    writer.write_all(b"cdef").unwrap();
    drop(writer);
    assert!(process.wait(PATIENCE).unwrap().success());
    assert_eq!(lines(&out), ["a", "b", "cd", "ef"]);
}

#[test]
fn a_file_as_the_standard_input_is_read_once_over_changes() {
    const LINES: usize = 60_000;
    let folder = tempfile::tempdir().unwrap();
    let (config, out) = (folder.path().join("config.yaml"), folder.path().join("out"));
    let rows = folder.path().join("rows");
    let numbers: Vec<String> = (0..LINES).map(|it| it.to_string()).collect();
    std::fs::write(&rows, numbers.join("\n")).unwrap();
    let service = free_port();
    let source = "input: { stdin: {} }";
    std::fs::write(&config, stuck(source, service)).unwrap();
    let mut command = millrace::command().unwrap();
    command.args(["run", "--watcher"]).arg(&config);
    command.stdin(std::fs::File::open(&rows).unwrap());
    let mut process = Millrace::start_with_stdin(&mut command).unwrap();
    ready(service);
    std::fs::write(&config, writing(source, service, &out)).unwrap();
    assert!(process.wait(PATIENCE).unwrap().success());
    assert_eq!(lines(&out), numbers);
}

#[test]
fn a_full_buffer_leaves_nothing_of_the_standard_input_uncounted() {
    const LINES: usize = 40_000;
    let folder = tempfile::tempdir().unwrap();
    let (config, out) = (folder.path().join("config.yaml"), folder.path().join("out"));
    let rows = folder.path().join("rows.db");
    for (buffer, input) in [
        ("memory: { limit: 100000 }".to_owned(), "stdin: {}"),
        (
            format!(
                "sqlite: {{ path: '{}', max_bytes: 100000 }}",
                rows.display()
            ),
            "stdin: {}",
        ),
        (
            "memory: { limit: 100000 }".to_owned(),
            "broker: { inputs: [ { stdin: {} } ] }",
        ),
        (
            "memory: { limit: 100000 }".to_owned(),
            "read_until: { check: 'false', input: { stdin: {} } }",
        ),
        (
            "memory: { limit: 100000 }".to_owned(),
            "sequence: { inputs: [ { stdin: {} } ] }",
        ),
    ] {
        let service = free_port();
        let source = format!("input: {{ {input} }}\nbuffer: {{ {buffer} }}");
        std::fs::write(&config, stuck(&source, service)).unwrap();
        let (mut process, mut writer) = start_with_pipe(&config);
        ready(service);
        let text: String = (0..LINES).map(|it| format!("{it}\n")).collect();
        let writing_all = std::thread::spawn(move || writer.write_all(text.as_bytes()));
        full(service);
        // It is stuck twice, so that what waits is given on in between.
        std::fs::write(&config, stuck(&source, service).replace("1h", "2h")).unwrap();
        taken_over(&mut process, 1);
        let _ = std::fs::remove_file(&out);
        std::fs::write(&config, writing(&source, service, &out)).unwrap();
        assert!(
            process.wait(PATIENCE).unwrap().success(),
            "{buffer} {input}"
        );
        writing_all.join().unwrap().unwrap();
        let read: BTreeSet<u64> = lines(&out).iter().map(|it| it.parse().unwrap()).collect();
        assert_eq!(read.len(), LINES, "{buffer} {input}");
    }
}

#[test]
fn what_waits_keeps_its_order_and_a_standard_input_that_has_ended_ends_the_changed_config() {
    const LINES: usize = 200;
    let stuck_before = "pipeline: { threads: 1, processors: [ { sleep: { duration: 1h } } ] }";
    for (stage, output) in [
        (stuck_before, "drop: {}"),
        // What is being written is the oldest, and settles last.
        ("pipeline: { threads: 2, shard_by: '\"one\"' }", "reject: x"),
        (
            "pipeline: { threads: 1 }",
            "http_client: { url: 'http://127.0.0.1:9/', max_in_flight: 1 }",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (config, out) = (folder.path().join("config.yaml"), folder.path().join("out"));
        let service = free_port();
        let source = "input: { stdin: {} }";
        let text = stuck(source, service).replace(stuck_before, stage);
        std::fs::write(&config, text.replace("drop: {}", output)).unwrap();
        let (mut process, mut writer) = start_with_pipe(&config);
        let numbers: Vec<String> = (0..LINES).map(|it| it.to_string()).collect();
        writer.write_all(numbers.join("\n").as_bytes()).unwrap();
        drop(writer);
        process
            .wait_for_stderr("input is connected", PATIENCE)
            .unwrap();
        std::fs::write(&config, writing(source, service, &out)).unwrap();
        taken_over(&mut process, 1);
        assert!(
            process.wait(PATIENCE).unwrap().success(),
            "{stage} {output}"
        );
        assert_eq!(lines(&out), numbers, "{stage} {output}");
    }
}
