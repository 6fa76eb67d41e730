//! The block `log`.

use std::path::Path;

use millrace_broker::BrokerConfig;
use millrace_broker::config::{Texts, read_block};
use millrace_spec::{FieldKind, FieldType, Node, ReadContext};

use crate::broker::default_data_dir;

/// The log of this process: the settings of a broker, by the names that Kafka has for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig(Texts);

impl LogConfig {
    /// What the broker is told. The directory is looked for only now.
    ///
    /// # Errors
    /// What contradicts itself, with the keys that do.
    pub(crate) fn broker(&self) -> Result<BrokerConfig, String> {
        let text = |complaints: Vec<millrace_broker::config::Complaint>| {
            let texts = complaints
                .iter()
                .map(|it| format!("`{}`: {}", it.key, it.message));
            texts.collect::<Vec<_>>().join("; ")
        };
        // With any directory it is known which number the broker has.
        let named = BrokerConfig::embedded(self.0.clone(), Path::new("data")).map_err(text)?;
        BrokerConfig::embedded(self.0.clone(), &default_data_dir(named.node_id)).map_err(text)
    }
}

impl FieldType for LogConfig {
    fn kind() -> FieldKind {
        FieldKind::Any
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        read_block(node, cx).map(Self)
    }
}
