//! Topics.

use crate::config::key::{Key, boolean, double, int, list, long, string};
use crate::config::note::{ALONE, JITTER, LEVELS, PREALLOCATE, TIERED, UNLINK};

pub(super) const KEYS: &[Key] = &[
    list("cleanup.policy")
        .default("delete")
        .list_of(&["compact", "delete"])
        .doc(
            "What becomes of old records: `delete`, `compact`, both, or nothing when it is \
             empty. With `compact` every record needs a key.",
        ),
    string("compression.type")
        .default("producer")
        .one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"])
        .doc("How batches are stored: as the producer sent them, or compressed anew."),
    int("compression.gzip.level")
        .default("-1")
        .between_or(1, 9, -1)
        .unused(LEVELS)
        .doc("How hard gzip tries."),
    int("compression.lz4.level")
        .default("9")
        .between(1, 17)
        .unused(LEVELS)
        .doc("How hard lz4 tries."),
    int("compression.zstd.level")
        .default("3")
        .between(-131072, 22)
        .unused(LEVELS)
        .doc("How hard zstd tries."),
    long("delete.retention.ms")
        .default("86400000")
        .at_least(0)
        .doc("How long the marker of a deleted key is kept."),
    long("file.delete.delay.ms")
        .default("60000")
        .at_least(0)
        .unused(UNLINK)
        .doc("How long a file is kept that was taken out of a log."),
    long("flush.messages")
        .default("9223372036854775807")
        .at_least(1)
        .doc(
            "After how many records a log is synced. Any bound means `group`, which is \
              stricter.",
        ),
    string("flush.mode")
        .default("group")
        .one_of(&["group", "os"])
        .own()
        .doc(
            "What an answer to a producer waits for: `group` syncs records to the disk first, \
              many partitions in one round; `os` leaves them to the operating \
              system.",
        ),
    long("flush.ms")
        .default("9223372036854775807")
        .at_least(0)
        .doc("After how long a log is synced. Any bound means `group`, which is stricter."),
    list("follower.replication.throttled.replicas")
        .default("")
        .replicas()
        .unused(ALONE)
        .doc(
            "The replicas that take no more than the throttled rate, as `PARTITION:BROKER`; `*` \
              is all.",
        ),
    int("index.interval.bytes")
        .default("4096")
        .at_least(0)
        .doc("After how many bytes the index has an entry."),
    int("internal.segment.bytes")
        .internal()
        .doc("As `segment.bytes`, without its lower bound."),
    list("leader.replication.throttled.replicas")
        .default("")
        .replicas()
        .unused(ALONE)
        .doc(
            "The replicas that are sent no more than the throttled rate, as `PARTITION:BROKER`; \
              `*` is all.",
        ),
    long("local.retention.bytes")
        .default("-2")
        .at_least(-2)
        .unused(TIERED)
        .doc("How much of what is kept elsewhere stays here."),
    long("local.retention.ms")
        .default("-2")
        .at_least(-2)
        .unused(TIERED)
        .doc("How long a segment that is kept elsewhere stays here."),
    long("max.compaction.lag.ms")
        .default("9223372036854775807")
        .at_least(1)
        .doc("After how long a record must have been compacted."),
    int("max.message.bytes")
        .default("1048588")
        .at_least(0)
        .doc("How large a batch may be, compressed and with its header."),
    long("message.timestamp.after.max.ms")
        .default("3600000")
        .at_least(0)
        .doc("How far ahead of the broker's clock the time of a record may be."),
    long("message.timestamp.before.max.ms")
        .default("9223372036854775807")
        .at_least(0)
        .doc("How far behind the broker's clock the time of a record may be."),
    string("message.timestamp.type")
        .default("CreateTime")
        .one_of(&["CreateTime", "LogAppendTime"])
        .doc(
            "Whose time a record has: the producer's (`CreateTime`) or the broker's \
              (`LogAppendTime`).",
        ),
    double("min.cleanable.dirty.ratio")
        .default("0.5")
        .fraction(0.0, 1.0)
        .doc("Which part of a log must be new before it is compacted."),
    long("min.compaction.lag.ms")
        .default("0")
        .at_least(0)
        .doc("How long a record is safe from compaction."),
    int("min.insync.replicas")
        .default("1")
        .at_least(1)
        .doc("How many replicas must have a record before `acks=all` is answered."),
    boolean("preallocate")
        .default("false")
        .unused(PREALLOCATE)
        .doc("Whether a segment has its full size on disk from the start."),
    string("record.validation")
        .default("headers")
        .one_of(&["headers", "full"])
        .own()
        .doc(
            "What is checked of batches that are compressed: `headers` alone, or in `full` \
              every record. Records that are not compressed are always checked. \
              A broker within a pipeline has `full`, as it reads them itself.",
        ),
    boolean("remote.log.copy.disable")
        .default("false")
        .unused(TIERED)
        .doc("Whether no more segments go to object storage."),
    boolean("remote.log.delete.on.disable")
        .default("false")
        .unused(TIERED)
        .doc("Whether what is kept there goes when `remote.storage.enable` is switched off."),
    boolean("remote.storage.enable")
        .default("false")
        .refused(TIERED)
        .doc("Whether old segments go to object storage."),
    long("retention.bytes")
        .default("-1")
        .doc("How much of a partition is kept; -1 is everything."),
    long("retention.ms")
        .default("604800000")
        .at_least(-1)
        .doc("How long records are kept; -1 is for ever."),
    int("segment.bytes")
        .default("1073741824")
        .at_least(1048576)
        .doc("How large a segment of a log becomes."),
    int("segment.index.bytes")
        .default("10485760")
        .at_least(4)
        .doc("How large the index of a segment becomes."),
    long("segment.jitter.ms")
        .default("0")
        .at_least(0)
        .unused(JITTER)
        .doc("By how much the age at which a segment ends is shortened at random."),
    long("segment.ms")
        .default("604800000")
        .at_least(1)
        .doc("How far apart the times in one segment may be."),
    boolean("unclean.leader.election.enable")
        .default("false")
        .unused(ALONE)
        .doc("Whether a replica that lacks records may become the leader."),
];
