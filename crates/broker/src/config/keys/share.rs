//! Share groups and streams groups.

use crate::config::key::{Key, int, list, short, string};
use crate::config::note::{SHARE, STREAMS};

pub(super) const KEYS: &[Key] = &[
    list("group.share.assignors")
        .default("simple")
        .unused(SHARE)
        .doc("How the broker assigns partitions to members."),
    int("group.share.heartbeat.interval.ms")
        .default("5000")
        .at_least(1)
        .unused(SHARE)
        .doc("How often a member of a share group is heard."),
    int("group.share.min.heartbeat.interval.ms")
        .default("5000")
        .at_least(1)
        .unused(SHARE)
        .doc("The least that a group may set it to."),
    int("group.share.max.heartbeat.interval.ms")
        .default("15000")
        .at_least(1)
        .unused(SHARE)
        .doc("The most that a group may set it to."),
    int("group.share.session.timeout.ms")
        .default("45000")
        .at_least(1)
        .unused(SHARE)
        .doc("After how long a silent member of a share group is out."),
    int("group.share.min.session.timeout.ms")
        .default("45000")
        .at_least(1)
        .unused(SHARE)
        .doc("The least that a group may set it to."),
    int("group.share.max.session.timeout.ms")
        .default("60000")
        .at_least(1)
        .unused(SHARE)
        .doc("The most that a group may set it to."),
    int("group.share.assignment.interval.ms")
        .default("1000")
        .at_least(0)
        .cluster_wide()
        .unused(SHARE)
        .doc("How far apart the assignments of a share group are."),
    int("group.share.min.assignment.interval.ms")
        .default("0")
        .at_least(0)
        .unused(SHARE)
        .doc("The least that a group may set it to."),
    int("group.share.max.assignment.interval.ms")
        .default("15000")
        .at_least(0)
        .unused(SHARE)
        .doc("The most that a group may set it to."),
    int("group.share.delivery.count.limit")
        .default("5")
        .between(2, 10)
        .unused(SHARE)
        .doc("How often a record is delivered at most."),
    int("group.share.min.delivery.count.limit")
        .default("2")
        .between(2, 5)
        .unused(SHARE)
        .doc("The least that a group may set it to."),
    int("group.share.max.delivery.count.limit")
        .default("10")
        .between(5, 25)
        .unused(SHARE)
        .doc("The most that a group may set it to."),
    int("group.share.partition.max.record.locks")
        .default("2000")
        .between(100, 10000)
        .unused(SHARE)
        .doc("How many records of a partition are out at once."),
    int("group.share.min.partition.max.record.locks")
        .default("100")
        .between(100, 2000)
        .unused(SHARE)
        .doc("The least that a group may set it to."),
    int("group.share.max.partition.max.record.locks")
        .default("4000")
        .between(2000, 10000)
        .unused(SHARE)
        .doc("The most that a group may set it to."),
    int("group.share.record.lock.duration.ms")
        .default("30000")
        .between(1000, 3600000)
        .unused(SHARE)
        .doc("How long a record is out before others may have it."),
    int("group.share.min.record.lock.duration.ms")
        .default("15000")
        .between(1000, 30000)
        .unused(SHARE)
        .doc("The least that a group may set it to."),
    int("group.share.max.record.lock.duration.ms")
        .default("60000")
        .between(30000, 3600000)
        .unused(SHARE)
        .doc("The most that a group may set it to."),
    int("group.share.max.share.sessions")
        .default("2000")
        .at_least(1)
        .unused(SHARE)
        .doc("How many sessions of share groups are remembered."),
    int("group.share.max.size")
        .default("200")
        .between(1, 1000)
        .unused(SHARE)
        .doc("How many members a share group has."),
    int("group.share.initialize.retry.interval.ms")
        .default("30000")
        .at_least(1)
        .internal()
        .unused(SHARE)
        .doc("How long to pause before the state of a share group is made again."),
    string("group.share.persister.class.name")
        .default("org.apache.kafka.server.share.persister.DefaultStatePersister")
        .internal()
        .unused(SHARE)
        .doc("A class that keeps the state of share groups."),
    int("share.coordinator.append.linger.ms")
        .default("-1")
        .at_least(-1)
        .unused(SHARE)
        .doc("How long the share coordinator gathers records into one write."),
    int("share.coordinator.cached.buffer.max.bytes")
        .default("1048588")
        .at_least(524288)
        .cluster_wide()
        .unused(SHARE)
        .doc("How large a buffer the share coordinator keeps for reuse."),
    int("share.coordinator.cold.partition.snapshot.interval.ms")
        .default("300000")
        .at_least(1)
        .internal()
        .unused(SHARE)
        .doc("How often the state of idle partitions is written whole."),
    int("share.coordinator.load.buffer.size")
        .default("5242880")
        .at_least(1)
        .unused(SHARE)
        .doc("How much of `__share_group_state` is read at once."),
    int("share.coordinator.snapshot.update.records.per.snapshot")
        .default("500")
        .between(0, 500)
        .unused(SHARE)
        .doc("After how many changes the state is written whole."),
    int("share.coordinator.state.topic.compression.codec")
        .default("0")
        .unused(SHARE)
        .doc("How the state is compressed."),
    short("share.coordinator.state.topic.min.isr")
        .default("1")
        .at_least(1)
        .differs("Kafka's default is for several brokers")
        .unused(SHARE)
        .doc("`min.insync.replicas` of `__share_group_state`."),
    int("share.coordinator.state.topic.num.partitions")
        .default("50")
        .at_least(1)
        .unused(SHARE)
        .doc("The partitions of `__share_group_state`."),
    int("share.coordinator.state.topic.prune.interval.ms")
        .default("300000")
        .at_least(1)
        .internal()
        .unused(SHARE)
        .doc("How often old state is deleted."),
    short("share.coordinator.state.topic.replication.factor")
        .default("1")
        .at_least(1)
        .differs("Kafka's default is for several brokers")
        .unused(SHARE)
        .doc("The replicas of `__share_group_state`."),
    int("share.coordinator.state.topic.segment.bytes")
        .default("104857600")
        .at_least(1)
        .unused(SHARE)
        .doc("The segments of `__share_group_state`."),
    int("share.coordinator.threads")
        .default("1")
        .at_least(1)
        .unused(SHARE)
        .doc("Threads of the share coordinator."),
    int("share.coordinator.write.timeout.ms")
        .default("5000")
        .at_least(1)
        .unused(SHARE)
        .doc("How long a write of state waits for its replicas."),
    int("share.fetch.purgatory.purge.interval.requests")
        .default("1000")
        .unused(SHARE)
        .doc("After how many requests finished waits for ShareFetch are cleared away."),
    int("group.streams.heartbeat.interval.ms")
        .default("5000")
        .at_least(1)
        .unused(STREAMS)
        .doc("How often a member of a streams group is heard."),
    int("group.streams.min.heartbeat.interval.ms")
        .default("5000")
        .at_least(1)
        .unused(STREAMS)
        .doc("The least that a group may set it to."),
    int("group.streams.max.heartbeat.interval.ms")
        .default("15000")
        .at_least(1)
        .unused(STREAMS)
        .doc("The most that a group may set it to."),
    int("group.streams.session.timeout.ms")
        .default("45000")
        .at_least(1)
        .unused(STREAMS)
        .doc("After how long a silent member of a streams group is out."),
    int("group.streams.min.session.timeout.ms")
        .default("45000")
        .at_least(1)
        .unused(STREAMS)
        .doc("The least that a group may set it to."),
    int("group.streams.max.session.timeout.ms")
        .default("60000")
        .at_least(1)
        .unused(STREAMS)
        .doc("The most that a group may set it to."),
    int("group.streams.assignment.interval.ms")
        .default("1000")
        .at_least(0)
        .cluster_wide()
        .unused(STREAMS)
        .doc("How far apart the assignments of a streams group are."),
    int("group.streams.min.assignment.interval.ms")
        .default("0")
        .at_least(0)
        .unused(STREAMS)
        .doc("The least that a group may set it to."),
    int("group.streams.max.assignment.interval.ms")
        .default("15000")
        .at_least(0)
        .unused(STREAMS)
        .doc("The most that a group may set it to."),
    int("group.streams.initial.rebalance.delay.ms")
        .default("3000")
        .at_least(0)
        .unused(STREAMS)
        .doc("How long a new streams group waits for more members."),
    int("group.streams.num.standby.replicas")
        .default("0")
        .at_least(0)
        .unused(STREAMS)
        .doc("How many standby tasks there are of each task."),
    int("group.streams.max.standby.replicas")
        .default("2")
        .at_least(0)
        .unused(STREAMS)
        .doc("The most that a group may set it to."),
    int("group.streams.max.size")
        .default("2147483647")
        .at_least(1)
        .unused(STREAMS)
        .doc("How many members a streams group has."),
];
