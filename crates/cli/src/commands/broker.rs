//! `broker`: a broker for Kafka's clients, until it is asked to stop.

use std::process::ExitCode;

use millrace_node::{BrokerConfig, Listener, default_data_dir, install_default_logs, run_broker};

use super::complain;
use crate::args::BrokerArgs;

/// Runs the broker; exits with 0 when all that it holds is durable and closed.
pub fn broker(args: &BrokerArgs) -> ExitCode {
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
    let ended = runtime.block_on(run_broker(config(args)));
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

fn config(args: &BrokerArgs) -> BrokerConfig {
    let mut config = BrokerConfig::single(args.id, args.port);
    for listener in &mut config.listeners {
        listener.host.clone_from(&args.host);
    }
    let data = args.data.clone();
    config.log_dirs = vec![data.unwrap_or_else(|| default_data_dir(args.id))];
    config
}
