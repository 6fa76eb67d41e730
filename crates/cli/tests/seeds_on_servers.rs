//! The configs of the operations guides that name a server, against that server: nothing but hosts
//! and ports is set, an input that is missing is generated, an output that is missing prints.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use millrace_testkit::http;
use millrace_testkit::http_server::{HttpServer, Reply};
use millrace_testkit::millrace::{self, Millrace};
use millrace_testkit::poll::{self, PATIENCE};
use millrace_testkit::port::free_port;
use millrace_testkit::rabbitmq::Vhost;
use millrace_testkit::shared;
use serde_json::{Value, json};

/// Messages that each config passes on.
const MESSAGES: usize = 20;

const GENERATED: &str = "input: { generate: { count: 20, interval: '', \
                         mapping: 'root.id = counter()' } }";

fn seed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/seeds")
        .join(name)
}

/// The text of a seed with more top-level lines, at the indentation that it has.
fn completed(name: &str, rest: &str) -> String {
    let text = std::fs::read_to_string(seed(name)).unwrap();
    let indent: String = text.chars().take_while(|it| *it == ' ').collect();
    format!("{text}\n{indent}{rest}\n")
}

fn start(config: &Path, settings: &[String], amqp_url: &str) -> Millrace {
    let mut command = millrace::command().unwrap();
    command.arg("run").arg(config).env("AMQP_URL", amqp_url);
    for setting in settings {
        command.args(["--set", setting]);
    }
    Millrace::start(&mut command).unwrap()
}

fn start_completed(name: &str, rest: &str, settings: &[String], amqp_url: &str) -> Millrace {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, completed(name, rest)).unwrap();
    let mut run = start(&path, settings, amqp_url);
    // The file is there until it has been read.
    run.wait_for("its first line", PATIENCE, |it| {
        it.stderr_lines().first().cloned()
    })
    .unwrap();
    run
}

/// The service's own port, apart from that of every other test.
fn own_port() -> String {
    format!("http.address=127.0.0.1:{}", free_port())
}

fn all_ids() -> BTreeSet<u64> {
    (1..=MESSAGES as u64).collect()
}

fn ids(payloads: impl IntoIterator<Item = String>) -> Vec<u64> {
    let payloads = payloads.into_iter();
    let id = |it: String| {
        let value: Value = serde_json::from_str(&it).unwrap();
        value["id"].as_u64().unwrap()
    };
    payloads.map(id).collect()
}

/// The payloads in a queue, once all are there.
fn arrived(vhost: &Vhost, queue: &str) -> Vec<String> {
    vhost
        .wait_for_depth(queue, PATIENCE, |it| it.ready >= MESSAGES as u64)
        .unwrap();
    let messages = vhost.take(queue, 2 * MESSAGES).unwrap();
    let payload = |it: &Value| it["payload"].as_str().unwrap().to_owned();
    messages.iter().map(payload).collect()
}

/// Sends the messages to a gateway of the first guide and returns what is in the queue then.
fn through_the_gateway(name: &str) -> Vec<Value> {
    let vhost = shared::rabbitmq();
    let address = format!("127.0.0.1:{}", free_port());
    let settings = [
        own_port(),
        format!("input.http_server.address={address}"),
        format!("output.amqp.url={}", vhost.url()),
    ];
    let mut gateway = start(&seed(name), &settings, "");
    let url = format!("http://{address}/api/gateway");
    poll::until("the gateway", PATIENCE, || {
        std::net::TcpStream::connect(&address).ok()
    })
    .unwrap();
    for id in 1..=MESSAGES {
        let answer = http::post(&url, format!("{{\"id\":{id}}}").as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
    let payloads = arrived(&vhost, "inference_requests");
    assert!(gateway.terminate(PATIENCE).unwrap().success(), "{name}");
    let parse = |it: &String| serde_json::from_str(it).unwrap();
    payloads.iter().map(parse).collect()
}

#[test]
fn the_gateway_of_the_config_map_gives_each_request_an_id_of_its_own() {
    let messages = through_the_gateway("1-configmap-gateway.yaml");
    let ids: Vec<u64> = messages
        .iter()
        .map(|it| it["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, Vec::from_iter(all_ids()));
    let requests: BTreeSet<&str> = messages
        .iter()
        .map(|it| it["request_id"].as_str().unwrap())
        .collect();
    assert_eq!(requests.len(), MESSAGES);
    assert!(requests.iter().all(|it| it.len() == 36), "{requests:?}");
}

#[test]
fn the_gateway_of_the_helm_values_passes_each_request_on_as_it_is() {
    let messages = through_the_gateway("1-helm-gateway.yaml");
    let wanted: Vec<Value> = all_ids().iter().map(|id| json!({"id": id})).collect();
    assert_eq!(messages, wanted);
}

#[test]
fn the_http_client_tries_again_until_the_service_is_back() {
    let asked = AtomicUsize::new(0);
    let service = HttpServer::start(move |request| {
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("POST", "/predict")
        );
        let is_first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        Some(Reply::new(if is_first { 503 } else { 200 }, ""))
    })
    .unwrap();
    let settings = [
        own_port(),
        format!("output.http_client.url={}/predict", service.url()),
    ];
    let mut run = start_completed("1-http-client-backoff.yaml", GENERATED, &settings, "");
    assert!(run.wait(PATIENCE).unwrap().success());
    let requests = service.requests();
    let bodies = ids(requests.iter().map(|it| it.text()));
    assert_eq!(
        bodies.len(),
        MESSAGES + 1,
        "one was refused once: {bodies:?}"
    );
    assert_eq!(BTreeSet::from_iter(bodies), all_ids());
}

#[test]
fn the_queue_output_puts_every_message_into_the_queue() {
    let vhost = shared::rabbitmq();
    vhost.declare_queue("q1").unwrap();
    let settings = [own_port()];
    let mut run = start_completed("2-amqp-output.yaml", GENERATED, &settings, &vhost.url());
    assert!(run.wait(PATIENCE).unwrap().success());
    let mut arrived = ids(arrived(&vhost, "q1"));
    arrived.sort_unstable();
    assert_eq!(arrived, Vec::from_iter(all_ids()));
}

#[test]
fn the_queue_input_takes_every_message_and_acknowledges_it() {
    let vhost = shared::rabbitmq();
    vhost.declare_queue("q1").unwrap();
    for id in all_ids() {
        vhost.publish("q1", &format!("{{\"id\":{id}}}")).unwrap();
    }
    let output = "output: { stdout: {} }";
    let mut run = start_completed("2-amqp-input.yaml", output, &[own_port()], &vhost.url());
    run.wait_for("all messages", PATIENCE, |it| {
        (it.stdout_lines().len() >= MESSAGES).then_some(())
    })
    .unwrap();
    assert!(run.terminate(PATIENCE).unwrap().success());
    // Two pipeline threads promise no order.
    let mut taken = ids(run.stdout_lines());
    taken.sort_unstable();
    assert_eq!(taken, Vec::from_iter(all_ids()));
    vhost
        .wait_for_depth("q1", PATIENCE, |it| it.total() == 0 && it.consumers == 0)
        .unwrap();
}
