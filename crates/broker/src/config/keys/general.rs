//! What a broker is.

use crate::config::key::{Key, boolean, class, int, list, long, string};
use crate::config::note::{ACLS, ALONE, INTERNAL, JAVA, LISTS, POOLS, RUNNING};

pub(super) const KEYS: &[Key] = &[
    int("node.id")
        .at_least(0)
        .doc("The number of this broker; no other broker of the cluster has it."),
    int("broker.id")
        .default("-1")
        .doc("The older name of `node.id`."),
    string("broker.rack")
        .doc("Where this broker stands, told to clients, which may prefer what is near."),
    list("process.roles")
        .default("broker,controller")
        .list_of(&["broker", "controller"])
        .differs("Kafka has no default")
        .refused(ALONE)
        .doc("The roles of this process: it serves clients and keeps the metadata."),
    boolean("auto.create.topics.enable")
        .default("true")
        .doc("Whether a client that asks for a topic that does not exist makes it."),
    boolean("delete.topic.enable")
        .default("true")
        .doc("Whether topics can be deleted."),
    int("num.partitions")
        .default("1")
        .at_least(1)
        .doc("How many partitions a topic has whose creator does not say."),
    int("default.replication.factor")
        .default("1")
        .doc("How many replicas a partition has whose creator does not say."),
    int("max.request.partition.size.limit")
        .default("2000")
        .at_least(1)
        .doc("How many partitions one answer to DescribeTopicPartitions lists."),
    class("create.topic.policy.class.name")
        .refused(JAVA)
        .doc("A class that refuses topics by rules of its own."),
    class("alter.config.policy.class.name")
        .refused(JAVA)
        .doc("A class that refuses changes of settings by rules of its own."),
    string("authorizer.class.name")
        .default("")
        .refused(ACLS)
        .doc("A class that decides who may do what; empty lets everyone do everything."),
    list("config.providers")
        .default("")
        .differs(RUNNING)
        .refused(JAVA)
        .doc("Classes that fetch settings from elsewhere."),
    int("background.threads")
        .default("10")
        .at_least(1)
        .cluster_wide()
        .unused(POOLS)
        .doc("Threads for housekeeping."),
    int("num.io.threads")
        .default("8")
        .at_least(1)
        .cluster_wide()
        .unused(POOLS)
        .doc("Threads that carry out requests."),
    boolean("controlled.shutdown.enable")
        .default("true")
        .unused(ALONE)
        .doc("Whether leaders move to other brokers before a stop."),
    int("request.timeout.ms")
        .default("30000")
        .unused(ALONE)
        .doc("How long this broker waits for an answer of another one."),
    int("delete.records.purgatory.purge.interval.requests")
        .default("1")
        .unused(LISTS)
        .doc("After how many requests finished waits for DeleteRecords are cleared away."),
    int("fetch.purgatory.purge.interval.requests")
        .default("1000")
        .unused(LISTS)
        .doc("After how many requests finished waits for Fetch are cleared away."),
    int("producer.purgatory.purge.interval.requests")
        .default("1000")
        .unused(LISTS)
        .doc("After how many requests finished waits for Produce are cleared away."),
    long("server.max.startup.time.ms")
        .default("9223372036854775807")
        .at_least(0)
        .internal()
        .unused(INTERNAL)
        .doc("How long a start may take."),
    boolean("unstable.api.versions.enable")
        .default("false")
        .internal()
        .unused(INTERNAL)
        .doc("Whether versions of requests are offered that are still being made."),
    boolean("unstable.feature.versions.enable")
        .default("false")
        .internal()
        .unused(INTERNAL)
        .doc("Whether levels of features are offered that are still being made."),
];
