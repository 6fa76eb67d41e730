//! Groups and their offsets.

use crate::config::key::{Key, int, list, long, short, string};
use crate::config::note::{ALONE, LINGER, LOADING, MODERN, PLAIN, POOLS};

pub(super) const KEYS: &[Key] = &[
    int("group.initial.rebalance.delay.ms")
        .default("3000")
        .doc("How long a new group waits for more members before its first rebalance."),
    int("group.min.session.timeout.ms")
        .default("6000")
        .doc("The shortest session timeout that a member may ask for."),
    int("group.max.session.timeout.ms")
        .default("1800000")
        .doc("The longest session timeout that a member may ask for."),
    int("group.max.size")
        .default("2147483647")
        .at_least(1)
        .doc("How many members a group has."),
    int("offset.metadata.max.bytes")
        .default("4096")
        .doc("How large the text is that goes with a committed offset."),
    int("offsets.retention.minutes")
        .default("10080")
        .at_least(1)
        .doc("How long the offsets of a group without members are kept."),
    long("offsets.retention.check.interval.ms")
        .default("600000")
        .at_least(1)
        .doc("How often offsets are looked through for old ones."),
    int("offsets.commit.timeout.ms")
        .default("5000")
        .at_least(1)
        .doc("How long a commit of offsets waits for its replicas."),
    int("offsets.topic.num.partitions")
        .default("50")
        .at_least(1)
        .doc("The partitions of `__consumer_offsets`; it must not change once they are there."),
    short("offsets.topic.replication.factor")
        .default("1")
        .at_least(1)
        .differs("Kafka's default is for several brokers")
        .unused(ALONE)
        .doc("The replicas of `__consumer_offsets`."),
    int("offsets.topic.segment.bytes")
        .default("104857600")
        .at_least(1)
        .doc("The segments of `__consumer_offsets`."),
    int("offsets.topic.compression.codec")
        .default("0")
        .unused(PLAIN)
        .doc("How committed offsets are compressed: 0 is not at all."),
    int("offsets.load.buffer.size")
        .default("5242880")
        .at_least(1)
        .unused(LOADING)
        .doc("How much of `__consumer_offsets` is read at once."),
    int("group.coordinator.threads")
        .default("4")
        .at_least(1)
        .unused(POOLS)
        .doc("Threads of the group coordinator."),
    int("group.coordinator.background.threads")
        .default("2")
        .at_least(1)
        .unused(POOLS)
        .doc("Threads for what takes a group coordinator long."),
    int("group.coordinator.append.linger.ms")
        .default("-1")
        .at_least(-1)
        .unused(LINGER)
        .doc("How long the group coordinator gathers records into one write."),
    int("group.coordinator.cached.buffer.max.bytes")
        .default("1048588")
        .at_least(524288)
        .cluster_wide()
        .unused(LOADING)
        .doc("How large a buffer the group coordinator keeps for reuse."),
    list("group.coordinator.rebalance.protocols")
        .default("classic,consumer,streams")
        .list_of(&["consumer", "classic", "share", "streams"])
        .unused(MODERN)
        .doc("The protocols of groups that are offered."),
    list("group.consumer.assignors")
        .default("uniform,range")
        .unused(MODERN)
        .doc("How the broker assigns partitions to members."),
    int("group.consumer.heartbeat.interval.ms")
        .default("5000")
        .at_least(1)
        .unused(MODERN)
        .doc("How often a member of a consumer group is heard."),
    int("group.consumer.min.heartbeat.interval.ms")
        .default("5000")
        .at_least(1)
        .unused(MODERN)
        .doc("The least that a group may set it to."),
    int("group.consumer.max.heartbeat.interval.ms")
        .default("15000")
        .at_least(1)
        .unused(MODERN)
        .doc("The most that a group may set it to."),
    int("group.consumer.session.timeout.ms")
        .default("45000")
        .at_least(1)
        .unused(MODERN)
        .doc("After how long a silent member of a consumer group is out."),
    int("group.consumer.min.session.timeout.ms")
        .default("45000")
        .at_least(1)
        .unused(MODERN)
        .doc("The least that a group may set it to."),
    int("group.consumer.max.session.timeout.ms")
        .default("60000")
        .at_least(1)
        .unused(MODERN)
        .doc("The most that a group may set it to."),
    int("group.consumer.assignment.interval.ms")
        .default("1000")
        .at_least(0)
        .cluster_wide()
        .unused(MODERN)
        .doc("How far apart the assignments of a consumer group are."),
    int("group.consumer.min.assignment.interval.ms")
        .default("0")
        .at_least(0)
        .unused(MODERN)
        .doc("The least that a group may set it to."),
    int("group.consumer.max.assignment.interval.ms")
        .default("15000")
        .at_least(0)
        .unused(MODERN)
        .doc("The most that a group may set it to."),
    int("group.consumer.max.size")
        .default("2147483647")
        .at_least(1)
        .unused(MODERN)
        .doc("How many members a consumer group has."),
    string("group.consumer.migration.policy")
        .default("bidirectional")
        .one_of_any_case(&["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"])
        .unused(MODERN)
        .doc("Which groups may change from one protocol to the other."),
    int("group.consumer.regex.refresh.interval.ms")
        .default("600000")
        .at_least(10000)
        .internal()
        .unused(MODERN)
        .doc("How often patterns of topics are looked up again."),
];
