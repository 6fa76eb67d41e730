//! What is served, and what becomes of requests that are not.

mod support;

use std::io::Write;

use bytes::Bytes;
use millrace_kafka_wire::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use millrace_kafka_wire::records::headers::{RequestHeader, ResponseHeader};
use millrace_kafka_wire::{
    ApiKey, ErrorCode, KINDS, Message, Reader, Writer, advertised, write_request,
};
use millrace_testkit::kafka::Client;
use support::{TestBroker, config};

fn versions() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: "test".into(),
        client_software_version: "1.0".into(),
    }
}

/// A request whose fields are all at their defaults.
fn empty_request(key: ApiKey, version: i16) -> Bytes {
    let name = format!("{}Request", key.name());
    let kind = KINDS.iter().find(|kind| kind.name == name).unwrap();
    let body = (kind.empty)(version).unwrap().into_bytes();
    let mut writer = Writer::new();
    let header = RequestHeader {
        request_api_key: key.number(),
        request_api_version: version,
        correlation_id: 5,
        client_id: None,
    };
    header
        .write(&mut writer, key.request_header(version))
        .unwrap();
    let head = writer.finish().unwrap().into_bytes();
    let size = (head.len() + body.len()) as u32;
    [&size.to_be_bytes()[..], &head, &body].concat().into()
}

#[test]
fn everything_that_is_advertised_is_answered_in_every_version() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    let told = client.ask(4, &versions());
    assert_eq!(told.error_code, 0);
    assert_eq!(told.api_keys.len(), advertised().count());
    for api in told.api_keys {
        let key = ApiKey::from_number(api.api_key).unwrap();
        // A Produce with `acks=0`, as this one says, has no answer.
        let first = api.min_version.max(key.versions().0);
        for version in (first..=api.max_version).filter(|_| key != ApiKey::Produce) {
            client
                .stream
                .write_all(&empty_request(key, version))
                .unwrap();
            let frame = client.frame();
            let frame = frame.unwrap_or_else(|| panic!("{key} {version} is not answered"));
            let mut reader = Reader::new(frame);
            let header = ResponseHeader::read(&mut reader, key.response_header(version)).unwrap();
            assert_eq!(header.correlation_id, 5, "{key} {version}");
            let name = format!("{}Response", key.name());
            let kind = KINDS.iter().find(|kind| kind.name == name).unwrap();
            (kind.check)(reader, version)
                .unwrap_or_else(|error| panic!("{key} {version}: {error}"));
        }
    }
}

#[test]
fn a_version_of_api_versions_that_is_not_known_is_answered_in_the_oldest() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    let mut frame = write_request(4, 9, None, &versions())
        .unwrap()
        .into_bytes()
        .to_vec();
    frame[6..8].copy_from_slice(&99_i16.to_be_bytes());
    client.stream.write_all(&frame).unwrap();
    let mut reader = Reader::new(client.frame().unwrap());
    let header = ResponseHeader::read(&mut reader, 0).unwrap();
    assert_eq!(header.correlation_id, 9);
    let response = ApiVersionsResponse::read(&mut reader, 0).unwrap();
    assert_eq!(response.error_code, ErrorCode::UnsupportedVersion.number());
    let own: Vec<_> = response
        .api_keys
        .iter()
        .map(|it| (it.api_key, it.max_version))
        .collect();
    assert_eq!(own, [(18, 4)]);
    // The client asks again on the same connection.
    assert_eq!(client.ask(3, &versions()).error_code, 0);
}

#[test]
fn a_client_without_a_sound_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let request = ApiVersionsRequest {
        client_software_name: "a b".into(),
        client_software_version: "1".into(),
    };
    let response = broker.client().ask(3, &request);
    assert_eq!(response.error_code, ErrorCode::InvalidRequest.number());
}

#[test]
fn what_is_no_request_ends_the_connection_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut other = broker.client();
    let hostile: [&[u8]; 7] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff; 64],
        // A size without a request, and a size of 0.
        &[0, 0, 0, 0],
        &[0, 0, 0, 4, 0, 18, 0, 3],
        // Fetch in a version that is none; an API that there is not; Produce 0, which is advertised.
        &[0, 0, 0, 10, 0, 1, 0, 99, 0, 0, 0, 1, 0xff, 0xff],
        &[0, 0, 0, 10, 0x03, 0xe7, 0, 0, 0, 0, 0, 1, 0xff, 0xff],
        &[0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff],
    ];
    for bytes in hostile {
        let mut client = Client::connect(broker.address());
        client.stream.write_all(bytes).unwrap();
        assert!(client.frame().is_none(), "{bytes:?}");
    }
    assert_eq!(other.ask(4, &versions()).error_code, 0);
}
