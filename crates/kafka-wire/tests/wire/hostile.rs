//! Bytes that lie: cut, changed, or made to make the reader allocate.

use bytes::Bytes;
use millrace_kafka_wire::api::create_topics::CreateTopicsRequest;
use millrace_kafka_wire::api::fetch::FetchRequest;
use millrace_kafka_wire::api::metadata::{MetadataRequest, MetadataResponse};
use millrace_kafka_wire::{Message, ReadReason, Reader, read_request_header};

use crate::allocation::allocated;
use crate::random::Random;
use crate::round_trips::kind;
use crate::sample::{Choice, each_version, sample};

/// Beside what the reader allows for values: the count of the frame's users, an error.
const BESIDE: usize = 512;

/// Reads a frame, within what it may allocate; what is read can be written.
fn read(name: &str, version: i16, bytes: Vec<u8>) {
    let size = bytes.len();
    let reader = Reader::new(Bytes::from(bytes));
    let rewrite = kind(name).rewrite;
    if let Ok(written) = rewrite(reader, version) {
        let frame = written.unwrap_or_else(|error| panic!("it was read: {error}"));
        // Defaults and nulls may have been said in longer ways, but not in shorter ones.
        assert!(frame.len() <= size, "{name} version {version}");
    }
}

#[test]
fn every_beginning_of_a_message_is_an_error_or_a_value() {
    let mut random = Random::new(3);
    each_version(|table, message, version| {
        let bytes = sample(table, message, version, Choice::Random, &mut random);
        for end in 0..bytes.len() {
            read(&message.name, version, bytes[..end].to_vec());
        }
    });
}

#[test]
fn every_changed_byte_ends_in_an_error_or_a_value() {
    let mut random = Random::new(4);
    each_version(|table, message, version| {
        let bytes = sample(
            table,
            message,
            version,
            Choice::RandomWithUnknown,
            &mut random,
        );
        for at in 0..bytes.len() {
            for change in [0xff, 0x80, 1 << random.below(8)] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                read(&message.name, version, changed);
            }
        }
    });
}

#[test]
fn noise_is_an_error_or_a_value() {
    let mut random = Random::new(5);
    each_version(|_, message, version| {
        for _ in 0..200 {
            let length = random.below(64);
            // Small bytes make more of the lengths plausible.
            let byte = |_| (random.next() >> (8 * random.below(2) + 3)) as u8 & 0x1f;
            let bytes = (0..length).map(byte).collect();
            read(&message.name, version, bytes);
        }
    });
}

#[test]
fn what_is_allocated_is_bounded_by_the_frame() {
    let mut random = Random::new(6);
    each_version(|table, message, version| {
        let bytes = sample(table, message, version, Choice::Random, &mut random);
        for at in 0..bytes.len() {
            for value in [0xff, 0x7f, 0x20] {
                let mut changed = bytes.clone();
                changed[at] = value;
                let allowed = 32 * changed.len() + 4096 + BESIDE;
                let reader = Reader::new(Bytes::from(changed));
                let (_, spent) = allocated(|| (kind(&message.name).check)(reader, version));
                assert!(
                    spent <= allowed,
                    "{} version {version}: {spent}",
                    message.name
                );
            }
        }
    });
}

/// 22 bytes that a client might send: key 3, version 0, a number, a name, and 2^31 − 1 topics.
fn frame_of_many_topics() -> Bytes {
    let mut frame = vec![0, 3, 0, 0, 0, 0, 0, 1, 0, 8];
    frame.extend_from_slice(b"attacker");
    frame.extend_from_slice(&i32::MAX.to_be_bytes());
    assert_eq!(frame.len(), 22);
    Bytes::from(frame)
}

#[test]
fn a_frame_of_22_bytes_that_claims_two_billion_topics_allocates_nothing() {
    let frame = frame_of_many_topics();
    let ((header, error), spent) = allocated(|| {
        let mut reader = Reader::new(frame);
        let header = read_request_header(&mut reader).unwrap();
        let error = MetadataRequest::read(&mut reader, header.request_api_version).unwrap_err();
        (header, error)
    });
    assert_eq!(header.client_id.unwrap(), "attacker");
    let (needed, left) = (i32::MAX as usize * 2, 0);
    assert_eq!(error.reason(), ReadReason::Short { needed, left });
    assert_eq!(
        error.to_string(),
        "MetadataRequest version 0, byte 22: MetadataRequest.topics takes at least 4294967294 \
         bytes, of which 0 are there"
    );
    assert!(spent <= BESIDE, "{spent} bytes");
}

