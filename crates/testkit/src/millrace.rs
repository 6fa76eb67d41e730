//! The product as a child process: start it, read what it says, stop it or kill it.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::poll;
use crate::process::{Process, Signal};

/// How many lines of standard error a failed wait shows.
const TAIL_LINES: usize = 40;

/// Where the `millrace` binary is: `MILLRACE_BIN`, else the one that cargo has built beside the
/// running test.
///
/// # Errors
/// When there is none; the text says how to build it.
pub fn binary() -> Result<PathBuf> {
    for variable in ["MILLRACE_BIN", "CARGO_BIN_EXE_millrace"] {
        if let Some(path) = env::var_os(variable) {
            return fs::canonicalize(&path)
                .with_context(|| format!("find the binary that `{variable}` names"));
        }
    }
    let test = env::current_exe().context("find the running test")?;
    let beside = test
        .ancestors()
        .skip(1)
        .take(2)
        .map(|dir| dir.join("millrace"));
    match beside.into_iter().find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => bail!(
            "find the `millrace` binary: run `cargo xtask test`, or build it and set MILLRACE_BIN"
        ),
    }
}

/// A command that runs the `millrace` binary without the environment variables that configure it.
///
/// # Errors
/// As [`binary`].
pub fn command() -> Result<Command> {
    let mut command = Command::new(binary()?);
    for variable in ["MILLRACE_CONFIG", "BENTO_CONFIG"] {
        command.env_remove(variable);
    }
    Ok(command)
}

/// Runs a command to its end with something on its standard input, which it need not read.
///
/// # Errors
/// When it cannot be started.
///
/// # Panics
/// The thread that writes its input does.
pub fn output(command: &mut Command, input: &[u8]) -> Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start the command")?;
    let mut stdin = child.stdin.take().context("standard input is no pipe")?;
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // A command that refuses its arguments reads nothing.
        let _unread = stdin.write_all(&input);
    });
    let output = child.wait_with_output().context("wait for the command")?;
    writer.join().expect("the writer does not panic");
    Ok(output)
}

/// A running `millrace`. Dropping it kills it with SIGKILL.
#[derive(Debug)]
pub struct Millrace {
    process: Process,
    stdout: Capture,
    stderr: Capture,
}

impl Millrace {
    /// Starts `command`, made by [`command`] or any other, with both outputs captured and no
    /// standard input unless the command has one.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null());
        Self::start_with_stdin(command)
    }

    /// As [`start`](Self::start), with the standard input that the command has been given.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with_stdin(command: &mut Command) -> Result<Self> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::spawn("millrace", command)?;
        let child = process.streams();
        let stdout = child.stdout.take().context("standard output is no pipe")?;
        let stderr = child.stderr.take().context("standard error is no pipe")?;
        Ok(Self {
            process,
            stdout: Capture::start(stdout)?,
            stderr: Capture::start(stderr)?,
        })
    }

    /// Starts `millrace run CONFIG` with variables for its interpolations.
    ///
    /// # Errors
    /// As [`binary`] and [`start`](Self::start).
    pub fn run(config: &Path, variables: &[(&str, &str)]) -> Result<Self> {
        let mut command = command()?;
        command
            .arg("run")
            .arg(config)
            .envs(variables.iter().copied());
        Self::start(&mut command)
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Lines of standard output so far, without line ends.
    #[must_use]
    pub fn stdout_lines(&self) -> Vec<String> {
        self.stdout.lines()
    }

    /// Lines of standard error so far, without line ends.
    #[must_use]
    pub fn stderr_lines(&self) -> Vec<String> {
        self.stderr.lines()
    }

    /// Log records so far: the lines of standard error that are JSON objects.
    #[must_use]
    pub fn logs(&self) -> Vec<Value> {
        self.stderr_lines()
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(Value::is_object)
            .collect()
    }

    /// Waits for a line of standard error that contains `part`, and returns it.
    ///
    /// # Errors
    /// When the process ends or the deadline passes without one; the text has what it said.
    pub fn wait_for_stderr(&mut self, part: &str, within: Duration) -> Result<String> {
        let what = format!("`{part}` on standard error");
        self.wait_for(&what, within, |it| {
            it.stderr_lines()
                .into_iter()
                .find(|line| line.contains(part))
        })
    }

    /// Waits for a log record that satisfies `wanted`, and returns it.
    ///
    /// # Errors
    /// As [`wait_for_stderr`](Self::wait_for_stderr).
    pub fn wait_for_log(
        &mut self,
        what: &str,
        within: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        self.wait_for(what, within, |it| it.logs().into_iter().find(&wanted))
    }

    /// Waits until `probe` returns a value, and ends the wait when the process ends.
    ///
    /// # Errors
    /// As [`wait_for_stderr`](Self::wait_for_stderr).
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        within: Duration,
        mut probe: impl FnMut(&Self) -> Option<T>,
    ) -> Result<T> {
        let found = poll::until(what, within, || {
            // Asked first: what the process said before its end must still be seen.
            let status = match self.process.try_wait() {
                Ok(status) => status,
                Err(error) => return Some(Err(error)),
            };
            if status.is_some()
                && let Err(error) = self.kill()
            {
                return Some(Err(error));
            }
            match (probe(self), status) {
                (Some(value), _) => Some(Ok(value)),
                (None, Some(status)) => Some(Err(anyhow!(
                    "wait for {what}: millrace ended with {status}"
                ))),
                (None, None) => None,
            }
        });
        found
            .and_then(|it| it)
            .map_err(|error| anyhow!("{error:#}{}", self.tail()))
    }

    /// Sends a signal to the process.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Errors
    /// When the process still runs after `within`; the text has what it said.
    pub fn terminate(&mut self, within: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait(within)
    }

    /// Kills the process as `kill -9` does and waits for its end.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        let status = self.process.kill()?;
        self.drain();
        Ok(status)
    }

    /// Waits for the process to end by itself, with all its output read.
    ///
    /// # Errors
    /// When it still runs after `within`; the text has what it said.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        let status = self.process.wait(within);
        let status = status.map_err(|error| anyhow!("{error:#}{}", self.tail()))?;
        // What it started and left behind would keep its outputs open.
        self.process.kill()?;
        self.drain();
        Ok(status)
    }

    /// Whether the process runs.
    ///
    /// # Errors
    /// When the operating system cannot tell.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.process.try_wait()?.is_none())
    }

    /// The largest resident memory of the running process so far, in bytes.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn peak_memory(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.id());
        let status = fs::read_to_string(&path).with_context(|| format!("read `{path}`"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let line = line.context("the process has ended")?.trim();
        let kib: u64 = line
            .trim_end_matches(" kB")
            .parse()
            .context("parse VmHWM")?;
        Ok(kib * 1024)
    }

    /// Reads both outputs to their ends, which the end of the process has closed.
    fn drain(&mut self) {
        self.stdout.finish();
        self.stderr.finish();
    }

    fn tail(&self) -> String {
        let lines = self.stderr_lines();
        let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
        format!("; the end of its standard error:\n{tail}")
    }
}

