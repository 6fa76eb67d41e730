//! From settings to the config of a broker.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use millrace_diagnostics::Severity;
use millrace_spec::codes;

use super::complaint::Complaint;
use super::settings::{Settings, Texts};
use super::{BrokerConfig, GroupsConfig, TopicConfig, TransactionsConfig, listeners};
use crate::metadata::SnapshotRules;

/// Connections and what they may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connections {
    /// `max.connections`.
    pub max: usize,
    /// `max.connections.per.ip`.
    pub max_per_ip: usize,
    /// `max.connections.per.ip.overrides`: other bounds for hosts, by name or address.
    pub max_per_ip_overrides: BTreeMap<String, usize>,
    /// `max.connection.creation.rate`: in a second.
    pub max_creation_rate: usize,
    /// `connections.max.idle.ms`.
    pub max_idle_ms: i64,
    /// `connection.failed.authentication.delay.ms`.
    pub failed_login_delay_ms: u64,
    /// `socket.listen.backlog.size`.
    pub backlog: usize,
    /// `socket.send.buffer.bytes`; without it the operating system decides.
    pub send_buffer_bytes: Option<usize>,
    /// `socket.receive.buffer.bytes`; without it the operating system decides.
    pub receive_buffer_bytes: Option<usize>,
    /// `queued.max.requests`: that wait, over all connections.
    pub max_queued_requests: usize,
    /// `queued.max.request.bytes`: that wait, over all connections.
    pub max_queued_bytes: Option<usize>,
}

/// What compacts the logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleaner {
    /// `log.cleaner.enable`.
    pub is_enabled: bool,
    /// `log.cleaner.backoff.ms`: how often it looks for something to do.
    pub backoff_ms: i64,
    /// `log.cleaner.dedupe.buffer.size`: memory for keys.
    pub memory: usize,
}

impl BrokerConfig {
    /// A broker alone with a number and a port, with everything else as it is by default. Its logs
    /// are in the folder `data/broker-NUMBER`.
    ///
    /// # Panics
    /// The number is below 0.
    pub fn single(node_id: i32, port: u16) -> Self {
        assert!(node_id >= 0, "a broker has a number from 0 on");
        let texts = [
            ("node.id", node_id.to_string()),
            ("listeners", format!("PLAINTEXT://:{port}")),
            ("log.dirs", format!("data/broker-{node_id}")),
        ];
        let texts = texts.map(|(name, text)| (name.to_owned(), text));
        let (config, _) = Self::assemble(Settings::of_file(Texts::from(texts)));
        config.expect("the defaults fit together")
    }

    /// A broker within another program, with settings that [`read_block`](super::read_block) has
    /// read. Its number is 1 unless they say another one, its logs are in `data_dir` unless they
    /// say where, the first member of a group waits for no other one, what is compressed is opened
    /// before it is acknowledged, and without `listeners` it has none: only this process can connect.
    ///
    /// # Errors
    /// What contradicts itself.
    pub fn embedded(mut texts: Texts, data_dir: &Path) -> Result<Self, Vec<Complaint>> {
        let has_listeners = texts.contains_key("listeners");
        let mut default = |names: &[&str], text: &str| {
            if !names.iter().any(|name| texts.contains_key(*name)) {
                texts.insert(names[0].to_owned(), text.to_owned());
            }
        };
        default(&["node.id", "broker.id"], "1");
        default(&["log.dirs", "log.dir"], &data_dir.to_string_lossy());
        default(&["listeners"], "PLAINTEXT://127.0.0.1:0");
        // Its members are started together with it: there is nobody to wait for.
        default(&["group.initial.rebalance.delay.ms"], "0");
        // What its clients write this process reads: what it cannot read must not be acknowledged.
        default(&["record.validation"], "full");
        let (config, complaints) = Self::assemble(Settings::of_file(texts));
        let mut config = config.ok_or(complaints)?;
        if !has_listeners {
            config.listeners.clear();
        }
        Ok(config)
    }

