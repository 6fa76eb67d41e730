//! Quotas and metrics.

use crate::config::key::{Key, class, int, list, long, string};
use crate::config::note::{ALONE, JAVA, METRICS, QUOTAS, TELEMETRY};

pub(super) const KEYS: &[Key] = &[
    int("quota.window.num")
        .default("11")
        .at_least(1)
        .unused(QUOTAS)
        .doc("How many samples of clients' use are kept."),
    int("quota.window.size.seconds")
        .default("1")
        .at_least(1)
        .unused(QUOTAS)
        .doc("How long such a sample is."),
    int("controller.quota.window.num")
        .default("11")
        .at_least(1)
        .unused(QUOTAS)
        .doc("How many samples of changes of topics are kept."),
    int("controller.quota.window.size.seconds")
        .default("1")
        .at_least(1)
        .unused(QUOTAS)
        .doc("How long such a sample is."),
    int("replication.quota.window.num")
        .default("11")
        .at_least(1)
        .unused(ALONE)
        .doc("How many samples of replication are kept."),
    int("replication.quota.window.size.seconds")
        .default("1")
        .at_least(1)
        .unused(ALONE)
        .doc("How long such a sample is."),
    int("alter.log.dirs.replication.quota.window.num")
        .default("11")
        .at_least(1)
        .unused(ALONE)
        .doc("How many samples of moves between folders are kept."),
    int("alter.log.dirs.replication.quota.window.size.seconds")
        .default("1")
        .at_least(1)
        .unused(ALONE)
        .doc("How long such a sample is."),
    class("client.quota.callback.class")
        .refused(JAVA)
        .doc("A class that computes the quotas of clients."),
    list("metric.reporters")
        .default("org.apache.kafka.common.metrics.JmxReporter")
        .cluster_wide()
        .unused(METRICS)
        .doc("Classes that report metrics."),
    int("metrics.num.samples")
        .default("2")
        .at_least(1)
        .unused(METRICS)
        .doc("How many samples a metric is computed over."),
    string("metrics.recording.level")
        .default("INFO")
        .unused(METRICS)
        .doc("How much is measured."),
    long("metrics.sample.window.ms")
        .default("30000")
        .at_least(1)
        .unused(METRICS)
        .doc("How long such a sample is."),
    list("kafka.metrics.reporters")
        .default("")
        .unused(METRICS)
        .doc("Classes that report the older kind of metrics."),
    int("kafka.metrics.polling.interval.secs")
        .default("10")
        .at_least(1)
        .unused(METRICS)
        .doc("How often those report."),
    int("telemetry.max.bytes")
        .default("1048576")
        .at_least(1)
        .unused(TELEMETRY)
        .doc("How large the metrics are that a client pushes."),
];
