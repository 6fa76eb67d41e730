//! What the inputs and outputs of this crate promise as every component of their kind does, over
//! real connections.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use millrace_component::conformance::{self, End, Workbench};
use millrace_message::{Message, MessageBatch};
use millrace_testkit::http;
use millrace_testkit::http_server::{HttpServer, Reply, Request};
use millrace_testkit::poll::{self, PATIENCE};
use millrace_testkit::port::free_port;
use millrace_testkit::proxy::Proxy;

fn bench() -> Workbench {
    Workbench::new([
        millrace_components_http::INPUTS,
        millrace_components_http::OUTPUTS,
        millrace_components_io::SCANNERS,
    ])
}

/// A server that accepts everything but what says that it is bad.
fn server() -> HttpServer {
    HttpServer::start(|request| {
        let is_bad = request.text().contains("bad");
        Some(Reply::new(if is_bad { 400 } else { 200 }, ""))
    })
    .unwrap()
}

fn accepted(server: &HttpServer) -> Vec<String> {
    let requests = server.requests();
    let texts = requests.iter().map(Request::text);
    texts.filter(|text| !text.contains("bad")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn http_client_keeps_the_promises_of_an_output() {
    let server = server();
    let yaml = format!("http_client: {{ url: '{}/post' }}", server.url());
    conformance::output(|| bench().leaf_output(&yaml), || accepted(&server)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_client_recovers_from_a_cut_connection_as_an_output() {
    let server = server();
    let proxy = Proxy::start(server.address()).unwrap();
    let url = format!("http://{}/post", proxy.address());
    let leaf = bench().leaf_output(&format!("http_client: {{ url: '{url}', retries: 0 }}"));
    conformance::output_over_a_cut(leaf, || accepted(&server), || proxy.cut()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_client_recovers_from_a_restarted_server_as_an_output() {
    let server = server();
    let proxy = Proxy::start(server.address()).unwrap();
    let url = format!("http://{}/post", proxy.address());
    let leaf = bench().leaf_output(&format!("http_client: {{ url: '{url}', retries: 0 }}"));
    // Nobody listens for a while, and every connection is gone.
    let restart = || {
        proxy.down().unwrap();
        proxy.heal().unwrap();
    };
    conformance::output_over_a_cut(leaf, || accepted(&server), restart).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_client_names_the_messages_that_the_server_refuses() {
    let server = server();
    let url = server.url();
    let leaf = bench().leaf_output(&format!("http_client: {{ url: '{url}', retries: 0 }}"));
    let batch: MessageBatch = ["a", "bad", "c", "bad too"]
        .map(Message::from)
        .into_iter()
        .collect();
    conformance::output_refuses(leaf, batch, &[1, 3], || accepted(&server)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_client_keeps_the_promises_of_an_input() {
    let server = HttpServer::start(|request| {
        let body = match request.path.as_str() {
            "/stream" => "one\ntwo\nthree\n",
            _ => "answer",
        };
        Some(Reply::new(200, body))
    })
    .unwrap();
    let url = server.url();
    let polls = format!("http_client: {{ url: '{url}/poll' }}");
    let fresh = || bench().leaf_input(&polls);
    conformance::input_without_acks(fresh, End::Never, &["answer"; 5]).await;
    let stream = "stream: { enabled: true, reconnect: false }";
    let stream = format!("http_client: {{ url: '{url}/stream', {stream} }}");
    let fresh = || bench().leaf_input(&stream);
    conformance::input_without_acks(fresh, End::Comes, &["one", "two", "three"]).await;
}

/// Posts each message from a client of its own, again and again until it is accepted.
fn post_all(url: &str) -> impl FnMut(&[&str]) {
    move |payloads| {
        for payload in payloads {
            let (url, payload) = (url.to_owned(), (*payload).to_owned());
            std::thread::spawn(move || {
                let what = format!("{url} to accept {payload}");
                poll::until(&what, PATIENCE * 4, || {
                    let answer = http::post(&url, payload.as_bytes()).ok()?;
                    (answer.status == 200).then_some(())
                })
            });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_server_keeps_the_promises_of_an_input() {
    let address = format!("127.0.0.1:{}", free_port());
    let yaml = format!("http_server: {{ address: '{address}', path: /post }}");
    let url = format!("http://{address}/post");
    conformance::input_in_any_order(|| bench().input(&yaml), post_all(&url)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_server_recovers_from_a_cut_connection_as_an_input() {
    let address = format!("127.0.0.1:{}", free_port());
    let proxy = Proxy::start(&address).unwrap();
    let yaml = format!("http_server: {{ address: '{address}', path: /post }}");
    let url = format!("http://{}/post", proxy.address());
    conformance::input_over_a_cut(bench().input(&yaml), post_all(&url), || proxy.cut()).await;
}

/// A client that takes whatever an output offers, one answer after the other.
struct Taker {
    taken: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Taker {
    fn start(url: String) -> Self {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (all, ends) = (Arc::clone(&taken), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                match http::get(&url) {
                    Ok(answer) if answer.status == 200 => {
                        all.lock().unwrap().extend(messages(&answer));
                    }
                    // Nothing to take, or nobody there: ask again.
                    _ => std::thread::sleep(Duration::from_millis(1)),
                }
            }
        });
        Self {
            taken,
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// The messages of an answer: its body, or the parts of it.
fn messages(answer: &http::Response) -> Vec<String> {
    let text = answer.text();
    let kind = answer.header("content-type").unwrap_or_default();
    let Some((_, boundary)) = kind.split_once("boundary=") else {
        return vec![text];
    };
    let delimiter = format!("--{boundary}");
    let bodies = text.split(&delimiter).filter_map(|part| {
        let (_, body) = part.split_once("\r\n\r\n")?;
        Some(body.trim_end_matches("\r\n").to_owned())
    });
    bodies.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn http_server_keeps_the_promises_of_an_output() {
    let address = format!("127.0.0.1:{}", free_port());
    let yaml = format!("http_server: {{ address: '{address}', path: /get, timeout: 100ms }}");
    let taker = Taker::start(format!("http://{address}/get"));
    // A write returns when the answer was sent: the client may still be reading it.
    let mut expected = 0;
    let arrived = || {
        expected += if expected == 0 { 5 } else { 1 };
        let all = poll::until("the messages", PATIENCE, || {
            let taken = taker.taken.lock().unwrap().clone();
            (taken.len() >= expected).then_some(taken)
        });
        all.unwrap()
    };
    conformance::output(|| bench().leaf_output(&yaml), arrived).await;
}
