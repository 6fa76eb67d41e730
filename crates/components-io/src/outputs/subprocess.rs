//! The `subprocess` output.

use std::process::ExitStatus;
use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    BuildContext, BuiltOutput, Descriptor, Flow, Identity, LeafOutput, Output, OutputConfig,
    OutputPart, WriteError,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::{Duration, Node, ReadContext, Spec, codes};
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::{oneshot, watch};

use crate::bounded_lines::BoundedLines;
use crate::process_group::{ProcessGroup, log_errors, next_line};

/// Runs a command and writes each message to its standard input, as a line.
///
/// A write returns when the command's pipe has taken the messages, which does not mean that the
/// command has read them. A command that ends is started again, with a growing pause, and what was
/// being written then is written again; what it had not read yet is gone: a warning says how many
/// messages it was given. Lines that it writes to
/// its standard error are logged as warnings, those of its standard output at the level `DEBUG`.
///
/// When the stream ends, the standard input is closed, and the command is waited for: one that ends
/// with an exit code other than 0, or by a signal, ends the run with an error, though the messages that
/// it was given count as delivered. One that is still running when `shutdown_timeout` is over is killed
/// with everything it started, which is an error, too.
#[derive(Clone, Debug, Spec)]
#[spec(
    output = "subprocess",
    status = "stable",
    category = "Utility",
    check = check_guarantee
)]
pub struct Config {
    /// The command.
    #[spec(example = "cat", lint = crate::process_group::check_name)]
    name: String,
    /// Its arguments.
    #[spec(default = [], lint = crate::process_group::check_args)]
    args: Vec<String>,
    /// How messages are told apart in what the command reads.
    #[spec(rename = "codec", default = "lines", options("lines"))]
    _codec: String,
    /// How long a write waits for the command to be started before it fails; 0 for ever, unset for
    /// the default of the place where the output stands.
    #[spec(advanced)]
    connect_timeout: Option<Duration>,
}

