//! A measured child process: CPU time and peak memory as the kernel booked them.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use millrace_testkit::process::Signal;
use rustix::process::{Pid, kill_process};
use wait4::Wait4;

use super::PIPELINES;
use super::measure::Measured;
use super::options::Binary;

/// A run that takes longer is stuck.
const LONGEST_RUN: Duration = Duration::from_secs(20 * 60);

/// A running binary.
pub struct Measuring {
    child: Child,
    start: Instant,
    stuck: Timeout,
}

/// The command that runs a pipeline of `bench/pipelines`.
pub fn command(binary: &Binary, config: &str, threads: u32) -> Command {
    let mut command = Command::new(&binary.path);
    command
        .arg("-c")
        .arg(Path::new(PIPELINES).join(config))
        .env("THREADS", threads.to_string())
        // A peer that is written in Go gets as many cores as it has threads to run on.
        .env("GOMAXPROCS", "2")
        .env_remove("MILLRACE_CONFIG")
        .env_remove("BENTO_CONFIG");
    command
}

/// This program, to do something in a process of its own.
pub fn this_program() -> Result<Command> {
    Ok(Command::new(
        std::env::current_exe().context("find this program")?,
    ))
}

/// Starts a command that [`Measuring::wait`] measures.
pub fn start(command: &mut Command) -> Result<Measuring> {
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let child =
        child.with_context(|| format!("start `{}`", command.get_program().to_string_lossy()))?;
    let stuck = Timeout::start(Pid::from_child(&child))?;
    Ok(Measuring {
        child,
        start,
        stuck,
    })
}

impl Measuring {
    /// Waits for the end of the process, which must be a success.
    pub fn wait(self, messages: u64) -> Result<Measured> {
        let used = self
            .child
            .wait4()
            .context("wait for the measured process")?;
        let wall = self.start.elapsed();
        let stuck = self.stuck.end();
        if stuck {
            bail!("the process did not end within {LONGEST_RUN:?}");
        }
        if !used.status.success() {
            bail!("the process ended with {}", used.status);
        }
        Ok(Measured {
            messages,
            wall,
            cpu: used.rusage.utime + used.rusage.stime,
            peak_memory: used.rusage.maxrss,
            latency: None,
        })
    }

    /// Asks the process to end with SIGTERM and measures it.
    pub fn terminate(self, messages: u64) -> Result<Measured> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).context("end the process")?;
        self.wait(messages)
    }
}

/// Kills a process that runs too long.
struct Timeout {
    ended: Sender<()>,
    thread: JoinHandle<bool>,
}

impl Timeout {
    fn start(process: Pid) -> Result<Self> {
        let (ended, wait) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("timeout".into())
            .spawn(move || {
                let stuck = wait.recv_timeout(LONGEST_RUN) == Err(RecvTimeoutError::Timeout);
                if stuck && let Err(error) = kill_process(process, Signal::KILL) {
                    eprintln!("kill a stuck process: {error}");
                }
                stuck
            })?;
        Ok(Self { ended, thread })
    }

    /// Whether the process had to be killed.
    fn end(self) -> bool {
        drop(self.ended);
        self.thread.join().unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_and_memory_of_a_child_are_measured() {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"]);
        let measured = start(&mut command).unwrap().wait(20_000).unwrap();
        assert!(measured.cpu > Duration::ZERO && measured.cpu <= measured.wall * 2);
        assert!(measured.peak_memory > 100_000, "{}", measured.peak_memory);
        assert!(measured.per_second() > 0.0);
    }

    #[test]
    fn a_failed_run_has_no_figures() {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exit 3"]);
        let error = start(&mut command).unwrap().wait(1).unwrap_err();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }
}
