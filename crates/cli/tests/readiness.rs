//! What `/ready` says of a component that is not connected.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use millrace_testkit::http;
use millrace_testkit::millrace::{Millrace, command};
use millrace_testkit::poll::PATIENCE;
use millrace_testkit::port::free_port;

/// Answers as a Redis that does not know the password.
fn refuse(mut client: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = client.read(&mut buffer) {
        // Each command is a list, and gets an answer.
        let commands = buffer[..read].iter().filter(|it| **it == b'*').count();
        let answer = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
        if client
            .write_all(answer.repeat(commands).as_bytes())
            .is_err()
        {
            return;
        }
    }
}

#[test]
fn a_refused_login_is_told_as_an_error_at_each_attempt_and_by_ready() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || refuse(client));
        }
    });
    let service = free_port();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    let text = format!(
        "
http: {{ address: '127.0.0.1:{service}' }}
input: {{ redis_list: {{ url: 'redis://:planted-password@{address}', key: a }} }}
output: {{ redis_list: {{ url: 'redis://:planted-password@{address}', key: b }} }}
"
    );
    std::fs::write(&config, text).unwrap();
    let mut process = Millrace::run(&config, &[]).unwrap();
    let refused = |path: &'static str| {
        move |it: &serde_json::Value| {
            it["path"] == path && it["message"].as_str().unwrap().contains("not connected")
        }
    };
    for path in ["root.input", "root.output"] {
        let told = |it: &Millrace| {
            let lines: Vec<_> = it.logs().into_iter().filter(refused(path)).collect();
            (lines.len() >= 3).then_some(lines)
        };
        for line in process.wait_for("three attempts", PATIENCE, told).unwrap() {
            assert_eq!(line["level"], "error", "{line}");
            let message = line["message"].as_str().unwrap();
            assert!(message.contains("authentication failed"), "{line}");
            assert!(line["pause_ms"].is_number(), "{line}");
        }
    }
    let ready = http::get(&format!("http://127.0.0.1:{service}/ready")).unwrap();
    assert_eq!(ready.status, 503);
    let text = ready.text();
    for path in ["root.input", "root.output"] {
        let line = text.lines().find(|it| it.contains(path)).unwrap();
        assert!(
            line.contains(&format!(
                "redis_list at {path}: connect to redis at {address}"
            )),
            "{text}"
        );
        assert!(line.contains("authentication failed"), "{text}");
    }
    assert!(!text.contains("planted"), "{text}");
    assert!(process.terminate(PATIENCE).unwrap().success());
}

/// The broker, on a port that it has again when it is started again.
fn broker(data: &Path, port: u16) -> Millrace {
    let mut command = command().unwrap();
    command.args(["broker", "1", &port.to_string(), "--host", "127.0.0.1"]);
    let mut broker = Millrace::start(command.arg("--data").arg(data)).unwrap();
    let is_ready = |it: &serde_json::Value| it["message"] == "the broker is ready";
    broker
        .wait_for_log("the broker", PATIENCE, is_ready)
        .unwrap();
    broker
}

#[test]
fn a_broker_that_is_away_is_told_by_idle_inputs_and_outputs() {
    let folder = tempfile::tempdir().unwrap();
    let (port, service) = (free_port(), free_port());
    let mut first = broker(&folder.path().join("data"), port);
    let config = folder.path().join("config.yaml");
    let text = format!(
        "
http: {{ address: '127.0.0.1:{service}' }}
input:
  broker:
    inputs:
      - kafka: {{ addresses: [ 'localhost:{port}' ], topics: [ in ], consumer_group: a }}
      - kafka_franz: {{ seed_brokers: [ 'localhost:{port}' ], topics: [ in ], consumer_group: b }}
output:
  broker:
    outputs:
      - kafka: {{ addresses: [ 'localhost:{port}' ], topic: out }}
      - kafka_franz: {{ seed_brokers: [ 'localhost:{port}' ], topic: out }}
"
    );
    std::fs::write(&config, text).unwrap();
    let mut process = Millrace::run(&config, &[]).unwrap();
    let told = |status: u16, part: &'static str, count: usize| {
        move |_: &Millrace| {
            let ready = http::get(&format!("http://127.0.0.1:{service}/ready")).ok()?;
            let text = ready.text();
            (ready.status == status && text.matches(part).count() == count).then_some(())
        }
    };
    process
        .wait_for("all connected", PATIENCE, told(200, "refused", 0))
        .unwrap();
    first.kill().unwrap();
    process
        .wait_for("four outages", PATIENCE, told(503, "refused", 4))
        .unwrap();
    let _second = broker(&folder.path().join("data"), port);
    process
        .wait_for("all connected again", PATIENCE, told(200, "refused", 0))
        .unwrap();
    assert!(process.terminate(PATIENCE).unwrap().success());
}
