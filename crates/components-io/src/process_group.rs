//! A child process with everything it starts: ended together.

use std::collections::BTreeSet;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use millrace_component::Identity;
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, codes};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncRead;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::bounded_lines::{BoundedLines, Line};

/// Complains of a command without a name: there is none to start.
pub(crate) fn check_name(name: &String, node: &Node, cx: &mut ReadContext) {
    if name.is_empty() {
        cx.error(codes::INVALID_VALUE, node.span, "field name is empty")
            .help = Some("name the command to start".to_owned());
    }
    check_text("name", name, node, cx);
}

/// Complains of arguments that no command can be given.
pub(crate) fn check_args(args: &Vec<String>, node: &Node, cx: &mut ReadContext) {
    let items = node.as_sequence().into_iter().flatten();
    for (arg, item) in args.iter().zip(items) {
        check_text("args", arg, item, cx);
    }
}

/// The operating system takes the zero byte for the end of a text.
fn check_text(field: &str, text: &str, node: &Node, cx: &mut ReadContext) {
    if text.contains('\0') {
        let message = format!("field {field} has a zero byte, which no command can be given");
        cx.error(codes::INVALID_VALUE, node.span, message);
    }
}

/// How long after the end of a command something that it has started may hold its output.
pub(crate) const LINGER: Duration = Duration::from_secs(5);

/// The groups of this process whose commands are not reaped yet.
static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Kills every command that components have started, with everything that these have started: for a
/// process that ends without dropping what it has.
pub fn kill_commands() {
    for group in std::mem::take(&mut *RUNNING.lock()) {
        kill_group(group);
    }
}

/// Sends the signal that cannot be ignored.
fn kill_group(group: i32) {
    if let Some(group) = Pid::from_raw(group) {
        // It may have ended in between: then there is nothing to kill.
        let _gone = kill_process_group(group, Signal::KILL);
    }
}

/// A running command in a process group of its own.
///
/// Dropping it kills the whole group; the runtime reaps the command then.
pub(crate) struct ProcessGroup {
    child: Child,
    /// Its number, until the command is reaped: only so long is it the group's and nobody else's.
    group: Option<i32>,
}

impl ProcessGroup {
    /// Starts a command with pipes for its output, and for its input when `stdin` says so.
    ///
    /// # Errors
    /// `Fatal` when there is no such command, or it may not be executed; else `Retry`.
    pub(crate) fn start(name: &str, args: &[String], stdin: bool) -> Result<Self, Error> {
        let child = Command::new(name)
            .args(args)
            .stdin(if stdin { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let child = child.map_err(|error| {
            let text = format!("start command `{name}`: {error}");
            match error.kind() {
                std::io::ErrorKind::NotFound
                | std::io::ErrorKind::PermissionDenied
                | std::io::ErrorKind::InvalidInput => Error::fatal(text),
                _ => Error::retry(text),
            }
        })?;
        let group = child.id().and_then(|id| i32::try_from(id).ok());
        RUNNING.lock().extend(group);
        Ok(Self { child, group })
    }

    /// The process itself, for its pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for the end of the command; what it left running in the background stays.
    ///
    /// # Errors
    /// The system does not tell.
    ///
    /// # Cancel safety
    /// May be called again.
    pub(crate) async fn wait(&mut self) -> Result<ExitStatus, Error> {
        let ended = self.child.wait().await;
        let status = ended.map_err(|error| Error::retry(format!("wait for a command: {error}")))?;
        self.forget();
        Ok(status)
    }

    /// Does what ends with the output of the command; nothing when that has ended, and something that it
    /// has started still holds its output [`LINGER`] later.
    ///
    /// # Cancel safety
    /// As that of `work`.
    pub(crate) async fn while_open<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        tokio::select! {
            biased;
            done = &mut work => Some(done),
            _ended = self.wait() => timeout(LINGER, work).await.ok(),
        }
    }

    /// What the end of the command was, when it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().ok().flatten()?;
        self.forget();
        Some(status)
    }

    /// Kills the group and waits for the end of the command.
    ///
    /// # Errors
    /// As [`ProcessGroup::wait`].
    pub(crate) async fn kill(&mut self) -> Result<ExitStatus, Error> {
        self.signal();
        self.wait().await
    }

    fn signal(&self) {
        if let Some(group) = self.group {
            kill_group(group);
        }
    }

    /// The command is reaped.
    fn forget(&mut self) {
        if let Some(group) = self.group.take() {
            RUNNING.lock().remove(&group);
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.signal();
        self.forget();
    }
}

/// Logs each line that a command writes to its standard error.
pub(crate) async fn log_errors(
    stderr: impl AsyncRead + Unpin,
    max: usize,
    identity: Arc<Identity>,
) {
    let mut lines = BoundedLines::new(stderr, max);
    while let Some(line) = next_line(&mut lines).await {
        log_error(&identity, &line);
    }
}

/// Logs a line of the standard error.
pub(crate) fn log_error(identity: &Identity, line: &str) {
    identity.pass_on_warning(format_args!(
        "the command writes to its standard error: {line}"
    ));
}

/// The next line for people; nothing at the end of the pipe, which comes with that of the command:
/// this says what is to be said.
pub(crate) async fn next_line(lines: &mut BoundedLines<impl AsyncRead + Unpin>) -> Option<String> {
    match lines.next().await {
        Ok(Some(Line::Whole(line))) => Some(String::from_utf8_lossy(&line).into_owned()),
        Ok(Some(Line::TooLong { .. })) => Some("a line is too long to be shown".to_owned()),
        Ok(None) | Err(_) => None,
    }
}
