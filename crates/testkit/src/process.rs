//! A child process in a process group of its own, with its output in a file, that cannot outlive
//! the process that started it.

mod tree;

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
pub use rustix::process::Signal;
use rustix::process::{Pid, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

use crate::{poll, watchdog};

/// How much of a server's log an error shows.
const LOG_TAIL_LINES: usize = 30;

/// A running child. Dropping it kills its whole process group with SIGKILL and reaps it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    status: Option<ExitStatus>,
    log: Option<PathBuf>,
}

impl Process {
    /// Starts `command` with no standard input and both outputs appended to `log`.
    ///
    /// # Errors
    /// When the log cannot be written or the program cannot be started.
    pub fn spawn_logged(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log);
        let file = file.with_context(|| format!("open `{}`", log.display()))?;
        command
            .stdout(file.try_clone()?)
            .stderr(file)
            .stdin(Stdio::null());
        let mut process = Self::spawn(name, command)?;
        process.log = Some(log.to_path_buf());
        Ok(process)
    }

    /// Starts `command` with the standard streams that it has been given.
    ///
    /// # Errors
    /// When the program cannot be started; the text names it.
    pub fn spawn(name: &str, command: &mut Command) -> Result<Self> {
        let child = command.process_group(0).spawn();
        let child = child.with_context(|| {
            format!(
                "start {name} (`{}`)",
                command.get_program().to_string_lossy()
            )
        })?;
        let process = Self {
            name: name.to_owned(),
            child,
            status: None,
            log: None,
        };
        watchdog::watch_group(process.id())?;
        Ok(process)
    }

    /// The process id, which is the id of its group too.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The standard streams that were asked for as pipes, to be taken out.
    pub fn streams(&mut self) -> &mut Child {
        &mut self.child
    }

    /// The exit status, or `None` while the process runs. The caller does not wait. What an ended
    /// process has left behind in its group is killed.
    ///
    /// # Errors
    /// When the operating system cannot tell.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if self.status.is_none()
            && waitid(WaitId::Pid(self.pid()), look)
                .with_context(|| format!("look after {}", self.name))?
                .is_some()
        {
            self.bury()?;
        }
        Ok(self.status)
    }

    /// Waits for the end of the process, which stays as it is when the deadline passes.
    ///
    /// # Errors
    /// When it still runs after `within`.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        let what = format!("{} (process {}) to end", self.name, self.id());
        poll::until_ok(&what, within, || Ok(self.try_wait()?.is_some()))
            .map_err(|error| anyhow!("{error}{}", self.log_tail()))?;
        self.status.context("the process has no exit status")
    }

    /// Waits until `probe` says that the server answers.
    ///
    /// # Errors
    /// When the process ends before that or the deadline passes; the text has the end of its log.
    pub fn wait_ready(&mut self, within: Duration, mut probe: impl FnMut() -> bool) -> Result<()> {
        let what = format!("{} to answer", self.name);
        poll::until_ok(&what, within, || {
            if probe() {
                return Ok(true);
            }
            match self.try_wait()? {
                Some(status) => bail!("start {}: it ended with {status}", self.name),
                None => Ok(false),
            }
        })
        .map_err(|error| anyhow!("{error}{}", self.log_tail()))
    }

    /// Sends `signal` to the process itself, not to its group; nothing happens after its end.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.try_wait()?.is_none() {
            kill_process(self.pid(), signal)
                .with_context(|| format!("send {signal:?} to {}", self.name))?;
        }
        Ok(())
    }

    /// Asks the process to end with SIGTERM and waits for it.
    ///
    /// # Errors
    /// When it still runs after `within`.
    pub fn terminate(&mut self, within: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait(within)
    }

    /// Kills the process as `kill -9` does, with its group and all that it has started, and reaps it.
    /// Everything is dead when this returns: a server whose children have left its group, as
    /// PostgreSQL's do, answers nobody afterwards.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.try_wait()? {
            return Ok(status);
        }
        let what = format!("kill {}", self.name);
        // A stopped process starts no child between the look and the kill.
        ignore_gone(kill_process(self.pid(), Signal::STOP)).context(what.clone())?;
        let children = tree::descendants(self.id())?;
        let status = self.bury()?;
        for child in &children {
            let pid = Pid::from_raw(*child).context("a process id is above 0")?;
            ignore_gone(kill_process(pid, Signal::KILL)).context(what.clone())?;
        }
        poll::until_ok(
            &format!("the children of {} to end", self.name),
            poll::PATIENCE,
            || Ok(!children.iter().any(|child| tree::runs(*child))),
        )?;
        Ok(status)
    }

    /// Kills the group and reaps its leader, in this order: once the leader is reaped, its id may
    /// belong to somebody else.
    fn bury(&mut self) -> Result<ExitStatus> {
        ignore_gone(kill_process_group(self.pid(), Signal::KILL))
            .with_context(|| format!("kill what {} has left behind", self.name))?;
        let status = self
            .child
            .wait()
            .with_context(|| format!("wait for {}", self.name))?;
        self.status = Some(status);
        watchdog::forget_group(self.id())?;
        Ok(status)
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn log_tail(&self) -> String {
        let Some(path) = &self.log else {
            return String::new();
        };
        let tail = tail_of(path).unwrap_or_else(|error| format!("(read its log: {error})"));
        format!("; the end of `{}`:\n{tail}", path.display())
    }
}

