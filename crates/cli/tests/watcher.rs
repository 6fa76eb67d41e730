//! `--watcher`: a changed config takes over while messages flow, and none is lost.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

#[path = "watcher/handing_over.rs"]
mod handing_over;

use std::collections::BTreeSet;
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
    for (text, reason) in [("", "the config is empty"), ("{}", "not used: it is empty")] {
        std::fs::write(&config, text).unwrap();
        process.wait_for_stderr(reason, PATIENCE).unwrap();
    }
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