    /// The config with what was set while running, for all brokers and for this one, and the names
    /// of settings among that which do not hold.
    pub fn with_dynamic(&self, cluster: &Texts, broker: &Texts) -> (Self, Vec<String>) {
        let mut settings = self.settings.clone();
        let mut unfit = settings.set_dynamic(cluster, broker);
        let (config, complaints) = Self::assemble(settings);
        if let Some(config) = config {
            return (config, unfit);
        }
        // Each fits, and together they do not: the file's own values do.
        let errors = complaints.into_iter();
        let errors = errors.filter(|it| it.severity == Severity::Error);
        unfit.extend(errors.map(|it| it.key.to_owned()));
        let (config, _) = Self::assemble(Settings::of_file(self.settings.file.clone()));
        let config = config.expect("what the file says fitted together before");
        (config, unfit)
    }

    /// The config that settings say, unless they contradict each other.
    pub(super) fn assemble(settings: Settings) -> (Option<Self>, Vec<Complaint>) {
        let mut complaints = Vec::new();
        let node_id = node_id(&settings, &mut complaints);
        let listeners = listeners::read(&settings, &mut complaints);
        let log_dirs = log_dirs(&settings, &mut complaints);
        let connections = connections(&settings, &mut complaints);
        let groups = GroupsConfig::of(&settings, &mut complaints);
        let transactions = TransactionsConfig::of(&settings);
        refuse_quorum(&settings, &mut complaints);
        if complaints.iter().any(|it| it.severity == Severity::Error) {
            return (None, complaints);
        }
        let metadata = settings.text("metadata.log.dir").map(PathBuf::from);
        let config = Self {
            node_id,
            rack: settings.text("broker.rack").map(str::to_owned),
            listeners,
            metadata_log_dir: metadata.unwrap_or_else(|| log_dirs[0].clone()),
            log_dirs,
            metadata_snapshots: SnapshotRules {
                bytes: settings.count("metadata.log.max.record.bytes.between.snapshots") as u64,
                interval_ms: settings.number("metadata.log.max.snapshot.interval.ms"),
            },
            num_partitions: int(&settings, "num.partitions"),
            default_replication_factor: i16::try_from(int(&settings, "default.replication.factor"))
                .unwrap_or(i16::MAX),
            auto_create_topics: settings.flag("auto.create.topics.enable"),
            delete_topics: settings.flag("delete.topic.enable"),
            max_request_bytes: settings.count("socket.request.max.bytes"),
            max_fetch_bytes: settings.count("fetch.max.bytes"),
            replica_lag_time_max: Duration::from_millis(
                u64::try_from(settings.number("replica.lag.time.max.ms")).unwrap_or(0),
            ),
            max_fetch_sessions: settings.count("max.incremental.fetch.session.cache.slots"),
            max_listed_partitions: settings.count("max.request.partition.size.limit"),
            connections,
            recovery_threads: settings.count("num.recovery.threads.per.data.dir"),
            retention_check_ms: settings.number("log.retention.check.interval.ms"),
            groups,
            cleaner: Cleaner {
                is_enabled: settings.flag("log.cleaner.enable"),
                backoff_ms: settings.number("log.cleaner.backoff.ms"),
                memory: settings.count("log.cleaner.dedupe.buffer.size"),
            },
            transactions,
            topics: TopicConfig::of(&settings, &Texts::new()),
            settings,
        };
        (Some(config), complaints)
    }
}

/// A number that the table bounds to an int.
pub(super) fn int(settings: &Settings, name: &str) -> i32 {
    i32::try_from(settings.number(name)).unwrap_or(i32::MAX)
}

