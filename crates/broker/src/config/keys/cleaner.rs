//! Compaction.

use crate::config::key::{Key, boolean, double, int, long};
use crate::config::note::CLEANER;

pub(super) const KEYS: &[Key] = &[
    boolean("log.cleaner.enable")
        .default("true")
        .doc("Whether the cleaner runs."),
    int("log.cleaner.threads")
        .default("1")
        .at_least(0)
        .cluster_wide()
        .unused(CLEANER)
        .doc("Threads of the cleaner."),
    long("log.cleaner.backoff.ms")
        .default("15000")
        .at_least(0)
        .cluster_wide()
        .doc("How long the cleaner sleeps when there is nothing to do."),
    long("log.cleaner.dedupe.buffer.size")
        .default("134217728")
        .cluster_wide()
        .doc("Memory of the cleaner for keys, over all its threads."),
    int("log.cleaner.io.buffer.size")
        .default("524288")
        .at_least(0)
        .cluster_wide()
        .unused(CLEANER)
        .doc("Memory of the cleaner for what it reads and writes."),
    double("log.cleaner.io.buffer.load.factor")
        .default("0.9")
        .cluster_wide()
        .unused(CLEANER)
        .doc("How full the memory for keys becomes."),
    double("log.cleaner.io.max.bytes.per.second")
        .default("1.7976931348623157E308")
        .cluster_wide()
        .unused(CLEANER)
        .doc("How much the cleaner reads and writes in a second."),
    double("log.cleaner.min.cleanable.ratio")
        .default("0.5")
        .fraction(0.0, 1.0)
        .cluster_wide()
        .doc("Which part of a log must be new before it is compacted."),
    long("log.cleaner.min.compaction.lag.ms")
        .default("0")
        .at_least(0)
        .cluster_wide()
        .doc("How long a record is safe from compaction."),
    long("log.cleaner.max.compaction.lag.ms")
        .default("9223372036854775807")
        .at_least(1)
        .cluster_wide()
        .doc("After how long a record must have been compacted."),
    long("log.cleaner.delete.retention.ms")
        .default("86400000")
        .at_least(0)
        .cluster_wide()
        .doc("How long the marker of a deleted key is kept."),
];
