//! Controllers and their log.

use crate::config::key::{Key, boolean, int, list, long, string};
use crate::config::note::{INTERNAL, METADATA, QUORUM};

pub(super) const KEYS: &[Key] = &[
    list("controller.listener.names")
        .default("")
        .differs("Kafka has no default")
        .doc("The listeners that are for controllers; clients are not told of them."),
    list("controller.quorum.bootstrap.servers")
        .default("")
        .unused(QUORUM)
        .doc("Where the quorum of controllers is found."),
    list("controller.quorum.voters")
        .default("")
        .unused(QUORUM)
        .doc("The controllers, each as `ID@HOST:PORT`."),
    int("controller.quorum.append.linger.ms")
        .default("25")
        .at_least(0)
        .unused(QUORUM)
        .doc("How long the leader gathers records before it writes them."),
    boolean("controller.quorum.auto.join.enable")
        .default("false")
        .unused(QUORUM)
        .doc("Whether a new controller joins by itself."),
    int("controller.quorum.election.backoff.max.ms")
        .default("1000")
        .at_least(0)
        .unused(QUORUM)
        .doc("The longest pause between elections."),
    int("controller.quorum.election.timeout.ms")
        .default("1000")
        .at_least(0)
        .unused(QUORUM)
        .doc("How long a candidate waits for votes."),
    int("controller.quorum.fetch.max.bytes")
        .default("1048576")
        .at_least(1)
        .unused(QUORUM)
        .doc("How much of the metadata log is fetched at once."),
    int("controller.quorum.fetch.snapshot.max.bytes")
        .default("1048576")
        .at_least(1)
        .unused(QUORUM)
        .doc("How much of a snapshot is fetched at once."),
    int("controller.quorum.fetch.timeout.ms")
        .default("2000")
        .at_least(0)
        .unused(QUORUM)
        .doc("After how long without a fetch there is an election."),
    int("controller.quorum.request.timeout.ms")
        .default("2000")
        .at_least(0)
        .unused(QUORUM)
        .doc("How long a controller waits for an answer of another one."),
    int("controller.quorum.retry.backoff.ms")
        .default("20")
        .at_least(0)
        .unused(QUORUM)
        .doc("How long a controller pauses before it asks again."),
    int("controller.socket.timeout.ms")
        .default("30000")
        .unused(QUORUM)
        .doc("How long a broker waits for its controller."),
    long("controller.performance.always.log.threshold.ms")
        .default("2000")
        .at_least(0)
        .internal()
        .unused(INTERNAL)
        .doc("How slow a step of the controller must be to be logged."),
    long("controller.performance.sample.period.ms")
        .default("60000")
        .at_least(100)
        .internal()
        .unused(INTERNAL)
        .doc("Over how long such steps are counted."),
    int("broker.heartbeat.interval.ms")
        .default("2000")
        .unused(QUORUM)
        .doc("How often a broker is heard by its controller."),
    int("broker.session.timeout.ms")
        .default("9000")
        .unused(QUORUM)
        .doc("After how long a silent broker is fenced."),
    int("initial.broker.registration.timeout.ms")
        .default("60000")
        .unused(QUORUM)
        .doc("How long a starting broker tries to register."),
    string("metadata.log.dir")
        .doc("The folder of the metadata log; the first of `log.dirs` without it."),
    long("metadata.log.max.record.bytes.between.snapshots")
        .default("20971520")
        .at_least(1)
        .doc("After how many bytes of metadata there is a snapshot. The last two are kept, with the records behind the older one."),
    long("metadata.log.max.snapshot.interval.ms")
        .default("3600000")
        .at_least(0)
        .doc("After how long there is a snapshot, if anything has changed; 0 for never."),
    int("metadata.log.segment.bytes")
        .default("1073741824")
        .at_least(8388608)
        .unused(METADATA)
        .doc("How large a segment of the metadata log becomes."),
    long("metadata.log.segment.ms")
        .default("604800000")
        .unused(METADATA)
        .doc("How far apart the times in one segment of the metadata log may be."),
    int("metadata.max.idle.interval.ms")
        .default("500")
        .at_least(0)
        .unused(METADATA)
        .doc("How often an idle controller writes a record."),
    long("metadata.max.retention.bytes")
        .default("104857600")
        .unused(METADATA)
        .doc("How much of the metadata log is kept behind a snapshot."),
    long("metadata.max.retention.ms")
        .default("604800000")
        .unused(METADATA)
        .doc("How long the metadata log is kept behind a snapshot."),
    long("internal.metadata.delete.delay.millis")
        .default("60000")
        .internal()
        .unused(INTERNAL)
        .doc("How long deleted files of the metadata log are kept."),
    int("internal.metadata.log.segment.bytes")
        .internal()
        .unused(INTERNAL)
        .doc("As `metadata.log.segment.bytes`, without its lower bound."),
    int("internal.metadata.max.batch.size.in.bytes")
        .default("8388608")
        .internal()
        .unused(INTERNAL)
        .doc("How large a batch of the metadata log becomes."),
];
