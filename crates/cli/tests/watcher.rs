//! `--watcher`: a changed config takes over while messages flow, and none is lost.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use millrace_testkit::millrace::{self, Millrace};
use millrace_testkit::poll::{self, PATIENCE};
use millrace_testkit::port::free_port;
use millrace_testkit::{http, shared};

fn start(config: &Path, resources: &[&Path]) -> Millrace {
    let mut command = millrace::command().unwrap();
    command.args(["run", "--watcher"]).arg(config);
    for path in resources {
        command.arg("-r").arg(path);
    }
    Millrace::start(&mut command).unwrap()
}

fn ready(port: u16) {
    poll::until("readiness", PATIENCE, || {
        let answer = http::get(&format!("http://127.0.0.1:{port}/ready")).ok()?;
        (answer.status == 200).then_some(())
    })
    .unwrap();
}

/// How often the process has said that the change is in use.
fn takeovers(process: &Millrace) -> usize {
    let logs = process.logs();
    let of = |it: &&serde_json::Value| {
        it["message"]
            .as_str()
            .is_some_and(|it| it.contains("drains before the changed config"))
    };
    logs.iter().filter(of).count()
}

/// Sends numbered requests until told to stop; every one must be answered with 200.
fn clients(url: &str, stop: &AtomicBool, count: &AtomicU64) {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let number = count.fetch_add(1, Ordering::Relaxed);
                    let body = format!("{{\"n\":{number}}}");
                    let answer = http::post(url, body.as_bytes());
                    let answer = answer.expect("no connection is refused or cut");
                    assert_eq!(answer.status, 200, "{number}: {}", answer.text());
                }
            });
        }
    });
}

/// Runs clients over several changes of the config; returns what the file output has.
fn change_under_load(listen: &str, port: u16, service: u16) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    let out = folder.path().join("out.jsonl");
    let write = |version: usize| {
        let text = format!(
            "http: {{ address: '127.0.0.1:{service}' }}
input: {{ http_server: {{ path: /post{listen} }} }}
pipeline:
  processors:
    - mapping: 'root = this.assign({{\"version\": {version}}})'
output: {{ file: {{ path: '{}', codec: lines }} }}
",
            out.display()
        );
        std::fs::write(&config, text).unwrap();
    };
    write(0);
    let mut process = start(&config, &[]);
    ready(service);
    let url = format!("http://127.0.0.1:{port}/post");
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| clients(&url, &stop, &count));
        for version in 1..=3 {
            write(version);
            let marker = format!("\"version\":{version}");
            let seen = process.wait_for("the next version", PATIENCE, |_| {
                let text = std::fs::read_to_string(&out).ok()?;
                text.contains(&marker).then_some(())
            });
            if seen.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            seen.unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(process.terminate(PATIENCE).unwrap().success());
    let text = std::fs::read_to_string(&out).unwrap();
    let written: Vec<u64> = text
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["n"].as_u64().unwrap()
        })
        .collect();
    let distinct: BTreeSet<u64> = written.iter().copied().collect();
    assert_eq!(distinct.len(), written.len(), "nothing is written twice");
    let sent = count.load(Ordering::Relaxed);
    assert_eq!(distinct, (0..sent).collect(), "nothing is lost");
}

#[test]
fn requests_to_the_servers_own_port_are_all_answered_and_written_while_configs_change() {
    let port = free_port();
    change_under_load("", port, port);
}

#[test]
fn a_listener_of_an_input_stays_open_while_configs_change() {
    let (port, service) = (free_port(), free_port());
    change_under_load(&format!(", address: '127.0.0.1:{port}'"), port, service);
}

