//! The `subprocess` processor.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use millrace_component::{
    AsyncProcessor, Batches, BuildContext, BuiltProcessor, Descriptor, Identity, ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::{Duration, Spec};
use tokio::sync::Mutex;
use tokio::time::timeout;

mod codec;
mod running;

use codec::Codec;
use running::{Command, Running};

/// Writes each message to the standard input of a command that keeps running, and replaces it by what
/// the command answers.
///
/// The command is started with the stream. It has to answer each message by exactly one message on
/// its standard output, and must not hold answers back: many programs buffer their output unless it
/// goes to a terminal (`sed` needs `-u`, Python `-u`). With `codec_send: lines` a message of several
/// lines is sent line by line, and its answers are joined by line feeds.
///
/// A command that writes to its standard error instead of answering sets the error flag of the
/// message, with what it wrote as the text; the message goes on unchanged. So does a command that
/// ends, or whose answer is larger than `max_buffer` or not in the form of `codec_recv`: it is killed
/// then, and started again for the next message. What it writes to its standard error while no
/// message is under way is logged as a warning.
///
/// Messages are processed one after the other, whatever the number of threads. When the stream ends,
/// the command is killed with everything it started.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "subprocess", status = "stable", category = "Integration")]
pub struct Config {
    /// The command.
    #[spec(example = "cat", lint = crate::process_group::check_name)]
    name: String,
    /// Its arguments.
    #[spec(default = [], lint = crate::process_group::check_args)]
    args: Vec<String>,
    /// The most bytes that an answer may have.
    #[spec(default = 65536, advanced, lint = crate::bounded_lines::at_least_one)]
    max_buffer: u64,
    /// How long an answer may take, such as `30s`; empty for any time. A command that takes longer is
    /// killed with everything it started, the message gets the error flag, and the command is started
    /// again for the next one.
    #[spec(advanced)]
    timeout: Option<Duration>,
    /// How messages are told apart in what the command reads.
    #[spec(default = "lines", advanced)]
    codec_send: Codec,
    /// How messages are told apart in what the command writes.
    #[spec(default = "lines", advanced)]
    codec_recv: Codec,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let identity = Arc::clone(cx.identity());
        let command = Command {
            name: self.name.clone(),
            args: self.args.clone(),
            codec: self.codec_recv,
            max: usize::try_from(self.max_buffer).unwrap_or(usize::MAX),
            identity: Arc::clone(&identity),
        };
        // A command that does not exist is found before the first message.
        let running = command.start()?;
        Ok(BuiltProcessor::Async(Arc::new(Subprocess {
            command,
            codec: self.codec_send,
            timeout: self.timeout.as_ref().map(Duration::get),
            running: Mutex::new(Some(running)),
            identity,
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Subprocess {
    command: Command,
    codec: Codec,
    timeout: Option<std::time::Duration>,
    /// Nothing while it answers, so that one that was left in the middle of an answer is dropped, and
    /// with it killed.
    running: Mutex<Option<Running>>,
    identity: Arc<Identity>,
}

impl Subprocess {
    /// The answer to one message.
    async fn answer(&self, slot: &mut Option<Running>, payload: &Bytes) -> Result<Bytes, Error> {
        if self.codec != Codec::Lines || memchr::memchr(b'\n', payload).is_none() {
            return self.exchange(slot, payload).await;
        }
        let mut lines = payload.split(|byte| *byte == b'\n').peekable();
        let mut answers = BytesMut::new();
        while let Some(line) = lines.next() {
            let is_last = lines.peek().is_none();
            // A line feed at the end ends a line; it begins none.
            if !(is_last && line.is_empty()) {
                answers.extend_from_slice(&self.exchange(slot, line).await?);
            }
            if !is_last {
                answers.extend_from_slice(b"\n");
            }
        }
        Ok(answers.freeze())
    }

    async fn exchange(&self, slot: &mut Option<Running>, payload: &[u8]) -> Result<Bytes, Error> {
        let frame = self.codec.encode(payload)?;
        let mut running = match slot.take() {
            Some(mut running) => match running.ended() {
                None => running,
                Some(end) => {
                    self.identity
                        .log_warning(format_args!("{end}; it is started again"));
                    self.command.start()?
                }
            },
            None => self.command.start()?,
        };
        let answer = match self.timeout {
            None => Some(running.exchange(&frame).await),
            Some(limit) => timeout(limit, running.exchange(&frame)).await.ok(),
        };
        // One that is late would answer the next message.
        if running.is_usable() && answer.is_some() {
            *slot = Some(running);
        } else {
            running.kill().await;
        }
        answer.unwrap_or_else(|| {
            let seconds = self.timeout.unwrap_or_default().as_secs_f64();
            Err(Error::rejected(format!(
                "it has not answered within `timeout`, {seconds} seconds, and was killed"
            )))
        })
    }
}

#[async_trait]
impl AsyncProcessor for Subprocess {
    async fn process(&self, mut batch: MessageBatch) -> Batches {
        let mut slot = self.running.lock().await;
        for message in batch.iter_mut() {
            let payload = message.bytes().clone();
            match self.answer(&mut slot, &payload).await {
                Ok(answer) => message.set_bytes(answer),
                Err(error) => {
                    let place = format_args!("command `{}`", self.command.name);
                    message.set_fault(self.identity.fault(error.context(place)));
                }
            }
        }
        smallvec::smallvec![batch]
    }

    async fn close(&self) {
        if let Some(running) = self.running.lock().await.take() {
            running.kill().await;
        }
    }
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance::{self, Workbench};

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let yaml = "subprocess: { name: cat, codec_send: netstring, codec_recv: netstring }";
        let processor = Workbench::new([crate::PROCESSORS]).processor(yaml);
        let processor = processor.unwrap_or_else(|error| panic!("{error}"));
        conformance::processor(&processor).await;
    }
}

#[cfg(test)]
mod tests;