/// What has ended already needs no signal.
fn ignore_gone(result: rustix::io::Result<()>) -> rustix::io::Result<()> {
    match result {
        Err(rustix::io::Errno::SRCH) => Ok(()),
        other => other,
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let result = self.kill().map(drop);
        crate::report(&format!("stop {}", self.name), result);
    }
}

fn tail_of(path: &Path) -> io::Result<String> {
    let bytes = fs::read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::PATIENCE;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    /// Starts a shell that starts a grandchild by `launch` and writes its id to a file.
    fn with_grandchild(launch: &str) -> (Process, i32) {
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid");
        let script = launch.replace("FILE", pid_file.to_str().unwrap());
        let process = Process::spawn("a parent", &mut shell(&script)).unwrap();
        let grandchild = poll::until("the grandchild", PATIENCE, || {
            fs::read_to_string(&pid_file)
                .ok()?
                .strip_suffix('\n')?
                .parse()
                .ok()
        });
        (process, grandchild.unwrap())
    }

    #[test]
    fn dropping_a_process_kills_its_grandchildren() {
        let (process, grandchild) = with_grandchild("sleep 1000 & echo $! > FILE; wait");
        assert!(tree::runs(grandchild));
        drop(process);
        assert!(!tree::runs(grandchild));
    }

    #[test]
    fn a_grandchild_in_a_session_of_its_own_dies_too() {
        let launch = "setsid sh -c 'echo $$ > FILE; exec sleep 1000' & wait";
        let (mut process, grandchild) = with_grandchild(launch);
        assert!(tree::runs(grandchild));
        process.kill().unwrap();
        assert!(!tree::runs(grandchild));
    }

    #[test]
    fn a_server_that_ends_while_it_starts_shows_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut command = shell("echo the port is in use; exit 3");
        let mut process = Process::spawn_logged("a server", &mut command, &log).unwrap();
        let error = process
            .wait_ready(PATIENCE, || false)
            .unwrap_err()
            .to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.contains("the port is in use"), "{error}");
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = Process::spawn("a server", &mut Command::new("/no/such/program")).unwrap_err();
        assert!(
            format!("{error:#}").contains("/no/such/program"),
            "{error:#}"
        );
    }

    #[test]
    fn terminate_lets_a_process_end_by_itself() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done";
        let mut process = Process::spawn_logged("a server", &mut shell(script), &log).unwrap();
        let ready = || fs::read_to_string(&log).is_ok_and(|text| text.contains("ready"));
        process.wait_ready(PATIENCE, ready).unwrap();
        assert_eq!(process.terminate(PATIENCE).unwrap().code(), Some(7));
    }

    #[test]
    fn a_process_that_does_not_end_in_time_is_reported_and_stays() {
        let mut process = Process::spawn("a sleeper", &mut shell("sleep 1000")).unwrap();
        assert!(process.wait(Duration::ZERO).is_err());
        assert!(process.try_wait().unwrap().is_none());
    }
}
