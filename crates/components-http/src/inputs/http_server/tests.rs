//! The `http_server` input against clients that write bytes.

use millrace_component::Input;
use millrace_message::{Outcome, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::testing::{failed, free_address, post, send, settle, texts, workbench};

/// A connected input with these further fields.
async fn input(fields: &str) -> (Box<dyn Input>, String) {
    let address = free_address();
    let yaml = format!("http_server:\n  address: {address}\n  path: /post\n{fields}");
    let mut input = workbench().input(&yaml);
    input.connect().await.unwrap();
    (input, address)
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

#[tokio::test]
async fn a_request_is_answered_when_its_message_is_delivered_and_not_before() {
    let (mut input, address) = input("").await;
    let mut client = post(&address, "/post", "", "hello");
    let incoming = input.read().await.unwrap();
    assert_eq!(texts(&incoming.batch), ["hello"]);
    // Whatever the client does by now, it has no answer: nobody has settled the message.
    tokio::task::yield_now().await;
    assert!(!client.is_finished());
    settle(incoming, &Outcome::Delivered);
    let answer = (&mut client).await.unwrap();
    assert_eq!(status(&answer), "200", "{answer}");
}

#[tokio::test]
async fn a_failed_message_is_a_502_with_its_error() {
    let (mut input, address) = input("").await;
    let client = post(&address, "/post", "", "hello");
    settle(input.read().await.unwrap(), &failed("the table is gone"));
    let answer = client.await.unwrap();
    assert_eq!(status(&answer), "502");
    assert!(answer.ends_with("the table is gone\n"), "{answer}");
}

#[tokio::test]
async fn the_error_of_a_502_holds_no_secret() {
    millrace_telemetry::Redactor::global().add("planted-secret-1");
    let (mut input, address) = input("  timeout: 60s").await;
    let client = post(&address, "/post", "", "m");
    let incoming = input.read().await.unwrap();
    let text = "the server answers: authorization: Bearer abc.def, key planted-secret-1";
    settle(incoming, &failed(text));
    let answer = client.await.unwrap();
    assert_eq!(status(&answer), "502");
    assert!(
        answer.ends_with("authorization: Bearer ***, key ***\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_message_that_takes_too_long_is_a_408_and_is_not_cancelled() {
    let (mut input, address) = input("  timeout: 50ms").await;
    let client = post(&address, "/post", "", "slow");
    let incoming = input.read().await.unwrap();
    let answer = client.await.unwrap();
    assert_eq!(status(&answer), "408");
    let reason = "\r\n\r\nRequest timed out: not delivered within 50ms, it may still be\n";
    assert!(answer.ends_with(reason), "{answer}");
    assert_eq!(texts(&incoming.batch), ["slow"]);
    settle(incoming, &Outcome::Delivered);
}

#[tokio::test]
async fn a_multipart_body_is_a_batch_and_one_failure_fails_the_request() {
    let (mut input, address) = input("").await;
    let body = "--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n";
    let header = "Content-Type: multipart/form-data; boundary=b\r\n";
    let client = post(&address, "/post", header, body);
    let incoming = input.read().await.unwrap();
    assert_eq!(texts(&incoming.batch), ["one", "two"]);
    let millrace_component::Ack::Call(ack) = incoming.ack else {
        panic!("no acknowledgement")
    };
    ack(smallvec::smallvec![Outcome::Delivered, failed("second")]);
    assert_eq!(status(&client.await.unwrap()), "502");

    let broken = post(&address, "/post", header, "--b\r\n\r\none");
    assert_eq!(status(&broken.await.unwrap()), "400");
}

#[tokio::test]
async fn metadata_are_headers_query_parameters_and_cookies() {
    let address = free_address();
    let yaml = format!("http_server:\n  address: {address}\n  path: /in/{{city}}/x");
    let mut input = workbench().input(&yaml);
    input.connect().await.unwrap();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = format!(
        "User-Agent: me\r\nX-two: 1\r\nX-Two: 2\r\nCookie: c=3; d=4\r\nTraceparent: {trace}\r\n"
    );
    let client = post(&address, "/in/S%C3%A3o/x?q=5&q=6", &headers, "{}");
    let incoming = input.read().await.unwrap();
    let message = &incoming.batch[0];
    let get = |key: &str| message.metadata.get(key).and_then(Value::as_str);
    for (key, value) in [
        ("http_server_user_agent", "me"),
        ("http_server_request_path", "/in/S\u{e3}o/x"),
        ("http_server_verb", "POST"),
        ("http_server_remote_ip", "127.0.0.1"),
        ("X-Two", "1"),
        ("c", "3"),
        ("d", "4"),
        ("q", "5"),
        ("city", "S\u{e3}o"),
    ] {
        assert_eq!(get(key), Some(value), "{key}");
    }
    assert_eq!(get("Host"), None);
    let context = message.context().unwrap();
    assert_eq!(context.trace_parent.as_deref(), Some(trace));
    settle(incoming, &Outcome::Delivered);
    client.await.unwrap();
}

#[tokio::test]
async fn a_synchronous_response_is_the_answer_with_its_status_and_headers() {
    let (mut input, address) = input(
        "  sync_response:\n    status: '201'\n    headers: { X-A: b }\n    metadata_headers: { \
         include_prefixes: [ m ] }",
    )
    .await;
    let client = post(&address, "/post", "", "question");
    let incoming = input.read().await.unwrap();
    let mut reply = incoming.batch.detached();
    reply[0].set_bytes("answer");
    reply[0].metadata.set("m1", "v1");
    let context = incoming.batch[0].context().cloned().unwrap();
    context.replies.as_ref().unwrap().push(reply);
    settle(incoming, &Outcome::Delivered);
    let answer = client.await.unwrap();
    assert_eq!(status(&answer), "201");
    assert!(
        answer.contains("x-a: b\r\n") && answer.contains("m1: v1\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\n\r\nanswer"), "{answer}");
}

/// As when the headers of another answer (`extract_headers`) are passed on.
#[tokio::test]
async fn metadata_do_not_become_headers_that_frame_the_answer() {
    let (mut input, address) =
        input("  sync_response: { metadata_headers: { include_patterns: [ '.*' ] } }").await;
    let client = post(&address, "/post", "", "question");
    let incoming = input.read().await.unwrap();
    let mut reply = incoming.batch.detached();
    reply[0].set_bytes("answer");
    for (name, value) in [
        ("content-length", "1"),
        ("Transfer-Encoding", "chunked"),
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("trailer", "x"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("proxy-authenticate", "Basic"),
        ("x-kept", "v"),
    ] {
        reply[0].metadata.set(name, value);
    }
    let context = incoming.batch[0].context().cloned().unwrap();
    context.replies.as_ref().unwrap().push(reply);
    settle(incoming, &Outcome::Delivered);
    let answer = client.await.unwrap().to_ascii_lowercase();
    assert!(answer.contains("content-length: 6\r\n"), "{answer}");
    assert!(answer.contains("x-kept: v\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nanswer"), "{answer}");
    for name in [
        "transfer-encoding",
        "upgrade",
        "trailer",
        "keep-alive",
        "te",
        "proxy-",
    ] {
        assert!(!answer.contains(&format!("\r\n{name}")), "{answer}");
    }
}

#[tokio::test]
async fn bodies_above_the_limit_are_refused_announced_or_not() {
    let (_input, address) = input("  max_body_size: 10").await;
    let announced = post(&address, "/post", "", "12345678901").await.unwrap();
    assert_eq!(status(&announced), "413", "{announced}");
    let chunked = format!(
        "POST /post HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n"
    );
    let chunked = send(&address, &chunked).await;
    assert_eq!(status(&chunked), "413", "{chunked}");
    // All of it at once, and more behind it.
    let one_chunk = format!(
        "POST /post HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n10\r\n1234567812345678\r\n0\r\n\r\n"
    );
    let one_chunk = send(&address, &one_chunk).await;
    assert_eq!(status(&one_chunk), "413", "{one_chunk}");
}

#[tokio::test]
async fn a_multipart_body_of_more_parts_than_there_is_room_for_is_refused() {
    let (_input, address) = input("  max_body_size: 1000").await;
    let body = |parts: usize| format!("{}--b--", "--b\n\n".repeat(parts));
    let head = "Content-Type: multipart/mixed; boundary=b\r\n";
    let many = post(&address, "/post", head, &body(4)).await.unwrap();
    assert_eq!(status(&many), "413", "{many}");
    for part in ["multipart body", "more than 1000 bytes", "`max_body_size`"] {
        assert!(many.contains(part), "{many}");
    }
}

#[tokio::test]
async fn wrong_verbs_and_unknown_paths_are_refused() {
    let (_input, address) = input("  allowed_verbs: [ PUT ]").await;
    let wrong = post(&address, "/post", "", "x").await.unwrap();
    assert_eq!(status(&wrong), "405");
    let unknown = post(&address, "/nowhere", "", "x").await.unwrap();
    assert_eq!(status(&unknown), "404");
}

#[tokio::test]
async fn heads_without_end_are_refused_with_bounded_memory() {
    let (_input, address) = input("").await;
    let many = "X: y\r\n".repeat(200);
    let answer = post(&address, "/post", &many, "").await.unwrap();
    assert_eq!(status(&answer), "431", "{answer}");
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream
        .write_all(b"POST /post HTTP/1.1\r\nX: ")
        .await
        .unwrap();
    let chunk = vec![b'a'; 64 * 1024];
    // The server closes long before this has all been sent.
    for _ in 0..64 {
        if stream.write_all(&chunk).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    // A reset, or an answer that refuses: both end the exchange.
    let _ended = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || status(&answer) == "431", "{answer}");
}

#[tokio::test]
async fn while_closing_new_requests_get_503_and_accepted_ones_their_answer() {
    let (mut input, address) = input("").await;
    let accepted = post(&address, "/post", "", "accepted");
    let incoming = input.read().await.unwrap();
    input.stop().await;
    let late = post(&address, "/post", "", "late").await.unwrap();
    assert_eq!(status(&late), "503");
    assert!(late.ends_with("Server closing\n"), "{late}");
    settle(incoming, &Outcome::Delivered);
    assert_eq!(status(&accepted.await.unwrap()), "200");
    input.close().await.unwrap();
    assert!(TcpStream::connect(&address).await.is_err());
}

#[tokio::test]
async fn requests_that_nobody_read_get_503_when_the_input_stops() {
    let (mut input, address) = input("").await;
    let read = post(&address, "/post", "", "1");
    let incoming = input.read().await.unwrap();
    let waiting = post(&address, "/post", "", "2");
    // The second request is in the queue when a cancelled read would find it.
    while input_is_empty(&mut *input).await {
        tokio::task::yield_now().await;
    }
    input.stop().await;
    assert_eq!(status(&waiting.await.unwrap()), "503");
    settle(incoming, &Outcome::Delivered);
    assert_eq!(status(&read.await.unwrap()), "200");
}

/// Whether no request waits; one that does is answered as abandoned.
async fn input_is_empty(input: &mut dyn Input) -> bool {
    tokio::select! {
        biased;
        incoming = input.read() => { drop(incoming); false }
        () = tokio::task::yield_now() => true,
    }
}

#[tokio::test]
async fn an_address_in_use_is_one_error_with_field_address_and_remedy() {
    let (_input, address) = input("").await;
    let mut second = workbench().input(&format!("http_server: {{ address: '{address}' }}"));
    let error = second.connect().await.unwrap_err();
    let text = error.text();
    assert!(text.contains("http_server.address"), "{text}");
    assert!(
        text.contains(&address) && text.contains("choose another port"),
        "{text}"
    );
}

#[test]
fn fields_that_cannot_work_are_complaints() {
    for (yaml, expected) in [
        ("http_server: { path: post }", "does not begin with `/`"),
        ("http_server: { allowed_verbs: [] }", "at least one verb"),
        (
            "http_server: { cert_file: a }",
            "no effect without an `address`",
        ),
        (
            "http_server: { sync_response: { status: '99' } }",
            "no HTTP status",
        ),
        (
            "http_server: { sync_response: { metadata_headers: { include_patterns: ['('] } } }",
            "error parsing regexp: unclosed group",
        ),
    ] {
        let read = workbench().read::<millrace_component::InputChild>(yaml);
        let error = read.err().unwrap_or_default();
        assert!(error.contains(expected), "{yaml}: {error}");
    }
}

/// Writes the parts of requests with a pause between them, and reads until the server closes.
async fn in_parts(address: &str, parts: &[&str]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    for part in parts {
        stream.write_all(part.as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_client_goes_on_with_its_connection_after_a_refusal_that_came_before_its_body() {
    let (_input, address) = input("").await;
    for (path, expected) in [("/post", "405"), ("/nowhere", "404")] {
        let put = format!("PUT {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n");
        let last = "PUT /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        let answer = in_parts(&address, &[&put, "body", &put, "body", last]).await;
        let found = answer.matches(&format!("HTTP/1.1 {expected}")).count();
        let all = answer.matches("HTTP/1.1 ").count();
        assert_eq!((found.min(2), all), (2, 3), "{answer}");
    }
    // A body that is too long to be read away ends its connection, which is told.
    for more in ["", "Expect: 100-continue\r\n"] {
        let length = if more.is_empty() { 1 << 20 } else { 4 };
        let put =
            format!("PUT /post HTTP/1.1\r\nHost: h\r\n{more}Content-Length: {length}\r\n\r\n");
        let answer = in_parts(&address, &[&put]).await;
        assert!(
            answer.to_lowercase().contains("connection: close\r\n"),
            "{answer}"
        );
    }
}

/// A frame of the kind `first` with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    let mut frame = vec![first, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

async fn open_websocket(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_websocket_answers_the_close_of_its_client() {
    let (_input, address) = input("  ws_path: /ws").await;
    let mut stream = open_websocket(&address).await;
    let close = frame(0x88, &[0x03, 0xe8]);
    stream.write_all(&close).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(&[0x88, 0x02, 0x03, 0xe8]), "{answer:?}");
}

#[tokio::test]
async fn a_frame_that_the_pipeline_has_is_answered_though_the_input_stops() {
    for (outcome, expected) in [
        (
            Outcome::Delivered,
            &[0x81, 6, b'a', b'n', b's', b'w', b'e', b'r', 0x88, 0][..],
        ),
        (failed("the table is gone"), &[0x88, 0]),
    ] {
        let (mut input, address) = input("  ws_path: /ws").await;
        let mut stream = open_websocket(&address).await;
        stream.write_all(&frame(0x81, b"question")).await.unwrap();
        let incoming = input.read().await.unwrap();
        input.stop().await;
        let mut reply = incoming.batch.detached();
        reply[0].set_bytes("answer");
        let context = incoming.batch[0].context().unwrap();
        context.replies.as_ref().unwrap().push(reply);
        settle(incoming, &outcome);
        input.close().await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.ends_with(expected), "{outcome:?}: {answer:?}");
        let is_answered = answer.windows(6).any(|it| it == b"answer");
        assert_eq!(is_answered, outcome.error().is_none());
    }
}

#[tokio::test]
async fn a_websocket_that_nobody_reads_ends_with_its_input() {
    let (mut input, address) = input("  ws_path: /ws").await;
    let mut stream = open_websocket(&address).await;
    stream.write_all(&frame(0x81, b"question")).await.unwrap();
    let incoming = input.read().await.unwrap();
    let mut reply = incoming.batch.detached();
    // More than the buffers of a connection hold.
    reply[0].set_bytes(vec![0; 64 << 20]);
    let context = incoming.batch[0].context().unwrap();
    context.replies.as_ref().unwrap().push(reply);
    settle(incoming, &Outcome::Delivered);
    input.stop().await;
    input.close().await.unwrap();
    let mut answer = Vec::new();
    // It may be cut in the middle, but it is no longer open.
    let _cut = stream.read_to_end(&mut answer).await;
    assert!(answer.len() < 64 << 20);
}
