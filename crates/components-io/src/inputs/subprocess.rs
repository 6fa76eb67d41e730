//! The `subprocess` input.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_component::{
    Backoff, BuildContext, BuiltInput, Descriptor, Identity, Incoming, Input, InputConfig,
    InputPart, LeafInput, ReplayPolicy,
};
use millrace_message::{Error, Message};
use millrace_spec::Spec;
use tokio::process::ChildStdout;
use tokio::task::JoinHandle;

use crate::bounded_lines::{BoundedLines, Line};
use crate::process_group::{ProcessGroup, log_errors};

/// Runs a command and makes one message of each line that it writes to its standard output.
///
/// The input ends with the command, or starts it again. After a command that ends with an exit code
/// other than 0, or by a signal, the input ends with an error: what it wrote before is delivered, and
/// the exit code of the run is 1. Lines of its standard error are logged as warnings. What it has left
/// running in the background is read, too, as long as no more than five seconds pass between two lines.
///
/// The command cannot take a message back: one that was not delivered is kept and sent again, as
/// `replay` says. When the input stops, the command is killed with everything it started; what it
/// has written and nobody has read is gone then.
///
/// A line longer than `max_buffer` is skipped with an error that names its place and counts as
/// dropped, by the reason `unreadable`; no more than that is held.
#[derive(Clone, Debug, Spec)]
#[spec(input = "subprocess", status = "stable", category = "Utility")]
pub struct Config {
    /// The command.
    #[spec(example = "cat", lint = crate::process_group::check_name)]
    name: String,
    /// Its arguments.
    #[spec(default = [], lint = crate::process_group::check_args)]
    args: Vec<String>,
    /// How its output is cut into messages.
    #[spec(rename = "codec", default = "lines", options("lines"))]
    _codec: String,
    /// Whether it is started again each time it ends; with a growing pause while it ends without
    /// having written anything.
    #[spec(default = false)]
    restart_on_exit: bool,
    /// The most bytes that a line may have.
    #[spec(default = 65536, advanced, lint = crate::bounded_lines::at_least_one)]
    max_buffer: u64,
    /// How messages that were not delivered are sent again.
    #[spec(advanced)]
    replay: ReplayPolicy,
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        Ok(InputPart::Leaf(LeafInput {
            input: BuiltInput::Async(Box::new(Subprocess {
                name: self.name.clone(),
                args: self.args.clone(),
                restart_on_exit: self.restart_on_exit,
                max: usize::try_from(self.max_buffer).unwrap_or(usize::MAX),
                identity: Arc::clone(cx.identity()),
                running: None,
                pause: Backoff::new(PAUSE_INITIAL, PAUSE_MAX),
                has_run: false,
                has_written: false,
            })),
            auto_replay: Some(true),
            replay: self.replay.clone(),
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::input::<Config>();

/// The pauses before a command that wrote nothing is started again.
const PAUSE_INITIAL: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);

struct Subprocess {
    name: String,
    args: Vec<String>,
    restart_on_exit: bool,
    max: usize,
    identity: Arc<Identity>,
    running: Option<Running>,
    pause: Backoff,
    has_run: bool,
    has_written: bool,
}

struct Running {
    process: ProcessGroup,
    lines: BoundedLines<ChildStdout>,
    errors: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // A process that left the group may hold the pipe open for ever.
        self.errors.abort();
    }
}

impl Subprocess {
    fn start(&self) -> Result<Running, Error> {
        let mut process = ProcessGroup::start(&self.name, &self.args, false)?;
        let pipes = (process.child().stdout.take(), process.child().stderr.take());
        let (Some(stdout), Some(stderr)) = pipes else {
            return Err(Error::fatal("the command has no pipes"));
        };
        Ok(Running {
            process,
            lines: BoundedLines::new(stdout, self.max),
            errors: tokio::spawn(log_errors(stderr, self.max, Arc::clone(&self.identity))),
        })
    }

    /// What the end of the command means.
    async fn ended(&mut self) -> Error {
        let Some(running) = &mut self.running else {
            return match self.restart_on_exit {
                true => Error::not_connected("the command has ended"),
                false => Error::end_of_input(),
            };
        };
        let status = running.process.wait().await;
        self.running = None;
        match status {
            Err(error) => error,
            Ok(status) if self.restart_on_exit => {
                Error::not_connected(format!("command `{}` has ended: {status}", self.name))
            }
            Ok(status) if status.success() => Error::end_of_input(),
            // Half of the data must not look like all of it.
            Ok(status) => Error::fatal(format!("command `{}` has ended: {status}", self.name)),
        }
    }
}

#[async_trait]
impl Input for Subprocess {
    async fn connect(&mut self) -> Result<(), Error> {
        if self.has_run && !self.has_written {
            tokio::time::sleep(self.pause.pause()).await;
        } else {
            self.pause.reset();
        }
        self.running = Some(self.start()?);
        (self.has_run, self.has_written) = (true, false);
        Ok(())
    }

    async fn read(&mut self) -> Result<Incoming, Error> {
        let Some(running) = &mut self.running else {
            return Err(self.ended().await);
        };
        let next = running.lines.next();
        let Some(line) = running.process.while_open(next).await else {
            self.identity.log_warning(format_args!(
                "the command has ended, and what it has started still holds its output: that is not \
                 read any more"
            ));
            return Err(self.ended().await);
        };
        match line {
            Ok(Some(Line::Whole(line))) => {
                self.has_written = true;
                Ok(Incoming::unacknowledged(Message::from_bytes(line)))
            }
            Ok(Some(Line::TooLong { at })) => Err(Error::rejected(format!(
                "the line at byte {at} of the output of `{}` is longer than `max_buffer`, {} \
                 bytes; it is skipped",
                self.name, self.max
            ))),
            Ok(None) => Err(self.ended().await),
            Err(error) => Err(Error::retry(format!(
                "read the output of `{}`: {error}",
                self.name
            ))),
        }
    }

    async fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            // Whether it ended well is of no interest: it was killed.
            let _status = running.process.kill().await;
        }
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.stop().await;
        Ok(())
    }
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance::{self, End, Workbench};

    #[tokio::test]
    async fn subprocess_keeps_the_promises_of_an_input() {
        let bench = Workbench::new([crate::INPUTS]);
        let finite = "subprocess: { name: printf, args: ['a\\nb b\\n\\nlast'] }";
        let fresh = || bench.leaf_input(finite);
        conformance::input_without_acks(fresh, End::Comes, &["a", "b b", "", "last"]).await;
        let endless = "subprocess: { name: 'yes' }";
        let fresh = || bench.leaf_input(endless);
        conformance::input_without_acks(fresh, End::Never, &["y"; 5]).await;
    }
}

#[cfg(test)]
mod tests;
