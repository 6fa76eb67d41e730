//! What is served, and what becomes of requests that are not.

use std::io::Write;

use crate::support::{TestBroker, config};
use bytes::Bytes;
use millrace_kafka_wire::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use millrace_kafka_wire::api::find_coordinator::FindCoordinatorRequest;
use millrace_kafka_wire::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use millrace_kafka_wire::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use millrace_kafka_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use millrace_kafka_wire::api::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use millrace_kafka_wire::records::headers::{RequestHeader, ResponseHeader};
use millrace_kafka_wire::{
    ApiKey, ErrorCode, KINDS, Message, Reader, Writer, advertised, write_request,
};
use millrace_testkit::kafka::{Client, batch, fetch, produce, values};

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
fn records_and_offsets_are_served_in_every_version() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    let id = client.create_topic("orders", 1);
    let mut sent = 0;
    for version in 3..=13 {
        let mut request = produce("orders", 0, batch(&[b"a"]), -1);
        if version == 13 {
            request.topic_data[0].topic_id = id;
        }
        let mut response = client.ask(version, &request);
        let partition = response.responses.remove(0).partition_responses.remove(0);
        assert_eq!(
            (partition.error_code, partition.base_offset),
            (0, sent),
            "{version}"
        );
        sent += 1;
    }
    for version in 4..=18 {
        let mut request = fetch("orders", &[(0, 0)], 0);
        request.isolation_level = (version % 2) as i8;
        if version >= 13 {
            request.topics[0].topic_id = id;
        }
        let mut response = client.ask(version, &request);
        let partition = response.responses.remove(0).partitions.remove(0);
        assert_eq!(partition.error_code, 0, "{version}");
        assert_eq!(values(&partition).len(), sent as usize, "{version}");
    }
    for version in 1..=11 {
        for (timestamp, offset) in [(-1, sent), (-2, 0), (0, 0)] {
            let request = ListOffsetsRequest {
                replica_id: -1,
                topics: vec![ListOffsetsTopic {
                    name: "orders".into(),
                    partitions: vec![ListOffsetsPartition {
                        partition_index: 0,
                        current_leader_epoch: -1,
                        timestamp,
                    }],
                }],
                ..ListOffsetsRequest::default()
            };
            let mut response = client.ask(version, &request);
            let found = response.topics.remove(0).partitions.remove(0);
            assert_eq!((found.error_code, found.offset), (0, offset), "{version}");
        }
    }
    for version in 2..=4 {
        let request = OffsetForLeaderEpochRequest {
            topics: vec![OffsetForLeaderTopic {
                topic: "orders".into(),
                partitions: vec![OffsetForLeaderPartition {
                    partition: 0,
                    current_leader_epoch: -1,
                    leader_epoch: 0,
                }],
            }],
            ..OffsetForLeaderEpochRequest::default()
        };
        let mut response = client.ask(version, &request);
        let found = response.topics.remove(0).partitions.remove(0);
        assert_eq!(
            (found.error_code, found.leader_epoch, found.end_offset),
            (0, 0, sent)
        );
    }
}

#[test]
fn offsets_of_groups_are_kept_in_every_version() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    let id = client.create_topic("orders", 1);
    for version in 0..=6 {
        let request = FindCoordinatorRequest {
            key: if version < 4 {
                "group".into()
            } else {
                Default::default()
            },
            coordinator_keys: if version < 4 {
                vec![]
            } else {
                vec!["group".into()]
            },
            ..FindCoordinatorRequest::default()
        };
        let response = client.ask(version, &request);
        let found = response
            .coordinators
            .first()
            .map_or(response.node_id, |it| it.node_id);
        assert_eq!(found, 1, "{version}");
    }
    for version in 2..=10 {
        let request = OffsetCommitRequest {
            group_id: "group".into(),
            generation_id_or_member_epoch: -1,
            topics: vec![OffsetCommitRequestTopic {
                name: "orders".into(),
                topic_id: id,
                partitions: vec![OffsetCommitRequestPartition {
                    partition_index: 0,
                    committed_offset: i64::from(version),
                    committed_leader_epoch: -1,
                    committed_metadata: Some("note".into()),
                }],
            }],
            ..OffsetCommitRequest::default()
        };
        let mut response = client.ask(version, &request);
        assert_eq!(
            response.topics.remove(0).partitions.remove(0).error_code,
            0,
            "{version}"
        );
    }
    for version in 1..=10 {
        let old = vec![OffsetFetchRequestTopic {
            name: "orders".into(),
            partition_indexes: vec![0],
        }];
        let new = vec![OffsetFetchRequestGroup {
            group_id: "group".into(),
            member_id: None,
            member_epoch: -1,
            topics: Some(vec![OffsetFetchRequestTopics {
                name: "orders".into(),
                topic_id: id,
                partition_indexes: vec![0],
            }]),
        }];
        let is_old = version < 8;
        let request = OffsetFetchRequest {
            group_id: if is_old {
                "group".into()
            } else {
                Default::default()
            },
            topics: if is_old { Some(old) } else { Some(vec![]) },
            groups: if is_old { vec![] } else { new },
            ..OffsetFetchRequest::default()
        };
        let mut response = client.ask(version, &request);
        let found = match is_old {
            true => {
                let found = response.topics.remove(0).partitions.remove(0);
                (found.committed_offset, found.metadata)
            }
            false => {
                let found = response
                    .groups
                    .remove(0)
                    .topics
                    .remove(0)
                    .partitions
                    .remove(0);
                (found.committed_offset, found.metadata)
            }
        };
        assert_eq!(found, (10, Some("note".into())), "{version}");
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
fn no_more_clients_are_served_than_the_settings_allow() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.connections.max_per_ip = 2;
    let broker = TestBroker::start(config);
    let mut first = broker.client();
    let mut second = broker.client();
    assert_eq!(first.ask(4, &versions()).error_code, 0);
    assert_eq!(second.ask(4, &versions()).error_code, 0);
    let mut third = Client::connect(broker.address());
    assert!(third.frame().is_none());
    drop(first);
    // The place is free once the broker has seen the end of the connection.
    let served = millrace_testkit::poll::until("a place", millrace_testkit::poll::PATIENCE, || {
        let mut client = Client::connect(broker.address());
        let asked = client.try_send(4, &versions()).is_ok();
        (asked && client.frame().is_some()).then_some(())
    });
    served.unwrap();
    assert_eq!(second.ask(4, &versions()).error_code, 0);
}

#[test]
fn a_connection_on_which_nothing_comes_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.connections.max_idle_ms = 200;
    let broker = TestBroker::start(config);
    let mut silent = broker.client();
    let mut slow = broker.client();
    // Half of a request is as little as none.
    slow.stream.write_all(&[0, 0, 0, 20, 0, 18]).unwrap();
    assert!(silent.frame().is_none());
    assert!(slow.frame().is_none());
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
