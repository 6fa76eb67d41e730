//! Waiting for a condition with a deadline: the one place where tests poll.
//!
//! A deadline here only turns a hang into an error; no test may be decided by how long something took.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// Long enough for anything that works at all on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Calls `probe` until it returns a value.
///
/// # Errors
/// When `within` has passed; the text names `what` was waited for.
pub fn until<T>(what: &str, within: Duration, mut probe: impl FnMut() -> Option<T>) -> Result<T> {
    let mut found = None;
    until_ok(what, within, || {
        found = probe();
        Ok(found.is_some())
    })?;
    found.ok_or_else(|| anyhow!("wait for {what}: the probe lost its value"))
}

/// Calls `probe` until it returns `Ok(true)`; an error of the probe ends the wait at once.
///
/// # Errors
/// The probe's, or that `within` has passed.
pub fn until_ok(
    what: &str,
    within: Duration,
    mut probe: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let deadline = Instant::now() + within;
    let mut pause = FIRST_PAUSE;
    loop {
        if probe()? {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(anyhow!("wait for {what}: nothing after {within:?}"));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_the_wait() {
        let mut left = 3;
        let value = until("a countdown", PATIENCE, || {
            left -= 1;
            (left == 0).then_some("done")
        });
        assert_eq!(value.unwrap(), "done");
    }

    #[test]
    fn a_wait_without_end_names_what_was_missing() {
        let error = until("a miracle", Duration::ZERO, || None::<()>).unwrap_err();
        assert!(error.to_string().contains("a miracle"), "{error}");
    }

    #[test]
    fn an_error_of_the_probe_ends_the_wait_at_once() {
        let mut calls = 0;
        let result = until_ok("a server", PATIENCE, || {
            calls += 1;
            Err(anyhow!("it exited"))
        });
        assert_eq!(result.unwrap_err().to_string(), "it exited");
        assert_eq!(calls, 1);
    }
}
