//! The broker under test as a process.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use millrace_testkit::millrace::Millrace;

const START: Duration = Duration::from_secs(60);
/// What the log says when clients are heard.
pub const READY: &str = "the broker is ready";

/// Starts it and waits until it hears clients.
///
/// # Errors
/// It does not start; the text has what it said.
pub fn started(command: &mut Command) -> Result<Millrace> {
    let mut broker = Millrace::start(command)?;
    broker.wait_for_stderr(READY, START)?;
    Ok(broker)
}
