//! The log of this process: a broker that the components `log` use.

use std::sync::Arc;

use millrace_broker::{Running, start_here};
use millrace_component::LogClient;
use millrace_message::Error;
use tracing::{error, info};

use crate::config::LogConfig;
use crate::metrics::Metrics;

/// A broker in this process.
pub struct EmbeddedLog {
    running: Running,
    client: Arc<LogClient>,
}

impl EmbeddedLog {
    /// Starts it.
    ///
    /// # Errors
    /// Fatal: its config contradicts itself, or it cannot start.
    pub async fn start(config: &LogConfig, metrics: &Metrics) -> Result<Self, Error> {
        let located = |reason: String| Error::fatal(format!("log: {reason}"));
        let config = config.broker().map_err(located)?;
        let dirs: Vec<String> = config
            .log_dirs
            .iter()
            .map(|it| it.display().to_string())
            .collect();
        let dir = dirs.join(", ");
        let running = start_here(config, metrics.scope()).await;
        let running = running.map_err(|error| located(error.to_string()))?;
        if running.is_new() {
            info!(
                component = "log",
                dir, "formatted the data directory as a new cluster"
            );
        }
        for address in running.addresses() {
            info!(component = "log", %address, dir, "the log serves Kafka's clients");
        }
        let broker = Arc::clone(running.broker());
        let client = Arc::new(LogClient::new(move || broker.connect()));
        Ok(Self { running, client })
    }

    /// How components reach it.
    pub fn client(&self) -> Arc<LogClient> {
        Arc::clone(&self.client)
    }

    /// Stops it, when nothing uses it any more.
    pub async fn stop(self) {
        if !self.running.stop().await {
            error!(
                component = "log",
                "not all of the log could be closed: the next start checks it"
            );
        }
    }
}
