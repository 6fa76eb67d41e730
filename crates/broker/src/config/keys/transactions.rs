//! Transactions and idempotent producers.

use crate::config::key::{Key, boolean, int, short};
use crate::config::note::{ALONE, LOADING, TWO_PHASE, VERIFIED};

pub(super) const KEYS: &[Key] = &[
    int("transaction.max.timeout.ms")
        .default("900000")
        .at_least(1)
        .doc("The longest timeout that a producer may ask for."),
    int("transactional.id.expiration.ms")
        .default("604800000")
        .at_least(1)
        .doc("After how long an idle transactional id is forgotten."),
    int("transaction.abort.timed.out.transaction.cleanup.interval.ms")
        .default("10000")
        .at_least(1)
        .doc("How often transactions are looked through for those beyond their timeout."),
    int("transaction.remove.expired.transaction.cleanup.interval.ms")
        .default("3600000")
        .at_least(1)
        .doc("How often transactional ids are looked through for old ones."),
    boolean("transaction.partition.verification.enable")
        .default("true")
        .cluster_wide()
        .doc("Whether a partition asks the coordinator before the first write of a transaction."),
    int("transaction.state.log.num.partitions")
        .default("50")
        .at_least(1)
        .doc("The partitions of `__transaction_state`; it must not change once they are there."),
    short("transaction.state.log.replication.factor")
        .default("1")
        .at_least(1)
        .differs("Kafka's default is for several brokers")
        .unused(ALONE)
        .doc("The replicas of `__transaction_state`."),
    int("transaction.state.log.min.isr")
        .default("1")
        .at_least(1)
        .differs("Kafka's default is for several brokers")
        .unused(ALONE)
        .doc("`min.insync.replicas` of `__transaction_state`."),
    int("transaction.state.log.segment.bytes")
        .default("104857600")
        .at_least(1)
        .doc("The segments of `__transaction_state`."),
    int("transaction.state.log.load.buffer.size")
        .default("5242880")
        .at_least(1)
        .unused(LOADING)
        .doc("How much of `__transaction_state` is read at once."),
    boolean("transaction.two.phase.commit.enable")
        .default("false")
        .refused(TWO_PHASE)
        .doc("Whether transactions may take part in a commit that others decide."),
    int("add.partitions.to.txn.retry.backoff.ms")
        .default("20")
        .at_least(1)
        .unused(VERIFIED)
        .doc("How long Kafka pauses before it asks the coordinator again."),
    int("add.partitions.to.txn.retry.backoff.max.ms")
        .default("100")
        .at_least(0)
        .unused(VERIFIED)
        .doc("How long Kafka goes on asking."),
    int("producer.id.expiration.ms")
        .default("86400000")
        .at_least(1)
        .cluster_wide()
        .doc("After how long an idle producer id is forgotten by a partition."),
    int("producer.id.expiration.check.interval.ms")
        .default("600000")
        .at_least(1)
        .internal()
        .doc("How often producer ids are looked through for old ones."),
];
