//! `group describe`: how far a group has read, and who reads.

use std::collections::{BTreeSet, HashMap, HashSet};

use millrace_kafka_client::{Cluster, GroupInfo, GroupMember, OffsetAt, TopicPartition};
use millrace_spec::Literal;

use super::super::kafka::table::{or_dash, table};
use super::super::kafka::{Ended, Failure, answer, connect, number, object, or_null, text};
use crate::args::kafka::AdminArgs;

/// One partition of a topic that a group reads.
struct Row<'g> {
    partition: TopicPartition,
    committed: Option<i64>,
    /// Not known of a partition that is gone.
    end: Option<i64>,
    member: Option<&'g GroupMember>,
}

impl Row<'_> {
    fn lag(&self) -> Option<i64> {
        Some(self.end?.saturating_sub(self.committed?).max(0))
    }

    fn cells(&self) -> Vec<String> {
        let member = |part: fn(&GroupMember) -> &str| or_dash(self.member.map(part));
        vec![
            self.partition.topic.to_string(),
            self.partition.partition.to_string(),
            or_dash(self.committed),
            or_dash(self.end),
            or_dash(self.lag()),
            member(|it| &it.id),
            member(|it| &it.host),
            member(|it| &it.client_id),
        ]
    }

    fn json(&self) -> Literal {
        let member = |part: fn(&GroupMember) -> &str| or_null(self.member, |it| text(part(it)));
        object([
            ("topic", text(&*self.partition.topic)),
            ("partition", number(self.partition.partition)),
            ("committed_offset", or_null(self.committed, number)),
            ("end_offset", or_null(self.end, number)),
            ("lag", or_null(self.lag(), number)),
            ("member", member(|it| &it.id)),
            ("host", member(|it| &it.host)),
            ("client_id", member(|it| &it.client_id)),
        ])
    }
}

pub async fn describe(groups: &[String], admin: &AdminArgs) -> Ended {
    let cluster = connect(&admin.cluster).await?;
    let mut human = String::new();
    let mut json = Vec::new();
    for group in groups {
        let info = cluster.describe_group(group).await?;
        let rows = rows(&cluster, &info).await?;
        let separator = if human.is_empty() { "" } else { "\n" };
        human.push_str(&format!("{separator}{}", page(&info, &rows)));
        json.push(group_json(&info, &rows));
    }
    answer(admin, &human, &Literal::List(json))
}

/// The partitions that a group has committed in or was assigned, and all others of their topics:
/// there may be records in them that nobody reads.
async fn rows<'g>(cluster: &Cluster, info: &'g GroupInfo) -> Result<Vec<Row<'g>>, Failure> {
    let committed = cluster.committed(&info.id, None).await?;
    let mut members: HashMap<&TopicPartition, &GroupMember> = HashMap::new();
    for member in &info.members {
        members.extend(member.assignment.iter().map(|it| (it, member)));
    }
    let read = committed.keys().chain(members.keys().copied());
    let mut partitions: BTreeSet<TopicPartition> = read.cloned().collect();
    let there = partitions_like(cluster, &partitions).await?;
    let ends = cluster.offsets(&there, OffsetAt::Latest, false).await?;
    partitions.extend(there);
    let rows = partitions.into_iter().map(|partition| Row {
        committed: committed.get(&partition).map(|it| it.offset),
        end: ends.get(&partition).copied().flatten(),
        member: members.get(&partition).copied(),
        partition,
    });
    Ok(rows.collect())
}

/// All partitions that are there of the topics of some: a group may have read what was removed since.
async fn partitions_like(
    cluster: &Cluster,
    some: &BTreeSet<TopicPartition>,
) -> Result<Vec<TopicPartition>, Failure> {
    if some.is_empty() {
        return Ok(Vec::new());
    }
    let wanted: HashSet<&str> = some.iter().map(|it| &*it.topic).collect();
    let mut there = Vec::new();
    for topic in cluster.list_topics().await? {
        if wanted.contains(&*topic.name) {
            let own = topic.partitions.iter();
            there.extend(own.map(|it| TopicPartition::new(&topic.name, it.partition)));
        }
    }
    Ok(there)
}

fn page(info: &GroupInfo, rows: &[Row<'_>]) -> String {
    let lag: i64 = rows.iter().filter_map(Row::lag).sum();
    let head = [
        "TOPIC",
        "PARTITION",
        "COMMITTED",
        "END",
        "LAG",
        "MEMBER",
        "HOST",
        "CLIENT",
    ];
    let cells: Vec<_> = rows.iter().map(Row::cells).collect();
    // Of a partition in which nothing is committed nobody knows what is left to be read.
    let unknown = rows.iter().filter(|it| it.lag().is_none()).count();
    let unknown = match unknown {
        0 => String::new(),
        partitions => format!(", not known of {partitions} without a commit"),
    };
    format!(
        "group {}, state {}, members {}, lag {lag}{unknown}\n{}",
        info.id,
        info.state,
        info.members.len(),
        table(&head, &cells)
    )
}

fn group_json(info: &GroupInfo, rows: &[Row<'_>]) -> Literal {
    object([
        ("group", text(&info.id)),
        ("state", text(&info.state)),
        ("assignor", text(&info.assignor)),
        ("members", number(info.members.len() as i64)),
        ("lag", number(rows.iter().filter_map(Row::lag).sum::<i64>())),
        (
            "partitions",
            Literal::List(rows.iter().map(Row::json).collect()),
        ),
    ])
}
