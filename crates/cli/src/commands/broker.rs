//! `broker`: a broker for Kafka's clients, until it is asked to stop; `broker format`: its data
//! directory, and its first users.

use std::io::ErrorKind;
use std::process::ExitCode;
use std::sync::Arc;

use millrace_diagnostics::printable_line;
use millrace_log::{Disk, LogDir, LogError};
use millrace_node::{
    BrokerConfig, NewUser, default_data_dir, format_broker, install_default_logs, load_broker,
    run_broker,
};

use super::{complain, misuse, print};
use crate::args::{BrokerArgs, BrokerCommand, BrokerPlace};

/// Does what is to be done with a broker.
pub fn broker(args: &BrokerArgs) -> ExitCode {
    match &args.command {
        None => run(args),
        Some(BrokerCommand::Format {
            place,
            add_scram,
            ignore_formatted,
        }) => format(place, add_scram, *ignore_formatted),
    }
}

/// Runs the broker; exits with 0 when all that it holds is durable and closed.
fn run(args: &BrokerArgs) -> ExitCode {
    let Some(mut config) = config(&args.place, args.port) else {
        return ExitCode::FAILURE;
    };
    if let Some(host) = &args.host {
        for listener in &mut config.listeners {
            listener.host.clone_from(host);
        }
    }
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

/// Formats the data directory.
fn format(place: &BrokerPlace, add_scram: &[String], is_fine: bool) -> ExitCode {
    let users = add_scram.iter().map(|it| NewUser::parse(it));
    // The reason quotes nothing: there is a password in it.
    let users: Result<Vec<_>, _> = users.collect();
    let users = match users {
        Ok(users) => users,
        Err(reason) => return misuse(&format!("--add-scram: {reason}")),
    };
    let Some(config) = config(place, None) else {
        return ExitCode::FAILURE;
    };
    let dir = config.metadata_log_dir.display();
    match format_broker(&config, &users, is_fine) {
        Ok(Some(cluster)) => print(&format!(
            "formatted {} as broker {} of the new cluster {cluster}\n",
            printable_line(&dir.to_string()),
            config.node_id
        )),
        Ok(None) => print(&format!(
            "{} is formatted already{}\n",
            printable_line(&dir.to_string()),
            match users.is_empty() {
                true => "",
                false => ", and its users stay as they are: `millrace user set` changes them",
            }
        )),
        Err(reason) => {
            complain(&format!("error: {reason}"));
            ExitCode::FAILURE
        }
    }
}

/// What the arguments say, or the file that they name; complaints are printed.
fn config(place: &BrokerPlace, port: Option<u16>) -> Option<BrokerConfig> {
    let is_alone = |id: i32| id == 1 || place.config_file.is_some() || is_there(id, place);
    if let Some(id) = place.id.filter(|it| !is_alone(*it)) {
        complain(&format!(
            "error: broker {id} would belong to a cluster of several brokers, which is not built: start \
             broker 1, or give a cluster of its own a file (`--config`) with `node.id={id}`"
        ));
        return None;
    }
    let mut config = match &place.config_file {
        Some(file) => load_broker(file, complain)?,
        None => BrokerConfig::single(place.id.unwrap_or(1), port.unwrap_or(9092)),
    };
    let is_told = config.settings.is_set("log.dirs") || config.settings.is_set("log.dir");
    let data = place.data.clone();
    let is_default = place.config_file.is_none() || !is_told;
    let data = data.or_else(|| is_default.then(|| default_data_dir(config.node_id)));
    if let Some(data) = data {
        config.metadata_log_dir.clone_from(&data);
        config.log_dirs = vec![data];
    }
    Some(config)
}

/// Whether the data is that of such a broker, which has a cluster of its own then.
fn is_there(id: i32, place: &BrokerPlace) -> bool {
    let data = place.data.clone();
    let data = data.unwrap_or_else(|| default_data_dir(id));
    match LogDir::open_existing(Arc::new(Disk), &data) {
        Ok(dir) => matches!(dir.properties(), Ok(Some(it)) if it.node_id == id),
        Err(LogError::Disk { error, .. }) => error.kind() == ErrorKind::WouldBlock,
        Err(_) => false,
    }
}
