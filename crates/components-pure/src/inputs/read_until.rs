//! The `read_until` input.

use std::time::Duration as Pause;

use millrace_component::{
    Backoff, BuildContext, Descriptor, InputChild, InputConfig, InputPart, Query, Source,
    SourceWriter,
};
use millrace_message::{Error, MessageBatch, Outcomes, settle_all};
use millrace_spec::{Duration, Node, ReadContext, Spec, codes};

use super::relay::{EDGE_CAPACITY, pass_on, press_at_end};

/// Reads another input until a message passes a check, or until nothing has come for a while.
///
/// The message that passes the check is the last one, and is emitted too, with the metadata
/// `bento_read_until` set to `final`. What the input has read beyond it goes back to its source;
/// where there is no way back, as with a file, it counts as returned.
///
/// ```yaml
/// input:
///   read_until:
///     check: this.end == true
///     idle_timeout: 10s
///     input:
///       stdin: {}
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(input = "read_until", category = "Utility", check = has_an_end)]
pub struct Config {
    /// The input that is read.
    input: InputChild,
    /// A query that is true for the last message.
    #[spec(optional, sample = "this.end == true")]
    check: Option<Query>,
    /// The input ends when no message has come for this long.
    #[spec(optional)]
    idle_timeout: Option<Duration>,
    /// Whether the input is started again when it ends by itself.
    #[spec(default = false)]
    restart_input: bool,
    /// The pauses before it is started again.
    #[spec(advanced)]
    restart_backoff: RestartBackoff,
}

/// The pauses before an input is started again.
#[derive(Clone, Debug, Spec)]
struct RestartBackoff {
    /// The first pause; it doubles each time and starts over when a message comes.
    #[spec(default = "1ms")]
    initial_interval: Duration,
    /// The longest pause.
    #[spec(default = "100ms")]
    max_interval: Duration,
}

fn has_an_end(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    if config.check.is_none() && config.idle_timeout.is_none() {
        let message = "read_until needs `check`, `idle_timeout`, or both";
        cx.error(codes::MISSING_FIELD, node.span, message);
    }
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        // The first start is made here, so that what is wrong with the child is known at once.
        let first = cx.input(&self.input, "read_until.input")?;
        let reader = Reader {
            config: self.clone(),
            cx: cx.clone(),
            backoff: Backoff::new(
                self.restart_backoff.initial_interval.get(),
                self.restart_backoff.max_interval.get(),
            ),
        };
        let source = Source::spawn(EDGE_CAPACITY, |writer| reader.run(first, writer));
        Ok(InputPart::Composite(source))
    }

    fn forgets_acknowledged(&self) -> bool {
        self.input.config.forgets_acknowledged()
    }
}

pub const COMPONENT: Descriptor = Descriptor::input::<Config>();

struct Reader {
    config: Config,
    cx: BuildContext,
    backoff: Backoff,
}

/// Why reading a child came to an end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The check passed.
    Last,
    /// Nothing came for too long, or the input was stopped.
    Finished,
    /// The child has ended by itself.
    Exhausted,
}

impl Reader {
    async fn run(mut self, first: Source, writer: SourceWriter) -> Result<(), Error> {
        let mut source = first;
        loop {
            let flow = self.cx.flow().clone();
            let end = tokio::select! {
                end = self.read(&source, &writer) => end,
                // It has ended when all of its messages have settled.
                () = press_at_end(&source, &flow) => End::Exhausted,
            };
            let restarts = end == End::Exhausted && self.config.restart_input;
            if !restarts {
                writer.exhaust();
                source.stop();
            }
            if end == End::Last {
                self.give_back(&source, &writer).await;
            }
            // What failed is still sent again by the child.
            pass_on(&source, &writer.batches).await;
            source.finish().await?;
            if !restarts {
                return Ok(());
            }
            tokio::select! {
                () = tokio::time::sleep(self.backoff.pause()) => {}
                () = writer.stop().cancelled() => return Ok(()),
            }
            source = self.cx.input(&self.config.input, "read_until.input")?;
        }
    }