#[test]
fn elements_that_are_larger_in_memory_than_on_the_wire_are_charged() {
    // A thousand topics without a name take two bytes each, and much more in memory.
    let mut frame = 1000_i32.to_be_bytes().to_vec();
    frame.resize(4 + 2 * 1000, 0);
    let frame = Bytes::from(frame);
    let mut reader = Reader::new(frame.clone()).with_allowance(10_000);
    let error = MetadataRequest::read(&mut reader, 0).unwrap_err();
    assert_eq!(error.reason(), ReadReason::Memory { allowed: 10_000 });
    let mut reader = Reader::new(frame).with_allowance(100_000);
    let request = MetadataRequest::read(&mut reader, 0).unwrap();
    assert_eq!(request.topics.unwrap().len(), 1000);
}

#[test]
fn errors_name_the_field_and_its_place() {
    let read = |bytes: &'static [u8], version| {
        let mut reader = Reader::new(Bytes::from_static(bytes));
        CreateTopicsRequest::read(&mut reader, version)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        read(&[0xff, 0xff, 0xff, 0xff], 2),
        "CreateTopicsRequest version 2, byte 4: CreateTopicsRequest.topics is null, which this \
         version does not allow"
    );
    assert_eq!(
        read(&[0xff, 0xff, 0xff, 0xfe], 2),
        "CreateTopicsRequest version 2, byte 4: CreateTopicsRequest.topics has the length -2"
    );
    let mut frame = vec![0, 0, 0, 1, 0, 2, 0xc3, 0x28];
    frame.resize(40, 0);
    let mut reader = Reader::new(Bytes::from(frame));
    let error = CreateTopicsRequest::read(&mut reader, 2).unwrap_err();
    assert_eq!(
        (error.field(), error.position()),
        ("CreatableTopic.name", 6)
    );
    assert_eq!(error.reason(), ReadReason::NoText);
    assert_eq!(
        read(&[0xff, 0xff, 0xff, 0xff, 0x7f], 5),
        "CreateTopicsRequest version 5, byte 5: CreateTopicsRequest.topics has a number that does \
         not end within 32 bits"
    );
}

#[test]
fn a_known_tag_in_a_version_before_its_own_is_skipped() {
    // Tag 1 of a Fetch request is the replica's state from version 15 on.
    let mut writer = Vec::new();
    writer.extend_from_slice(&(-1_i32).to_be_bytes()); // replica_id
    writer.extend_from_slice(&[0; 12]); // max_wait_ms, min_bytes, max_bytes
    writer.push(0); // isolation_level
    writer.extend_from_slice(&[0; 8]); // session_id, session_epoch
    writer.extend_from_slice(&[1, 1, 1]); // topics, forgotten_topics_data, rack_id
    writer.extend_from_slice(&[1, 1, 3, 7, 7, 7]); // one tagged field: tag 1, three bytes
    let mut reader = Reader::new(Bytes::from(writer));
    let request = FetchRequest::read(&mut reader, 12).unwrap();
    assert_eq!(request.replica_state, Default::default());
    assert_eq!(reader.left(), 0);
}

#[test]
fn a_tagged_field_must_be_as_long_as_its_value() {
    // Tag 1 of ApiVersions' response is a number of eight bytes.
    let frame = |size: u8| {
        let mut frame = vec![0, 0, 1, 0, 0, 0, 0, 1, 1, size];
        frame.extend_from_slice(&[0; 9]);
        let mut reader = Reader::new(Bytes::from(frame));
        millrace_kafka_wire::api::api_versions::ApiVersionsResponse::read(&mut reader, 3)
    };
    assert!(frame(8).is_ok());
    assert_eq!(frame(9).unwrap_err().reason(), ReadReason::Rest(1));
    let short = ReadReason::Short { needed: 8, left: 7 };
    assert_eq!(frame(7).unwrap_err().reason(), short);
}

#[test]
fn text_is_a_slice_of_the_frame() {
    let mut frame = vec![0, 0, 0, 1, 0, 6];
    frame.extend_from_slice(b"orders");
    let frame = Bytes::from(frame);
    let request = MetadataRequest::read(&mut Reader::new(frame.clone()), 0).unwrap();
    let name = request.topics.unwrap()[0].name.clone().unwrap();
    assert_eq!(name.as_ptr(), frame[6..].as_ptr());
    assert!(MetadataResponse::default().topics.is_empty());
}
