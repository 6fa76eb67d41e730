//! A child process in a process group of its own, with its output in a file, that cannot outlive
//! the process that started it.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process, kill_process_group};

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

    /// The exit status, or `None` while the process runs. The caller does not wait.
    ///
    /// # Errors
    /// When the operating system cannot tell.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self
                .child
                .try_wait()
                .with_context(|| format!("wait for {}", self.name))?;
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

    /// Kills the whole process group as `kill -9` does and reaps the process.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        // The group may hold grandchildren even when its leader has ended.
        match kill_process_group(self.pid(), Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(error).with_context(|| format!("kill {}", self.name)),
        }
        let status = match self.status {
            Some(status) => status,
            None => self
                .child
                .wait()
                .with_context(|| format!("wait for {}", self.name))?,
        };
        self.status = Some(status);
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

impl Drop for Process {
    fn drop(&mut self) {
        let result = self.kill().and_then(|_| watchdog::forget_group(self.id()));
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

    fn runs(pid: &str) -> bool {
        fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[test]
    fn dropping_a_process_kills_its_grandchildren() {
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid");
        let script = format!("sleep 1000 & echo $! > {}; wait", pid_file.display());
        let process = Process::spawn("a parent", &mut shell(&script)).unwrap();
        let grandchild = poll::until("the grandchild", PATIENCE, || {
            fs::read_to_string(&pid_file)
                .ok()
                .filter(|it| it.ends_with('\n'))
        });
        let grandchild = grandchild.unwrap().trim().to_owned();
        assert!(runs(&grandchild));
        drop(process);
        poll::until("the grandchild to die", PATIENCE, || {
            (!runs(&grandchild)).then_some(())
        })
        .unwrap();
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
