//! The `sequence` input.

use millrace_component::{
    BuildContext, Descriptor, InputChild, InputConfig, InputPart, Source, SourceWriter,
};
use millrace_message::{Error, Message, Origin};
use millrace_spec::{Node, ReadContext, Spec, codes};
use tokio_util::sync::CancellationToken;

use super::relay::{EDGE_CAPACITY, pass_on, press_at_end};

mod emitter;
mod join;

use emitter::Emitter;
use join::{Added, Joiner, MergeStrategy};

/// Reads inputs one after the other: the next one is started when the one before has ended.
///
/// An input has ended when everything it emitted has settled.
///
/// With `sharded_join` the messages of all inputs are collected by an id, and what was collected is
/// emitted as new messages, in the order in which the ids appeared. A message is acknowledged when
/// it has been collected, so an input that forgets what was acknowledged is refused: a queue, or
/// files that are deleted. The last input of an `outer` join with one iteration may be such a one,
/// since its messages are acknowledged when what they became is delivered. What the join emits is
/// sent again until it is delivered; a stop before a `full-outer` join is complete is an error.
/// Both are counted: what is collected as received and filtered, what is emitted as received again.
/// Messages without a text as their id are left out, with a log line for the first one. In memory are all the messages of one iteration, so
/// `iterations` times less than the inputs have.
///
/// ```yaml
/// input:
///   sequence:
///     inputs:
///       - file: { paths: [ ./old/*.ndjson ] }
///       - stdin: {} # when the files have been delivered
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(input = "sequence", category = "Utility", check = check_inputs)]
pub struct Config {
    /// Joins structured messages of the inputs by an id.
    #[spec(advanced)]
    sharded_join: ShardedJoin,
    /// The inputs, in order.
    inputs: Vec<InputChild>,
}

/// Joins structured messages of the inputs by an id.
#[derive(Clone, Debug, Spec)]
#[spec(check = check)]
struct ShardedJoin {
    /// The kind of join: `full-outer` emits each id once, after all inputs were read; `outer` emits
    /// what is known of its id for each message of the last input. The other two spellings mean the
    /// same.
    #[spec(
        rename = "type",
        default = "none",
        options("none", "full-outer", "outer", "full-outter", "outter")
    )]
    kind: String,
    /// The dot path of the id.
    #[spec(default = "")]
    id_path: String,
    /// How often the inputs are read, each time for another part of the ids.
    #[spec(default = 1)]
    iterations: u64,
    /// How values that collide are merged.
    #[spec(default = "array")]
    merge_strategy: MergeStrategy,
}

const NO_INPUT: &str = "sequence needs at least one input";

/// There is something to read, and a join must not collect what nobody can read again after a crash.
fn check_inputs(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    if config.inputs.is_empty() {
        let span = node.field_span("inputs");
        cx.error(codes::INVALID_VALUE, span, NO_INPUT);
    }
    let join = &config.sharded_join;
    if join.kind == "none" {
        return;
    }
    let passes_on_last = join.is_outer() && join.iterations == 1;
    let collected = config.inputs.len() - usize::from(passes_on_last && !config.inputs.is_empty());
    for input in &config.inputs[..collected] {
        if input.config.forgets_acknowledged() {
            let message = format!(
                "input {} forgets what was acknowledged, and a join acknowledges what it collects: \
                 a crash would lose it",
                input.name
            );
            cx.error(codes::CONFLICT, input.span, message).help =
                Some("join files that stay, without `delete_on_finish`".to_owned());
        }
    }
}

fn check(join: &mut ShardedJoin, node: &Node, cx: &mut ReadContext) {
    if join.kind == "none" {
        return;
    }
    if join.id_path.is_empty() {
        let message = "a join needs an `id_path`";
        cx.error(codes::MISSING_FIELD, node.span, message);
    }
    if join.iterations == 0 {
        let span = node.field_span("iterations");
        cx.error(
            codes::INVALID_VALUE,
            span,
            "there is at least one iteration",
        );
    }
}

impl ShardedJoin {
    /// Whether the messages of the last input are emitted as they come.
    fn is_outer(&self) -> bool {
        self.kind.starts_with("out")
    }
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        let Some(first) = self.inputs.first() else {
            return Err(Error::fatal(NO_INPUT));
        };
        let source = cx.input(first, "sequence.inputs.0")?;
        let (config, cx) = (self.clone(), cx.clone());
        let source = match self.sharded_join.kind.as_str() {
            "none" => Source::spawn(EDGE_CAPACITY, |writer| read_all(config, cx, source, writer)),
            _ => Source::spawn(EDGE_CAPACITY, |writer| {
                Join::new(config, cx, writer).run(source)
            }),
        };
        Ok(InputPart::Composite(source))
    }

    fn forgets_acknowledged(&self) -> bool {
        self.inputs
            .iter()
            .any(|it| it.config.forgets_acknowledged())
    }
}

pub const COMPONENT: Descriptor = Descriptor::input::<Config>();

