//! The log of this process: a broker that the components `log` use.

use std::sync::Arc;

use millrace_broker::{BrokerConfig, Running, start_here};
use millrace_component::{LogClient, LogServers, NewLog, ServedLog};
use millrace_message::Error;
use millrace_telemetry::Scope;
use tracing::{error, info};

use crate::config::{LogConfig, told};
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
        Self::run(config, metrics.scope()).await.map_err(located)
    }

    async fn run(config: BrokerConfig, scope: &Scope) -> Result<Self, String> {
        let dirs: Vec<String> = config
            .log_dirs
            .iter()
            .map(|it| it.display().to_string())
            .collect();
        let dir = dirs.join(", ");
        let running = start_here(config, scope).await;
        let running = running.map_err(|error| error.to_string())?;
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

    /// Starts those that components ask for.
    pub fn servers() -> LogServers {
        LogServers::new(|log: NewLog| Box::pin(serve(log)))
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

async fn serve(log: NewLog) -> Result<ServedLog, Error> {
    let config = BrokerConfig::embedded(log.settings, &log.data_dir);
    let config = config.map_err(|complaints| Error::fatal(told(&complaints)))?;
    let started = EmbeddedLog::run(config, &log.scope).await;
    let log = started.map_err(Error::fatal)?;
    let addresses = log.running.addresses().to_vec();
    Ok(ServedLog::new(
        log.client(),
        addresses,
        Box::pin(log.stop()),
    ))
}