#[test]
fn a_config_that_does_not_lint_keeps_the_old_one_running_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    let port = free_port();
    let text = |mapping: &str| {
        format!(
            "http: {{ address: '127.0.0.1:{port}' }}
input: {{ http_server: {{}} }}
pipeline: {{ processors: [ {{ mapping: '{mapping}' }}, {{ sync_response: {{}} }} ] }}
output: {{ drop: {{}} }}
"
        )
    };
    std::fs::write(&config, text("root = \"one\"")).unwrap();
    let mut process = start(&config, &[]);
    ready(port);
    let url = format!("http://127.0.0.1:{port}/post");
    assert_eq!(http::post(&url, b"{}").unwrap().text(), "one");
    std::fs::write(&config, text("root = nope(")).unwrap();
    let told = process
        .wait_for_stderr("the changed config is not used", PATIENCE)
        .unwrap();
    assert!(told.contains("config.yaml(3,"), "{told}");
    assert_eq!(http::post(&url, b"{}").unwrap().text(), "one");
    std::fs::write(&config, text("root = \"two\"")).unwrap();
    poll::until("the mended config", PATIENCE, || {
        (http::post(&url, b"{}").ok()?.text() == "two").then_some(())
    })
    .unwrap();
    assert_eq!(takeovers(&process), 1);
    assert!(process.terminate(PATIENCE).unwrap().success());
}

/// A processor that lints clean: only building it finds out that its file is missing.
const UNBUILDABLE: &str = "{ json_schema: { schema_path: 'file:///nowhere/schema.json' } }";

#[test]
fn a_config_that_is_cut_off_or_a_pipe_keeps_the_old_one_running_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    let port = free_port();
    let text = |word: &str| {
        format!(
            "http: {{ address: '127.0.0.1:{port}' }}
input: {{ http_server: {{}} }}
pipeline: {{ processors: [ {{ mapping: 'root = \"{word}\"' }}, {{ sync_response: {{}} }} ] }}
output: {{ drop: {{}} }}
"
        )
    };
    std::fs::write(&config, text("one")).unwrap();
    let mut process = start(&config, &[]);
    ready(port);
    let url = format!("http://127.0.0.1:{port}/post");
    std::fs::write(&config, "").unwrap();
    process
        .wait_for_stderr("not used: it is empty", PATIENCE)
        .unwrap();
    assert_eq!(http::post(&url, b"{}").unwrap().text(), "one");
    let whole = text("cut off");
    let (head, _) = whole.split_once("output").unwrap();
    std::fs::write(&config, head).unwrap();
    process
        .wait_for_stderr("not used: it has no `output` any more", PATIENCE)
        .unwrap();
    std::fs::remove_file(&config).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&config).status();
    assert!(made.unwrap().success());
    process
        .wait_for_stderr("config.yaml is no regular file", PATIENCE)
        .unwrap();
    assert_eq!(http::post(&url, b"{}").unwrap().text(), "one");
    std::fs::remove_file(&config).unwrap();
    std::fs::write(&config, text("two")).unwrap();
    poll::until("the whole config", PATIENCE, || {
        (http::post(&url, b"{}").ok()?.text() == "two").then_some(())
    })
    .unwrap();
    assert_eq!(takeovers(&process), 1);
    assert!(process.terminate(PATIENCE).unwrap().success());
}

#[test]
fn a_config_that_cannot_be_started_gives_way_to_the_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    let port = free_port();
    let text = |first: &str| {
        format!(
            "http: {{ address: '127.0.0.1:{port}' }}
input: {{ http_server: {{ path: /post }} }}
pipeline: {{ processors: [ {first}, {{ mapping: 'root = \"here\"' }}, {{ sync_response: {{}} }} ] }}
output: {{ drop: {{}} }}
"
        )
    };
    std::fs::write(&config, text("{ noop: {} }")).unwrap();
    let mut process = start(&config, &[]);
    ready(port);
    std::fs::write(&config, text(UNBUILDABLE)).unwrap();
    process
        .wait_for_stderr("the earlier one goes on", PATIENCE)
        .unwrap();
    let answer = http::post(&format!("http://127.0.0.1:{port}/post"), b"{}").unwrap();
    assert_eq!(answer.text(), "here");
    assert!(process.terminate(PATIENCE).unwrap().success());
}

