use millrace_kafka_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse,
};
use millrace_kafka_wire::{ErrorCode, Uuid};

use super::super::*;
use super::harness::*;

fn ask(bench: &mut Bench, version: i16, request: OffsetFetchRequest) -> OffsetFetchResponse {
    match bench.answer_to(version, Request::OffsetFetch(request)) {
        Response::OffsetFetch(it) => it,
        other => panic!("{other:?}"),
    }
}

/// Commits offset 10 for `events` 0 and 1, and for `more` 0.
fn three_offsets(bench: &mut Bench) {
    let mut request = commit(10);
    let mut other = request.topics[0].partitions[0].clone();
    other.partition_index = 1;
    request.topics[0].partitions.push(other);
    let mut more = request.topics[0].clone();
    more.name = "more".into();
    more.partitions.truncate(1);
    request.topics.push(more);
    assert_eq!(bench.commit(9, request), ErrorCode::None);
}

#[test]
fn what_was_not_committed_has_no_offset() {
    let mut bench = Bench::new();
    let fetched = bench.fetched(true);
    assert_eq!(fetched.committed_offset, -1);
    assert_eq!(fetched.committed_leader_epoch, -1);
    assert_eq!(fetched.metadata.as_deref(), Some(""));
    assert_eq!(fetched.error_code, 0);
}

#[test]
fn old_versions_ask_for_one_group_and_its_partitions() {
    let mut bench = Bench::new();
    three_offsets(&mut bench);
    for version in 1..=7 {
        let request = OffsetFetchRequest {
            group_id: GROUP.into(),
            topics: Some(vec![OffsetFetchRequestTopic {
                name: "events".into(),
                partition_indexes: vec![1, 2],
            }]),
            ..Default::default()
        };
        let answer = ask(&mut bench, version, request);
        assert_eq!((answer.error_code, answer.groups.len()), (0, 0));
        let offsets: Vec<_> = answer.topics[0]
            .partitions
            .iter()
            .map(|it| (it.partition_index, it.committed_offset))
            .collect();
        assert_eq!(offsets, [(1, 10), (2, -1)]);
    }
}

#[test]
fn all_topics_of_a_group_are_fetched_without_naming_them() {
    let mut bench = Bench::new();
    three_offsets(&mut bench);
    let old = OffsetFetchRequest {
        group_id: GROUP.into(),
        topics: None,
        ..Default::default()
    };
    let old = ask(&mut bench, 7, old);
    let shape = |name: &Str, partitions: usize| (name.to_string(), partitions);
    let topics: Vec<_> = old
        .topics
        .iter()
        .map(|it| shape(&it.name, it.partitions.len()))
        .collect();
    let expected = [("events".to_owned(), 2), ("more".to_owned(), 1)];
    assert_eq!(topics, expected);

    let groups = [GROUP, "nothing"].map(|id| OffsetFetchRequestGroup {
        group_id: id.into(),
        topics: None,
        ..Default::default()
    });
    let new = OffsetFetchRequest {
        groups: groups.to_vec(),
        ..Default::default()
    };
    let new = ask(&mut bench, 9, new);
    let topics: Vec<_> = new.groups[0]
        .topics
        .iter()
        .map(|it| shape(&it.name, it.partitions.len()))
        .collect();
    assert_eq!(topics, expected);
    assert_eq!(new.groups[1].group_id, "nothing");
    assert_eq!(
        (new.groups[1].error_code, new.groups[1].topics.len()),
        (0, 0)
    );
}

#[test]
fn an_offset_of_an_earlier_topic_of_the_same_name_is_not_given_out() {
    let mut bench = Bench::new();
    let mut request = commit(10);
    request.topics[0].topic_id = Uuid([1; 16]);
    bench.commit(10, request);
    let mut fetch = |id: Uuid| {
        let topic = OffsetFetchRequestTopics {
            name: "events".into(),
            topic_id: id,
            partition_indexes: vec![0],
        };
        let group = OffsetFetchRequestGroup {
            group_id: GROUP.into(),
            topics: Some(vec![topic]),
            ..Default::default()
        };
        let request = OffsetFetchRequest {
            groups: vec![group],
            ..Default::default()
        };
        let answer = ask(&mut bench, 10, request);
        let topic = &answer.groups[0].topics[0];
        assert_eq!(topic.topic_id, id);
        topic.partitions[0].committed_offset
    };
    assert_eq!(fetch(Uuid([1; 16])), 10);
    assert_eq!(fetch(Uuid([2; 16])), -1);
    assert_eq!(fetch(Uuid::ZERO), 10);
}

#[test]
fn all_of_a_group_is_given_out_once_in_an_answer() {
    let mut bench = Bench::new();
    three_offsets(&mut bench);
    let group = OffsetFetchRequestGroup {
        group_id: GROUP.into(),
        topics: None,
        ..Default::default()
    };
    let request = OffsetFetchRequest {
        groups: vec![group; 1000],
        ..Default::default()
    };
    assert_eq!(ask(&mut bench, 9, request).groups.len(), 1);
}
