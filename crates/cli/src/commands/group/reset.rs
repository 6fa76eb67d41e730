//! `group reset-offsets`: has a group read from another place on.

use std::collections::HashMap;

use millrace_kafka_client::{Cluster, ErrorCode, OffsetAt, TopicPartition};
use millrace_spec::Literal;

use super::super::kafka::table::{or_dash, table};
use super::super::kafka::{Ended, Failure, answer, connect, number, object, or_null, text};
use crate::args::kafka::{AdminArgs, Target, TopicArg};

pub async fn reset(
    group: &str,
    to: Target,
    topics: &[TopicArg],
    is_meant: bool,
    admin: &AdminArgs,
) -> Ended {
    let cluster = connect(&admin.cluster).await?;
    refuse_active(&cluster, group).await?;
    let committed = cluster.committed(group, None).await?;
    let mut partitions = match topics.is_empty() {
        true => committed.keys().cloned().collect(),
        false => named(&cluster, topics).await?,
    };
    partitions.sort();
    if partitions.is_empty() {
        return Err(Failure::Failed(format!(
            "group `{group}` has committed nothing: name what it is to read by `--topic`"
        )));
    }
    let new = targets(&cluster, &partitions, to).await?;
    if is_meant {
        cluster.commit_for(group, &new).await?;
    }
    let changes = partitions.iter().map(|it| {
        let before = committed.get(it).map(|it| it.offset);
        (it, before, new.get(it).copied())
    });
    let changes: Vec<_> = changes.collect();
    let rows: Vec<_> = changes
        .iter()
        .map(|(partition, before, after)| {
            let number = partition.partition.to_string();
            vec![
                partition.topic.to_string(),
                number,
                or_dash(*before),
                or_dash(*after),
            ]
        })
        .collect();
    let mut human = table(&["TOPIC", "PARTITION", "COMMITTED", "NEW"], &rows);
    if !is_meant {
        human.push_str("nothing was changed: add --execute to do it\n");
    }
    let json = changes.iter().map(|(partition, before, after)| {
        object([
            ("topic", text(&*partition.topic)),
            ("partition", number(partition.partition)),
            ("committed_offset", or_null(*before, number)),
            ("new_offset", or_null(*after, number)),
        ])
    });
    let json = object([
        ("group", text(group)),
        ("executed", Literal::Bool(is_meant)),
        ("partitions", Literal::List(json.collect())),
    ]);
    answer(admin, &human, &json)
}

/// A group that reads would go on where it is.
async fn refuse_active(cluster: &Cluster, group: &str) -> Ended {
    match cluster.describe_group(group).await {
        Ok(info) if !info.members.is_empty() => Err(Failure::Failed(format!(
            "group `{group}` has {} members: stop them first",
            info.members.len()
        ))),
        // A group that is not there yet begins where it is told to.
        Err(error) if !is_missing(&error) => Err(error.into()),
        _ => Ok(()),
    }
}

fn is_missing(error: &millrace_kafka_client::Error) -> bool {
    error.code() == Some(ErrorCode::GroupIdNotFound)
}

async fn named(cluster: &Cluster, topics: &[TopicArg]) -> Result<Vec<TopicPartition>, Failure> {
    let mut partitions = Vec::new();
    for arg in topics {
        let own = match arg.partitions.is_empty() {
            true => {
                let topic = cluster.describe_topic(&arg.topic).await?;
                topic.partitions.iter().map(|it| it.partition).collect()
            }
            false => arg.partitions.clone(),
        };
        partitions.extend(own.iter().map(|it| TopicPartition::new(&arg.topic, *it)));
    }
    partitions.dedup();
    Ok(partitions)
}

/// Where each partition is to be read from; never before its begin or behind its end.
async fn targets(
    cluster: &Cluster,
    partitions: &[TopicPartition],
    to: Target,
) -> Result<HashMap<TopicPartition, i64>, Failure> {
    let earliest = cluster
        .offsets(partitions, OffsetAt::Earliest, false)
        .await?;
    let latest = cluster.offsets(partitions, OffsetAt::Latest, false).await?;
    let asked = match to {
        Target::At(at) => cluster.offsets(partitions, at, false).await?,
        Target::Offset(offset) => {
            let all = partitions.iter().cloned();
            all.map(|it| (it, Some(offset))).collect()
        }
    };
    let known = |map: &HashMap<TopicPartition, Option<i64>>, it: &TopicPartition| {
        map.get(it).copied().flatten()
    };
    let targets = partitions.iter().map(|it| {
        let begin = known(&earliest, it).unwrap_or(0);
        let end = known(&latest, it).unwrap_or(begin).max(begin);
        let target = known(&asked, it).unwrap_or(end);
        (it.clone(), target.clamp(begin, end))
    });
    Ok(targets.collect())
}
