//! Logs.

use crate::config::key::{Key, boolean, int, list, long, string};
use crate::config::note::{
    ALONE, CHECKPOINT, CORDON, INTERNAL, JITTER, LEVELS, PREALLOCATE, RUNNING, UNLINK,
};

pub(super) const KEYS: &[Key] = &[
    list("log.dirs").doc("The folders of the logs, separated by commas."),
    list("log.dir")
        .default("data")
        .differs("a restart may empty the folder of Kafka's default, `/tmp/kafka-logs`")
        .doc("The folder of the logs, where `log.dirs` names none."),
    list("cordoned.log.dirs")
        .default("")
        .differs(RUNNING)
        .refused(CORDON)
        .doc("Folders of `log.dirs` that take no new partitions."),
    int("log.segment.bytes")
        .default("1073741824")
        .at_least(1048576)
        .cluster_wide()
        .up_to_2_gib()
        .doc("How large a segment of a log becomes."),
    long("log.roll.ms")
        .at_least(1)
        .cluster_wide()
        .doc("How far apart the times in one segment may be."),
    int("log.roll.hours")
        .default("168")
        .at_least(1)
        .doc("As `log.roll.ms`, in hours."),
    long("log.roll.jitter.ms")
        .at_least(0)
        .cluster_wide()
        .unused(JITTER)
        .doc("By how much the age at which a segment ends is shortened at random."),
    int("log.roll.jitter.hours")
        .default("0")
        .at_least(0)
        .unused(JITTER)
        .doc("As `log.roll.jitter.ms`, in hours."),
    list("log.cleanup.policy")
        .default("delete")
        .list_of(&["compact", "delete"])
        .cluster_wide()
        .doc(
            "What becomes of old records: `delete`, `compact`, both, or nothing when it is \
             empty. With `compact` every record needs a key; logs are not compacted yet.",
        ),
    long("log.retention.ms")
        .cluster_wide()
        .doc("How long records are kept; -1 is for ever."),
    int("log.retention.minutes").doc("As `log.retention.ms`, in minutes."),
    int("log.retention.hours")
        .default("168")
        .doc("As `log.retention.ms`, in hours."),
    long("log.retention.bytes")
        .default("-1")
        .cluster_wide()
        .doc("How much of a partition is kept; -1 is everything."),
    long("log.retention.check.interval.ms")
        .default("300000")
        .at_least(1)
        .doc("How often logs are looked through for what may be deleted."),
    long("log.segment.delete.delay.ms")
        .default("60000")
        .at_least(0)
        .cluster_wide()
        .unused(UNLINK)
        .doc("How long a file is kept that was taken out of a log."),
    int("log.index.size.max.bytes")
        .default("10485760")
        .at_least(4)
        .cluster_wide()
        .doc("How large the index of a segment becomes."),
    int("log.index.interval.bytes")
        .default("4096")
        .at_least(0)
        .cluster_wide()
        .doc("After how many bytes the index has an entry."),
    string("log.flush.mode")
        .default("group")
        .one_of(&["group", "os"])
        .cluster_wide()
        .own()
        .doc(
            "What an answer to a producer waits for: `group` syncs records to the disk first, \
              many partitions in one round; `os` leaves them to the operating \
              system.",
        ),
    long("log.flush.interval.messages")
        .default("9223372036854775807")
        .at_least(1)
        .cluster_wide()
        .doc(
            "After how many records a log is synced. Any bound means `group`, which is \
              stricter.",
        ),
    long("log.flush.interval.ms")
        .at_least(0)
        .cluster_wide()
        .doc("After how long a log is synced. Any bound means `group`, which is stricter."),
    long("log.flush.scheduler.interval.ms")
        .default("9223372036854775807")
        .at_least(0)
        .doc(
            "How often Kafka looks for logs to sync; what `log.flush.interval.ms` is when it is \
              not set.",
        ),
    int("log.flush.offset.checkpoint.interval.ms")
        .default("60000")
        .at_least(0)
        .unused(CHECKPOINT)
        .doc("How often the point is recorded from which a log is recovered."),
    int("log.flush.start.offset.checkpoint.interval.ms")
        .default("60000")
        .at_least(0)
        .unused(CHECKPOINT)
        .doc("How often the start of a log is recorded."),
    boolean("log.preallocate")
        .default("false")
        .cluster_wide()
        .unused(PREALLOCATE)
        .doc("Whether a segment has its full size on disk from the start."),
    string("record.validation")
        .default("headers")
        .one_of(&["headers", "full"])
        .cluster_wide()
        .own()
        .doc(
            "What is checked of batches that are compressed: `headers` alone, or in `full` \
              every record. Records that are not compressed are always checked. \
              A broker within a pipeline has `full`, as it reads them itself.",
        ),
    int("message.max.bytes")
        .default("1048588")
        .at_least(0)
        .cluster_wide()
        .doc("How large a batch may be, compressed and with its header."),
    string("compression.type")
        .default("producer")
        .one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"])
        .cluster_wide()
        .doc("How batches are stored: as the producer sent them, or compressed anew."),
    int("compression.gzip.level")
        .default("-1")
        .between_or(1, 9, -1)
        .cluster_wide()
        .unused(LEVELS)
        .doc("How hard gzip tries."),
    int("compression.lz4.level")
        .default("9")
        .between(1, 17)
        .cluster_wide()
        .unused(LEVELS)
        .doc("How hard lz4 tries."),
    int("compression.zstd.level")
        .default("3")
        .between(-131072, 22)
        .cluster_wide()
        .unused(LEVELS)
        .doc("How hard zstd tries."),
    string("log.message.timestamp.type")
        .default("CreateTime")
        .one_of(&["CreateTime", "LogAppendTime"])
        .cluster_wide()
        .doc(
            "Whose time a record has: the producer's (`CreateTime`) or the broker's \
              (`LogAppendTime`).",
        ),
    long("log.message.timestamp.before.max.ms")
        .default("9223372036854775807")
        .at_least(0)
        .cluster_wide()
        .doc("How far behind the broker's clock the time of a record may be."),
    long("log.message.timestamp.after.max.ms")
        .default("3600000")
        .at_least(0)
        .cluster_wide()
        .doc("How far ahead of the broker's clock the time of a record may be."),
    int("num.recovery.threads.per.data.dir")
        .default("2")
        .at_least(1)
        .cluster_wide()
        .doc("Threads that open logs at the start, for each folder."),
    long("log.dir.failure.timeout.ms")
        .default("30000")
        .at_least(1)
        .unused(ALONE)
        .doc("After how long a broker stops that cannot tell the controller of a failed folder."),
    long("log.initial.task.delay.ms")
        .default("30000")
        .at_least(0)
        .internal()
        .unused(INTERNAL)
        .doc("How long after the start the housekeeping of logs begins."),
];
