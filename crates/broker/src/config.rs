//! What a broker and its topics are told.

use std::path::PathBuf;

use millrace_log::{Config, Rules};

/// Where a broker listens, and what it tells clients of it.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Such as `PLAINTEXT`.
    pub name: String,
    /// Address to bind, such as `0.0.0.0`.
    pub host: String,
    /// 0 takes a free port.
    pub port: u16,
    /// Host and port that clients are told; without it, the address that the client connected to.
    pub advertised: Option<(String, u16)>,
}

/// What a broker is told.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// `node.id`.
    pub node_id: i32,
    /// `listeners` and `advertised.listeners`; at least one.
    pub listeners: Vec<Listener>,
    /// `log.dirs`; at least one.
    pub log_dirs: Vec<PathBuf>,
    /// `num.partitions`: of a topic that is created without a number.
    pub num_partitions: i32,
    /// `auto.create.topics.enable`.
    pub auto_create_topics: bool,
    /// `socket.request.max.bytes`: no request is larger.
    pub max_request_bytes: usize,
    /// `fetch.max.bytes`: no response to a fetch has more, but for its first batch.
    pub max_fetch_bytes: usize,
    /// What topics have that say nothing else.
    pub topics: TopicConfig,
}

impl Default for BrokerConfig {
    /// Kafka's defaults; no listener and no directory.
    fn default() -> Self {
        Self {
            node_id: 1,
            listeners: Vec::new(),
            log_dirs: Vec::new(),
            num_partitions: 1,
            auto_create_topics: true,
            max_request_bytes: 100 << 20,
            max_fetch_bytes: 55 << 20,
            topics: TopicConfig::default(),
        }
    }
}

/// What a topic is told.
#[derive(Clone, Debug, Default)]
pub struct TopicConfig {
    /// How its logs are written and kept.
    pub log: Config,
    /// What is demanded of batches.
    pub rules: Rules,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
}
