//! Runs the script of one client, and kills the broker when the script says so.

use std::io::Write;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use millrace_testkit::millrace::Millrace;

use super::broker::Broker;

/// What a script says when the broker is to be killed.
const KILL: &str = "kill the broker";
/// How long a story may take.
const PATIENCE: Duration = Duration::from_secs(240);
/// How often a script is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How often each script has the broker killed.
const KILLS: u32 = 2;

/// Runs the script; an error says what it has found wrong.
pub fn run(command: &mut Command, broker: &mut Broker) -> Result<()> {
    let (input, mut told) = std::io::pipe().context("make a pipe")?;
    let mut script = Millrace::start_with_stdin(command.stdin(input))?;
    let start = Instant::now();
    let mut kills = 0;
    loop {
        // Asked first: what it said before its end is seen.
        let is_running = script.is_running()?;
        let lines = script.stdout_lines();
        if lines.iter().filter(|it| *it == KILL).count() > kills {
            kills += 1;
            broker.crash()?;
            writeln!(told, "the broker runs again").context("tell the script")?;
        } else if !is_running {
            break;
        } else if start.elapsed() > PATIENCE {
            let said = said(&script);
            bail!("not done after {} s{said}", PATIENCE.as_secs());
        } else {
            thread::sleep(LOOK);
        }
    }
    let status = script.wait(PATIENCE)?;
    if !status.success() {
        bail!("{status}{}", said(&script));
    }
    if kills != KILLS as usize {
        bail!("the broker was killed {kills} times, not {KILLS}");
    }
    Ok(())
}

/// The end of what a script has said.
fn said(script: &Millrace) -> String {
    let lines = script.stderr_lines();
    let tail = &lines[lines.len().saturating_sub(20)..];
    tail.iter().map(|line| format!("\n    {line}")).collect()
}
