//! The `generate` input.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use millrace_component::{
    BLOCKING_READ_MAX, BlockingInput, BuildContext, BuiltInput, Descriptor, Incoming, InputConfig,
    InputPart, LeafInput, Mapping, ReplayPolicy,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{FieldKind, FieldType, Node, ReadContext, Spec, codes};

mod cron;

use cron::Schedule;

/// Makes messages by a mapping: at an interval, at the times of a cron expression, or as fast as
/// they are taken.
///
/// With an interval the first batch is made at once; with `@every` after the first pause, and at the
/// times of a cron expression, in UTC or the time zone that is written before it. What came due
/// while nobody took messages is made up for with a cron expression only.
///
/// A mapping that deletes its message makes none, and does not
/// use up `count`; one that fails is logged and tried again.
///
/// Later messages of a batch see the batch so far: they begin with the content and metadata of
/// its first message when the mapping does not assign them, as in Bento.
#[derive(Clone, Debug, Spec)]
#[spec(input = "generate", category = "Utility")]
pub struct Config {
    /// The mapping that makes each message.
    #[spec(example = "root.id = uuid_v4()")]
    mapping: Mapping,
    /// The pause between batches, such as `1s` or `@every 1m`, or a cron expression of five fields,
    /// or six with seconds in front, such as `TZ=Europe/London 30 3-6,20-23 * * *`; empty for none.
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
            pace: Pace::new(&self.interval),
            left: (self.count > 0).then_some(self.count),
            batch_size: self.batch_size.max(1),
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

/// When batches are made, as it is written.
#[derive(Clone, Debug)]
enum Interval {
    /// As fast as they are taken.
    None,
    /// The first one at once, the others after a pause each.
    Pause(Duration),
    /// Each one after a pause, the first one too: `@every 5s`.
    Every(Duration),
    /// At the moments of a cron expression.
    Schedule(Box<Schedule>),
}

impl Interval {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text == "0" {
            return Ok(Self::None);
        }
        let (zone, rest) = cron::split_zone(text);
        if let Some(pause) = rest.strip_prefix("@every ") {
            let pause = millrace_spec::Duration::parse(pause.trim())?;
            // Cron knows whole seconds.
            let seconds = pause.get().as_secs().max(1);
            return Ok(Self::Every(Duration::from_secs(seconds)));
        }
        if rest.starts_with('@') || rest.contains(char::is_whitespace) || rest != text {
            return Schedule::parse(zone, rest).map(|it| Self::Schedule(Box::new(it)));
        }
        let pause = millrace_spec::Duration::parse(text)?.get();
        Ok(match pause.is_zero() {
            true => Self::None,
            false => Self::Pause(pause),
        })
    }
}

impl FieldType for Interval {
    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let text = String::read(node, cx)?;
        match Self::parse(&text) {
            Ok(interval) => Some(interval),
            Err(reason) => {
                let message = format!("interval: {reason}");
                cx.error(codes::INVALID_VALUE, node.span, message).help = Some(
                    "write a duration such as `500ms`, `@every 5s`, or a cron expression such as \
                     `TZ=Europe/London 30 3 * * *`"
                        .to_owned(),
                );
                None
            }
        }
    }
}

/// When the next batch is due.
enum Pace {
    AsFastAsTaken,
    Pause {
        pause: Duration,
        is_first_free: bool,
        next: Option<Instant>,
    },
    Schedule {
        schedule: Box<Schedule>,
        next: Option<Timestamp>,
    },
}

impl Pace {
    fn new(interval: &Interval) -> Self {
        match interval {
            Interval::None => Self::AsFastAsTaken,
            Interval::Pause(pause) | Interval::Every(pause) => Self::Pause {
                pause: *pause,
                is_first_free: matches!(interval, Interval::Pause(_)),
                next: None,
            },
            Interval::Schedule(schedule) => Self::Schedule {
                schedule: schedule.clone(),
                next: None,
            },
        }
    }

    /// How long it is until the next batch is due, by the clocks given; zero takes it.
    fn wait(&mut self, now: Instant, wall: Timestamp) -> Duration {
        match self {
            Self::AsFastAsTaken => Duration::ZERO,
            Self::Pause {
                pause,
                is_first_free,
                next,
            } => {
                let first = if *is_first_free { now } else { now + *pause };
                let due = *next.get_or_insert(first);
                let wait = due.saturating_duration_since(now);
                if wait.is_zero() {
                    // A late batch does not make the later ones come in a burst.
                    *next = Some((due + *pause).max(now));
                }
                wait
            }
            Self::Schedule { schedule, next } => {
                let Some(due) = next.or_else(|| schedule.next(wall)) else {
                    // The calendar ends in the year 9999.
                    return Duration::MAX;
                };
                *next = Some(due);
                // A time in the past has no wait.
                let wait = Duration::try_from(due.duration_since(wall)).unwrap_or_default();
                if wait.is_zero() {
                    *next = schedule.next(due);
                }
                wait
            }
        }
    }
}

