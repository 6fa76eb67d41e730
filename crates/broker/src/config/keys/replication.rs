//! Replication.

use crate::config::key::{Key, boolean, int, long, string};
use crate::config::note::{ALONE, CHECKPOINT, INTERNAL, TIERED};

pub(super) const KEYS: &[Key] = &[
    int("min.insync.replicas")
        .default("1")
        .at_least(1)
        .cluster_wide()
        .doc("How many replicas must have a record before `acks=all` is answered."),
    boolean("unclean.leader.election.enable")
        .default("false")
        .cluster_wide()
        .unused(ALONE)
        .doc("Whether a replica that lacks records may become the leader."),
    long("unclean.leader.election.interval.ms")
        .default("300000")
        .at_least(1)
        .internal()
        .unused(INTERNAL)
        .doc("How often partitions without a leader are looked at."),
    boolean("auto.leader.rebalance.enable")
        .default("true")
        .unused(ALONE)
        .doc("Whether partitions go back to their preferred leaders."),
    long("leader.imbalance.check.interval.seconds")
        .default("300")
        .at_least(1)
        .unused(ALONE)
        .doc("How often that is looked at."),
    int("num.replica.fetchers")
        .default("1")
        .at_least(1)
        .cluster_wide()
        .unused(ALONE)
        .doc("Threads that fetch from each other broker."),
    int("num.replica.alter.log.dirs.threads")
        .unused(ALONE)
        .doc("Threads that move replicas between folders."),
    long("replica.lag.time.max.ms")
        .default("30000")
        .doc("After how long a follower that lags is no longer in sync."),
    int("replica.fetch.backoff.ms")
        .default("1000")
        .at_least(0)
        .unused(ALONE)
        .doc("How long a follower pauses after a failed fetch."),
    int("replica.fetch.max.bytes")
        .default("1048576")
        .at_least(0)
        .unused(ALONE)
        .doc("How much of one partition a follower asks for."),
    int("replica.fetch.min.bytes")
        .default("1")
        .unused(ALONE)
        .doc("For how much a follower waits."),
    int("replica.fetch.response.max.bytes")
        .default("10485760")
        .at_least(0)
        .unused(ALONE)
        .doc("How much a follower asks for in one fetch."),
    int("replica.fetch.wait.max.ms")
        .default("500")
        .unused(ALONE)
        .doc("How long a follower waits for that."),
    long("replica.high.watermark.checkpoint.interval.ms")
        .default("5000")
        .unused(CHECKPOINT)
        .doc("How often high watermarks are recorded."),
    string("replica.selector.class")
        .unused(ALONE)
        .doc("A class that chooses the replica that a consumer reads from."),
    int("replica.socket.receive.buffer.bytes")
        .default("65536")
        .unused(ALONE)
        .doc("The receive buffer of a follower's socket."),
    int("replica.socket.timeout.ms")
        .default("30000")
        .unused(ALONE)
        .doc("How long a follower waits for an answer."),
    long("leader.replication.throttled.rate")
        .default("9223372036854775807")
        .at_least(0)
        .cluster_wide()
        .unused(ALONE)
        .doc("How many bytes in a second throttled replicas are sent."),
    long("follower.replication.throttled.rate")
        .default("9223372036854775807")
        .at_least(0)
        .cluster_wide()
        .unused(ALONE)
        .doc("How many bytes in a second throttled replicas take."),
    long("replica.alter.log.dirs.io.max.bytes.per.second")
        .default("9223372036854775807")
        .at_least(0)
        .cluster_wide()
        .unused(ALONE)
        .doc("How many bytes in a second are moved between folders."),
    boolean("follower.fetch.last.tiered.offset.enable")
        .default("false")
        .cluster_wide()
        .unused(TIERED)
        .doc("Whether a new follower begins behind what is in object storage."),
];