/// The lines of a stream, read by a thread as they come.
#[derive(Debug)]
struct Capture {
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Capture {
    fn start(stream: impl Read + Send + 'static) -> Result<Self> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let reader = thread::Builder::new()
            .name("capture".into())
            .spawn(move || {
                let mut stream = BufReader::new(stream);
                let mut line = Vec::new();
                while stream
                    .read_until(b'\n', &mut line)
                    .is_ok_and(|count| count > 0)
                {
                    let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line));
                    let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
                    sink.push(text.into_owned());
                    line.clear();
                }
            })?;
        Ok(Self {
            lines,
            reader: Some(reader),
        })
    }

    fn lines(&self) -> Vec<String> {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn finish(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reading thread does not panic");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::PATIENCE;

    fn shell(script: &str) -> Millrace {
        Millrace::start(Command::new("/bin/sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn both_outputs_are_read_to_their_ends() {
        let mut run = shell("echo out; echo '{\"level\":\"info\"}' >&2; printf 'no line end' >&2");
        assert!(run.wait(PATIENCE).unwrap().success());
        assert_eq!(run.stdout_lines(), ["out"]);
        assert_eq!(run.stderr_lines(), ["{\"level\":\"info\"}", "no line end"]);
        assert_eq!(run.logs(), [serde_json::json!({"level": "info"})]);
    }

    #[test]
    fn a_log_record_is_waited_for() {
        let mut run = shell("sleep 0.05; echo '{\"message\":\"ready\"}' >&2; sleep 1000");
        let record = run.wait_for_log("readiness", PATIENCE, |it| it["message"] == "ready");
        assert_eq!(record.unwrap()["message"], "ready");
        assert!(run.is_running().unwrap());
        assert!(run.peak_memory().unwrap() > 0);
    }

    #[test]
    fn the_end_of_the_process_ends_the_wait_and_shows_what_it_said() {
        let mut run = shell("echo 'no such file' >&2; exit 4");
        let error = run
            .wait_for_stderr("ready", PATIENCE)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no such file") && error.contains("exit status: 4"),
            "{error}"
        );
    }

    #[test]
    fn kill_and_terminate_are_told_apart_by_the_exit_status() {
        use std::os::unix::process::ExitStatusExt;
        let script = "trap 'exit 9' TERM; echo on >&2; while :; do sleep 0.01; done";
        let mut run = shell(script);
        run.wait_for_stderr("on", PATIENCE).unwrap();
        assert_eq!(run.terminate(PATIENCE).unwrap().code(), Some(9));
        let mut run = shell(script);
        run.wait_for_stderr("on", PATIENCE).unwrap();
        assert_eq!(run.kill().unwrap().signal(), Some(9));
    }
}
