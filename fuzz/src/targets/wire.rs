//! Frames of Kafka's protocol.
//!
//! The first byte chooses the message, the second its version; with a first byte of 255 the rest is
//! a request with its header, as a connection sends it, or a record batch. Asked: what is read can
//! be written, in no more bytes, and is read as the same again.

use bytes::Bytes;
use millrace_kafka_wire::batch::{HEADER_SIZE, Records, is_intact};
use millrace_kafka_wire::metadata::MetadataRecord;
use millrace_kafka_wire::{ApiKey, KINDS, Kind, Reader, read_request_header};

pub(super) fn run(data: &[u8]) {
    let [choice, version, frame @ ..] = data else {
        return;
    };
    let frame = Bytes::copy_from_slice(frame);
    if *choice == 255 {
        request(&frame);
        batch(&frame);
        metadata(frame);
        return;
    }
    let kind = &KINDS[usize::from(*choice) % KINDS.len()];
    let (first, last) = kind.versions;
    // One version beside those that are known, on either side.
    let version = first - 1 + i16::from(*version) % (last - first + 3);
    message(kind, Reader::new(frame), version);
}

fn message(kind: &Kind, reader: Reader, version: i16) {
    let size = reader.left();
    let Ok(written) = (kind.rewrite)(reader, version) else {
        return;
    };
    let written = written.unwrap_or_else(|error| panic!("it was read: {error}"));
    assert!(written.len() <= size, "it takes more bytes than it had");
    let written = written.into_bytes();
    let again = (kind.rewrite)(Reader::new(written.clone()), version);
    let again = again.unwrap_or_else(|error| panic!("what was written is not read: {error}"));
    let again = again.map(millrace_kafka_wire::Frame::into_bytes);
    assert_eq!(again, Ok(written), "it is written in two ways");
}

fn request(frame: &Bytes) {
    let mut reader = Reader::new(frame.clone());
    let Ok(header) = read_request_header(&mut reader) else {
        return;
    };
    let Some(key) = ApiKey::from_number(header.request_api_key) else {
        return;
    };
    let name = format!("{key}Request");
    let kind = KINDS.iter().find(|it| it.name == name);
    let kind = kind.expect("every API has a request");
    message(kind, reader, header.request_api_version);
}

fn batch(bytes: &Bytes) {
    if let Ok(header) = is_intact(bytes) {
        let records = &bytes[HEADER_SIZE..header.size()];
        let read = Records::new(records, header.record_count);
        assert!(read.count() <= records.len() + 1);
    }
}

fn metadata(value: Bytes) {
    if let Ok(Some(record)) = MetadataRecord::decode(value) {
        assert!(record.id() >= 0);
    }
}
