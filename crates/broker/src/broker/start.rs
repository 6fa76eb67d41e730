//! The order in which a broker starts: addresses, directories, metadata, partitions, clients.

use std::net::SocketAddr;
use std::sync::Arc;

use millrace_kafka_wire::metadata::register_broker::{BrokerEndpoint, BrokerFeature};
use millrace_kafka_wire::metadata::{MetadataRecord, PartitionChangeRecord, RegisterBrokerRecord};
use millrace_kafka_wire::{Str, Uuid};
use millrace_log::{Files, new_id};
use millrace_sasl::Mechanism;
use millrace_telemetry::Scope;
use tokio::task::JoinSet;

use super::open::Dirs;
use super::{Broker, ProducerIds, Random, Running, StartError};
use crate::api::Sessions;
use crate::backup::{INCOMPLETE, MANIFEST};
use crate::clock::Clock;
use crate::config::{BrokerConfig, Listener};
use crate::coordinators::{HoldSwitch, Surroundings, groups, transactions};
use crate::driver::Driver;
use crate::live::Live;
use crate::metadata::{FEATURES, Image, Keeper, Metadata, bootstrap};
use crate::metrics::Metrics as Counters;
use crate::net::{Budget, Door, Limits, Listening, bind};
use crate::partitions::{Asking, Partitions};
use crate::stop::Stopper;

/// What large requests may take together, where `queued.max.request.bytes` says nothing.
const REQUEST_BYTES: usize = 512 << 20;

/// Starts a broker; it serves clients on return.
///
/// An empty directory becomes a new cluster. Every partition begins a new leader epoch, so that a
/// client notices when records are gone that were never durable.
///
/// # Errors
/// See [`StartError`].
pub async fn start(
    config: BrokerConfig,
    files: Arc<dyn Files>,
    driver: Arc<dyn Driver>,
    clock: Clock,
    random: Random,
    scope: &Scope,
) -> Result<Running, StartError> {
    refuse_copies(&config, &*files)?;
    start_for(Purpose::Serve, config, files, driver, clock, random, scope).await
}

/// What a broker is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Everything.
    Serve,
    /// To end what is in its logs: nothing is deleted by age or size, and nothing compacted, as the
    /// settings that say so may be elsewhere.
    Settle,
}

/// As [`start`], also on a directory that is not restored to its end.
pub(crate) async fn start_for(
    purpose: Purpose,
    config: BrokerConfig,
    files: Arc<dyn Files>,
    driver: Arc<dyn Driver>,
    clock: Clock,
    random: Random,
    scope: &Scope,
) -> Result<Running, StartError> {
    let mut listening = Vec::new();
    for (index, listener) in config.listeners.iter().enumerate() {
        let door = Door::new(index, listener).map_err(|reason| StartError::Tls {
            listener: listener.name.clone(),
            reason,
        })?;
        listening.push(listen(listener, door).await?);
    }
    let addresses: Vec<_> = listening.iter().map(|(_, address)| *address).collect();
    let taken = Dirs::take(&config, &files, &random)?;
    let (log, image) = taken.open_metadata(&files, config.metadata_snapshots, clock.now())?;
    taken.own(config.node_id)?;
    let keeper = Keeper {
        id: config.node_id,
        dir: taken.metadata_dir(),
    };
    let Dirs {
        cluster_id,
        dirs,
        is_new,
        ..
    } = taken;
    let dir_ids = dirs.iter().map(|dir| dir.id).collect();
    let (asking, in_sync) = Asking::new();
    let site = (config.node_id, config.replica_lag_time_max);
    let partitions = Partitions::start(site, &asking, files, dirs, &driver, &clock);
    let partitions = Arc::new(partitions.map_err(StartError::Thread)?);
    let (metadata, controller) = Metadata::new(log, image, keeper, clock.clone());
    let live = Arc::new(Live::new(config.clone(), Arc::clone(&partitions)));
    let follower = Arc::clone(&live);
    let committed = move |image: Arc<Image>| {
        let follower = Arc::clone(&follower);
        Box::pin(async move { follower.follow(image).await }) as _
    };
    let hosting = Arc::clone(&partitions);
    let may_remove = Box::new(move || hosting.try_removing());
    let looped = Box::pin(controller.run(Box::new(committed), may_remove));
    (driver.spawn("metadata".into(), looped)).map_err(StartError::Thread)?;
    let incarnation = new_id(&mut *random.lock());
    let registered = register(&metadata, &config, &addresses, dir_ids, incarnation).await;
    let epoch = registered?;
    warn_of_a_lockout(&config, &metadata.image());
    let producer_ids = ProducerIds::new(Arc::clone(&metadata), (config.node_id, epoch));
    let producer_ids = Arc::new(producer_ids);
    let around = Surroundings {
        metadata: Arc::clone(&metadata),
        partitions: Arc::clone(&partitions),
        clock: clock.clone(),
        driver: Arc::clone(&driver),
        random: Arc::clone(&random),
        producer_ids: Arc::clone(&producer_ids),
    };
    let groups = Arc::new(groups(around.clone(), &config));
    let held = HoldSwitch::default();
    let transactions = transactions(around, &groups, &config, held.clone());
    let stopping = Stopper::default();
    let broker = Arc::new(Broker {
        stopping: stopping.stop(),
        epoch,
        node_id: config.node_id,
        live,
        groups,
        transactions,
        metrics: Counters::new(scope),
        limits: Limits::default(),
        request_budget: Budget::new(config.connections.max_queued_bytes.unwrap_or(REQUEST_BYTES)),
        fetch_sessions: Sessions::new(config.max_fetch_sessions),
        cluster_id,
        metadata,
        partitions,
        clock,
        producer_ids,
        random,
        held,
        backup: Arc::default(),
    });
    broker.metrics.watch(&broker);
    let mut tasks = JoinSet::new();
    if purpose == Purpose::Serve {
        let cleaner = Box::pin(super::cleaner::run(Arc::clone(&broker)));
        (driver.spawn("cleaner".into(), cleaner)).map_err(StartError::Thread)?;
        tasks.spawn(super::upkeep::run(Arc::clone(&broker), stopping.stop()));
        let replicas = super::replicas::run(Arc::clone(&broker), in_sync, stopping.stop());
        tasks.spawn(replicas);
    }
    for (socket, _) in listening {
        tasks.spawn(socket.serve(Arc::clone(&broker), stopping.stop()));
    }
    Ok(Running {
        broker,
        tasks,
        addresses,
        stopping,
        is_new,
    })
}

