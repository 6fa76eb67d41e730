//! Steps of a longer command: each runs whatever the earlier ones found, and is timed.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// What a step found and how long it took.
#[derive(Debug)]
struct Outcome {
    name: String,
    passed: bool,
    time: Duration,
}

/// The steps that have run so far.
#[derive(Debug, Default)]
pub struct Steps(Vec<Outcome>);

impl Steps {
    /// Runs a step. An error is printed and counts as a failure.
    pub fn run(&mut self, name: &str, step: impl FnOnce() -> Result<bool>) {
        println!("== {name}");
        let start = Instant::now();
        let passed = step().unwrap_or_else(|error| {
            eprintln!("error: {name}: {error:#}");
            false
        });
        self.0.push(Outcome {
            name: name.to_owned(),
            passed,
            time: start.elapsed(),
        });
    }

    /// Prints one line for each step; true when all have passed.
    pub fn report(&self) -> bool {
        println!();
        for Outcome { name, passed, time } in &self.0 {
            let word = if *passed { "ok" } else { "FAILED" };
            println!("{:>8.1} s  {word:<6}  {name}", time.as_secs_f32());
        }
        self.0.iter().all(|it| it.passed)
    }
}

/// Runs a command to its end; true when it succeeded.
pub fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command.status();
    let status =
        status.with_context(|| format!("start `{}`", command.get_program().to_string_lossy()))?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_step_fails_the_whole_and_later_steps_still_run() {
        let mut steps = Steps::default();
        steps.run("good", || Ok(true));
        assert!(steps.report());
        steps.run("broken", || anyhow::bail!("no"));
        let mut ran = false;
        steps.run("last", || {
            ran = true;
            Ok(true)
        });
        assert!(ran && !steps.report());
    }
}