async fn read_all(
    config: Config,
    cx: BuildContext,
    first: Source,
    writer: SourceWriter,
) -> Result<(), Error> {
    let mut source = first;
    let mut next = 1;
    loop {
        let last = next >= config.inputs.len();
        let unread = CancellationToken::new();
        let follow_end = async {
            let mut exhausted = source.exhausted();
            tokio::select! {
                // A source that is gone is exhausted too.
                _gone = exhausted.wait_for(|exhausted| *exhausted) => {}
                () = writer.stop().cancelled() => source.stop(),
                // What it emits then fails, as soon as it is let go of.
                () = unread.cancelled() => {}
            }
            if last || writer.stop().is_cancelled() {
                writer.exhaust();
            }
        };
        let pass_on = async {
            let read = tokio::select! {
                read = pass_on(&source, &writer.batches) => read,
                // The next one waits until this one has settled.
                () = press_at_end(&source, cx.flow()), if !last => false,
            };
            if !read {
                unread.cancel();
            }
            read
        };
        let (read, ()) = tokio::join!(pass_on, follow_end);
        source.finish().await?;
        if last || !read || writer.stop().is_cancelled() {
            return Ok(());
        }
        source = cx.input(&config.inputs[next], &format!("sequence.inputs.{next}"))?;
        next += 1;
    }
}

/// Reads all inputs and joins their messages.
struct Join {
    config: Config,
    cx: BuildContext,
    writer: SourceWriter,
    emitter: Emitter,
    joiner: Joiner,
    /// Whether the messages of the last input are emitted as they come.
    is_outer: bool,
    has_warned: bool,
}

impl Join {
    fn new(config: Config, cx: BuildContext, writer: SourceWriter) -> Self {
        let ShardedJoin {
            id_path,
            iterations,
            merge_strategy,
            ..
        } = &config.sharded_join;
        Self {
            emitter: Emitter::new(writer.batches.clone(), cx.flow().clone()),
            joiner: Joiner::new(id_path, *merge_strategy, *iterations),
            is_outer: config.sharded_join.is_outer(),
            has_warned: false,
            config,
            cx,
            writer,
        }
    }

    async fn run(mut self, first: Source) -> Result<(), Error> {
        let mut first = Some(first);
        let mut result = Ok(());
        while result.is_ok() && !self.joiner.is_over() && !self.is_stopped() {
            result = self.pass(&mut first).await;
        }
        self.writer.exhaust();
        self.emitter.finish().await;
        result
    }

    fn is_stopped(&self) -> bool {
        self.writer.stop().is_cancelled()
    }

    /// Reads every input once, and emits what was collected.
    async fn pass(&mut self, first: &mut Option<Source>) -> Result<(), Error> {
        for index in 0..self.config.inputs.len() {
            let source = match first.take() {
                Some(source) => source,
                None => {
                    let child = &self.config.inputs[index];
                    self.cx.input(child, &format!("sequence.inputs.{index}"))?
                }
            };
            let is_last = index + 1 == self.config.inputs.len();
            self.read(source, is_last).await?;
            if self.is_stopped() {
                return match self.joiner.len() {
                    0 => Ok(()),
                    _ if self.is_outer => Ok(()),
                    // Their messages are acknowledged.
                    ids => Err(Error::retry(format!(
                        "the join is stopped before it was complete: {ids} ids are not emitted"
                    ))),
                };
            }
        }
        let joined = self.joiner.end_pass();
        if self.is_outer {
            return Ok(());
        }
        for joined in joined {
            if !self.emitter.emit(joined.message(), Origin::default()).await {
                break;
            }
        }
        Ok(())
    }

    /// Collects everything that an input emits.
    async fn read(&mut self, source: Source, is_last: bool) -> Result<(), Error> {
        let (stop, stopper) = (self.writer.stop().clone(), source.stopper());
        let flow = self.cx.flow().clone();
        let follow = async {
            stop.cancelled().await;
            stopper.cancel();
            // What was read already still ends.
            std::future::pending::<()>().await;
        };
        let collect = async {
            while let Some(batch) = source.batches().pop().await {
                for message in batch {
                    self.collect(message, is_last).await;
                }
            }
        };
        tokio::select! {
            () = collect => {}
            () = follow => {}
            // Its end is waited for, and what becomes of its messages may be emitted already.
            () = press_at_end(&source, &flow) => {}
        }
        source.finish().await
    }

    async fn collect(&mut self, mut message: Message, is_last: bool) {
        match self.joiner.add(&mut message) {
            Added::At(place) if self.is_outer && is_last => {
                let joined = self.joiner.message(place);
                self.emitter.emit(joined, message.take_origin()).await;
                return;
            }
            Added::WithoutId if !self.has_warned => {
                self.has_warned = true;
                self.warn("a message without a text at `id_path` is left out of the join");
            }
            Added::At(_) | Added::OtherPass | Added::WithoutId => {}
        }
        message.filter(&self.cx.identity().component);
    }

    fn warn(&self, text: &str) {
        tracing::warn!(
            component = self.cx.component(),
            path = self.cx.path(),
            label = self.cx.label(),
            "{text}"
        );
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, Order};

    use crate::testing::bench;

    #[tokio::test]
    async fn sequence_keeps_the_promises_of_an_input() {
        let yaml = "sequence: { inputs: [{ scripted: { messages: [a, b, c] } }, { scripted: { messages: [x, y, z] } }] }";
        let expected: &[&[&str]] = &[&["a", "b", "c"], &["x", "y", "z"]];
        conformance::input_of_children(bench, yaml, Order::OfChildren, expected).await;
    }
}
