//! Large records are written without a copy.

use bytes::{Buf, Bytes};
use millrace_kafka_wire::api::fetch::{
    AbortedTransaction, FetchRequest, FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch,
    NodeEndpoint, PartitionData,
};
use millrace_kafka_wire::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use millrace_kafka_wire::{
    ApiKey, Message, Reader, Segment, Writer, read_response, write_response,
};

use crate::allocation::allocated;

const MIB: usize = 1 << 20;

fn response(records: &Bytes) -> FetchResponse {
    let partition = |partition_index| PartitionData {
        partition_index,
        high_watermark: 10,
        aborted_transactions: Some(vec![AbortedTransaction {
            producer_id: 1,
            first_offset: 2,
        }]),
        current_leader: LeaderIdAndEpoch {
            leader_id: 1,
            leader_epoch: 3,
        },
        records: Segment::from(records.clone()),
        ..PartitionData::default()
    };
    FetchResponse {
        responses: vec![FetchableTopicResponse {
            topic: "orders".into(),
            partitions: vec![partition(0), partition(1)],
            ..FetchableTopicResponse::default()
        }],
        node_endpoints: vec![NodeEndpoint {
            node_id: 1,
            host: "localhost".into(),
            port: 9092,
            rack: None,
        }],
        ..FetchResponse::default()
    }
}

#[test]
fn a_fetch_response_copies_none_of_its_records() {
    let records = Bytes::from(vec![7; MIB]);
    for (version, topic) in [(4, "orders"), (12, "orders")] {
        let mut response = response(&records);
        if version < 12 {
            response.responses[0].partitions[0].current_leader = Default::default();
            response.responses[0].partitions[1].current_leader = Default::default();
        }
        response.node_endpoints.clear();
        let write = || write_response(ApiKey::Fetch, version, 5, &response).unwrap();
        let (frame, spent) = allocated(write);
        assert!(spent < 4096, "{spent} bytes were allocated");
        let large: Vec<_> = frame.segments().filter(|it| it.len() == MIB).collect();
        for segment in &large {
            let Segment::Bytes(bytes) = segment else {
                panic!("they are bytes")
            };
            assert_eq!(bytes.as_ptr(), records.as_ptr());
        }
        assert_eq!(large.len(), 2);
        assert_eq!(frame.remaining(), frame.len());

        let whole = frame.into_bytes();
        let size = whole.clone().get_i32();
        assert_eq!(size as usize, whole.len() - 4);
        let (number, read) = read_response::<FetchRequest>(whole.slice(4..), version).unwrap();
        assert_eq!((number, &read), (5, &response));
        assert_eq!(read.responses[0].topic, topic);
    }
}

#[test]
fn tagged_fields_after_large_records_are_where_they_belong() {
    let records = Bytes::from(vec![7; MIB]);
    let mut response = response(&records);
    response.responses[0].topic = Default::default();
    let frame = write_response(ApiKey::Fetch, 16, 5, &response).unwrap();
    let whole = frame.into_bytes().slice(4..);
    let (_, read) = read_response::<FetchRequest>(whole, 16).unwrap();
    assert_eq!(read, response);
}

#[test]
fn no_records_are_written_as_empty_and_never_as_null() {
    let response = response(&Bytes::new());
    let mut response = response;
    response.node_endpoints.clear();
    let mut writer = Writer::new();
    response.write(&mut writer, 12).unwrap();
    let bytes = writer.finish().unwrap().into_bytes();
    // Before the last partition's tagged fields stands the length: 1 for empty, 0 for null.
    let tags = [1, 1, 9, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0];
    assert!(bytes.ends_with(&tags), "{bytes:02x?}");
    assert_eq!(bytes[bytes.len() - tags.len() - 1], 1);

    let mut writer = Writer::new();
    FetchResponse {
        responses: vec![FetchableTopicResponse {
            partitions: vec![PartitionData::default()],
            ..FetchableTopicResponse::default()
        }],
        ..FetchResponse::default()
    }
    .write(&mut writer, 4)
    .unwrap();
    assert!(
        writer
            .finish()
            .unwrap()
            .into_bytes()
            .ends_with(&[0, 0, 0, 0])
    );
}

#[test]
fn the_records_of_a_produce_request_are_a_slice_of_its_frame() {
    let request = ProduceRequest {
        acks: -1,
        topic_data: vec![TopicProduceData {
            name: "orders".into(),
            partition_data: vec![PartitionProduceData {
                index: 3,
                records: Some(Bytes::from(vec![1; MIB])),
            }],
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    };
    let mut writer = Writer::new();
    request.write(&mut writer, 9).unwrap();
    let frame = writer.finish().unwrap().into_bytes();
    let read = || ProduceRequest::read(&mut Reader::new(frame.clone()), 9).unwrap();
    let (read, spent) = allocated(read);
    assert!(spent < 1024, "{spent} bytes were allocated");
    let records = read.topic_data[0].partition_data[0]
        .records
        .clone()
        .unwrap();
    assert!(frame.as_ptr_range().contains(&records.as_ptr()));
    assert_eq!(read, request);
}
