//! `broker`: a broker for Kafka's clients, until it is asked to stop.

use std::process::ExitCode;

use millrace_node::{
    BrokerConfig, default_data_dir, install_default_logs, load_broker, run_broker,
};

use super::complain;
use crate::args::BrokerArgs;

/// Runs the broker; exits with 0 when all that it holds is durable and closed.
pub fn broker(args: &BrokerArgs) -> ExitCode {
    let Some(config) = config(args) else {
        return ExitCode::FAILURE;
    };
    let logs = match install_default_logs(args.log_level.as_deref().unwrap_or("info")) {
        Ok(logs) => logs,
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run_broker(config, args.http_address.as_deref()));
    runtime.shutdown_background();
    logs.flush();
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            complain(&format!("error: {reason}"));
            ExitCode::FAILURE
        }
    }
}

/// What the arguments say, or the file that they name; complaints are printed.
fn config(args: &BrokerArgs) -> Option<BrokerConfig> {
    let mut config = match &args.config_file {
        Some(file) => load_broker(file, complain)?,
        None => BrokerConfig::single(args.id.unwrap_or(1), args.port.unwrap_or(9092)),
    };
    if let Some(host) = &args.host {
        for listener in &mut config.listeners {
            listener.host.clone_from(host);
        }
    }
    let is_told = config.settings.is_set("log.dirs") || config.settings.is_set("log.dir");
    let data = args.data.clone();
    let is_default = args.config_file.is_none() || !is_told;
    let data = data.or_else(|| is_default.then(|| default_data_dir(config.node_id)));
    if let Some(data) = data {
        config.metadata_log_dir.clone_from(&data);
        config.log_dirs = vec![data];
    }
    Some(config)
}