fn check_guarantee(_: &mut Config, node: &Node, cx: &mut ReadContext) {
    if cx.options().deny_weaker_guarantees {
        let message = "output subprocess acknowledges what the pipe has taken: a command that ends \
                       loses what it has not read";
        cx.error(codes::WEAKER_GUARANTEE, node.span, message).help =
            Some("use an output whose other side acknowledges".to_owned());
    }
}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let output = Subprocess {
            name: self.name.clone(),
            args: self.args.clone(),
            identity: Arc::clone(cx.identity()),
            flow: cx.flow().clone(),
            running: Mutex::new(None),
        };
        Ok(OutputPart::Leaf(LeafOutput {
            connect_timeout: self.connect_timeout.as_ref().map(Duration::get),
            ..LeafOutput::serial(BuiltOutput::Async(Arc::new(output)))
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

/// The longest line of the command that is logged.
const LINE_MAX: usize = 64 * 1024;

struct Subprocess {
    name: String,
    args: Vec<String>,
    identity: Arc<Identity>,
    flow: Flow,
    running: Mutex<Option<Running>>,
}

/// The command while it runs.
struct Running {
    /// Nothing while something is written: a command that was left in the middle of a message gets
    /// no other one.
    stdin: Option<ChildStdin>,
    /// How it has ended, once it has.
    end: watch::Receiver<Option<End>>,
    /// How many messages its pipe has taken.
    given: usize,
    /// Whether its end has been told.
    is_told: bool,
    /// Dropped, it kills the command.
    _life: oneshot::Sender<()>,
}

type End = Result<ExitStatus, Error>;

impl Subprocess {
    fn start(&self) -> Result<Running, Error> {
        let mut process = ProcessGroup::start(&self.name, &self.args, true)?;
        let child = process.child();
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(Error::fatal("the command has no pipes"));
        };
        let errors = tokio::spawn(log_errors(stderr, LINE_MAX, Arc::clone(&self.identity)));
        let output = tokio::spawn(log_output(stdout, Arc::clone(&self.identity)));
        let (life, end_of_life) = oneshot::channel();
        let (ended, end) = watch::channel(None);
        tokio::spawn(async move {
            let status = tokio::select! {
                status = process.wait() => status,
                _ = end_of_life => process.kill().await,
            };
            // A process that left the group may hold the pipes open for ever.
            errors.abort();
            output.abort();
            ended.send_replace(Some(status));
        });
        Ok(Running {
            stdin: Some(stdin),
            end,
            given: 0,
            is_told: false,
            _life: life,
        })
    }

    /// What the end of the command means while it should be running.
    fn lost(&self, running: &Running) -> Error {
        let end = match &*running.end.borrow() {
            Some(Ok(status)) => format!("has ended: {status}"),
            Some(Err(error)) => error.to_string(),
            None => "does not read any more".to_owned(),
        };
        Error::not_connected(format!("command `{}` {end}", self.name))
    }

    /// Says that the command has ended while it should be running, once: nobody knows what it has
    /// read of what it was given.
    fn tell_end(&self) {
        let mut running = self.running.lock();
        let Some(running) = running.as_mut() else {
            return;
        };
        let has_ended = running.end.borrow().is_some();
        if !has_ended || running.given == 0 || std::mem::replace(&mut running.is_told, true) {
            return;
        }
        let given = running.given;
        self.identity.log_warning(format_args!(
            "{}; of the {given} messages that it was given since it started, those that it had not \
             read are lost",
            self.lost(running)
        ));
    }

    /// The command has not ended in time after its input had.
    fn left_behind(&self, given: usize) -> Error {
        Error::fatal(format!(
            "command `{}` did not end when its input did, and is killed: of the {given} messages that \
             it was given since it started, those that it had not read are lost",
            self.name
        ))
    }

    /// The pipe, for a write.
    fn take_stdin(&self) -> Result<ChildStdin, Error> {
        let mut running = self.running.lock();
        let Some(running) = running.as_mut() else {
            return Err(Error::not_connected(format!(
                "command `{}` is not running",
                self.name
            )));
        };
        if running.end.borrow().is_some() {
            return Err(self.lost(running));
        }
        running.stdin.take().ok_or_else(|| self.lost(running))
    }
}

/// Logs each line that the command writes.
async fn log_output(stdout: ChildStdout, identity: Arc<Identity>) {
    let mut lines = BoundedLines::new(stdout, LINE_MAX);
    while let Some(line) = next_line(&mut lines).await {
        let (component, path, label) = identity.names();
        tracing::debug!(component, path, label, "the command writes: {line}");
    }
}

#[async_trait]
impl Output for Subprocess {
    async fn connect(&self) -> Result<(), Error> {
        self.tell_end();
        let running = self.start()?;
        *self.running.lock() = Some(running);
        Ok(())
    }

    async fn write(&self, batch: &MessageBatch) -> Result<(), WriteError> {
        let mut lines = Vec::with_capacity(batch.size() + batch.len());
        for message in batch.iter() {
            lines.extend_from_slice(message.bytes());
            lines.push(b'\n');
        }
        let mut stdin = self.take_stdin()?;
        let written = stdin.write_all(&lines).await;
        let mut running = self.running.lock();
        let running = running.as_mut();
        match (written, running) {
            (Ok(()), Some(running)) => {
                running.stdin = Some(stdin);
                running.given += batch.len();
                Ok(())
            }
            (Ok(()), None) => Ok(()),
            (Err(error), running) => {
                let lost = match running {
                    Some(running) if running.end.borrow().is_some() => self.lost(running),
                    _ => Error::not_connected(format!("write to command `{}`: {error}", self.name)),
                };
                Err(lost.into())
            }
        }
    }

    async fn lost(&self) {
        let end = self.running.lock().as_ref().map(|it| it.end.clone());
        if let Some(mut end) = end {
            // Whoever knows the end keeps it; without one the command is gone as well.
            let _ended = end.wait_for(Option::is_some).await;
        }
        self.tell_end();
    }

    async fn close(&self) -> Result<(), Error> {
        // It may have ended before it was asked to.
        self.tell_end();
        let Some(mut running) = self.running.lock().take() else {
            return Ok(());
        };
        running.stdin = None;
        let ended = tokio::select! {
            ended = running.end.wait_for(Option::is_some) => ended,
            // Dropped, it is killed.
            () = self.flow.abort().cancelled() => return Err(self.left_behind(running.given)),
        };
        let status = match ended.as_deref() {
            Ok(Some(Ok(status))) if status.success() => return Ok(()),
            Ok(Some(Ok(status))) => status.to_string(),
            Ok(Some(Err(error))) => error.to_string(),
            Ok(None) | Err(_) => "nobody knows how".to_owned(),
        };
        Err(Error::fatal(format!(
            "command `{}` has ended: {status}",
            self.name
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use millrace_component::conformance::{self, Workbench};
    use millrace_message::{ErrorClass, Message};

    use super::*;

    const OK: &str = "the folder can be used";

    fn leaf(script: &str) -> LeafOutput {
        let yaml = format!("subprocess: {{ name: sh, args: [-c, \"{script}\"] }}");
        Workbench::new([crate::OUTPUTS]).leaf_output(&yaml)
    }

    fn output(script: &str) -> Arc<dyn Output> {
        match leaf(script).output {
            BuiltOutput::Async(output) => output,
            BuiltOutput::Blocking(_) => panic!("it waits for a pipe"),
        }
    }

    /// The lines of a file, once there are so many.
    fn lines(path: &Path, count: usize) -> Vec<String> {
        loop {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let lines: Vec<_> = text.lines().map(str::to_owned).collect();
            if lines.len() >= count && text.ends_with('\n') {
                return lines;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_an_output() {
        let folder = tempfile::tempdir().expect(OK);
        let path = folder.path().join("out");
        let script = format!("cat >> {}", path.display());
        let mut expected = [5, 6].into_iter();
        conformance::output(
            || leaf(&script),
            || lines(&path, expected.next().expect("it looks twice")),
        )
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_message_is_a_line_and_a_close_waits_for_the_command() {
        let folder = tempfile::tempdir().expect(OK);
        let path = folder.path().join("out");
        let output = output(&format!("cat > {}; echo end >> {0}", path.display()));
        output.connect().await.expect("sh is there");
        let batch = ["a", "b\nc", ""].map(Message::from).into_iter().collect();
        output.write(&batch).await.expect("it runs");
        output.close().await.expect("it ends well");
        let text = std::fs::read_to_string(&path).expect(OK);
        assert_eq!(text, "a\nb\nc\n\nend\n");
    }

    #[tokio::test]
    async fn a_command_that_ends_is_seen_and_started_again() {
        let folder = tempfile::tempdir().expect(OK);
        let path = folder.path().join("out");
        let script = format!("read -r line; echo $line >> {}", path.display());
        let output = output(&script);
        for (number, payload) in ["a", "b", "c"].into_iter().enumerate() {
            output.connect().await.expect("sh is there");
            let batch = Message::from(payload).into();
            output.write(&batch).await.expect("it reads one line");
            output.lost().await;
            let error = output.write(&batch).await.expect_err("it has ended");
            assert_eq!(error.error().class(), ErrorClass::NotConnected);
            assert!(error.error().text().contains("exit status: 0"));
            assert_eq!(lines(&path, number + 1).len(), number + 1);
        }
    }

    #[tokio::test]
    async fn a_command_that_fails_in_the_end_is_an_error() {
        let output = output("cat > /dev/null; exit 3");
        output.connect().await.expect("sh is there");
        let error = output.close().await.expect_err("it fails");
        assert!(error.text().contains("exit status: 3"), "{error}");
    }

    #[tokio::test]
    async fn a_command_that_does_not_exist_ends_the_output() {
        let yaml = "subprocess: { name: /no/such/command }";
        let output = Workbench::new([crate::OUTPUTS]).output(yaml);
        let error = output.connect().await.expect_err("there is none");
        assert_eq!(error.class(), ErrorClass::Fatal);
        assert!(error.text().contains("/no/such/command"), "{error}");
    }

    #[tokio::test]
    async fn a_write_that_nobody_waits_for_is_followed_by_no_other_one() {
        let output = output("sleep 1000");
        output.connect().await.expect("sh is there");
        let batch = Message::from("x".repeat(1 << 20).as_str()).into();
        let write = output.write(&batch);
        let cancelled = tokio::time::timeout(std::time::Duration::from_millis(50), write).await;
        assert!(cancelled.is_err(), "nobody reads");
        let error = output.write(&batch).await.expect_err("the line is torn");
        assert_eq!(error.error().class(), ErrorClass::NotConnected);
    }
}
