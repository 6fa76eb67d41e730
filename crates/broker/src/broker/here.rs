//! A broker on this machine: its disks, its threads, its clock, and chance.

use std::sync::Arc;

use millrace_log::Disk;
use millrace_telemetry::Scope;
use parking_lot::Mutex;

use super::{Broker, Random, Running, StartError, start};
use crate::backup;
use crate::clock::Clock;
use crate::config::BrokerConfig;
use crate::control::ControlSocket;
use crate::driver::Threads;

/// As [`start`], on this machine; commands of this machine reach it over a socket in each of its
/// directories.
///
/// # Errors
/// As those of [`start`].
pub async fn start_here(config: BrokerConfig, scope: &Scope) -> Result<Running, StartError> {
    let (files, driver) = (Arc::new(Disk), Arc::new(Threads::default()));
    let mut running = start(
        config,
        files,
        driver,
        Clock::system(),
        system_random(),
        scope,
    )
    .await?;
    clear_links(running.broker());
    listen_to_commands(&mut running);
    Ok(running)
}

/// Removes what backups have linked whose end no broker has seen: it keeps files on the disk.
fn clear_links(broker: &Broker) {
    let dirs = broker.partitions().dirs().iter();
    dirs.for_each(|dir| backup::clear_given_up(dir.path()));
}

/// Without a socket a broker serves its clients all the same.
fn listen_to_commands(running: &mut Running) {
    let broker = Arc::clone(running.broker());
    for dir in broker.partitions().dirs() {
        match ControlSocket::open(dir.path()) {
            Ok(socket) => running.spawn(socket.serve(Arc::clone(&broker), broker.stopping())),
            Err(error) => {
                let dir = dir.path().display();
                tracing::warn!(%dir, %error, "no backup can be made while the broker runs: there is no socket for commands");
            }
        }
    }
}

/// Random ids of version 4.
pub fn system_random() -> Random {
    Arc::new(Mutex::new(|| uuid::Uuid::new_v4().into_bytes()))
}