struct Generate {
    mapping: Mapping,
    pace: Pace,
    /// Messages still to be made; `None` for ever.
    left: Option<u64>,
    batch_size: u64,
    path: String,
}

impl Generate {
    /// Whether the next batch is due; waits for it, no longer than a blocking read may.
    fn is_due(&mut self) -> bool {
        let wait = self.pace.wait(Instant::now(), Timestamp::now());
        if wait.is_zero() {
            return true;
        }
        std::thread::sleep(wait.min(BLOCKING_READ_MAX));
        self.pace.wait(Instant::now(), Timestamp::now()).is_zero()
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
        let max = match self.pace {
            Pace::AsFastAsTaken => max,
            _ => 1,
        };
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

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, End};

    use super::*;
    use crate::testing::bench;

    const SECOND: Duration = Duration::from_secs(1);

    fn pace(text: &str) -> Pace {
        Pace::new(&Interval::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")))
    }

    #[test]
    fn a_pause_has_its_first_batch_at_once_and_every_has_it_after_the_pause() {
        let (now, wall) = (Instant::now(), Timestamp::UNIX_EPOCH);
        let mut pause = pace("2s");
        assert_eq!(pause.wait(now, wall), Duration::ZERO);
        assert_eq!(pause.wait(now, wall), SECOND * 2);
        let mut every = pace("@every 2s");
        assert_eq!(every.wait(now, wall), SECOND * 2);
        assert_eq!(every.wait(now + SECOND * 2, wall), Duration::ZERO);
        assert_eq!(every.wait(now + SECOND * 3, wall), SECOND);
    }

    #[test]
    fn a_late_batch_makes_no_burst_with_a_pause() {
        let (now, wall) = (Instant::now(), Timestamp::UNIX_EPOCH);
        let mut pause = pace("1s");
        assert_eq!(pause.wait(now, wall), Duration::ZERO);
        let late = now + SECOND * 10;
        assert_eq!(pause.wait(late, wall), Duration::ZERO);
        assert_eq!(pause.wait(late, wall), Duration::ZERO);
        assert_eq!(pause.wait(late, wall), SECOND);
    }

    #[test]
    fn a_cron_expression_waits_for_its_times_and_makes_up_for_late_ones() {
        let now = Instant::now();
        let wall = |text: &str| text.parse::<Timestamp>().expect("a time");
        let mut cron = pace("TZ=Europe/London */10 * * * *");
        assert_eq!(cron.wait(now, wall("2024-01-01T00:09:58Z")), SECOND * 2);
        assert_eq!(cron.wait(now, wall("2024-01-01T00:10:00Z")), Duration::ZERO);
        assert_eq!(cron.wait(now, wall("2024-01-01T00:10:00Z")), SECOND * 600);
        assert_eq!(cron.wait(now, wall("2024-01-01T00:35:00Z")), Duration::ZERO);
        assert_eq!(cron.wait(now, wall("2024-01-01T00:35:00Z")), Duration::ZERO);
        assert_eq!(cron.wait(now, wall("2024-01-01T00:35:00Z")), SECOND * 300);
    }

    #[test]
    fn what_is_no_interval_is_refused_with_its_reason() {
        for (text, reason) in [
            ("soon", "soon"),
            ("@every", "@every"),
            ("@every soon", "soon"),
            ("1 2 3", "5 or 6 fields"),
            ("TZ=UTC", "5 or 6 fields"),
        ] {
            let error = Interval::parse(text).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
        for text in ["", "0", "0s"] {
            assert!(
                matches!(Interval::parse(text), Ok(Interval::None)),
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn generate_keeps_the_promises_of_an_input() {
        let same = ["x"; 5];
        let finite = "generate: { mapping: 'root = \"x\"', interval: '', count: 5 }";
        let fresh = || bench().leaf_input(finite);
        conformance::input_without_acks(fresh, End::Comes, &same).await;
        let endless = "generate: { mapping: 'root = \"x\"', interval: 1ms }";
        let fresh = || bench().leaf_input(endless);
        conformance::input_without_acks(fresh, End::Never, &same).await;
        let batches =
            "generate: { mapping: 'root = \"x\"', interval: '', count: 5, batch_size: 2 }";
        let fresh = || bench().leaf_input(batches);
        conformance::input_without_acks(fresh, End::Comes, &same).await;
    }
}
