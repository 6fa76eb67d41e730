//! Object storage.

use crate::config::key::{Key, boolean, double, int, long, string};
use crate::config::note::TIERED;

pub(super) const KEYS: &[Key] = &[
    boolean("remote.log.storage.system.enable")
        .default("false")
        .refused(TIERED)
        .doc("Whether old segments go to object storage."),
    string("remote.log.storage.manager.class.name")
        .filled()
        .unused(TIERED)
        .doc("A class that keeps segments."),
    string("remote.log.storage.manager.class.path")
        .unused(TIERED)
        .doc("Where that class is found."),
    string("remote.log.storage.manager.impl.prefix")
        .default("rsm.config.")
        .filled()
        .unused(TIERED)
        .doc("How the settings of that class begin."),
    string("remote.log.metadata.manager.class.name")
        .default("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager")
        .filled()
        .unused(TIERED)
        .doc("A class that remembers which segments are kept."),
    string("remote.log.metadata.manager.class.path")
        .unused(TIERED)
        .doc("Where that class is found."),
    string("remote.log.metadata.manager.impl.prefix")
        .default("rlmm.config.")
        .filled()
        .unused(TIERED)
        .doc("How the settings of that class begin."),
    string("remote.log.metadata.manager.listener.name")
        .filled()
        .unused(TIERED)
        .doc("The listener by which that class talks to brokers."),
    int("remote.log.metadata.custom.metadata.max.bytes")
        .default("128")
        .at_least(0)
        .unused(TIERED)
        .doc("How much such a class may remember of a segment."),
    long("remote.log.index.file.cache.total.size.bytes")
        .default("1073741824")
        .at_least(1)
        .cluster_wide()
        .unused(TIERED)
        .doc("How much room indexes of kept segments take on this machine."),
    long("remote.log.index.file.cache.ttl.ms")
        .default("900000")
        .at_least(-1)
        .internal()
        .unused(TIERED)
        .doc("After how long such an index is dropped."),
    int("remote.log.manager.copier.thread.pool.size")
        .default("10")
        .at_least(1)
        .cluster_wide()
        .unused(TIERED)
        .doc("Threads that copy segments."),
    int("remote.log.manager.expiration.thread.pool.size")
        .default("10")
        .at_least(1)
        .cluster_wide()
        .unused(TIERED)
        .doc("Threads that delete kept segments."),
    int("remote.log.manager.follower.thread.pool.size")
        .default("2")
        .at_least(1)
        .cluster_wide()
        .unused(TIERED)
        .doc("Threads of followers."),
    int("remote.log.manager.thread.pool.size")
        .default("2")
        .at_least(1)
        .unused(TIERED)
        .doc("Threads for the rest."),
    long("remote.log.manager.copy.max.bytes.per.second")
        .default("9223372036854775807")
        .at_least(1)
        .cluster_wide()
        .unused(TIERED)
        .doc("How much is copied in a second."),
    int("remote.log.manager.copy.quota.window.num")
        .default("11")
        .at_least(1)
        .unused(TIERED)
        .doc("How many samples of that are kept."),
    int("remote.log.manager.copy.quota.window.size.seconds")
        .default("1")
        .at_least(1)
        .unused(TIERED)
        .doc("How long such a sample is."),
    long("remote.log.manager.fetch.max.bytes.per.second")
        .default("9223372036854775807")
        .at_least(1)
        .cluster_wide()
        .unused(TIERED)
        .doc("How much is fetched back in a second."),
    int("remote.log.manager.fetch.quota.window.num")
        .default("11")
        .at_least(1)
        .unused(TIERED)
        .doc("How many samples of that are kept."),
    int("remote.log.manager.fetch.quota.window.size.seconds")
        .default("1")
        .at_least(1)
        .unused(TIERED)
        .doc("How long such a sample is."),
    long("remote.log.manager.task.interval.ms")
        .default("30000")
        .at_least(1)
        .unused(TIERED)
        .doc("How often there is a look at what to copy."),
    long("remote.log.manager.task.retry.backoff.ms")
        .default("500")
        .at_least(1)
        .internal()
        .unused(TIERED)
        .doc("How long to pause after that failed."),
    long("remote.log.manager.task.retry.backoff.max.ms")
        .default("30000")
        .at_least(1)
        .internal()
        .unused(TIERED)
        .doc("The longest such pause."),
    double("remote.log.manager.task.retry.jitter")
        .default("0.2")
        .fraction(0.0, 0.5)
        .internal()
        .unused(TIERED)
        .doc("By how much such pauses differ at random."),
    int("remote.log.reader.threads")
        .default("10")
        .at_least(1)
        .cluster_wide()
        .unused(TIERED)
        .doc("Threads that read kept segments."),
    int("remote.log.reader.max.pending.tasks")
        .default("100")
        .at_least(1)
        .unused(TIERED)
        .doc("How many such reads may wait."),
    int("remote.fetch.max.wait.ms")
        .default("500")
        .at_least(1)
        .cluster_wide()
        .unused(TIERED)
        .doc("How long a fetch waits for a kept segment."),
    long("remote.list.offsets.request.timeout.ms")
        .default("30000")
        .at_least(1)
        .cluster_wide()
        .unused(TIERED)
        .doc("How long ListOffsets waits for a kept segment."),
    long("log.local.retention.ms")
        .default("-2")
        .at_least(-2)
        .cluster_wide()
        .unused(TIERED)
        .doc("How long a segment that is kept elsewhere stays here."),
    long("log.local.retention.bytes")
        .default("-2")
        .at_least(-2)
        .cluster_wide()
        .unused(TIERED)
        .doc("How much of what is kept elsewhere stays here."),
];
