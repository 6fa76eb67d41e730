//! The block `log`.

use std::path::Path;

use millrace_broker::BrokerConfig;
use millrace_broker::config::{Complaint, Texts, read_block};
use millrace_spec::{FieldKind, FieldType, Node, ReadContext};

/// Where the records are unless `log.dirs` says it: in the folder in which the process was started.
const DATA_DIR: &str = "./millrace-log";

/// The log of this process: the settings of a broker, by the names that Kafka has for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig(Texts);

impl LogConfig {
    /// What the broker is told.
    ///
    /// # Errors
    /// What contradicts itself, with the keys that do.
    pub(crate) fn broker(&self) -> Result<BrokerConfig, String> {
        let config = BrokerConfig::embedded(self.0.clone(), Path::new(DATA_DIR));
        config.map_err(|complaints| told(&complaints))
    }
}

/// Complaints of settings, each with its key.
pub(crate) fn told(complaints: &[Complaint]) -> String {
    let texts = complaints.iter();
    let texts = texts.map(|it| format!("`{}`: {}", it.key, it.message));
    texts.collect::<Vec<_>>().join("; ")
}

impl FieldType for LogConfig {
    fn kind() -> FieldKind {
        FieldKind::Any
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        read_block(node, cx).map(Self)
    }
}
