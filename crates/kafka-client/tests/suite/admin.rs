//! What administrators ask for.

use std::collections::HashMap;

use crate::support::{TestBroker, record, topic};
use millrace_kafka_client::{
    Cluster, ErrorCode, NewTopic, OffsetAt, Producer, ProducerSettings, Settings, TopicPartition,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_made_listed_described_altered_and_removed() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    let new = NewTopic {
        name: "orders".into(),
        partitions: Some(2),
        replication_factor: None,
        configs: vec![("retention.ms".into(), "1000".into())],
    };
    let created = cluster.create_topic(&new, false).await.unwrap();
    assert_eq!(
        (created.partitions, created.replication_factor),
        (Some(2), Some(1))
    );
    let listed = cluster.list_topics().await.unwrap();
    assert_eq!((listed.len(), &*listed[0].name), (1, "orders"));
    let set = |configs: Vec<millrace_kafka_client::ConfigEntry>| {
        let set = configs.into_iter().filter(|it| it.is_set);
        set.map(|it| (it.name, it.value.unwrap()))
            .collect::<HashMap<_, _>>()
    };
    let configs = set(cluster.topic_configs("orders").await.unwrap());
    assert_eq!(
        configs,
        HashMap::from([("retention.ms".into(), "1000".into())])
    );

    let changes = [("cleanup.policy".to_owned(), "delete".to_owned())];
    let reset = ["retention.ms".to_owned()];
    cluster
        .alter_topic_configs("orders", &changes, &reset)
        .await
        .unwrap();
    let configs = set(cluster.topic_configs("orders").await.unwrap());
    assert_eq!(
        configs,
        HashMap::from([("cleanup.policy".into(), "delete".into())])
    );
    cluster.create_partitions("orders", 3).await.unwrap();
    let described = cluster.describe_topic("orders").await.unwrap();
    let leaders: Vec<_> = described.partitions.iter().map(|it| it.leader).collect();
    assert_eq!(leaders, [Some(1); 3]);

    cluster.delete_topic("orders").await.unwrap();
    let gone = cluster.describe_topic("orders").await.unwrap_err();
    assert_eq!(
        gone.to_string(),
        "there is no topic `orders` (`millrace topic list` has those that there are)"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_refuses_names_broker_api_code_and_remedy() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "orders", 1).await;
    let again = NewTopic {
        name: "orders".into(),
        ..NewTopic::default()
    };
    let refused = cluster.create_topic(&again, false).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::TopicAlreadyExists));
    let text = refused.to_string();
    let start = format!(
        "broker {}: CreateTopics of topic `orders`: TOPIC_ALREADY_EXISTS",
        broker.address
    );
    assert!(text.starts_with(&start), "{text}");
    assert!(
        text.ends_with("(choose another name, or alter the topic)"),
        "{text}"
    );
    let fewer = cluster.create_partitions("orders", 1).await.unwrap_err();
    assert_eq!(fewer.code(), Some(ErrorCode::InvalidPartitions));
    let unset = [("no.such.key".to_owned(), "1".to_owned())];
    assert!(
        cluster
            .alter_topic_configs("orders", &unset, &[])
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_are_found_by_place_and_by_time() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "times", 1).await;
    let producer = Producer::start(cluster.clone(), ProducerSettings::default())
        .await
        .unwrap();
    for time in [1_000, 2_000, 3_000] {
        let mut record = record("times", "x");
        record.timestamp = Some(time);
        producer.send(record).await.unwrap();
        // Each in a batch of its own.
        producer.flush().await;
    }
    let partition = TopicPartition::new("times", 0);
    for (at, expected) in [
        (OffsetAt::Earliest, Some(0)),
        (OffsetAt::Latest, Some(3)),
        (OffsetAt::Time(2_000), Some(1)),
        (OffsetAt::Time(2_001), Some(2)),
        (OffsetAt::Time(9_000), None),
    ] {
        let asked = std::slice::from_ref(&partition);
        let found = cluster.offsets(asked, at, false).await.unwrap();
        assert_eq!(found[&partition], expected, "{at:?}");
    }
    let beyond = TopicPartition::new("times", 1);
    let refused = cluster
        .offsets(&[beyond], OffsetAt::Latest, false)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("there is no partition 1"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_group_committed_is_told_changed_and_forgotten() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "orders", 1).await;
    assert!(cluster.committed("billing", None).await.unwrap().is_empty());
    let partition = TopicPartition::new("orders", 0);
    let offsets = HashMap::from([(partition.clone(), 0)]);
    cluster.commit_for("billing", &offsets).await.unwrap();
    let committed = cluster.committed("billing", None).await.unwrap();
    assert_eq!(committed[&partition].offset, 0);
    let groups = cluster.list_groups().await.unwrap();
    assert_eq!((&*groups[0].id, &*groups[0].state), ("billing", "Empty"));
    let described = cluster.describe_group("billing").await.unwrap();
    assert!(described.members.is_empty());
    cluster.delete_group("billing").await.unwrap();
    let gone = cluster.describe_group("billing").await.unwrap_err();
    assert_eq!(gone.code(), Some(ErrorCode::GroupIdNotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_address_is_tried_when_one_does_not_answer() {
    let broker = TestBroker::start().await;
    let nobody = millrace_testkit::port::free_port();
    let servers = format!("127.0.0.1:{nobody}, {}", broker.address);
    let cluster = Cluster::connect(Settings::for_servers(&servers))
        .await
        .unwrap();
    let info = cluster.describe_cluster().await.unwrap();
    assert_eq!((info.controller, info.brokers.len()), (1, 1));
    let none = Cluster::connect(Settings::for_servers(&format!("127.0.0.1:{nobody}"))).await;
    let text = none.err().unwrap().to_string();
    assert!(
        text.contains("cannot connect") && text.contains(&nobody.to_string()),
        "{text}"
    );
}