#[test]
fn a_config_that_cannot_go_on_waits_for_the_next_change() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    std::fs::write(folder.path().join("file"), "").unwrap();
    let port = free_port();
    let write = |name: &str, processor: &str| {
        let text = format!(
            "http: {{ address: '127.0.0.1:{port}' }}
input: {{ http_server: {{ path: /post }} }}
pipeline: {{ processors: [ {processor} ] }}
output: {{ file: {{ path: '{}' }} }}
",
            folder.path().join(name).display()
        );
        std::fs::write(&config, text).unwrap();
    };
    write("file/out", "{ noop: {} }");
    let mut process = start(&config, &[]);
    ready(port);
    let url = format!("http://127.0.0.1:{port}/post");
    assert!(http::post(&url, b"lost?").unwrap().status >= 400);
    process
        .wait_for_stderr(
            "a changed config is waited for: `file` at root.output: open",
            PATIENCE,
        )
        .unwrap();
    let answer = http::get(&format!("http://127.0.0.1:{port}/ready")).unwrap();
    assert_eq!(answer.status, 503, "nothing runs");
    // It cannot be started, and is no end either.
    write("out", UNBUILDABLE);
    process
        .wait_for_stderr("the next one is waited for", PATIENCE)
        .unwrap();
    write("out", "{ noop: {} }");
    poll::until("the mended config", PATIENCE, || {
        (http::post(&url, b"here").ok()?.status == 200).then_some(())
    })
    .unwrap();
    assert!(process.terminate(PATIENCE).unwrap().success());
    let text = std::fs::read_to_string(folder.path().join("out")).unwrap();
    assert_eq!(text, "here\n");
}

#[test]
fn a_config_that_cannot_go_on_and_is_not_mended_ends_with_its_error() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    std::fs::create_dir(folder.path().join("out")).unwrap();
    let text = format!(
        "http: {{ enabled: false }}
input: {{ generate: {{ mapping: 'root = 1', interval: 1ms }} }}
output: {{ file: {{ path: '{}' }} }}
",
        folder.path().join("out").display()
    );
    std::fs::write(&config, text).unwrap();
    let mut process = start(&config, &[]);
    process
        .wait_for_stderr(
            "a changed config is waited for: `file` at root.output: open",
            PATIENCE,
        )
        .unwrap();
    assert_eq!(process.terminate(PATIENCE).unwrap().code(), Some(1));
}

#[test]
fn a_file_of_resources_is_watched_too() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    let resources = folder.path().join("resources.yaml");
    let port = free_port();
    let resource = |word: &str| {
        let text =
            format!("processor_resources: [ {{ label: say, mapping: 'root = \"{word}\"' }} ]\n");
        std::fs::write(&resources, text).unwrap();
    };
    resource("one");
    let text = format!(
        "http: {{ address: '127.0.0.1:{port}' }}
input: {{ http_server: {{}} }}
pipeline: {{ processors: [ {{ resource: say }}, {{ sync_response: {{}} }} ] }}
output: {{ drop: {{}} }}
"
    );
    std::fs::write(&config, text).unwrap();
    let mut process = start(&config, &[&resources]);
    ready(port);
    let url = format!("http://127.0.0.1:{port}/post");
    assert_eq!(http::post(&url, b"{}").unwrap().text(), "one");
    resource("two");
    poll::until("the changed resource", PATIENCE, || {
        (http::post(&url, b"{}").ok()?.text() == "two").then_some(())
    })
    .unwrap();
    assert!(process.terminate(PATIENCE).unwrap().success());
}

