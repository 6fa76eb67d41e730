//! Members of a group share what there is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{PATIENCE, TestBroker, read, record, texts, topic};
use millrace_kafka_client::{
    Cluster, Consumer, ConsumerSettings, NewRecord, Producer, ProducerSettings, Reset,
};

fn member(cluster: &Arc<Cluster>) -> Consumer {
    let settings = ConsumerSettings {
        auto_offset_reset: Reset::Earliest,
        heartbeat_interval: Duration::from_millis(50),
        ..ConsumerSettings::default()
    };
    Consumer::in_group(Arc::clone(cluster), settings, "billing", &["orders"])
}

async fn send(cluster: &Arc<Cluster>, values: impl Iterator<Item = usize>) {
    let producer = Producer::start(cluster.clone(), ProducerSettings::default())
        .await
        .unwrap();
    for value in values {
        let record = NewRecord {
            partition: Some((value % 4) as i32),
            ..record("orders", value.to_string())
        };
        producer.send(record).await.unwrap();
    }
    producer.flush().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_closes_leaves_off_where_the_next_begins() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "orders", 4).await;
    send(&cluster, 0..10).await;
    let mut first = member(&cluster);
    let found: BTreeSet<_> = texts(&read(&mut first, 10).await).into_iter().collect();
    assert_eq!(found.len(), 10);
    assert_eq!(first.assignment().len(), 4);
    first.close().await.unwrap();
    send(&cluster, 10..14).await;
    let mut second = member(&cluster);
    let found: BTreeSet<_> = texts(&read(&mut second, 4).await).into_iter().collect();
    let expected: BTreeSet<_> = (10..14).map(|it| it.to_string()).collect();
    assert_eq!(found, expected);
    second.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_abandons_its_group_commits_nothing() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "orders", 4).await;
    send(&cluster, 0..4).await;
    let mut first = member(&cluster);
    read(&mut first, 4).await;
    first.abandon().await.unwrap();
    let mut second = member(&cluster);
    assert_eq!(read(&mut second, 4).await.len(), 4);
    second.close().await.unwrap();
}

async fn poll_until_half(member: &mut Consumer) {
    while member.assignment().len() != 2 {
        let records = member.poll(Duration::from_millis(20)).await.unwrap();
        assert!(records.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_members_share_the_partitions_and_read_each_record_once() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "orders", 4).await;
    let (mut one, mut other) = (member(&cluster), member(&connect_again(&broker).await));
    // Each polls by itself: a poll waits as long as its group changes.
    let shared = async { tokio::join!(poll_until_half(&mut one), poll_until_half(&mut other)) };
    tokio::time::timeout(PATIENCE, shared).await.unwrap();
    let info = cluster.describe_group("billing").await.unwrap();
    assert_eq!(
        (&*info.state, &*info.assignor, info.members.len()),
        ("Stable", "range", 2)
    );
    let sizes: Vec<_> = info.members.iter().map(|it| it.assignment.len()).collect();
    assert_eq!(sizes, [2, 2]);
    send(&cluster, 0..100).await;
    let (first, second) = tokio::join!(read(&mut one, 50), read(&mut other, 50));
    let all: BTreeSet<_> = texts(&first).into_iter().chain(texts(&second)).collect();
    assert_eq!(all.len(), 100, "each record came once");

    // One leaves, and the other takes over all of it.
    one.close().await.unwrap();
    send(&cluster, 100..104).await;
    let found: BTreeSet<_> = texts(&read(&mut other, 4).await).into_iter().collect();
    let expected: BTreeSet<_> = (100..104).map(|it| it.to_string()).collect();
    assert_eq!(found, expected);
    other.close().await.unwrap();
}

/// A member whose session lasts longer than the test may, known by this name.
fn lasting(cluster: &Arc<Cluster>, instance: Option<&str>) -> Consumer {
    let settings = ConsumerSettings {
        auto_offset_reset: Reset::Earliest,
        group_instance_id: instance.map(str::to_owned),
        session_timeout: PATIENCE * 10,
        rebalance_timeout: PATIENCE * 10,
        heartbeat_interval: PATIENCE,
        auto_commit_interval: None,
        ..ConsumerSettings::default()
    };
    Consumer::in_group(Arc::clone(cluster), settings, "billing", &["orders"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_comes_again_takes_its_own_place_at_once() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "orders", 4).await;
    send(&cluster, 0..4).await;
    let mut first = lasting(&cluster, Some("cellar"));
    read(&mut first, 4).await;
    // Its process is killed: it leaves nothing but its place.
    std::mem::forget(first);
    let mut second = lasting(&connect_again(&broker).await, Some("cellar"));
    assert_eq!(read(&mut second, 4).await.len(), 4);
    let info = cluster.describe_group("billing").await.unwrap();
    assert_eq!((&*info.state, info.members.len()), ("Stable", 1));
    second.close().await.unwrap();
    let info = cluster.describe_group("billing").await.unwrap();
    assert_eq!(info.members.len(), 0, "it has left for good");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_its_group_can_leave_it() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "orders", 4).await;
    send(&cluster, 0..4).await;
    // It does not join again, so the group is waited for.
    let mut idle = lasting(&cluster, None);
    read(&mut idle, 4).await;
    let mut waiting = lasting(&connect_again(&broker).await, None);
    let joining = async {
        loop {
            let info = cluster.describe_group("billing").await.unwrap();
            if info.state == "PreparingRebalance" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        polled = waiting.poll(PATIENCE * 10) => panic!("nobody waits: {polled:?}"),
        () = joining => {}
    }
    let left = tokio::time::timeout(PATIENCE, waiting.abandon()).await;
    left.expect("it need not wait").unwrap();
}

async fn connect_again(broker: &TestBroker) -> Arc<Cluster> {
    crate::support::connect(&broker.address).await
}
