//! A broker on this machine: its disks, its threads, its clock, and chance.

use std::sync::Arc;

use millrace_log::Disk;
use millrace_telemetry::Scope;
use parking_lot::Mutex;

use super::{Random, Running, StartError, start};
use crate::clock::Clock;
use crate::config::BrokerConfig;
use crate::driver::Threads;

/// As [`start`], on this machine.
///
/// # Errors
/// As those of [`start`].
pub async fn start_here(config: BrokerConfig, scope: &Scope) -> Result<Running, StartError> {
    let (files, driver) = (Arc::new(Disk), Arc::new(Threads::default()));
    start(
        config,
        files,
        driver,
        Clock::system(),
        system_random(),
        scope,
    )
    .await
}

/// Random ids of version 4.
pub fn system_random() -> Random {
    Arc::new(Mutex::new(|| uuid::Uuid::new_v4().into_bytes()))
}
