//! Clients against a server that answers by script, through the components that have one.

use std::sync::Arc;
use std::time::Duration;

use base64::prelude::*;
use millrace_component::{BuiltProcessor, Output, ProcessorChild};
use millrace_message::{Context, ErrorClass, Message, MessageBatch, Replies, Value, clock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::testing::{Server, Step, free_address, texts, workbench};

const OK: fn() -> Step = || Step::status(200, "", "fine");

fn output(url: &str, fields: &str) -> Arc<dyn Output> {
    workbench().output(&format!("http_client: {{ url: '{url}', {fields} }}"))
}

fn processor(url: &str, fields: &str) -> BuiltProcessor {
    let bench = workbench();
    let yaml = format!("http: {{ url: '{url}', {fields} }}");
    let child: ProcessorChild = bench.read(&yaml).unwrap_or_else(|error| panic!("{error}"));
    child.config.build(&bench.context("http")).unwrap()
}

fn batch(payloads: &[&str]) -> MessageBatch {
    payloads.iter().map(|&it| Message::from(it)).collect()
}

async fn error_of(output: &dyn Output) -> millrace_message::Error {
    let result = output.write(&batch(&["m"])).await;
    result.unwrap_err().error().clone()
}

#[tokio::test]
async fn a_message_is_the_body_of_a_request() {
    let server = Server::start([OK()]).await;
    let output = output(&server.url(), "headers: { X-A: b }, verb: PUT");
    output.write(&batch(&["hello"])).await.unwrap();
    let requests = server.requests();
    assert!(
        requests[0].starts_with("PUT /path HTTP/1.1\r\n"),
        "{requests:?}"
    );
    for expected in ["x-a: b\r\n", "content-type: application/octet-stream\r\n"] {
        assert!(requests[0].contains(expected), "{requests:?}");
    }
    assert!(requests[0].ends_with("\r\n\r\nhello"), "{requests:?}");
}

#[tokio::test]
async fn failures_are_tried_again_until_one_succeeds() {
    let server = Server::start([Step::Cut, Step::status(500, "", "no"), OK()]).await;
    let output = output(&server.url(), "retries: 2, retry_period: 1ms");
    output.write(&batch(&["m"])).await.unwrap();
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn after_the_last_retry_the_error_names_status_body_and_place() {
    let server = Server::start([Step::status(503, "", "try\nlater")]).await;
    let output = output(&server.url(), "retries: 2, retry_period: 1ms");
    let error = error_of(&*output).await;
    assert_eq!(server.requests().len(), 3);
    assert_eq!(error.class(), ErrorClass::Retry);
    let expected = format!("{}: the server answers 503", server.url());
    assert!(error.text().starts_with(&expected), "{error}");
    assert!(error.text().ends_with(": try later"), "{error}");
}

#[tokio::test]
async fn a_status_of_drop_on_is_not_tried_again_and_one_of_successful_on_is_a_success() {
    let server = Server::start([Step::status(409, "", "")]).await;
    let drops = output(&server.url(), "drop_on: [409]");
    let error = error_of(&*drops).await;
    assert_eq!(
        (server.requests().len(), error.class()),
        (1, ErrorClass::Rejected)
    );
    let accepts = output(&server.url(), "successful_on: [409]");
    accepts.write(&batch(&["m"])).await.unwrap();
    // Nothing forbids a server to answer by any number of three digits.
    let server = Server::start([Step::status(999, "", "")]).await;
    let accepts = output(&server.url(), "successful_on: [999, 1000], backoff_on: [1]");
    accepts.write(&batch(&["m"])).await.unwrap();
    let drops = output(&server.url(), "drop_on: [999]");
    assert_eq!(error_of(&*drops).await.class(), ErrorClass::Rejected);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_after_the_timeout() {
    let server = Server::start([Step::Hang]).await;
    // Long enough for the request to arrive on a machine that has much else to do.
    let output = output(&server.url(), "timeout: 1s, retries: 1, retry_period: 1ms");
    let error = error_of(&*output).await;
    assert!(error.text().contains("no answer within 1s"), "{error}");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn an_unreachable_server_is_an_error_that_says_so() {
    let address = free_address();
    let output = output(&format!("http://{address}"), "retries: 0");
    let error = error_of(&*output).await;
    assert!(error.text().contains("onnection refused"), "{error}");
    assert!(error.text().contains(&address), "{error}");
}

#[tokio::test]
async fn the_server_may_ask_for_patience_within_the_bound() {
    let patience = Step::status(429, "Retry-After: 3600\r\n", "");
    let server = Server::start([patience, OK()]).await;
    let fields = "retry_period: 1ms, max_retry_backoff: 20ms";
    let started = std::time::Instant::now();
    output(&server.url(), fields)
        .write(&batch(&["m"]))
        .await
        .unwrap();
    assert!(started.elapsed() >= Duration::from_millis(20));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn where_a_test_sets_the_clock_pauses_pass_at_once() {
    let server = Server::start([Step::status(500, "", ""), OK()]).await;
    let _clock = clock::set("2024-02-29T00:00:00Z".parse().unwrap());
    let (began, started) = (clock::instant(), std::time::Instant::now());
    let fields = "retry_period: 10h, max_retry_backoff: 20h, timeout: 60s";
    output(&server.url(), fields)
        .write(&batch(&["m"]))
        .await
        .unwrap();
    assert_eq!(server.requests().len(), 2);
    let hour = Duration::from_secs(60 * 60);
    assert!(clock::instant().duration_since(began) > hour);
    assert!(started.elapsed() < hour);
}

#[tokio::test]
async fn no_attempt_begins_after_the_elapsed_time() {
    let server = Server::start([Step::status(500, "", "")]).await;
    let fields = "retries: 1000, backoff: { initial_interval: 20ms, max_elapsed_time: 50ms }";
    let error = error_of(&*output(&server.url(), fields)).await;
    // After 20 ms, and not after 20 + 40.
    assert!(server.requests().len() <= 2, "{}", server.requests().len());
    assert!(
        error.text().contains("no attempt is left within 50ms"),
        "{error}"
    );
}

#[tokio::test]
async fn only_the_messages_whose_requests_failed_fail() {
    let bad = Step::status(400, "", "bad");
    let server = Server::start([OK(), bad, OK()]).await;
    let output = output(&server.url(), "retries: 0");
    let error = output.write(&batch(&["a", "b", "c"])).await.unwrap_err();
    let outcomes = error.into_outcomes(3);
    let failed = [0, 1, 2].map(|it| outcomes.get(it).error().is_some());
    assert_eq!(failed, [false, true, false]);
}

#[tokio::test]
async fn a_batch_can_be_one_multipart_request() {
    let server = Server::start([OK()]).await;
    let output = output(&server.url(), "batch_as_multipart: true");
    output.write(&batch(&["one", "two"])).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].contains("content-type: multipart/form-data; boundary="));
    assert!(requests[0].contains("\r\n\r\none\r\n--") && requests[0].contains("\r\n\r\ntwo\r\n--"));
}

#[tokio::test]
async fn the_parts_of_a_multipart_request_can_be_given() {
    let server = Server::start([OK()]).await;
    let fields = "multipart: [ { content_type: text/plain, content_disposition: 'form-data; \
                  name=\"x\"', body: 'fixed' } ]";
    output(&server.url(), fields)
        .write(&batch(&["m"]))
        .await
        .unwrap();
    let request = &server.requests()[0];
    assert!(
        request.contains("Content-Disposition: form-data; name=\"x\"\r\n"),
        "{request}"
    );
    assert!(request.contains("\r\n\r\nfixed\r\n--"), "{request}");
}

#[tokio::test]
async fn the_answer_can_be_left_for_the_input() {
    let server = Server::start([Step::status(202, "X-Id: 7\r\n", "answer")]).await;
    let fields = "propagate_response: true, extract_headers: { include_prefixes: [ x- ] }";
    let output = output(&server.url(), fields);
    let context = Arc::new(Context {
        replies: Some(Replies::default()),
        trace_parent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        ..Context::default()
    });
    let mut batch = batch(&["question"]);
    batch[0].set_context(Some(Arc::clone(&context)));
    output.write(&batch).await.unwrap();
    let replies = context.replies.as_ref().unwrap().take();
    assert_eq!(texts(&replies[0]), ["answer"]);
    let metadata = &replies[0][0].metadata;
    assert_eq!(
        metadata.get("http_status_code").and_then(Value::as_i64),
        Some(202)
    );
    assert_eq!(metadata.get("x-id").and_then(Value::as_str), Some("7"));
    assert!(server.requests()[0].contains("traceparent: 00-0af7651916cd"));
}

#[tokio::test]
async fn the_breaker_opens_and_then_nothing_is_sent() {
    let server = Server::start([Step::status(500, "", "")]).await;
    let fields = "retries: 0, circuit_breaker: { failures: 2, open_for: 1h }";
    let output = output(&server.url(), fields);
    for _ in 0..2 {
        assert!(error_of(&*output).await.text().contains("500"));
    }
    let error = error_of(&*output).await;
    assert!(error.text().contains("circuit breaker is open"), "{error}");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_refused_message_does_not_open_the_breaker() {
    let server = Server::start([Step::status(400, "", "")]).await;
    let fields = "retries: 0, circuit_breaker: { failures: 1, open_for: 1h }";
    let output = output(&server.url(), fields);
    for _ in 0..3 {
        assert!(error_of(&*output).await.text().contains("400"));
    }
}

#[tokio::test]
async fn redirects_are_followed_without_the_body_after_a_303() {
    let moved = Step::status(303, "Location: /other\r\n", "");
    let server = Server::start([moved, OK()]).await;
    output(&server.url(), "")
        .write(&batch(&["m"]))
        .await
        .unwrap();
    let requests = server.requests();
    assert!(
        requests[1].starts_with("GET /other HTTP/1.1\r\n"),
        "{requests:?}"
    );
    assert!(requests[1].ends_with("\r\n\r\n"), "{requests:?}");

    let circle = Server::start([Step::status(307, "Location: /path\r\n", "")]).await;
    let error = error_of(&*output(&circle.url(), "retries: 0")).await;
    assert!(error.text().contains("more than 10 times"), "{error}");
}

#[tokio::test]
async fn a_server_that_a_redirect_leads_to_is_named_when_it_fails() {
    let nobody = millrace_testkit::port::free_port();
    let location = format!("Location: http://u:hunter2@127.0.0.1:{nobody}/x?token=hunter3\r\n");
    let location: &'static str = location.leak();
    let server = Server::start([Step::status(302, location, "")]).await;
    let error = error_of(&*output(&server.url(), "retries: 0")).await;
    let expected = format!("redirected to http://127.0.0.1:{nobody}/x");
    assert!(error.text().contains(&expected), "{error}");
    assert!(!error.text().contains("hunter"), "{error}");
}

#[tokio::test]
async fn a_refusal_after_a_redirect_names_the_server_that_refuses() {
    let refuses = Server::start([Step::status(404, "", "")]).await;
    let location = format!(
        "Location: {}\r\n",
        refuses.url().replace("//", "//u:hunter2@")
    );
    let server = Server::start([Step::status(307, location.leak(), "")]).await;
    let error = error_of(&*output(&server.url(), "retries: 0")).await;
    let expected = format!("redirected to {}: the server answers 404", refuses.url());
    assert!(error.text().contains(&expected), "{error}");
    assert!(error.text().starts_with(&server.url()), "{error}");
    assert!(!error.text().contains("hunter"), "{error}");
}

#[tokio::test]
async fn a_response_above_the_limit_is_an_error() {
    let server = Server::start([Step::status(200, "", "12345678901")]).await;
    let error = error_of(&*output(&server.url(), "max_response_size: 10")).await;
    assert!(error.text().contains("max_response_size"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_compressed_as_it_was_asked_for_is_unpacked() {
    let server = Server::start([Step::gzipped("one"), Step::gzipped("two")]).await;
    let own = "headers: { Accept-Encoding: gzip }";
    let batches = processor(&server.url(), "").process(batch(&["a"])).await;
    assert_eq!(texts(&batches[0]), ["one"]);
    let asked = server.requests()[0].to_lowercase();
    assert!(asked.contains("accept-encoding: gzip\r\n"), "{asked}");
    // Who asks for it himself gets what comes.
    let batches = processor(&server.url(), own).process(batch(&["a"])).await;
    assert_eq!(batches[0][0].bytes()[..2], [0x1f, 0x8b]);
}

#[tokio::test]
async fn an_answer_that_unpacks_to_more_than_the_limit_is_an_error() {
    let server = Server::start([Step::gzipped(&"a".repeat(1 << 20))]).await;
    let error = error_of(&*output(&server.url(), "max_response_size: 100KB")).await;
    assert!(error.text().contains("max_response_size"), "{error}");
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    let server = Server::start([Step::status(500, "", "")]).await;
    let url = format!("http://user:hunter2@{}/path?token=hunter3", server.address);
    let error = error_of(&*output(&url, "retries: 0")).await;
    assert!(!error.text().contains("hunter"), "{error}");
    assert!(server.requests()[0].contains("authorization: Basic dXNlcjpodW50ZXIy\r\n"));

    let basic = "retries: 0, basic_auth: { enabled: true, username: u, password: hunter2 }";
    let error = error_of(&*output(&server.url(), basic)).await;
    assert!(!error.text().contains("hunter"), "{error}");
    assert!(server.requests()[1].contains("authorization: Basic dTpodW50ZXIy\r\n"));
}

#[tokio::test]
async fn what_a_server_repeats_of_a_request_is_shown_without_its_secrets() {
    let echo =
        "got Authorization: Basic dXNlcjpodW50ZXI1aHVudGVyNQ== and dXNlcjpodW50ZXI1aHVudGVyNQ==";
    let server = Server::start([Step::status(400, "", echo)]).await;
    let basic =
        "retries: 0, basic_auth: { enabled: true, username: user, password: hunter5hunter5 }";
    let error = error_of(&*output(&server.url(), basic)).await;
    assert!(
        error.text().ends_with("Authorization: Basic *** and ***"),
        "{error}"
    );

    let echo = "got dXNlcjpodW50ZXI2aHVudGVyNg==";
    let server = Server::start([Step::status(400, "", echo)]).await;
    let url = format!("http://user:hunter6hunter6@{}/path", server.address);
    let error = error_of(&*output(&url, "retries: 0")).await;
    assert!(error.text().ends_with("got ***"), "{error}");

    // The whole request as Base64.
    let request =
        "POST /path HTTP/1.1\r\nauthorization: Basic dXNlcjpodW50ZXI3aHVudGVyNw==\r\n\r\n";
    let echo = format!("bad request: {}", BASE64_STANDARD.encode(request));
    let server = Server::start([Step::status(400, "", &echo)]).await;
    let basic =
        "retries: 0, basic_auth: { enabled: true, username: user, password: hunter7hunter7 }";
    let error = error_of(&*output(&server.url(), basic)).await;
    assert!(error.text().ends_with("bad request: ***"), "{error}");

    // The error ends within the secret.
    let key = "planted-key-0123456789";
    millrace_telemetry::Redactor::global().add(key);
    let server = Server::start([Step::status(400, "", &format!("{}{key}", "x".repeat(500)))]).await;
    let fields = format!("retries: 0, headers: {{ X-Key: {key} }}");
    let error = error_of(&*output(&server.url(), &fields)).await;
    assert!(error.text().ends_with("xx***"), "{error}");
}

#[tokio::test]
async fn credentials_that_are_computed_are_masked_as_those_that_are_written() {
    let echo = "bad: [t0k3n-of-meta-1] [hunter-of-meta-1] cookie s3ss10n-of-meta-1";
    for (headers, shown) in [
        (
            "headers: { Authorization: 'Bearer ${! @tok }' }",
            "bad: [***] [hunter-of-meta-1] cookie s3ss10n-of-meta-1",
        ),
        (
            "headers: { Authorization: 'Basic ${! (\"u:\" + @pass).encode(\"base64\") }', \
             cookie: 'session=${! @session }' }",
            "bad: [t0k3n-of-meta-1] [***] cookie ***",
        ),
        (
            "headers: { X-Access-Token: '${! @tok }' }",
            "bad: [***] [hunter-of-meta-1] cookie s3ss10n-of-meta-1",
        ),
        (
            "metadata: { include_patterns: [ '^authorization$' ] }",
            "bad: [***] [hunter-of-meta-1] cookie s3ss10n-of-meta-1",
        ),
    ] {
        let server = Server::start([Step::status(400, "", echo)]).await;
        let output = output(&server.url(), &format!("retries: 0, {headers}"));
        let mut batch = batch(&["m"]);
        for (name, value) in [
            ("tok", "t0k3n-of-meta-1"),
            ("pass", "hunter-of-meta-1"),
            ("session", "s3ss10n-of-meta-1"),
            ("authorization", "Bearer t0k3n-of-meta-1"),
        ] {
            batch[0].metadata.set(name, value);
        }
        let error = output.write(&batch).await.unwrap_err();
        assert!(
            error.error().text().ends_with(shown),
            "{headers}: {error:?}"
        );
    }
}

/// As in a proxy: the headers of the request that came in are passed on.
#[tokio::test]
async fn metadata_do_not_become_headers_that_frame_the_request() {
    let server = Server::start([OK()]).await;
    let output = output(&server.url(), "metadata: { include_patterns: [ '.*' ] }");
    let mut batch = batch(&["hello"]);
    for (name, value) in [
        ("Content-Length", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("Host", "elsewhere"),
        ("Proxy-Authorization", "Basic x"),
        ("X-Kept", "v"),
    ] {
        batch[0].metadata.set(name, value);
    }
    output.write(&batch).await.unwrap();
    let request = server.requests()[0].to_ascii_lowercase();
    assert!(request.contains("content-length: 5\r\n"), "{request}");
    assert!(request.contains("x-kept: v\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\nhello"), "{request}");
    for absent in [
        "content-length: 1",
        "transfer-encoding",
        "connection:",
        "elsewhere",
        "proxy-",
    ] {
        assert!(!request.contains(absent), "{absent}: {request}");
    }
}

#[tokio::test]
async fn an_oauth2_token_is_fetched_once_and_used() {
    let token = Step::status(
        200,
        "",
        "{\"access_token\":\"tok-123\",\"expires_in\":3600}",
    );
    let tokens = Server::start([token]).await;
    let server = Server::start([OK()]).await;
    let fields = format!(
        "oauth2: {{ enabled: true, client_key: k, client_secret: s3cret, token_url: '{}', \
         scopes: [ a, b ] }}",
        tokens.url()
    );
    let output = output(&server.url(), &fields);
    for _ in 0..2 {
        output.write(&batch(&["m"])).await.unwrap();
    }
    assert_eq!(tokens.requests().len(), 1);
    assert!(tokens.requests()[0].ends_with("grant_type=client_credentials&scope=a+b"));
    assert!(server.requests()[1].contains("authorization: Bearer tok-123\r\n"));
}

#[tokio::test]
async fn plain_requests_go_through_a_proxy_in_absolute_form() {
    let proxy = Server::start([OK()]).await;
    let fields = format!("proxy_url: 'http://u:p@{}'", proxy.address);
    let output = output("http://example.invalid/x", &fields);
    output.write(&batch(&["m"])).await.unwrap();
    let request = &proxy.requests()[0];
    assert!(
        request.starts_with("POST http://example.invalid/x HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("proxy-authorization: Basic dTpw\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn the_processor_replaces_messages_by_answers_and_keeps_their_metadata() {
    let server = Server::start([Step::status(200, "", "one"), Step::status(200, "", "two")]).await;
    let processor = processor(&server.url(), "");
    let mut sent = batch(&["a", "b"]);
    sent[1].metadata.set("k", "v");
    let batches = processor.process(sent).await;
    assert_eq!(texts(&batches[0]), ["one", "two"]);
    assert_eq!(
        batches[0][1].metadata.get("k").and_then(Value::as_str),
        Some("v")
    );
    let code = batches[0][0].metadata.get("http_status_code");
    assert_eq!(code.and_then(Value::as_i64), Some(200));
}

#[tokio::test]
async fn a_message_of_the_processor_that_fails_goes_on_unchanged_and_flagged() {
    let server = Server::start([Step::status(404, "", "")]).await;
    for fields in ["retries: 0", "retries: 0, parallel: true"] {
        let processor = processor(&server.url(), fields);
        let batches = processor.process(batch(&["a", "b"])).await;
        assert_eq!(texts(&batches[0]), ["a", "b"]);
        for message in batches[0].iter() {
            assert!(message.fault().unwrap().cause.text().contains("404"));
            let code = message.metadata.get("http_status_code");
            assert_eq!(code.and_then(Value::as_i64), Some(404));
        }
    }
}

#[tokio::test]
async fn parallel_requests_are_under_way_at_the_same_time() {
    // Answers only when both requests have arrived.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let mut streams = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut byte = [0];
            stream.read_exact(&mut byte).await.unwrap();
            streams.push(stream);
        }
        for stream in &mut streams {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
            stream.write_all(answer).await.unwrap();
        }
        std::future::pending::<()>().await;
    });
    let processor = processor(&format!("http://{address}"), "parallel: true, retries: 0");
    let batches = processor.process(batch(&["a", "b"])).await;
    assert_eq!(texts(&batches[0]), ["x", "x"]);
    server.abort();
}

#[tokio::test]
async fn the_input_polls_and_follows_the_answer_before() {
    let answers = [
        Step::status(200, "X-Next: 2\r\n", "first"),
        Step::status(200, "", ""),
        Step::status(200, "", "second"),
    ];
    let server = Server::start(answers).await;
    let yaml = format!(
        "http_client: {{ url: '{}', extract_headers: {{ include_prefixes: [ x- ] }} }}",
        server.url()
    );
    let mut input = workbench().input(&yaml);
    input.connect().await.unwrap();
    let first = input.read().await.unwrap().batch;
    assert_eq!(texts(&first), ["first"]);
    assert_eq!(
        first[0].metadata.get("x-next").and_then(Value::as_str),
        Some("2")
    );
    assert_eq!(texts(&input.read().await.unwrap().batch), ["second"]);
    assert!(server.requests()[0].starts_with("GET /path HTTP/1.1\r\n"));
}

#[test]
fn two_spellings_of_one_value_and_what_cannot_be_done_are_complaints() {
    for (fields, expected) in [
        (
            "retry_period: 1s, backoff: { initial_interval: 1s }",
            "retry_period and backoff.initial_interval mean the same",
        ),
        (
            "max_retry_backoff: 1s, backoff: { max_interval: 1s }",
            "max_retry_backoff and backoff.max_interval mean the same",
        ),
        ("verb: 'A B'", "no HTTP verb"),
        ("headers: { 'a b': c }", "no header name"),
        ("proxy_url: 'socks5://x'", "does not begin with `http://`"),
        ("negotiate: { enabled: true }", "SPNEGO"),
        ("circuit_breaker: { failures: 0 }", "at least 1"),
        ("transport: { expect_continue_timeout: 5s }", "Expect"),
    ] {
        let yaml = format!("http: {{ url: 'http://x', {fields} }}");
        let error = workbench()
            .read::<ProcessorChild>(&yaml)
            .err()
            .unwrap_or_default();
        assert!(error.contains(expected), "{fields}: {error}");
    }
    let error = workbench().read::<ProcessorChild>("http: { url: 'host/path' }");
    assert!(error.err().unwrap_or_default().contains("http://"));
}

#[test]
fn many_headers_are_checked_in_one_pass() {
    let time = |count: usize| {
        let headers: Vec<_> = (0..count)
            .map(|i| format!("name-of-a-header-{i}: x"))
            .collect();
        let yaml = format!(
            "http: {{ url: 'http://x', headers: {{ {} }} }}",
            headers.join(", ")
        );
        let times = (0..3).map(|_| {
            let started = std::time::Instant::now();
            assert!(workbench().read::<ProcessorChild>(&yaml).is_ok());
            started.elapsed()
        });
        times.min().expect("three of them")
    };
    // Sixteen times as many took 256 times as long.
    let ratio = time(24_000).as_secs_f64() / time(1_500).as_secs_f64();
    assert!(ratio < 80.0, "{ratio}");
}