/// The number of the broker, by either of its keys.
fn node_id(settings: &Settings, complaints: &mut Vec<Complaint>) -> i32 {
    let node = settings.number_if_set("node.id");
    // Without a value it is −1.
    let broker = settings.number_if_set("broker.id").filter(|it| *it >= 0);
    let id = match (node, broker) {
        (Some(node), Some(broker)) if node != broker => {
            let message = format!("`node.id` is {node}, and `broker.id` is {broker}");
            let complaint = Complaint::error("node.id", codes::CONFLICT, message);
            complaints.push(complaint.beside("broker.id").help("remove `broker.id`"));
            return 0;
        }
        (Some(id), _) | (None, Some(id)) => id,
        (None, None) => {
            let message = "the broker has no number";
            let complaint = Complaint::error("node.id", codes::MISSING_FIELD, message);
            complaints.push(complaint.help("add `node.id`, such as 1"));
            return 0;
        }
    };
    i32::try_from(id).unwrap_or(i32::MAX)
}

fn log_dirs(settings: &Settings, complaints: &mut Vec<Complaint>) -> Vec<PathBuf> {
    let several = settings.list("log.dirs");
    if !several.is_empty() && settings.is_set("log.dir") {
        let message = "`log.dir` has no effect beside `log.dirs`";
        let complaint = Complaint::warning("log.dir", codes::SHOULD_OMIT, message);
        complaints.push(complaint.beside("log.dirs").help("remove it"));
    }
    let dirs = match several.is_empty() {
        true => settings.list("log.dir"),
        false => several,
    };
    if dirs.is_empty() {
        let message = "no folder is named for the logs";
        let complaint = Complaint::error("log.dirs", codes::INVALID_VALUE, message);
        complaints.push(complaint.help("name one, such as `/var/lib/millrace`"));
    }
    dirs.into_iter().map(PathBuf::from).collect()
}

fn connections(settings: &Settings, complaints: &mut Vec<Complaint>) -> Connections {
    Connections {
        max: settings.count("max.connections"),
        max_per_ip: settings.count("max.connections.per.ip"),
        max_per_ip_overrides: overrides_per_ip(settings, complaints),
        max_creation_rate: settings.count("max.connection.creation.rate"),
        max_idle_ms: settings.number("connections.max.idle.ms"),
        failed_login_delay_ms: settings.count("connection.failed.authentication.delay.ms") as u64,
        backlog: settings.count("socket.listen.backlog.size"),
        send_buffer_bytes: settings.bound("socket.send.buffer.bytes"),
        receive_buffer_bytes: settings.bound("socket.receive.buffer.bytes"),
        max_queued_requests: settings.count("queued.max.requests"),
        max_queued_bytes: settings.bound("queued.max.request.bytes"),
    }
}

/// Such as `hostName:100,127.0.0.1:200`.
fn overrides_per_ip(
    settings: &Settings,
    complaints: &mut Vec<Complaint>,
) -> BTreeMap<String, usize> {
    const KEY: &str = "max.connections.per.ip.overrides";
    let text = settings.text(KEY).unwrap_or_default();
    let mut overrides = BTreeMap::new();
    for pair in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        let found = pair
            .rsplit_once(':')
            .and_then(|(host, bound)| Some((host.trim(), bound.trim().parse().ok()?)));
        match found {
            Some((host, bound)) if !host.is_empty() => {
                overrides.insert(host.to_owned(), bound);
            }
            _ => {
                let message = format!("`{pair}` in `{KEY}` is not of the form HOST:NUMBER");
                complaints.push(Complaint::error(KEY, codes::INVALID_VALUE, message));
            }
        }
    }
    overrides
}

