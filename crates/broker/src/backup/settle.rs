//! Ending what is open in a copy: the coordinators of a broker without listeners do it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use millrace_log::Disk;
use millrace_telemetry::Scope;
use tokio::time::timeout;

use super::error::BackupError;
use super::hold::{caller, check};
use super::manifest::HeldPartition;
use crate::broker::{Broker, Purpose, Running, Topic, start_for, system_random};
use crate::clock::Clock;
use crate::config::{BrokerConfig, Texts};
use crate::driver::Threads;
use crate::metadata::MetadataLog;
use crate::transaction::{Request, Response};

/// Aborting takes no longer, but where a disk does not answer.
const PATIENCE: Duration = Duration::from_secs(300);

/// What there was to end.
pub struct Settled {
    pub aborted: usize,
    pub hanging: Vec<String>,
}

/// Aborts all transactions that are open in a data directory, and finishes those that were ending.
/// Every transactional id gets another producer id, one that the broker which was copied never gives:
/// a producer that has gone on there cannot end here what it began there, and has to begin anew.
/// Nothing is deleted: neither records nor offsets of groups nor
/// ids, whatever their age.
///
/// # Durability
/// It is on the medium on return, and the directory is closed.
///
/// # Errors
/// A partition does not come up as it was held, or something cannot be ended.
pub async fn settle(
    data: &Path,
    node_id: i32,
    held: &[HeldPartition],
) -> Result<Settled, BackupError> {
    let failed = |reason: String| BackupError::new(data, reason);
    let running = start(data, node_id).await.map_err(failed)?;
    if let Some(lost) = held.iter().find(|it| !is_served(running.broker(), it)) {
        running.stop().await;
        let name = lost.name();
        let reason = format!("{name} does not come up with the records that the backup has");
        return Err(failed(reason).remedy(
            "its `partition.metadata` or the metadata log is damaged: restore another backup",
        ));
    }
    let ended = timeout(PATIENCE, abort_all(running.broker())).await;
    let hanging = hanging(running.broker());
    let is_closed = running.stop().await;
    let aborted = ended
        .map_err(|_| failed("transactions that are open cannot be aborted in time".to_owned()))?
        .map_err(failed)?;
    match is_closed {
        true => Ok(Settled { aborted, hanging }),
        false => Err(failed(
            "the logs could not be closed; the log lines before say why".to_owned(),
        )),
    }
}

async fn start(data: &Path, node_id: i32) -> Result<Running, String> {
    let forever = i32::MAX.to_string();
    let texts = [
        ("node.id", node_id.to_string()),
        ("producer.id.expiration.ms", forever.clone()),
        ("transactional.id.expiration.ms", forever.clone()),
        ("offsets.retention.minutes", forever),
    ];
    let texts: Texts = texts.map(|(name, text)| (name.to_owned(), text)).into();
    let config = BrokerConfig::embedded(texts, data);
    let config = config.map_err(|_| format!("a broker cannot have the id {node_id}"))?;
    let scope = Scope::detached();
    let started = start_for(
        Purpose::Settle,
        config,
        Arc::new(Disk),
        Arc::new(Threads::default()),
        Clock::system(),
        system_random(),
        &scope,
    );
    started.await.map_err(|error| error.to_string())
}

/// Whether a broker serves a partition from its start to its end.
fn is_served(broker: &Broker, held: &HeldPartition) -> bool {
    let topic = Topic::Name(&held.topic);
    if held.name() == MetadataLog::partition() {
        return true;
    }
    let view = broker.find(topic, held.partition);
    let view = view.and_then(|it| it.partition.view());
    view.is_ok_and(|it| it.log.start_offset() == held.start && it.log.end_offset() >= held.end)
}

/// How many were open.
async fn abort_all(broker: &Broker) -> Result<usize, String> {
    let open = Request::ListTransactions(
        millrace_kafka_wire::api::list_transactions::ListTransactionsRequest {
            state_filters: vec!["Ongoing".into()],
            ..Default::default()
        },
    );
    let transactions = broker.transactions();
    let listed = transactions.ask_all(&caller(), &open).await;
    let open = listed.iter().map(|it| match it {
        Response::ListTransactions(it) => it.transaction_states.len(),
        _ => 0,
    });
    let open = open.sum();
    let below = broker.producer_ids().leap().await;
    let below = below.map_err(|refused| refused.reason)?;
    for request in [Request::AbortAll, Request::RenewAll { below }] {
        check(transactions.ask_all(&caller(), &request).await)?;
    }
    Ok(open)
}

/// Partitions with a transaction that is open all the same.
fn hanging(broker: &Broker) -> Vec<String> {
    let all = broker.partitions().all();
    let is_open = |it: &&Arc<crate::partitions::Partition>| {
        it.view()
            .is_ok_and(|view| view.last_stable_offset < view.high_watermark)
    };
    let open = all.iter().filter(is_open);
    open.map(|it| it.name().to_string()).collect()
}
