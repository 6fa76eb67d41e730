//! `topic`: makes, lists, describes, changes and removes topics.

use std::collections::HashMap;
use std::process::ExitCode;

use millrace_kafka_client::{
    Cluster, ConfigEntry, NewTopic, PartitionInfo, TopicInfo, TopicPartition,
};
use millrace_spec::Literal;

use super::complain;
use super::kafka::table::{list, or_dash, table};
use super::kafka::{Ended, Failure, answer, connect, number, numbers, object, or_null, run, text};
use crate::args::kafka::{AdminArgs, TopicCommand};

/// Does what is to be done with topics.
pub fn topic(command: TopicCommand) -> ExitCode {
    run(async move {
        match command {
            TopicCommand::Create {
                name,
                partitions,
                replication_factor,
                config,
                if_not_exists,
                dry_run,
                admin,
            } => {
                let topic = NewTopic {
                    name,
                    partitions,
                    replication_factor,
                    configs: config,
                };
                create(&topic, if_not_exists, dry_run, &admin).await
            }
            TopicCommand::List { internal, admin } => list_topics(internal, &admin).await,
            TopicCommand::Describe {
                names,
                all_configs,
                admin,
            } => describe(&names, all_configs, &admin).await,
            TopicCommand::Alter {
                name,
                partitions,
                config,
                delete_config,
                admin,
            } => alter(&name, partitions, &config, &delete_config, &admin).await,
            TopicCommand::DeleteRecords {
                name,
                partition,
                before,
                admin,
            } => delete_records(&TopicPartition::new(&name, partition), before, &admin).await,
            TopicCommand::Delete { names, admin } => delete(&names, &admin).await,
        }
    })
}

async fn create(topic: &NewTopic, if_not_exists: bool, is_tried: bool, admin: &AdminArgs) -> Ended {
    let cluster = connect(&admin.cluster).await?;
    let name = &topic.name;
    let is_there = millrace_kafka_client::ErrorCode::TopicAlreadyExists;
    let created = match cluster.create_topic(topic, is_tried).await {
        Ok(created) => created,
        Err(error) if if_not_exists && error.code() == Some(is_there) => {
            let said = object([("topic", text(name)), ("created", Literal::Bool(false))]);
            return answer(admin, &format!("topic `{name}` is there already\n"), &said);
        }
        Err(error) => return Err(error.into()),
    };
    let verb = if is_tried {
        "can be created"
    } else {
        "created"
    };
    let how = match (created.partitions, created.replication_factor) {
        (Some(partitions), Some(factor)) => {
            format!(": partitions {partitions}, replication factor {factor}")
        }
        _ => String::new(),
    };
    let said = object([
        ("topic", text(name)),
        ("created", Literal::Bool(!is_tried)),
        ("partitions", or_null(created.partitions, number)),
        (
            "replication_factor",
            or_null(created.replication_factor, number),
        ),
    ]);
    answer(admin, &format!("topic `{name}` {verb}{how}\n"), &said)
}

async fn list_topics(with_internal: bool, admin: &AdminArgs) -> Ended {
    let cluster = connect(&admin.cluster).await?;
    let mut topics = cluster.list_topics().await?;
    topics.retain(|it| with_internal || !it.is_internal);
    let rows: Vec<_> = topics
        .iter()
        .map(|it| {
            let count = it.partitions.len().to_string();
            vec![it.name.clone(), count, or_dash(replication_factor(it))]
        })
        .collect();
    let json = topics.iter().map(|it| {
        object([
            ("topic", text(&it.name)),
            ("partitions", number(it.partitions.len() as i64)),
            (
                "replication_factor",
                or_null(replication_factor(it), |it| number(it as i64)),
            ),
            ("internal", Literal::Bool(it.is_internal)),
        ])
    });
    let head = ["TOPIC", "PARTITIONS", "REPLICATION"];
    answer(admin, &table(&head, &rows), &Literal::List(json.collect()))
}

fn replication_factor(topic: &TopicInfo) -> Option<usize> {
    topic.partitions.first().map(|it| it.replicas.len())
}

async fn describe(names: &[String], with_all: bool, admin: &AdminArgs) -> Ended {
    let cluster = connect(&admin.cluster).await?;
    let mut human = String::new();
    let mut json = Vec::new();
    for name in names {
        let (topic, configs) = described(&cluster, name, with_all).await?;
        if !human.is_empty() {
            human.push('\n');
        }
        human.push_str(&page(&topic, &configs));
        json.push(topic_json(&topic, &configs));
    }
    answer(admin, &human, &Literal::List(json))
}

