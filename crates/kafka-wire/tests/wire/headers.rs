//! Requests and responses with their headers, and records with what stands before them.

use bytes::Bytes;
use millrace_kafka_wire::api::api_versions::ApiVersionsRequest;
use millrace_kafka_wire::metadata::{MetadataRecord, TopicRecord};
use millrace_kafka_wire::records::group_metadata::{GroupMetadataValue, MemberMetadata};
use millrace_kafka_wire::records::offset_commit::{OffsetCommitKey, OffsetCommitValue};
use millrace_kafka_wire::{
    Reader, Uuid, read_request_header, read_versioned, write_prefixed, write_request,
};

#[test]
fn a_request_of_an_unknown_version_has_a_header_that_is_read() {
    let request = ApiVersionsRequest::default();
    let frame = write_request(4, 9, Some("me".into()), &request).unwrap();
    let mut frame = frame.into_bytes().slice(4..).to_vec();
    // Version 99 of ApiVersions: what asks for it is answered in version 0.
    frame[3] = 99;
    let mut reader = Reader::new(Bytes::from(frame));
    let header = read_request_header(&mut reader).unwrap();
    assert_eq!(
        (header.request_api_key, header.request_api_version),
        (18, 99)
    );
    assert_eq!(
        (header.correlation_id, header.client_id.unwrap()),
        (9, "me".into())
    );
}

#[test]
fn a_request_of_an_unknown_api_has_a_header_that_is_read() {
    let frame = Bytes::from_static(&[0x7f, 0xff, 0, 0, 0, 0, 0, 5, 0xff, 0xff]);
    let header = read_request_header(&mut Reader::new(frame)).unwrap();
    assert_eq!(
        (header.request_api_key, header.correlation_id),
        (i16::MAX, 5)
    );
    assert_eq!(header.client_id, None);
    for end in 0..10 {
        let frame = Bytes::from_static(&[0, 3, 0, 0, 0, 0, 0, 5, 0xff, 0xff]).slice(..end);
        assert!(read_request_header(&mut Reader::new(frame)).is_err());
    }
}

#[test]
fn records_of_the_coordinator_have_a_version_before_them() {
    let key = OffsetCommitKey {
        group: "g".into(),
        topic: "t".into(),
        partition: 1,
    };
    let written = write_prefixed(OffsetCommitKey::ID, &key, 0).unwrap();
    assert_eq!(written[..], [0, 1, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 1]);

    let value = OffsetCommitValue {
        offset: 5,
        metadata: "m".into(),
        commit_timestamp: 7,
        ..OffsetCommitValue::default()
    };
    for version in 0..=4 {
        let written = write_prefixed(version, &value, version).unwrap();
        assert_eq!(read_versioned(written).unwrap(), (version, value.clone()));
    }
    let group = GroupMetadataValue {
        protocol_type: "consumer".into(),
        members: vec![MemberMetadata {
            member_id: "m-1".into(),
            subscription: Bytes::from_static(b"s"),
            ..MemberMetadata::default()
        }],
        ..GroupMetadataValue::default()
    };
    let written = write_prefixed(3, &group, 3).unwrap();
    assert_eq!(read_versioned(written).unwrap(), (3, group));
    assert!(read_versioned::<GroupMetadataValue>(Bytes::from_static(&[0, 9])).is_err());
    assert!(read_versioned::<GroupMetadataValue>(Bytes::from_static(&[0])).is_err());
}

#[test]
fn a_record_of_the_metadata_log_has_its_frame() {
    let topic = TopicRecord {
        name: "orders".into(),
        topic_id: Uuid([1; 16]),
    };
    let record = MetadataRecord::Topic(topic);
    let value = record.encode(0).unwrap();
    // Frame version 1, number 2, version 0, then the name.
    assert_eq!(value[..4], [1, 2, 0, 7]);
    assert_eq!(MetadataRecord::decode(value.clone()).unwrap(), Some(record));
    assert!(MetadataRecord::decode(value.slice(..5)).is_err());
    let unknown = Bytes::from_static(&[1, 0xff, 0x01, 0]);
    assert_eq!(MetadataRecord::decode(unknown).unwrap(), None);
    let newer_frame = Bytes::from_static(&[2, 2, 0]);
    assert_eq!(MetadataRecord::decode(newer_frame).unwrap(), None);
}
