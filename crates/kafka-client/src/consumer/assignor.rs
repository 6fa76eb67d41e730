//! Which member of a group reads which partitions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use millrace_kafka_wire::Str;

use crate::admin::TopicPartition;

/// Assigns partitions as Kafka's range assignor does: topic by topic, the members that want it get
/// neighbouring partitions in the order of their names, the first ones one more where it does not
/// come out even.
pub fn assign_range(
    members: &BTreeMap<Str, BTreeSet<Str>>,
    partitions: &HashMap<Str, usize>,
) -> HashMap<Str, Vec<TopicPartition>> {
    let mut assigned: HashMap<Str, Vec<TopicPartition>> = HashMap::new();
    for member in members.keys() {
        assigned.insert(member.clone(), Vec::new());
    }
    let topics: BTreeSet<&Str> = members.values().flatten().collect();
    for topic in topics {
        let count = partitions.get(topic).copied().unwrap_or(0);
        let wanting = members.iter().filter(|(_, topics)| topics.contains(topic));
        let wanting: Vec<_> = wanting.map(|(member, _)| member).collect();
        let (each, more) = (count / wanting.len(), count % wanting.len());
        let mut next = 0;
        for (index, member) in wanting.into_iter().enumerate() {
            let end = next + each + usize::from(index < more);
            let list = assigned.entry(member.clone()).or_default();
            list.extend((next..end).map(|it| TopicPartition {
                topic: topic.clone(),
                partition: it as i32,
            }));
            next = end;
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(members: &[(&str, &[&str])], partitions: &[(&str, usize)]) -> Vec<String> {
        let topics = |it: &[&str]| it.iter().map(|it| Str::from(*it)).collect();
        let members = members
            .iter()
            .map(|(name, it)| (Str::from(*name), topics(it)));
        let partitions = partitions.iter().map(|(name, it)| (Str::from(*name), *it));
        let assigned = assign_range(&members.collect(), &partitions.collect());
        let mut lines: Vec<_> = assigned
            .iter()
            .map(|(member, partitions)| {
                let names = partitions
                    .iter()
                    .map(|it| format!("{}{}", it.topic, it.partition));
                format!("{member}: {}", names.collect::<Vec<_>>().join(" "))
            })
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn neighbouring_partitions_go_to_a_member_and_the_first_get_more() {
        let members: &[(&str, &[&str])] = &[("b", &["t", "u"]), ("a", &["t", "u"])];
        let found = assigned(members, &[("t", 3), ("u", 3)]);
        assert_eq!(found, ["a: t0 t1 u0 u1", "b: t2 u2"]);
    }

    #[test]
    fn members_get_only_what_they_want_and_perhaps_nothing() {
        let members: &[(&str, &[&str])] = &[("a", &["t"]), ("b", &["u", "none"]), ("c", &["t"])];
        let found = assigned(members, &[("t", 1), ("u", 2)]);
        assert_eq!(found, ["a: t0", "b: u0 u1", "c: "]);
    }
}