#[test]
fn files_that_mappings_import_are_watched_too_and_those_that_these_import() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
    };
    let says = |word: &str| write("word.blobl", &format!("map word {{ root = \"{word}\" }}\n"));
    says("one");
    write(
        "say.blobl",
        "import \"word.blobl\"\nroot = this.apply(\"word\")\n",
    );
    let port = free_port();
    let text = format!(
        "http: {{ address: '127.0.0.1:{port}' }}
input: {{ http_server: {{}} }}
pipeline: {{ processors: [ {{ mapping: 'from \"say.blobl\"' }}, {{ sync_response: {{}} }} ] }}
output: {{ drop: {{}} }}
"
    );
    write("config.yaml", &text);
    let mut process = start(&folder.path().join("config.yaml"), &[]);
    ready(port);
    let url = format!("http://127.0.0.1:{port}/post");
    let answers = |word: &str| {
        poll::until("the changed mapping", PATIENCE, || {
            (http::post(&url, b"{}").ok()?.text() == word).then_some(())
        })
        .unwrap();
    };
    answers("one");
    says("two");
    answers("two");
    // One that does not compile is watched on, and so is what was imported before it.
    write("word.blobl", "map word {");
    process
        .wait_for_stderr("the changed config is not used", PATIENCE)
        .unwrap();
    says("three");
    answers("three");
    write("say.blobl", "root = \"alone\"\n");
    answers("alone");
    assert_eq!(takeovers(&process), 3);
    assert!(process.terminate(PATIENCE).unwrap().success());
}

#[test]
fn a_template_is_watched_too() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    let template = folder.path().join("say.yaml");
    let port = free_port();
    let says = |word: &str| {
        let mapping = format!("root.mapping = \"root = \\\"{word}\\\"\"");
        let text = format!("name: say\ntype: processor\nmapping: '{mapping}'\n");
        std::fs::write(&template, text).unwrap();
    };
    says("one");
    let text = format!(
        "http: {{ address: '127.0.0.1:{port}' }}
input: {{ http_server: {{}} }}
pipeline: {{ processors: [ {{ say: {{}} }}, {{ sync_response: {{}} }} ] }}
output: {{ drop: {{}} }}
"
    );
    std::fs::write(&config, text).unwrap();
    let mut command = millrace::command().unwrap();
    command.args(["run", "--watcher", "-t"]);
    command.arg(&template).arg(&config);
    let mut process = Millrace::start(&mut command).unwrap();
    ready(port);
    let url = format!("http://127.0.0.1:{port}/post");
    assert_eq!(http::post(&url, b"{}").unwrap().text(), "one");
    says("two");
    poll::until("the changed template", PATIENCE, || {
        (http::post(&url, b"{}").ok()?.text() == "two").then_some(())
    })
    .unwrap();
    assert!(process.terminate(PATIENCE).unwrap().success());
}

#[test]
fn a_consumer_of_a_queue_hands_over_without_losing_a_message() {
    const MESSAGES: u64 = 300;
    let vhost = shared::rabbitmq();
    vhost.declare_queue("q1").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    let out = folder.path().join("out.jsonl");
    let write = |version: usize| {
        let text = format!(
            "http: {{ enabled: false }}
input: {{ amqp_0_9: {{ urls: [ '{}' ], queue: q1, prefetch_count: 20 }} }}
pipeline:
  threads: 1
  processors:
    - sleep: {{ duration: 2ms }}
    - mapping: 'root = {{\"n\": content().number(), \"version\": {version}}}'
output: {{ file: {{ path: '{}', codec: lines }} }}
",
            vhost.url(),
            out.display()
        );
        std::fs::write(&config, text).unwrap();
    };
    write(0);
    let mut process = start(&config, &[]);
    for number in 0..MESSAGES {
        vhost.publish("q1", &number.to_string()).unwrap();
        if number % 100 == 50 {
            write(usize::try_from(number).unwrap());
        }
    }
    let read = || -> BTreeSet<u64> {
        let text = std::fs::read_to_string(&out).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        lines
            .map(|line: serde_json::Value| line["n"].as_u64().unwrap())
            .collect()
    };
    // The numbers of the broker's own page lag behind.
    poll::until("every message", PATIENCE, || {
        (read() == (0..MESSAGES).collect()).then_some(())
    })
    .unwrap();
    process
        .wait_for("the last takeover", PATIENCE, |it| {
            (takeovers(it) >= 1).then_some(())
        })
        .unwrap();
    assert!(process.terminate(PATIENCE).unwrap().success());
    vhost
        .wait_for_depth("q1", PATIENCE, |depth| depth.total() == 0)
        .unwrap();
}

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
