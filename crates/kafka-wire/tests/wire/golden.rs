//! Frames that kafka-python 3.0.12 sent, and messages that Kafka wrote: read as what they meant, and
//! written as they were.

use bytes::Bytes;
use millrace_kafka_wire::api::api_versions::ApiVersionsRequest;
use millrace_kafka_wire::api::fetch::FetchRequest;
use millrace_kafka_wire::api::metadata::MetadataRequest;
use millrace_kafka_wire::api::produce::ProduceRequest;
use millrace_kafka_wire::batch::{HEADER_SIZE, Records, is_intact};
use millrace_kafka_wire::{Reader, Request, read_request_header, write_request};

use crate::round_trips::kind;

const API_VERSIONS_0: &str = "00000010 0012 0000 00000001 0006 676f6c64656e";
const API_VERSIONS_3: &str = "00000026 0012 0003 00000001 0006 676f6c64656e 00
    0d 6b61666b612d707974686f6e 07 332e302e3132 00";
const API_VERSIONS_4: &str = "00000026 0012 0004 00000001 0006 676f6c64656e 00
    0d 6b61666b612d707974686f6e 07 332e302e3132 00";
const METADATA_12: &str = "00000015 0003 000c 00000002 0006 676f6c64656e 00 01 01 00 00";
const PRODUCE_9: &str = "00000073 0000 0009 00000002 0006 676f6c64656e 00
    00 0001 00000bb8 02 07 6f7264657273 02 00000000 4b
    0000000000000000 0000003e 00000000 02 36ff4dc3 0000 00000000 0000018bcfe56800 0000018bcfe56800
    ffffffffffffffff ffff ffffffff 00000001
    18 00 00 00 02 6b 0a 68656c6c6f 00
    00 00 00";
const FETCH_12: &str = "00000058 0001 000c 00000002 0006 676f6c64656e 00
    ffffffff 000001f4 00000001 03200000 00 00000000 00000000
    02 07 6f7264657273 02 00000000 00000003 0000000000000005 ffffffff ffffffffffffffff 00100000 00
    00 01 01 00";

/// The bytes of hexadecimal digits.
fn bytes(text: &str) -> Bytes {
    let digit = |it: char| it.to_digit(16).map(|it| it as u8);
    let digits: Vec<u8> = text.chars().filter_map(digit).collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// Reads a frame with its header to the end, checks that it is written again as it was, and returns
/// its body.
fn golden<R: Request>(frame: &str) -> R {
    let frame = bytes(frame);
    let mut reader = Reader::new(frame.slice(4..));
    let header = read_request_header(&mut reader).expect("a header");
    assert_eq!(header.request_api_key, R::KEY.number());
    assert_eq!(header.client_id.as_deref(), Some("golden"));
    let version = header.request_api_version;
    let request = R::read(&mut reader, version).expect("a request");
    assert_eq!(reader.left(), 0);
    let id = header.correlation_id;
    let again = write_request(version, id, header.client_id, &request);
    assert_eq!(again.expect("a frame").into_bytes(), frame);
    request
}

#[test]
fn the_first_request_of_a_client() {
    golden::<ApiVersionsRequest>(API_VERSIONS_0);
    for frame in [API_VERSIONS_3, API_VERSIONS_4] {
        let request: ApiVersionsRequest = golden(frame);
        assert_eq!(request.client_software_name, "kafka-python");
        assert_eq!(request.client_software_version, "3.0.12");
    }
}

#[test]
fn a_metadata_request() {
    let request: MetadataRequest = golden(METADATA_12);
    assert_eq!(request.topics, Some(Vec::new()));
    assert!(request.allow_auto_topic_creation);
}

#[test]
fn a_produce_request() {
    let request: ProduceRequest = golden(PRODUCE_9);
    assert_eq!((request.acks, request.timeout_ms), (1, 3000));
    assert_eq!(request.topic_data[0].name, "orders");
    let records = request.topic_data[0].partition_data[0]
        .records
        .clone()
        .unwrap();
    let header = is_intact(&records).unwrap();
    assert_eq!(header.base_timestamp, 1_700_000_000_000);
    let record = Records::new(&records[HEADER_SIZE..], header.record_count).next();
    let record = record.unwrap().unwrap();
    assert_eq!(
        (record.key, record.value),
        (Some(&b"k"[..]), Some(&b"hello"[..]))
    );
}

#[test]
fn a_fetch_request() {
    let request: FetchRequest = golden(FETCH_12);
    assert_eq!((request.replica_id, request.session_epoch), (-1, 0));
    let partition = &request.topics[0].partitions[0];
    assert_eq!(
        (partition.fetch_offset, partition.current_leader_epoch),
        (5, 3)
    );
    assert_eq!(partition.partition_max_bytes, 1 << 20);
}

#[test]
fn messages_that_kafka_itself_has_written() {
    let lines = include_str!("kafka-4.3.1.txt").lines();
    let mut count = 0;
    for line in lines.filter(|it| !it.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, version, digits] = words[..] else {
            panic!("`{line}` has three parts")
        };
        let bytes = bytes(digits);
        let reader = Reader::new(bytes.clone());
        let again = (kind(name).rewrite)(reader, version.parse().unwrap());
        assert_eq!(
            again.unwrap().unwrap().into_bytes(),
            bytes,
            "{name} version {version}"
        );
        count += 1;
    }
    assert!(count > 50, "{count} messages");
}
