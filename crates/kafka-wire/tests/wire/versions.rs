//! What a version cannot say, and what is advertised.

use std::collections::BTreeMap;

use bytes::Bytes;
use millrace_kafka_wire::api::fetch::FetchRequest;
use millrace_kafka_wire::api::list_offsets::ListOffsetsResponse;
use millrace_kafka_wire::api::metadata::{MetadataRequest, MetadataRequestTopic};
use millrace_kafka_wire::{ApiKey, KINDS, Message, Reader, Str, WriteReason, Writer, advertised};

/// The bytes of the message, or why it cannot be written.
fn write<M: Message>(message: &M, version: i16) -> Result<Bytes, String> {
    let mut writer = Writer::new();
    let written = message.write(&mut writer, version);
    written.map_err(|error| error.to_string())?;
    let frame = writer.finish().map_err(|error| error.to_string())?;
    Ok(frame.into_bytes())
}

#[test]
fn what_a_version_cannot_say_is_refused() {
    let request = FetchRequest {
        replica_id: 3,
        ..FetchRequest::default()
    };
    assert!(write(&request, 14).is_ok());
    assert_eq!(
        write(&request, 15).unwrap_err(),
        "FetchRequest version 15: FetchRequest.replica_id is set, which this version has no field for"
    );
    let mut request = FetchRequest::default();
    request.replica_state.replica_id = 3;
    assert!(write(&request, 15).is_ok());
    assert!(
        write(&request, 14)
            .unwrap_err()
            .contains("FetchRequest.replica_state is set")
    );
    assert!(
        write(&request, 4)
            .unwrap_err()
            .contains("FetchRequest.replica_state is set")
    );
}

#[test]
fn what_is_ignorable_is_left_out() {
    let request = FetchRequest {
        rack_id: "a".into(),
        session_id: 4,
        ..FetchRequest::default()
    };
    assert_eq!(write(&request, 4), write(&FetchRequest::default(), 4));
    assert_ne!(write(&request, 11), write(&FetchRequest::default(), 11));
}

#[test]
fn null_is_written_in_the_versions_that_allow_it() {
    let all = MetadataRequest {
        topics: None,
        ..MetadataRequest::default()
    };
    assert_eq!(write(&all, 1).unwrap()[..], [0xff; 4]);
    assert_eq!(
        write(&all, 0).unwrap_err(),
        "MetadataRequest version 0: MetadataRequest.topics is null, which this version does not allow"
    );
    let by_id = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: None,
            ..MetadataRequestTopic::default()
        }]),
        ..MetadataRequest::default()
    };
    assert!(write(&by_id, 10).is_ok());
    assert!(
        write(&by_id, 9)
            .unwrap_err()
            .contains("MetadataRequestTopic.name is null")
    );
}

#[test]
fn text_that_is_too_long_is_refused_in_writing_and_reading() {
    let name = Str::from("x".repeat(32_768));
    let request = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: Some(name),
            ..MetadataRequestTopic::default()
        }]),
        ..MetadataRequest::default()
    };
    let mut writer = Writer::new();
    for version in [0, 12] {
        let error = request.write(&mut writer, version).unwrap_err();
        assert_eq!(error.reason, WriteReason::Long(32_768));
    }
    // The length 32,769 in compact form, in a flexible version.
    let mut frame = vec![2];
    frame.extend_from_slice(&[0; 16]);
    frame.extend_from_slice(&[0x81, 0x80, 0x02]);
    frame.resize(40_000, b'x');
    let error = MetadataRequest::read(&mut Reader::new(Bytes::from(frame)), 12).unwrap_err();
    assert!(
        error.to_string().ends_with("text has at most 32767"),
        "{error}"
    );
}

#[test]
fn what_is_advertised_is_what_kafka_4_3_1_says_of_these_apis() {
    let all: BTreeMap<i16, (i16, i16)> = advertised()
        .map(|it| (it.key.number(), (it.first, it.last)))
        .collect();
    let expected = BTreeMap::from([
        (0, (0, 13)),
        (1, (4, 18)),
        (2, (1, 11)),
        (3, (0, 13)),
        (8, (2, 10)),
        (9, (1, 10)),
        (10, (0, 6)),
        (11, (0, 9)),
        (12, (0, 4)),
        (13, (0, 5)),
        (14, (0, 5)),
        (15, (0, 6)),
        (16, (0, 5)),
        (17, (0, 1)),
        (18, (0, 4)),
        (19, (2, 7)),
        (20, (1, 6)),
        (21, (0, 2)),
        (22, (0, 5)),
        (23, (2, 4)),
        (24, (0, 5)),
        (25, (0, 4)),
        (26, (0, 5)),
        (27, (1, 2)),
        (28, (0, 5)),
        (32, (1, 4)),
        (33, (0, 2)),
        (35, (1, 5)),
        (36, (0, 2)),
        (37, (0, 3)),
        (42, (0, 2)),
        (43, (0, 2)),
        (44, (0, 1)),
        (45, (0, 1)),
        (46, (0, 0)),
        (47, (0, 0)),
        (50, (0, 0)),
        (51, (0, 0)),
        (55, (0, 2)),
        (60, (0, 2)),
        (61, (0, 0)),
        (65, (0, 0)),
        (66, (0, 2)),
        (74, (0, 1)),
        (75, (0, 0)),
    ]);
    assert_eq!(all, expected);
}

#[test]
fn what_is_advertised_can_be_read_and_written() {
    for api in advertised() {
        let (first, last) = api.key.versions();
        assert_eq!(api.last, last);
        // Produce alone is advertised in versions that are refused.
        assert_eq!(
            api.first,
            if api.key == ApiKey::Produce { 0 } else { first }
        );
        for role in ["Request", "Response"] {
            let name = format!("{}{role}", api.key.name());
            let kind = KINDS.iter().find(|it| it.name == name).unwrap();
            assert_eq!(kind.versions, (first, last));
        }
    }
    assert!(!ApiKey::Produce.has_version(2) && ApiKey::Produce.has_version(3));
}

#[test]
fn headers_are_those_of_the_versions() {
    assert_eq!(ApiKey::Fetch.request_header(11), 1);
    assert_eq!(ApiKey::Fetch.request_header(12), 2);
    assert_eq!(ApiKey::Fetch.response_header(11), 0);
    assert_eq!(ApiKey::Fetch.response_header(12), 1);
    assert_eq!(ApiKey::ApiVersions.request_header(3), 2);
    for version in 0..=4 {
        assert_eq!(ApiKey::ApiVersions.response_header(version), 0);
    }
    assert_eq!(ApiKey::SaslHandshake.request_header(1), 1);
    assert_eq!(ApiKey::OffsetDelete.response_header(0), 0);
    assert_eq!(ApiKey::from_number(27), Some(ApiKey::WriteTxnMarkers));
    assert_eq!(ApiKey::from_number(68), None);
    assert_eq!(ListOffsetsResponse::VERSIONS, (1, 11));
}