/// A directory that shares files with others, or is not whole, is nobody's data.
///
/// # Errors
/// It is a backup, or was not restored to its end.
pub(super) fn refuse_copies(config: &BrokerConfig, files: &dyn Files) -> Result<(), StartError> {
    for dir in &config.log_dirs {
        // One that does not exist, or cannot be read, has neither.
        let names = files.list(dir).unwrap_or_default();
        let has = |name: &str| names.iter().any(|it| it == name);
        match (has(MANIFEST), has(INCOMPLETE)) {
            (true, _) => return Err(StartError::Backup { dir: dir.clone() }),
            (_, true) => return Err(StartError::Incomplete { dir: dir.clone() }),
            _ => {}
        }
    }
    Ok(())
}

/// A broker whose every listener asks for a user of SCRAM must have one.
fn warn_of_a_lockout(config: &BrokerConfig, image: &Image) {
    let asks_for_scram = |it: &Listener| {
        let sasl = it.security.sasl.as_ref();
        sasl.is_some_and(|it| !it.mechanisms.contains(&Mechanism::Plain))
    };
    let listeners = &config.listeners;
    let is_locked = !listeners.is_empty() && listeners.iter().all(asks_for_scram);
    if is_locked && image.credentials().next().is_none() {
        tracing::warn!(
            "nobody can log in: every listener asks for a user of SCRAM, and there is none; add a \
             listener without SASL for the time in which you make one (`millrace user set`), or format \
             an empty directory with `millrace broker format --add-scram`"
        );
    }
}

async fn listen(listener: &Listener, door: Door) -> Result<(Listening, SocketAddr), StartError> {
    let refused = |error| StartError::Listen {
        host: listener.host.clone(),
        port: listener.port,
        error,
    };
    let socket = bind(listener, door).await.map_err(refused)?;
    let address = socket.address().map_err(refused)?;
    Ok((socket, address))
}

/// Tells the cluster that this broker is here, and takes the lead of what it led before. Returns the
/// epoch of the broker.
async fn register(
    metadata: &Arc<Metadata>,
    config: &BrokerConfig,
    addresses: &[SocketAddr],
    log_dirs: Vec<Uuid>,
    incarnation_id: Uuid,
) -> Result<i64, StartError> {
    let node_id = config.node_id;
    let listeners = config.listeners.iter().zip(addresses);
    let end_points = listeners
        .map(|(listener, address)| endpoint(listener, *address))
        .collect();
    let features = FEATURES.iter().map(|it| BrokerFeature {
        name: it.name.into(),
        min_supported_version: it.first,
        max_supported_version: it.last,
    });
    let record = RegisterBrokerRecord {
        broker_id: node_id,
        incarnation_id,
        end_points,
        features: features.collect(),
        fenced: false,
        log_dirs,
        ..RegisterBrokerRecord::default()
    };
    let registered = metadata.change(move |image| {
        let mut records = Vec::new();
        if image.features.is_empty() {
            records.extend(bootstrap());
        }
        let broker_epoch = image.end_offset + records.len() as i64;
        records.push(MetadataRecord::RegisterBroker(RegisterBrokerRecord {
            broker_epoch,
            ..record
        }));
        records.extend(new_epochs(image, node_id));
        (records, broker_epoch)
    });
    let epoch = registered.await;
    epoch.map_err(|refused| StartError::Register(refused.reason))
}

fn endpoint(listener: &Listener, address: SocketAddr) -> BrokerEndpoint {
    let (host, port) = match &listener.advertised {
        Some((host, port)) => (Str::from(host.as_str()), *port),
        None => (Str::from(listener.host.as_str()), address.port()),
    };
    BrokerEndpoint {
        name: listener.name.as_str().into(),
        host,
        port,
        security_protocol: listener.protocol.number(),
    }
}

fn new_epochs(image: &Image, node_id: i32) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    for topic in image.topics() {
        for (partition_id, partition) in (0..).zip(&topic.partitions) {
            if partition.leader == node_id {
                records.push(MetadataRecord::PartitionChange(PartitionChangeRecord {
                    partition_id,
                    topic_id: topic.id,
                    leader: node_id,
                    ..PartitionChangeRecord::default()
                }));
            }
        }
    }
    records
}
