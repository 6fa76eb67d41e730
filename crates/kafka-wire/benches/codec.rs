//! What a message costs to read and to write, beside the crate `kafka-protocol`: a Metadata request
//! for 100 topics, a Produce request with 10 partitions of 16 KiB, a Fetch response with as much.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, criterion_group, criterion_main};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable};
use millrace_kafka_wire::api::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
use millrace_kafka_wire::api::metadata::{MetadataRequest, MetadataRequestTopic};
use millrace_kafka_wire::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use millrace_kafka_wire::{Message, Reader, Segment, Str, Writer};

fn metadata() -> MetadataRequest {
    let topic = |number| MetadataRequestTopic {
        name: Some(Str::from(format!("orders-{number:03}"))),
        ..MetadataRequestTopic::default()
    };
    MetadataRequest {
        topics: Some((0..100).map(topic).collect()),
        ..MetadataRequest::default()
    }
}

fn produce() -> ProduceRequest {
    let partition = |index| PartitionProduceData {
        index,
        records: Some(Bytes::from(vec![7; 16 << 10])),
    };
    ProduceRequest {
        acks: -1,
        topic_data: vec![TopicProduceData {
            name: Str::from_static("orders"),
            partition_data: (0..10).map(partition).collect(),
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    }
}

fn fetch() -> FetchResponse {
    let partition = |partition_index| PartitionData {
        partition_index,
        records: Segment::from(Bytes::from(vec![7; 16 << 10])),
        ..PartitionData::default()
    };
    FetchResponse {
        responses: vec![FetchableTopicResponse {
            topic: Str::from_static("orders"),
            partitions: (0..10).map(partition).collect(),
            ..FetchableTopicResponse::default()
        }],
        ..FetchResponse::default()
    }
}

fn written<M: Message>(message: &M, version: i16) -> Bytes {
    let mut writer = Writer::new();
    message.write(&mut writer, version).expect("it is written");
    writer.finish().expect("it is a frame").into_bytes()
}

fn read<M: Message, T: Decodable>(c: &mut Criterion, name: &str, frame: &Bytes, version: i16) {
    c.bench_function(&format!("read_{name}"), |b| {
        b.iter(|| M::read(&mut Reader::new(black_box(frame).clone()), version));
    });
    c.bench_function(&format!("read_{name}_kafka_protocol"), |b| {
        b.iter(|| T::decode(&mut black_box(frame).clone(), version));
    });
}

fn codec(c: &mut Criterion) {
    let frame = written(&metadata(), 12);
    read::<MetadataRequest, theirs::MetadataRequest>(c, "metadata", &frame, 12);
    let frame = written(&produce(), 9);
    read::<ProduceRequest, theirs::ProduceRequest>(c, "produce", &frame, 9);

    let ours = fetch();
    c.bench_function("write_fetch", |b| {
        b.iter(|| {
            let mut writer = Writer::new();
            black_box(&ours)
                .write(&mut writer, 12)
                .expect("it is written");
            writer.finish()
        });
    });
    let mut frame = written(&ours, 12);
    let theirs = theirs::FetchResponse::decode(&mut frame, 12).expect("they read it");
    c.bench_function("write_fetch_kafka_protocol", |b| {
        b.iter(|| {
            let mut out = BytesMut::new();
            black_box(&theirs)
                .encode(&mut out, 12)
                .expect("they write it");
            out
        });
    });
}

criterion_group!(benches, codec);
criterion_main!(benches);