/// A quorum of several controllers is not built.
fn refuse_quorum(settings: &Settings, complaints: &mut Vec<Complaint>) {
    for key in [
        "controller.quorum.voters",
        "controller.quorum.bootstrap.servers",
    ] {
        if settings.list(key).len() > 1 {
            let message = format!("`{key}` names several controllers, which is not built");
            let complaint = Complaint::error(key, codes::NOT_SUPPORTED, message);
            complaints.push(complaint.help("name this broker alone, or remove the key"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(pairs: &[(&str, &str)]) -> Vec<String> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let settings = Settings::of_file(pairs.iter().map(owned).collect());
        let (config, complaints) = BrokerConfig::assemble(settings);
        assert!(config.is_none(), "{pairs:?}");
        complaints.into_iter().map(|it| it.message).collect()
    }

    #[test]
    fn a_broker_alone_is_told_its_number_and_its_port() {
        let config = BrokerConfig::single(2, 9093);
        assert_eq!((config.node_id, config.listeners[0].port), (2, 9093));
        assert_eq!(config.log_dirs, [PathBuf::from("data/broker-2")]);
        assert_eq!(config.metadata_log_dir, config.log_dirs[0]);
        assert_eq!(config.groups.initial_rebalance_delay_ms, 3000);
        assert_eq!(config.num_partitions, 1);
    }

    #[test]
    fn a_broker_has_one_number() {
        assert_eq!(refused(&[]), ["the broker has no number"]);
        assert_eq!(
            refused(&[("node.id", "1"), ("broker.id", "2")]),
            ["`node.id` is 1, and `broker.id` is 2"]
        );
        let texts = Texts::from([("broker.id".to_owned(), "4".to_owned())]);
        let (config, _) = BrokerConfig::assemble(Settings::of_file(texts));
        assert_eq!(config.expect("fit").node_id, 4);
        assert_eq!(
            refused(&[("broker.id", "-1")]),
            ["the broker has no number"]
        );
    }

    #[test]
    fn a_quorum_of_several_controllers_is_refused_by_name() {
        let voters = [
            ("node.id", "1"),
            ("controller.quorum.voters", "1@a:1,2@b:1"),
        ];
        assert_eq!(
            refused(&voters),
            ["`controller.quorum.voters` names several controllers, which is not built"]
        );
    }

    #[test]
    fn hosts_have_bounds_of_their_own_for_connections() {
        const KEY: &str = "max.connections.per.ip.overrides";
        let texts = Texts::from([
            ("node.id".to_owned(), "1".to_owned()),
            (KEY.to_owned(), "a:1, ::1:2".to_owned()),
        ]);
        let (config, _) = BrokerConfig::assemble(Settings::of_file(texts));
        let overrides = config.expect("fit").connections.max_per_ip_overrides;
        assert_eq!((overrides["a"], overrides["::1"]), (1, 2));
        assert_eq!(
            refused(&[("node.id", "1"), (KEY, "a")]),
            ["`a` in `max.connections.per.ip.overrides` is not of the form HOST:NUMBER"]
        );
    }

    #[test]
    fn what_is_set_while_running_holds_above_the_file() {
        let config = BrokerConfig::single(1, 9092);
        let texts = |name: &str, text: &str| Texts::from([(name.to_owned(), text.to_owned())]);
        let cluster = texts("log.retention.ms", "5000");
        let (changed, unfit) = config.with_dynamic(&cluster, &texts("max.connections", "3"));
        assert!(unfit.is_empty());
        assert_eq!(changed.topics.log.retention_ms, Some(5000));
        assert_eq!(changed.connections.max, 3);
        // What is taken back is gone.
        let (changed, _) = changed.with_dynamic(&Texts::new(), &Texts::new());
        assert_eq!(changed.topics.log.retention_ms, Some(604_800_000));
    }

    #[test]
    fn values_that_fit_alone_and_not_together_leave_the_files_own() {
        let config = BrokerConfig::single(1, 9092);
        let key = "max.connections.per.ip.overrides".to_owned();
        let broken = Texts::from([(key.clone(), "x".to_owned())]);
        let (changed, unfit) = config.with_dynamic(&broken, &Texts::new());
        assert_eq!(unfit, [key]);
        assert_eq!(changed.node_id, 1);
    }
}
