//! A broker that asks who its clients are, from its first user on, as operators run it.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::path::{Path, PathBuf};
use std::process::Output;

use millrace_testkit::millrace::{Millrace, command, output};
use millrace_testkit::poll::PATIENCE;

/// The files of a broker and of its clients.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let settings = [
            "node.id=1".to_owned(),
            "listeners=OUTSIDE://127.0.0.1:0".to_owned(),
            "listener.security.protocol.map=OUTSIDE:SASL_PLAINTEXT".to_owned(),
            "sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512".to_owned(),
            format!("log.dirs={}", place.path("data").display()),
        ];
        place.write("broker.properties", &settings.join("\n"));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// What a client is told that logs in.
    fn login(&self, user: &str, password: &str) -> PathBuf {
        let text = format!(
            "security.protocol=SASL_PLAINTEXT\n\
             sasl.mechanism=SCRAM-SHA-256\n\
             sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
             username=\"{user}\" password=\"{password}\";\n"
        );
        self.write(&format!("{user}-{password}.properties"), &text)
    }

    fn format(&self, more: &[&str]) -> Output {
        let mut command = command().unwrap();
        command.args(["broker", "format", "--config"]);
        command.arg(self.path("broker.properties")).args(more);
        output(&mut command, b"").unwrap()
    }

    fn start(&self) -> (Millrace, String) {
        let mut command = command().unwrap();
        command.args(["broker", "-c"]);
        let command = command.arg(self.path("broker.properties"));
        let mut broker = Millrace::start(command).unwrap();
        let is_ready = |it: &serde_json::Value| it["message"] == "the broker is ready";
        let ready = broker.wait_for_log("the broker", PATIENCE, is_ready);
        let address = ready.unwrap()["address"].as_str().unwrap().to_owned();
        (broker, address)
    }
}

/// Runs a command as somebody, or as nobody.
fn run(address: &str, login: Option<&Path>, args: &[&str], input: &str) -> (i32, String) {
    let mut command = command().unwrap();
    command.args(args).args(["--bootstrap-servers", address]);
    if let Some(login) = login {
        command.arg("--command-config").arg(login);
    }
    let output = output(&mut command, input.as_bytes()).unwrap();
    (output.status.code().unwrap(), said(&output))
}

fn said(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8(both).unwrap()
}

#[test]
fn the_first_user_makes_the_others_and_nobody_else_does() {
    let place = Place::new();
    let formatted = place.format(&[
        "--add-scram",
        "SCRAM-SHA-256=[name=alice,password=rabbit-7]",
    ]);
    assert_eq!(formatted.status.code(), Some(0), "{}", said(&formatted));
    assert!(said(&formatted).contains("of the new cluster"));
    let (mut broker, address) = place.start();
    let alice = place.login("alice", "rabbit-7");
    let (code, text) = run(&address, None, &["user", "list"], "");
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("login"), "{text}");
    let wrong = place.login("alice", "hatter-7");
    let (code, text) = run(&address, Some(&wrong), &["user", "list"], "");
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("SASL_AUTHENTICATION_FAILED"), "{text}");
    assert!(
        !text.contains("hatter-7") && !text.contains("rabbit-7"),
        "{text}"
    );
    let (code, text) = run(
        &address,
        Some(&alice),
        &["user", "set", "bob"],
        "march hare\n",
    );
    assert_eq!(code, 0, "{text}");
    let (code, text) = run(&address, Some(&alice), &["user", "list"], "");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("alice") && text.contains("bob"), "{text}");
    let bob = place.login("bob", "march hare");
    let (code, text) = run(&address, Some(&bob), &["topic", "create", "orders"], "");
    assert_eq!(code, 0, "{text}");
    let (code, text) = run(&address, Some(&bob), &["produce", "orders"], "one\ntwo\n");
    assert_eq!(code, 0, "{text}");
    let consume = [
        "consume",
        "orders",
        "--from-beginning",
        "--max-messages",
        "2",
    ];
    let (code, text) = run(&address, Some(&bob), &consume, "");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("one\ntwo\n"), "{text}");
    let (code, text) = run(&address, Some(&alice), &["user", "delete", "bob"], "");
    assert_eq!(code, 0, "{text}");
    assert_eq!(run(&address, Some(&bob), &["topic", "list"], "").0, 1);
    let (code, text) = run(&address, Some(&alice), &["user", "delete", "bob"], "");
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("there is no user `bob`"), "{text}");
    assert!(broker.terminate(PATIENCE).unwrap().success());
}

#[test]
fn a_directory_is_formatted_once_and_a_password_is_never_shown() {
    let place = Place::new();
    for user in [
        "hunter2",
        "SCRAM-SHA-256=[name=a,password=hunter2,iterations=1]",
    ] {
        let refused = place.format(&["--add-scram", user]);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        assert!(!said(&refused).contains("hunter2"), "{}", said(&refused));
    }
    assert!(!place.path("data").exists());
    assert_eq!(place.format(&[]).status.code(), Some(0));
    let again = place.format(&[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(
        said(&again).contains("is formatted already"),
        "{}",
        said(&again)
    );
    assert_eq!(place.format(&["--ignore-formatted"]).status.code(), Some(0));
    let (mut broker, _) = place.start();
    let held = place.format(&["--ignore-formatted"]);
    assert_eq!(held.status.code(), Some(1));
    assert!(
        said(&held).contains("another process uses"),
        "{}",
        said(&held)
    );
    assert!(broker.terminate(PATIENCE).unwrap().success());
}
