//! Sessions without a broker.

use super::*;

const SLOTS: usize = 100;

fn asking(now: i64) -> Asking {
    Asking {
        now,
        uses_ids: false,
        random: 7,
    }
}

fn request(session_id: i32, session_epoch: i32, partitions: &[(i32, i64)]) -> FetchRequest {
    let partitions: Vec<_> = (partitions.iter())
        .map(|(partition, fetch_offset)| FetchPartition {
            partition: *partition,
            fetch_offset: *fetch_offset,
            ..FetchPartition::default()
        })
        .collect();
    let topics = match partitions.is_empty() {
        true => Vec::new(),
        false => vec![FetchTopic {
            topic: "orders".into(),
            partitions,
            ..FetchTopic::default()
        }],
    };
    FetchRequest {
        replica_id: -1,
        session_id,
        session_epoch,
        topics,
        ..FetchRequest::default()
    }
}

fn response(partitions: &[(i32, i64, &'static [u8])]) -> Vec<FetchableTopicResponse> {
    let data = partitions
        .iter()
        .map(|(partition_index, high_watermark, records)| PartitionData {
            partition_index: *partition_index,
            high_watermark: *high_watermark,
            records: bytes::Bytes::from_static(records).into(),
            ..PartitionData::default()
        });
    vec![FetchableTopicResponse {
        topic: "orders".into(),
        partitions: data.collect(),
        ..FetchableTopicResponse::default()
    }]
}

fn indexes(responses: &[FetchableTopicResponse]) -> Vec<i32> {
    let partitions = responses.iter().flat_map(|it| &it.partitions);
    partitions.map(|it| it.partition_index).collect()
}

fn read(begun: &Begun) -> Vec<(i32, i64)> {
    let partitions = begun.topics.iter().flat_map(|it| &it.partitions);
    partitions
        .map(|it| (it.partition, it.fetch_offset))
        .collect()
}

#[test]
fn a_session_reads_all_that_it_was_told_and_tells_what_is_new() {
    let sessions = Sessions::new(SLOTS);
    let begun = sessions
        .begin(&mut request(0, 0, &[(0, 0), (1, 5)]), &asking(0))
        .unwrap();
    assert_eq!((begun.session_id, begun.is_incremental), (7, false));
    let mut told = response(&[(0, 3, b""), (1, 5, b"")]);
    sessions.finish(7, false, &mut told);
    assert_eq!(indexes(&told), [0, 1]);

    let begun = sessions
        .begin(&mut request(7, 1, &[(0, 3)]), &asking(1))
        .unwrap();
    assert_eq!(read(&begun), [(0, 3), (1, 5)]);
    let mut told = response(&[(0, 4, b"records"), (1, 5, b"")]);
    sessions.finish(7, true, &mut told);
    assert_eq!(indexes(&told), [0]);
    // What gave records comes last now.
    let begun = sessions.begin(&mut request(7, 2, &[]), &asking(1)).unwrap();
    assert_eq!(read(&begun), [(1, 5), (0, 3)]);
    let mut told = response(&[(1, 5, b""), (0, 4, b"")]);
    sessions.finish(7, true, &mut told);
    assert!(told.is_empty());
}

#[test]
fn what_is_forgotten_is_no_longer_read() {
    let sessions = Sessions::new(SLOTS);
    sessions
        .begin(&mut request(0, 0, &[(0, 0), (1, 5)]), &asking(0))
        .unwrap();
    let mut next = request(7, 1, &[]);
    next.forgotten_topics_data
        .push(millrace_kafka_wire::api::fetch::ForgottenTopic {
            topic: "orders".into(),
            partitions: vec![0],
            ..Default::default()
        });
    assert_eq!(
        read(&sessions.begin(&mut next, &asking(0)).unwrap()),
        [(1, 5)]
    );
}

#[test]
fn a_request_that_is_not_the_next_is_refused() {
    let sessions = Sessions::new(SLOTS);
    sessions
        .begin(&mut request(0, 0, &[(0, 0)]), &asking(0))
        .unwrap();
    let refused = |id: i32, epoch: i32| {
        sessions
            .begin(&mut request(id, epoch, &[]), &asking(0))
            .err()
    };
    assert_eq!(refused(8, 1), Some(ErrorCode::FetchSessionIdNotFound));
    assert_eq!(refused(7, 2), Some(ErrorCode::InvalidFetchSessionEpoch));
    let ids = Asking {
        uses_ids: true,
        ..asking(0)
    };
    let other = sessions.begin(&mut request(7, 1, &[]), &ids).err();
    assert_eq!(other, Some(ErrorCode::FetchSessionTopicIdError));
    assert_eq!(refused(7, 1), None);
    // The last request of a session ends it.
    let last = sessions
        .begin(&mut request(7, -1, &[(0, 0)]), &asking(0))
        .unwrap();
    assert_eq!(last.session_id, 0);
    assert_eq!(refused(7, 2), Some(ErrorCode::FetchSessionIdNotFound));
}

#[test]
fn an_error_is_told_each_time() {
    let sessions = Sessions::new(SLOTS);
    sessions
        .begin(&mut request(0, 0, &[(0, 0)]), &asking(0))
        .unwrap();
    for _ in 0..2 {
        let mut told = response(&[(0, -1, b"")]);
        told[0].partitions[0].error_code = ErrorCode::NotLeaderOrFollower.number();
        sessions.finish(7, true, &mut told);
        assert_eq!(indexes(&told), [0]);
    }
}

#[test]
fn sessions_are_bounded_and_the_least_used_goes_first() {
    let sessions = Sessions::new(SLOTS);
    let open = |now: i64, partitions: i32| {
        let partitions: Vec<_> = (0..partitions).map(|it| (it, 0)).collect();
        let begun = sessions.begin(&mut request(0, 0, &partitions), &asking(now));
        begun.unwrap().session_id
    };
    for at in 0..SLOTS as i64 {
        assert_ne!(open(at, 2), 0);
    }
    // One that reads as much finds no room; one that reads more does.
    assert_eq!(open(SLOTS as i64, 2), 0);
    assert_ne!(open(SLOTS as i64, 3), 0);
    // After two minutes the first ones have to go.
    assert_ne!(open(UNUSED_MS + 2, 1), 0);
    assert_eq!(sessions.state.lock().sessions.len(), SLOTS);
}
