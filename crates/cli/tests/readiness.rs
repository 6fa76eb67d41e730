//! What `/ready` says of a component that is not connected.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use millrace_testkit::http;
use millrace_testkit::millrace::Millrace;
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