    /// Gives back what the child has read beyond the last message. A message that failed may stand
    /// among it to be sent again: as long as there is one in the stream, what comes is emitted.
    async fn give_back(&self, source: &Source, writer: &SourceWriter) {
        let ledger = self.cx.flow().ledger().clone();
        let mut exhausted = source.exhausted();
        let mut is_exhausted = false;
        loop {
            let batch = tokio::select! {
                biased;
                batch = source.batches().pop() => batch,
                // An input that is gone is exhausted too. What it has read is in its queue then.
                _ = exhausted.wait_for(|it| *it), if !is_exhausted => {
                    is_exhausted = true;
                    continue;
                }
                () = std::future::ready(()), if is_exhausted => None,
            };
            let Some(mut batch) = batch else { return };
            if ledger.has_failing() {
                if writer.batches.push(batch).await.is_err() {
                    return;
                }
                continue;
            }
            settle_all(
                batch.take_origins(),
                &Outcomes::failed(Error::end_of_input()),
            );
        }
    }

    async fn read(&mut self, source: &Source, writer: &SourceWriter) -> End {
        let mut exhausted = source.exhausted();
        loop {
            let batch = tokio::select! {
                batch = source.batches().pop() => match batch {
                    Some(batch) => batch,
                    None => return End::Exhausted,
                },
                () = idle(self.config.idle_timeout.as_ref()) => return End::Finished,
                () = writer.stop().cancelled() => return End::Finished,
                Ok(()) = exhausted.changed() => match source.batches().pop().await {
                    Some(batch) => batch,
                    None => return End::Exhausted,
                },
            };
            self.backoff.reset();
            if let Some(end) = self.emit(batch, writer).await {
                return end;
            }
        }
    }

    /// Emits a batch; says why it is the last one, if it is.
    async fn emit(&self, mut batch: MessageBatch, writer: &SourceWriter) -> Option<End> {
        let last = self.config.check.as_ref().and_then(|check| {
            (0..batch.len()).find(|index| {
                check.check(&batch, *index).unwrap_or_else(|error| {
                    let identity = self.cx.identity();
                    identity.log_error(format_args!("check: {error}; taken as false"));
                    false
                })
            })
        });
        if let Some(message) = last.and_then(|index| batch.get_mut(index)) {
            message.metadata.set("bento_read_until", "final");
        }
        match writer.batches.push(batch).await {
            Ok(()) => last.map(|_| End::Last),
            // Nobody reads any more: the check has not passed.
            Err(_) => Some(End::Finished),
        }
    }
}

async fn idle(timeout: Option<&Duration>) {
    match timeout.map(Duration::get) {
        Some(timeout) if timeout > Pause::ZERO => tokio::time::sleep(timeout).await,
        _ => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, Order};
    use millrace_message::Message;

    use crate::testing::bench;

    #[tokio::test]
    async fn read_until_keeps_the_promises_of_an_input() {
        let yaml = "read_until: { input: { scripted: { messages: [a, b, c, d, e] } }, check: 'content() == \"e\"' }";
        let expected: &[&[&str]] = &[&["a", "b", "c", "d", "e"]];
        conformance::input_of_children(bench, yaml, Order::OfChildren, expected).await;
    }

    #[tokio::test]
    async fn the_message_that_passes_the_check_says_that_it_is_the_last() {
        let yaml = "read_until: { input: { scripted: { messages: [a, b, c] } }, check: 'content() == \"b\"' }";
        let bench = bench();
        let source = bench.source(yaml);
        let mut last = Vec::new();
        for _ in 0..2 {
            let batch = source.batches().pop().await.expect("two messages come");
            let text = |message: &Message| {
                message
                    .metadata
                    .get("bento_read_until")?
                    .as_str()
                    .map(str::to_owned)
            };
            last.extend(batch.iter().map(text));
            batch.into_iter().for_each(Message::deliver);
        }
        assert_eq!(last, [None, Some("final".to_owned())]);
    }
}
