//! The `command` processor.

use std::process::ExitStatus;
use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    AsyncProcessor, Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Interpolated,
    ProcessorConfig, Query,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{ByteSize, Spec};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::ChildStdin;

use crate::process_group::{LINGER, ProcessGroup};

/// Runs a command for each message: the payload is its standard input, and its standard output
/// becomes the payload.
///
/// A command that ends with an exit code other than 0, or by a signal, sets the error flag of the
/// message, with the standard error in its text; the message goes on unchanged. When a command
/// succeeds and wrote to its standard error, the metadata `command_stderr` holds it.
///
/// A command is over when it has ended and its output is closed. What it leaves running in the
/// background must not keep that open: after five seconds the message fails.
///
/// Messages of a batch are processed one after the other. A command that is running at shutdown, or
/// that writes more than `max_size`, is killed with everything it started.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "command", status = "stable", category = "Integration")]
pub struct Config {
    /// The command.
    #[spec(example = "bash")]
    name: Interpolated,
    /// A mapping that gives the list of its arguments.
    #[spec(optional, example = "[ \"-c\", this.script_path ]")]
    args_mapping: Option<Query>,
    /// The most bytes that it may write to its standard output, and to its standard error.
    #[spec(default = "64MiB", advanced)]
    max_size: ByteSize,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Async(Arc::new(RunCommand {
            config: self.clone(),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

/// How much of the standard error a failure shows.
const SHOWN_MAX: usize = 16 * 1024;

struct RunCommand {
    config: Config,
    identity: Arc<Identity>,
}

/// What a command has written.
struct Written {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

#[async_trait]
impl AsyncProcessor for RunCommand {
    async fn process(&self, mut batch: MessageBatch) -> Batches {
        for index in 0..batch.len() {
            match self.run(&batch, index).await {
                Ok(written) => written.put_into(&mut batch[index]),
                Err(error) => batch[index].set_fault(self.identity.fault(error)),
            }
        }
        smallvec::smallvec![batch]
    }
}

impl Written {
    fn put_into(self, message: &mut Message) {
        message.set_bytes(self.stdout);
        if !self.stderr.is_empty() {
            let text = String::from_utf8_lossy(&self.stderr);
            message.metadata.set("command_stderr", text.as_ref());
        }
    }
}

impl RunCommand {
    async fn run(&self, batch: &MessageBatch, index: usize) -> Result<Written, Error> {
        let name = self
            .config
            .name
            .resolve(batch, index)
            .map_err(|error| error.context("name"))?;
        let args = self.args(batch, index)?;
        let mut process = ProcessGroup::start(&name, &args, true)?;
        let payload = batch[index].bytes().clone();
        let result = self.talk(&mut process, &payload).await;
        let (written, status) = match result {
            Ok(done) => done,
            Err(error) => {
                // What counts is why it was killed.
                let _status = process.kill().await;
                return Err(error.context(format_args!("command `{name}`")));
            }
        };
        if status.success() {
            return Ok(written);
        }
        Err(failure(&name, status, &written.stderr))
    }

    fn args(&self, batch: &MessageBatch, index: usize) -> Result<Vec<String>, Error> {
        let Some(mapping) = &self.config.args_mapping else {
            return Ok(Vec::new());
        };
        let value = mapping
            .value(batch, index)
            .map_err(|error| error.context("args_mapping"))?;
        let list = value.as_ref().and_then(|value| value.as_array());
        let list = list.ok_or_else(|| {
            let kind = value.as_ref().map_or("nothing", |it| it.kind().as_str());
            Error::rejected(format!("args_mapping gives {kind}, and not an array"))
        })?;
        Ok(list.iter().map(|arg| arg.to_text().to_string()).collect())
    }

    /// Feeds the command and takes what it writes, all at once, so that no pipe can fill up.
    async fn talk(
        &self,
        process: &mut ProcessGroup,
        payload: &[u8],
    ) -> Result<(Written, ExitStatus), Error> {
        let child = process.child();
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(Error::fatal("it has no pipes"));
        };
        let max = self.config.max_size.0;
        let exchange = async {
            tokio::try_join!(
                feed(stdin, payload),
                read_bounded(stdout, max),
                read_bounded(stderr, max),
            )
        };
        let done = process.while_open(exchange).await;
        let ((), stdout, stderr) = done.ok_or_else(left_open)??;
        let status = process.wait().await?;
        Ok((Written { stdout, stderr }, status))
    }
}

fn left_open() -> Error {
    let seconds = LINGER.as_secs();
    Error::rejected(format!(
        "it has ended, and what it has started still holds its output {seconds} seconds later; redirect \
         the output of what is to run on"
    ))
}

/// Writes the payload and closes the pipe.
async fn feed(mut stdin: ChildStdin, payload: &[u8]) -> Result<(), Error> {
    match stdin.write_all(payload).await {
        // A command need not read its input.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Error::retry(format!("write its input: {error}"))),
    }
}

async fn read_bounded(pipe: impl AsyncRead + Unpin, max: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut pipe = pipe.take(max.saturating_add(1));
    pipe.read_to_end(&mut bytes)
        .await
        .map_err(|error| Error::retry(format!("read its output: {error}")))?;
    if bytes.len() as u64 > max {
        return Err(Error::rejected(format!(
            "it writes more than `max_size`, {max} bytes"
        )));
    }
    Ok(bytes)
}

fn failure(name: &str, status: ExitStatus, stderr: &[u8]) -> Error {
    let shown = String::from_utf8_lossy(&stderr[..stderr.len().min(SHOWN_MAX)]);
    let shown = shown.trim_end();
    let text = format!("command `{name}` ends with {status}");
    Error::rejected(match shown {
        "" => text,
        shown => format!("{text}: {shown}"),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use millrace_component::conformance::{self, Workbench};

    use super::*;

    async fn run(yaml: &str, payload: &str) -> Message {
        let processor = Workbench::new([crate::PROCESSORS]).processor(yaml);
        let processor = processor.unwrap_or_else(|error| panic!("{error}"));
        let batches = processor.process(Message::from(payload).into()).await;
        assert_eq!((batches.len(), batches[0].len()), (1, 1));
        batches[0][0].clone()
    }

    fn fault(message: &Message) -> String {
        let fault = message.fault().expect("it is flagged");
        fault.cause.text().to_owned()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let yaml = "command: { name: grep, args_mapping: '[\"id\"]' }";
        let processor = Workbench::new([crate::PROCESSORS]).processor(yaml);
        let processor = processor.unwrap_or_else(|error| panic!("{error}"));
        conformance::processor(&processor).await;
    }

    #[tokio::test]
    async fn the_payload_goes_in_and_the_output_comes_back() {
        let message = run(
            "command: { name: tr, args_mapping: '[\"a-z\", \"A-Z\"]' }",
            "abc",
        )
        .await;
        assert_eq!(&message.bytes()[..], b"ABC");
        assert!(message.fault().is_none() && message.metadata.get("command_stderr").is_none());
    }

    #[tokio::test]
    async fn name_and_arguments_come_from_the_message() {
        let yaml = "command: { name: '${! this.command }', args_mapping: 'this.args' }";
        let message = run(yaml, r#"{"command":"echo","args":["foo",1,true]}"#).await;
        assert_eq!(&message.bytes()[..], b"foo 1 true\n");
    }

    #[tokio::test]
    async fn an_exit_code_is_an_error_with_what_the_command_said() {
        let yaml =
            "command: { name: sh, args_mapping: '[\"-c\", \"echo out; echo why >&2; exit 7\"]' }";
        let message = run(yaml, "kept").await;
        assert_eq!(&message.bytes()[..], b"kept");
        assert_eq!(
            fault(&message),
            "command `sh` ends with exit status: 7: why"
        );
    }

    #[tokio::test]
    async fn what_a_command_says_beside_its_output_becomes_metadata() {
        let yaml = "command: { name: sh, args_mapping: '[\"-c\", \"echo note >&2; cat\"]' }";
        let message = run(yaml, "in").await;
        assert_eq!(&message.bytes()[..], b"in");
        let note = message.metadata.get("command_stderr");
        assert_eq!(note.and_then(|it| it.as_str()), Some("note\n"));
    }

    #[tokio::test]
    async fn a_payload_larger_than_any_pipe_passes_and_need_not_be_read() {
        let large = "x".repeat(1 << 20);
        let message = run("command: { name: cat }", &large).await;
        assert_eq!(message.bytes().len(), large.len());
        let message = run("command: { name: 'true' }", &large).await;
        assert!(message.fault().is_none(), "{message:?}");
    }

    #[tokio::test]
    async fn output_without_an_end_is_cut_off() {
        let message = run("command: { name: yes, max_size: 1MiB }", "kept").await;
        assert_eq!(&message.bytes()[..], b"kept");
        assert!(fault(&message).contains("`max_size`, 1048576 bytes"));
    }

    #[tokio::test]
    async fn what_runs_on_in_the_background_does_not_hold_the_message() {
        for (script, complaint) in [
            ("echo out; sleep 1000 & echo $! >&2", "redirect the output"),
            (
                "sleep 1000 >/dev/null 2>&1 </dev/null & echo $!; exit 3",
                "exit status: 3",
            ),
        ] {
            let yaml = format!("command: {{ name: sh, args_mapping: '[\"-c\", \"{script}\"]' }}");
            let message = run(&yaml, "kept").await;
            assert_eq!(&message.bytes()[..], b"kept");
            assert!(fault(&message).contains(complaint), "{}", fault(&message));
        }
        // What is still written in time belongs to it.
        let script = "(sleep 0.2; echo late) & echo soon";
        let yaml = format!("command: {{ name: sh, args_mapping: '[\"-c\", \"{script}\"]' }}");
        assert_eq!(&run(&yaml, "").await.bytes()[..], b"soon\nlate\n");
    }

    #[tokio::test]
    async fn what_cannot_be_run_is_named() {
        let message = run("command: { name: /no/such/command }", "").await;
        assert!(fault(&message).contains("/no/such/command"));
        let message = run("command: { name: echo, args_mapping: '\"text\"' }", "").await;
        assert!(
            fault(&message).contains("gives string"),
            "{}",
            fault(&message)
        );
    }

    #[tokio::test]
    async fn a_command_that_nobody_waits_for_is_killed_with_what_it_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ids");
        let script = format!("sleep 1000 & echo $$ $! > {}; wait", file.display());
        let yaml = format!("command: {{ name: sh, args_mapping: '[\"-c\", \"{script}\"]' }}");
        let running = tokio::spawn(async move { run(&yaml, "").await });
        let ids = poll(|| {
            let ids = std::fs::read_to_string(&file).ok()?;
            ids.ends_with('\n').then_some(ids)
        })
        .await;
        running.abort();
        let _aborted = running.await;
        for id in ids.split_whitespace() {
            poll(|| {
                let stat = std::fs::read_to_string(format!("/proc/{id}/stat"));
                stat.map_or(true, |stat| stat.contains(") Z")).then_some(())
            })
            .await;
        }
    }

    /// Waits for something to be there.
    async fn poll<T>(mut found: impl FnMut() -> Option<T>) -> T {
        for _ in 0..3000 {
            if let Some(found) = found() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it does not happen")
    }
}
