//! Servers that answer what no broker does.

use std::time::Duration;

use millrace_kafka_client::{Cluster, Connection, Reason, Settings};
use millrace_kafka_wire::api::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use millrace_kafka_wire::api::metadata::MetadataRequest;
use millrace_kafka_wire::{ApiKey, Request, write_response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Reads one request and gives its correlation id.
async fn request(stream: &mut TcpStream) -> Option<i32> {
    let size = stream.read_u32().await.ok()?;
    let mut frame = vec![0; size as usize];
    stream.read_exact(&mut frame).await.ok()?;
    Some(i32::from_be_bytes(frame[4..8].try_into().ok()?))
}

/// A server that answers the first request as a broker does, and the next with these bytes, in
/// which the correlation id stands where `None` is.
async fn server(answer: Vec<u8>, is_broker: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let first = request(&mut stream).await?;
                if is_broker {
                    stream.write_all(&versions(first)).await.ok()?;
                    request(&mut stream).await?;
                }
                stream.write_all(&answer).await.ok()?;
                // The connection stays open.
                let _end = stream.read_u8().await;
                Some(())
            });
        }
    });
    address
}

/// What a broker answers that knows Metadata alone.
fn versions(correlation: i32) -> Vec<u8> {
    let (first, last) = ApiKey::Metadata.versions();
    let response = ApiVersionsResponse {
        api_keys: vec![ApiVersion {
            api_key: ApiKey::Metadata.number(),
            min_version: first,
            max_version: last,
        }],
        ..ApiVersionsResponse::default()
    };
    let (_, newest) = ApiKey::ApiVersions.versions();
    let frame = write_response(ApiVersionsRequest::KEY, newest, correlation, &response);
    frame.unwrap().into_bytes().to_vec()
}

fn settings() -> Settings {
    Settings {
        request_timeout: Duration::from_secs(30),
        max_response_bytes: 1 << 20,
        retry_for: Duration::ZERO,
        ..Settings::default()
    }
}

/// What goes wrong when a server answers the first request with these bytes.
async fn refused(answer: &[u8]) -> millrace_kafka_client::Error {
    let address = server(answer.to_vec(), false).await;
    let opened = Connection::open(&address, &settings()).await;
    let error = opened.err().expect("it is no broker");
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("broker {address}: ApiVersions: ")),
        "{text}"
    );
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_protocol_is_told_by_the_size_that_its_words_make() {
    let error = refused(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    assert!(matches!(error.reason(), Reason::Size { .. }), "{error}");
    assert!(
        error.to_string().contains("a broker of Kafka's protocol"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_that_is_negative_tiny_or_huge_is_refused_before_anything_is_read() {
    for size in [-1_i32, 0, 3, i32::MAX, (1 << 20) + 1] {
        let error = refused(&size.to_be_bytes()).await;
        assert!(
            matches!(error.reason(), Reason::Size { .. }),
            "{size}: {error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_another_request_ends_the_connection() {
    let frame = [&8_i32.to_be_bytes()[..], &77_i32.to_be_bytes(), &[0; 4]].concat();
    let error = refused(&frame).await;
    assert!(
        matches!(error.reason(), Reason::Correlation { found: 77, .. }),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_none_is_refused_with_the_byte_at_which_it_ends() {
    // The correlation id is that of the first request.
    let frame = [&10_i32.to_be_bytes()[..], &1_i32.to_be_bytes(), &[0xff; 6]].concat();
    let error = refused(&frame).await;
    assert!(matches!(error.reason(), Reason::Malformed(_)), "{error}");
    assert!(error.to_string().contains("byte"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_behind_a_good_greeting_fails_the_request_and_all_later_ones() {
    let address = server(vec![0, 0, 0, 9, 0, 0, 0, 2, 1, 1, 1, 1, 1], true).await;
    let connection = Connection::open(&address, &settings()).await.unwrap();
    let request = MetadataRequest::default();
    let first = connection.call(&request).await.unwrap_err();
    assert!(matches!(first.reason(), Reason::Malformed(_)), "{first}");
    assert!(!connection.is_open());
    assert!(connection.call(&request).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_the_broker_does_not_have_is_refused_by_name() {
    let address = server(Vec::new(), true).await;
    let connection = Connection::open(&address, &settings()).await.unwrap();
    let request = millrace_kafka_wire::api::fetch::FetchRequest::default();
    let error = connection.call(&request).await.unwrap_err().to_string();
    assert!(
        error.contains("Fetch: versions 4 to 18 are known here"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_closes_at_once_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let settings = Settings {
        bootstrap: vec![address],
        ..settings()
    };
    let error = Cluster::connect(settings).await.err().unwrap();
    assert!(error.is_ambiguous(), "{error}");
}
