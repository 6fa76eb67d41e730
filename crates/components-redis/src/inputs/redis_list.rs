//! The `redis_list` input.

mod plain;
mod reliable;
mod script;
mod trouble;

use std::time::Duration;

use bytes::Bytes;
use millrace_component::{
    BuildContext, BuiltInput, Descriptor, InputConfig, InputPart, LeafInput, ReplayPolicy,
};
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec, codes};
use tokio::sync::Semaphore;

use crate::client::ClientFields;

/// Pops messages from one end of a Redis list.
///
/// An entry that is popped exists in this process alone. What was not acknowledged when the input
/// is closed in order goes back to the end that it came from, in its order; when Redis is not there
/// any more, each entry that could not go back is logged. A process that is killed loses the
/// entries that it holds: as many as `max_in_flight` allows.
///
/// With `reliable.enabled` nothing is lost by a kill. An entry moves in one atomic step from the
/// list to a hash of its consumer, `{key}:processing:CONSUMER`, and is deleted from there when it
/// is acknowledged, whatever the number of entries. The consumer holds a lease in the sorted set
/// `{key}:leases` and renews it. When it stops doing so, any other consumer of the list puts its
/// entries back onto the list, in one atomic step, once `lease` is over: it looks at its start and
/// twice in a lease. An entry is delivered again when its consumer was killed or stalled for longer
/// than `lease`. Everything is as durable as Redis itself. Reliable mode needs Redis 6.2 or newer,
/// and every consumer of the list has to use it.
///
/// The engine sends a message that failed again (`auto_replay_nacks`); a message that is given up
/// goes back to the list after a growing pause.
///
/// While Redis refuses to give entries, as where the key holds something else, the input counts as not
/// connected; it asks again at least once in a second.
#[derive(Clone, Debug, Spec)]
#[spec(input = "redis_list", status = "stable", category = "Services")]
pub struct Config {
    #[spec(flatten)]
    client: ClientFields,
    /// The key of the list.
    #[spec(lint = refuse_empty, example = "my_list")]
    key: String,
    /// Whether failed messages are sent again from here; else they go back to the list.
    #[spec(default = true)]
    auto_replay_nacks: bool,
    /// How failed messages are sent again.
    #[spec(advanced)]
    replay: ReplayPolicy,
    /// How many messages may be on their way at a time; 0 for any number.
    #[spec(default = 0)]
    max_in_flight: i64,
    /// How long one wait for a message takes. A new wait begins after it, so it makes no
    /// difference to what is read.
    #[spec(default = "5s", advanced)]
    timeout: millrace_spec::Duration,
    /// Which end of the list is popped.
    #[spec(default = "blpop", advanced)]
    command: Command,
    /// Whether and how entries survive a consumer that is killed.
    #[spec(advanced)]
    reliable: Reliable,
}

/// Which end of the list is popped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
enum Command {
    /// The left end, the first one.
    Blpop,
    /// The right end, the last one.
    Brpop,
}

/// Whether and how entries survive a consumer that is killed.
#[derive(Clone, Debug, Spec)]
struct Reliable {
    /// Keep each entry in Redis until it is acknowledged.
    #[spec(default = false)]
    enabled: bool,
    /// How long the entries of a consumer stay with it after its last sign of life; at least
    /// `100ms`. It gives one three times in a lease.
    #[spec(default = "30s", lint = refuse_short)]
    lease: millrace_spec::Duration,
}

#[allow(clippy::ptr_arg, reason = "the signature of a field lint")]
fn refuse_empty(key: &String, node: &Node, cx: &mut ReadContext) {
    if key.is_empty() {
        cx.error(codes::INVALID_VALUE, node.span, "key must not be empty");
    }
}

fn refuse_short(lease: &millrace_spec::Duration, node: &Node, cx: &mut ReadContext) {
    if lease.get() < Duration::from_millis(100) {
        cx.error(
            codes::INVALID_VALUE,
            node.span,
            "lease must be at least `100ms`",
        );
    }
}

/// The names of the commands for one end of a list.
#[derive(Clone, Copy, Debug)]
struct End {
    pop_waiting: &'static str,
    pop: &'static str,
    push: &'static str,
    side: &'static str,
}

impl Command {
    fn end(self) -> End {
        match self {
            Self::Blpop => End {
                pop_waiting: "BLPOP",
                pop: "LPOP",
                push: "LPUSH",
                side: "LEFT",
            },
            Self::Brpop => End {
                pop_waiting: "BRPOP",
                pop: "RPOP",
                push: "RPUSH",
                side: "RIGHT",
            },
        }
    }
}

/// A wait is cut into pieces of at most this, so that the end of the process need not wait for it.
const WAIT_MAX: Duration = Duration::from_secs(1);

impl Config {
    fn wait(&self) -> Duration {
        let timeout = self.timeout.get();
        if timeout.is_zero() {
            WAIT_MAX
        } else {
            timeout.min(WAIT_MAX)
        }
    }

    /// Nothing for as many as there are; so does a bound that nothing can count to.
    fn in_flight_max(&self) -> Option<usize> {
        usize::try_from(self.max_in_flight)
            .ok()
            .filter(|max| (1..=Semaphore::MAX_PERMITS).contains(max))
    }
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        let input: Box<dyn millrace_component::Input> = if self.reliable.enabled {
            Box::new(reliable::ReliableList::new(self, cx)?)
        } else {
            Box::new(plain::PlainList::new(self, cx)?)
        };
        Ok(InputPart::Leaf(LeafInput {
            input: BuiltInput::Async(input),
            auto_replay: Some(self.auto_replay_nacks),
            replay: self.replay.clone(),
        }))
    }

    fn forgets_acknowledged(&self) -> bool {
        true
    }
}

/// The component.
pub const COMPONENT: Descriptor = Descriptor::input::<Config>();

/// A time as an argument: a whole number where it is one, which old servers demand.
fn seconds(time: Duration) -> String {
    match time.subsec_nanos() {
        0 => time.as_secs().to_string(),
        _ => format!("{:.3}", time.as_secs_f64().max(0.001)),
    }
}

/// An entry for a log line: its beginning, as text.
fn preview(entry: &Bytes) -> String {
    const SHOWN_MAX: usize = 256;
    let shown = &entry[..entry.len().min(SHOWN_MAX)];
    let text = String::from_utf8_lossy(shown);
    match entry.len() - shown.len() {
        0 => text.into_owned(),
        more => format!("{text}… and {more} more bytes"),
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::Workbench;

    #[tokio::test]
    async fn any_number_of_entries_may_be_in_flight() {
        for mode in ["{}", "{ enabled: true, lease: 30s }"] {
            let yaml = format!(
                "redis_list: {{ url: 'redis://localhost', key: a, max_in_flight: {}, reliable: {mode} }}",
                i64::MAX
            );
            Workbench::new([crate::INPUTS]).leaf_input(&yaml);
        }
    }
}
