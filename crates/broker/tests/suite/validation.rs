//! Compressed batches that hold something else than they say.

use bytes::Bytes;
use millrace_broker::BrokerConfig;
use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::batch::{Compression, RECORDS_BYTES_MAX, compress};
use millrace_testkit::kafka::{batch, claimed, counted};

use crate::support::{TestBroker, code, config};

/// Of each what it is answered with where it is opened.
fn unreadable() -> Vec<(&'static str, Bytes, ErrorCode)> {
    let text = compress(Compression::Gzip, b"abc").unwrap();
    let mut found = vec![
        (
            "counts more",
            counted(Compression::Gzip, 5, &[b"abc"]),
            ErrorCode::InvalidRecord,
        ),
        (
            "counts fewer",
            counted(Compression::Gzip, 1, &[b"a", b"b"]),
            ErrorCode::InvalidRecord,
        ),
        (
            "holds no records",
            claimed(Compression::Gzip, 1, &text),
            ErrorCode::InvalidRecord,
        ),
        (
            "a bomb",
            counted(Compression::Zstd, 1, &[&vec![0; RECORDS_BYTES_MAX]]),
            ErrorCode::MessageTooLarge,
        ),
    ];
    for codec in &Compression::ALL[1..] {
        let batch = claimed(*codec, 1, b"no codec writes this");
        found.push(("garbage", batch, ErrorCode::CorruptMessage));
    }
    found
}

#[test]
fn a_broker_within_a_pipeline_acknowledges_nothing_that_no_reader_can_read() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [("listeners".to_owned(), "PLAINTEXT://127.0.0.1:0".to_owned())];
    let embedded = BrokerConfig::embedded(settings.into(), dir.path()).unwrap();
    let broker = TestBroker::start(embedded);
    let mut client = broker.client();
    client.create_topic("orders", 1);
    for (what, batch, expected) in unreadable() {
        let answer = client.produce("orders", 0, batch);
        assert_eq!(code(answer.error_code), expected, "{what}");
    }
    let compressed = counted(Compression::Gzip, 2, &[b"a", b"b"]);
    for (batch, expected) in [(compressed, 0), (batch(&[b"c"]), 2)] {
        let answer = client.produce("orders", 0, batch);
        assert_eq!((answer.error_code, answer.base_offset), (0, expected));
    }
}

#[test]
fn a_broker_alone_opens_what_is_compressed_where_its_topic_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("lax", 1);
    client.create_topic_with("strict", 1, &[("record.validation", "full")]);
    for (what, batch, expected) in unreadable() {
        assert_eq!(
            client.produce("lax", 0, batch.clone()).error_code,
            0,
            "{what}"
        );
        let answer = client.produce("strict", 0, batch);
        assert_eq!(code(answer.error_code), expected, "{what}");
    }
}
