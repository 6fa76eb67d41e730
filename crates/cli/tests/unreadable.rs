//! What others write into the topic of a buffer over the listeners of the log.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use millrace_testkit::http::post;
use millrace_testkit::kafka::{Client, Compression, batch, claimed};
use millrace_testkit::millrace::{Millrace, command, output};
use millrace_testkit::poll::{self, PATIENCE};
use millrace_testkit::port::free_port;
use serde_json::Value;

const TOPIC: &str = "millrace-buffer";

/// A pipeline with a buffer in a log that takes what it did not open.
struct Pipeline {
    dir: tempfile::TempDir,
    broker: SocketAddr,
    http: u16,
}

impl Pipeline {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            broker: ([127, 0, 0, 1], free_port()).into(),
            http: free_port(),
        }
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    /// Starts it with this output, and waits until it is served.
    fn start(&self, output: &str) -> Millrace {
        let file = self.dir.path().join("config.yaml");
        let text = format!(
            "
http: {{ enabled: false }}
log:
  log.dirs: '{}'
  listeners: PLAINTEXT://{}
  record.validation: headers
input: {{ http_server: {{ address: '127.0.0.1:{}', path: /p }} }}
buffer: {{ log: {{}} }}
output: {output}
",
            self.dir.path().join("log").display(),
            self.broker,
            self.http,
        );
        std::fs::write(&file, text).unwrap();
        let mut command = command().unwrap();
        let mut process = Millrace::start(command.arg("run").arg(&file)).unwrap();
        let is_up = |it: &Value| it["message"] == "input is connected";
        process.wait_for_log("the input", PATIENCE, is_up).unwrap();
        process
    }

    fn start_to_file(&self) -> Millrace {
        let path = self.out();
        self.start(&format!(
            "{{ file: {{ path: '{}', codec: lines }} }}",
            path.display()
        ))
    }

    fn post(&self, text: &str) {
        let url = format!("http://127.0.0.1:{}/p", self.http);
        assert_eq!(post(&url, text.as_bytes()).unwrap().status, 200);
    }

    fn produce(&self, batch: Bytes) {
        let answer = Client::connect(self.broker).produce(TOPIC, 0, batch);
        assert_eq!(answer.error_code, 0, "{:?}", answer.error_message);
    }

    fn wait_for_out(&self, expected: &str) {
        poll::until_ok("the output", PATIENCE, || {
            Ok(std::fs::read_to_string(self.out()).unwrap_or_default() == expected)
        })
        .unwrap();
    }
}

fn garbage() -> Bytes {
    claimed(Compression::Gzip, 1, b"this is no gzip")
}

fn wait_for_error(process: &mut Millrace, part: &str) {
    let is_it = |it: &Value| {
        it["level"] == "error" && it["message"].as_str().is_some_and(|it| it.contains(part))
    };
    process.wait_for_log(part, PATIENCE, is_it).unwrap();
}

/// How many messages behind the buffer were dropped, by the closing report.
fn dropped(process: &Millrace) -> u64 {
    let logs = process.logs();
    let report = logs.iter().rev().find(|it| !it["dropped"].is_null());
    report.unwrap()["dropped"].as_u64().unwrap()
}

#[test]
fn a_batch_that_cannot_be_read_holds_up_what_is_behind_it_and_is_told_until_it_is_removed() {
    let pipeline = Pipeline::new();
    let mut process = pipeline.start("{ reject: 'no' }");
    pipeline.post("one");
    pipeline.produce(garbage());
    pipeline.produce(batch(&[b"foreign"]));
    pipeline.post("two");
    process.kill().unwrap();

    let mut process = pipeline.start_to_file();
    let remedy = "millrace topic delete-records millrace-buffer --partition 0 --before 2";
    wait_for_error(&mut process, remedy);
    pipeline.wait_for_out("one\n");
    assert_eq!(process.terminate(PATIENCE).unwrap().code(), Some(1));

    // Nothing comes again.
    let mut process = pipeline.start_to_file();
    wait_for_error(&mut process, remedy);
    let mut delete = command().unwrap();
    let words: Vec<&str> = remedy.split(' ').skip(1).collect();
    let broker = pipeline.broker.to_string();
    let delete = delete.args(words).args(["--bootstrap-servers", &broker]);
    assert!(output(delete, b"").unwrap().status.success());
    pipeline.wait_for_out("one\ntwo\n");
    wait_for_error(
        &mut process,
        "the record at offset 2 of topic `millrace-buffer` is dropped",
    );
    let status = process.terminate(PATIENCE).unwrap();
    assert!(status.success(), "{:?}", process.stderr_lines());
    assert_eq!(dropped(&process), 1);
}

#[test]
fn what_others_write_between_the_messages_of_a_run_is_dropped_and_counted() {
    let pipeline = Pipeline::new();
    let mut process = pipeline.start_to_file();
    pipeline.post("one");
    pipeline.produce(batch(&[b"foreign", b"more"]));
    pipeline.produce(garbage());
    pipeline.post("two");
    pipeline.wait_for_out("one\ntwo\n");
    wait_for_error(
        &mut process,
        "the batch at offset 3 of topic `millrace-buffer` is dropped",
    );
    assert!(process.terminate(PATIENCE).unwrap().success());
    assert_eq!(dropped(&process), 3);
    let mut process = pipeline.start_to_file();
    pipeline.post("three");
    pipeline.wait_for_out("one\ntwo\nthree\n");
    assert!(process.terminate(PATIENCE).unwrap().success());
    assert_eq!(dropped(&process), 0);
}