async fn described(
    cluster: &Cluster,
    name: &str,
    with_all: bool,
) -> Result<(TopicInfo, Vec<ConfigEntry>), Failure> {
    let topic = cluster.describe_topic(name).await?;
    let mut configs = cluster.topic_configs(name).await?;
    configs.retain(|it| with_all || it.is_set);
    configs.sort_by(|one, other| one.name.cmp(&other.name));
    Ok((topic, configs))
}

/// A topic for people.
fn page(topic: &TopicInfo, configs: &[ConfigEntry]) -> String {
    let mut text = format!(
        "topic {}, id {}, partitions {}, replication factor {}\n",
        topic.name,
        topic.id,
        topic.partitions.len(),
        or_dash(replication_factor(topic)),
    );
    for config in configs {
        let value = config.value.as_deref().unwrap_or("(secret)");
        text.push_str(&format!("  {} = {value}\n", config.name));
    }
    let rows: Vec<_> = topic.partitions.iter().map(row).collect();
    text + &table(&["PARTITION", "LEADER", "REPLICAS", "IN SYNC"], &rows)
}

fn row(it: &PartitionInfo) -> Vec<String> {
    let leader = or_dash(it.leader);
    vec![
        it.partition.to_string(),
        leader,
        list(&it.replicas),
        list(&it.in_sync),
    ]
}

fn topic_json(topic: &TopicInfo, configs: &[ConfigEntry]) -> Literal {
    let partitions = topic.partitions.iter().map(|it| {
        object([
            ("partition", number(it.partition)),
            ("leader", or_null(it.leader, number)),
            ("leader_epoch", number(it.leader_epoch)),
            ("replicas", numbers(&it.replicas)),
            ("isr", numbers(&it.in_sync)),
        ])
    });
    let configs = configs.iter().map(|it| {
        let value = or_null(it.value.clone(), text);
        (it.name.clone().into(), value)
    });
    object([
        ("topic", text(&topic.name)),
        ("id", text(&topic.id)),
        ("internal", Literal::Bool(topic.is_internal)),
        ("configs", Literal::Map(configs.collect())),
        ("partitions", Literal::List(partitions.collect())),
    ])
}

async fn alter(
    name: &str,
    partitions: Option<i32>,
    set: &[(String, String)],
    reset: &[String],
    admin: &AdminArgs,
) -> Ended {
    let cluster = connect(&admin.cluster).await?;
    // Settings first: they are refused as a whole, while partitions cannot be taken back.
    if !set.is_empty() || !reset.is_empty() {
        cluster.alter_topic_configs(name, set, reset).await?;
    }
    if let Some(count) = partitions {
        cluster.create_partitions(name, count).await?;
    }
    let said = object([("topic", text(name)), ("altered", Literal::Bool(true))]);
    answer(admin, &format!("topic `{name}` altered\n"), &said)
}

async fn delete_records(partition: &TopicPartition, before: i64, admin: &AdminArgs) -> Ended {
    let cluster = connect(&admin.cluster).await?;
    let offsets = HashMap::from([(partition.clone(), before)]);
    cluster.delete_records(&offsets).await?;
    let said = object([
        ("topic", text(&*partition.topic)),
        ("partition", number(partition.partition)),
        ("log_start_offset", number(before)),
    ]);
    let human = format!("{partition} begins with offset {before}\n");
    answer(admin, &human, &said)
}

async fn delete(names: &[String], admin: &AdminArgs) -> Ended {
    let cluster = connect(&admin.cluster).await?;
    let mut deleted = Vec::new();
    let mut is_whole = true;
    for name in names {
        match cluster.delete_topic(name).await {
            Ok(()) => deleted.push(name),
            Err(error) => {
                complain(&format!("error: {error}"));
                is_whole = false;
            }
        }
    }
    let lines: String = deleted
        .iter()
        .map(|it| format!("topic `{it}` deleted\n"))
        .collect();
    let json = deleted.into_iter().map(text).collect();
    answer(admin, &lines, &object([("deleted", Literal::List(json))]))?;
    if is_whole { Ok(()) } else { Err(Failure::Told) }
}
