//! The `http_server` output against clients that write bytes.

use std::sync::Arc;

use millrace_component::Output;
use millrace_message::{Message, MessageBatch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::testing::{free_address, send, workbench};

async fn output(fields: &str) -> (Arc<dyn Output>, String) {
    let address = free_address();
    let output = workbench().output(&format!(
        "http_server: {{ address: '{address}', {fields} }}"
    ));
    output.connect().await.unwrap();
    (output, address)
}

fn write(
    output: &Arc<dyn Output>,
    payloads: &[&str],
) -> tokio::task::JoinHandle<Result<(), millrace_component::WriteError>> {
    let batch: MessageBatch = payloads.iter().map(|&it| Message::from(it)).collect();
    let output = Arc::clone(output);
    tokio::spawn(async move { output.write(&batch).await })
}

fn get(address: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn a_message_is_delivered_when_a_client_takes_it_and_not_before() {
    let (output, address) = output("").await;
    let writing = write(&output, &["hello"]);
    tokio::task::yield_now().await;
    assert!(!writing.is_finished());
    let answer = send(&address, &get(&address, "/get")).await;
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    writing.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_batch_is_multipart() {
    let (output, address) = output("").await;
    let writing = write(&output, &["one", "two"]);
    let answer = send(&address, &get(&address, "/get")).await;
    assert!(
        answer.contains("content-type: multipart/form-data; boundary="),
        "{answer}"
    );
    assert!(answer.contains("\r\n\r\none\r\n--") && answer.contains("\r\n\r\ntwo\r\n--"));
    writing.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_without_a_message_is_a_408() {
    let (_output, address) = output("timeout: 10ms").await;
    let answer = send(&address, &get(&address, "/get")).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(
        answer.ends_with("Timed out waiting for message\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_stream_gives_message_after_message() {
    let (output, address) = output("").await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let request = get(&address, "/get/stream");
    stream.write_all(request.as_bytes()).await.unwrap();
    write(&output, &["one"]).await.unwrap().unwrap();
    write(&output, &["two"]).await.unwrap().unwrap();
    let mut answer = String::new();
    while !answer.contains("two\n") {
        answer.push(char::from(stream.read_u8().await.unwrap()));
    }
    assert!(answer.contains("one\n"), "{answer}");
}

#[tokio::test]
async fn events_have_a_line_of_data_for_each_line() {
    let (output, address) = output("stream_format: event_source").await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let request = get(&address, "/get/stream");
    stream.write_all(request.as_bytes()).await.unwrap();
    write(&output, &["a\nb"]).await.unwrap().unwrap();
    let mut answer = String::new();
    while !answer.contains("\n\r\n0\r\n") && !answer.contains("data: b\n\n") {
        answer.push(char::from(stream.read_u8().await.unwrap()));
    }
    assert!(
        answer.contains("content-type: text/event-stream"),
        "{answer}"
    );
    assert!(answer.contains("data: a\ndata: b\n\n"), "{answer}");
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_the_message_to_the_next_one() {
    let (output, address) = output("timeout: 50ms").await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let request = get(&address, "/get/stream");
    stream.write_all(request.as_bytes()).await.unwrap();
    write(&output, &["first"]).await.unwrap().unwrap();
    drop(stream);
    // The dead connection may take one more before the server sees that it is dead.
    loop {
        let writing = write(&output, &["second"]);
        let answer = send(&address, &get(&address, "/get")).await;
        if answer.ends_with("second") {
            writing.await.unwrap().unwrap();
            return;
        }
        writing.abort();
    }
}

#[tokio::test]
async fn after_closing_nothing_is_taken() {
    let (output, address) = output("").await;
    output.close().await.unwrap();
    assert!(TcpStream::connect(&address).await.is_err());
}
