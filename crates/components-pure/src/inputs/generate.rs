//! The `generate` input.

use std::time::{Duration, Instant};

use millrace_component::{
    BLOCKING_READ_MAX, BlockingInput, BuildContext, BuiltInput, Descriptor, Incoming, InputConfig,
    InputPart, LeafInput, Mapping, ReplayPolicy,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{FieldKind, FieldType, Node, ReadContext, Spec, codes};

/// Makes messages by a mapping, at an interval or as fast as they are taken.
///
/// The first batch is made at once. A mapping that deletes its message makes none, and does not
/// use up `count`; one that fails is logged and tried again.
///
/// Later messages of a batch see the batch so far: they begin with the content and metadata of
/// its first message when the mapping does not assign them, as in Bento.
#[derive(Clone, Debug, Spec)]
#[spec(input = "generate", category = "Utility")]
pub struct Config {
    /// The mapping that makes each message.
    mapping: Mapping,
    /// The pause between batches, such as `1s` or `@every 1m`; empty for none.
    #[spec(default = "1s")]
    interval: Interval,
    /// How many messages are made; 0 for ever.
    #[spec(default = 0)]
    count: u64,
    /// How many messages make a batch.
    #[spec(default = 1)]
    batch_size: u64,
    /// Whether a message that was not delivered is sent again.
    #[spec(default = true)]
    auto_replay_nacks: bool,
    /// How it is sent again.
    #[spec(advanced)]
    replay: ReplayPolicy,
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        let generate = Generate {
            mapping: self.mapping.clone(),
            interval: self.interval.0,
            left: (self.count > 0).then_some(self.count),
            batch_size: self.batch_size.max(1),
            next: None,
            path: cx.path().to_owned(),
        };
        Ok(InputPart::Leaf(LeafInput {
            input: BuiltInput::Blocking(Box::new(generate)),
            auto_replay: Some(self.auto_replay_nacks),
            replay: self.replay.clone(),
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::input::<Config>();

/// A pause in Go's notation, with an optional `@every` before it.
#[derive(Clone, Copy, Debug)]
struct Interval(Duration);

impl FieldType for Interval {
    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let text = String::read(node, cx)?;
        let pause = text.strip_prefix("@every ").unwrap_or(&text);
        if pause.is_empty() || pause == "0" {
            return Some(Self(Duration::ZERO));
        }
        match millrace_spec::Duration::parse(pause) {
            Ok(pause) => Some(Self(pause.get())),
            Err(reason) => {
                cx.error(
                    codes::INVALID_VALUE,
                    node.span,
                    format!("interval: {reason}"),
                )
                .help = Some("write a duration such as `500ms`; cron is not supported".to_owned());
                None
            }
        }
    }
}

struct Generate {
    mapping: Mapping,
    interval: Duration,
    /// Messages still to be made; `None` for ever.
    left: Option<u64>,
    batch_size: u64,
    /// When the next batch is due.
    next: Option<Instant>,
    path: String,
}

impl Generate {
    /// Whether the next batch is due; waits for it, no longer than a blocking read may.
    fn is_due(&mut self) -> bool {
        if self.interval.is_zero() {
            return true;
        }
        let now = Instant::now();
        let next = *self.next.get_or_insert(now);
        if let Some(wait) = next
            .checked_duration_since(now)
            .filter(|wait| !wait.is_zero())
        {
            std::thread::sleep(wait.min(BLOCKING_READ_MAX));
            if Instant::now() < next {
                return false;
            }
        }
        // A late batch does not make the later ones come in a burst.
        self.next = Some((next + self.interval).max(now));
        true
    }

    fn batch(&mut self) -> Result<MessageBatch, Error> {
        let mut batch = MessageBatch::new();
        for _ in 0..self.batch_size.min(self.left.unwrap_or(u64::MAX)) {
            let blank = [Message::default()];
            let (context, index): (&[Message], _) = if batch.is_empty() {
                (&blank, 0)
            } else {
                (&batch, 0)
            };
            let mut message = context[index].detached();
            if self.mapping.map(context, index)?.apply_to(&mut message) {
                batch.push(message);
            }
        }
        if let Some(left) = &mut self.left {
            *left -= batch.len() as u64;
        }
        Ok(batch)
    }
}

impl BlockingInput for Generate {
    fn read(&mut self, max: usize, run: &mut Vec<Incoming>) -> Result<(), Error> {
        let max = if self.interval.is_zero() { max } else { 1 };
        for _ in 0..max {
            if self.left == Some(0) {
                return Err(Error::end_of_input());
            }
            if !self.is_due() {
                break;
            }
            let batch = self.batch().map_err(|error| {
                Error::retry(format!("generate a message at {}: {error}", self.path))
            })?;
            if !batch.is_empty() {
                run.push(Incoming::unacknowledged(batch));
            }
        }
        Ok(())
    }
}
