//! The `system_window` buffer.

use std::sync::Arc;

use millrace_component::{
    Buffer, BufferConfig, BuildContext, BuiltBuffer, Descriptor, Flow, Guarantee, Identity, Query,
    Source, clock, timestamp,
};
use millrace_message::{Error, Kind, MessageBatch, Value};
use millrace_spec::{Duration, Node, ReadContext, Spec, codes};
use millrace_telemetry::metric::BufferMetrics;

mod calendar;
mod run;
mod windows;

pub use calendar::{Calendar, Window};
use windows::Windows;

/// Collects messages into windows of time, each of which leaves as one batch.
///
/// Windows follow each other without a gap, or overlap when `slide` is given: a message is in several
/// of them then. They are aligned to midnight UTC. A window leaves once the system clock is past its
/// end and `allowed_lateness`; its messages carry its end in the metadata `window_end_timestamp`, as
/// RFC 3339 in UTC.
///
/// A message belongs to the window of the time that `timestamp_mapping` gives for it. One whose last
/// window has left comes too late, and counts as dropped with the reason `window_too_late`; one for
/// which the mapping gives no time is logged and counts as dropped with the reason
/// `window_timestamp`.
///
/// The input is acknowledged when the output has accepted the last window that a message is in, so
/// nothing is lost with the process. Messages that the output does not accept are sent again as a
/// batch of their window, with growing pauses. At the end of the input, and when the stream stops,
/// the windows that are open leave as they are.
///
/// The messages of the windows that are open are held in memory: while `memory_limit` is reached, the
/// input waits for a window to leave.
#[derive(Clone, Debug, Spec)]
#[spec(buffer = "system_window", category = "Windowing", check = Config::check)]
pub struct Config {
    /// A mapping that gives the time of a message: a timestamp, a number of seconds since 1970, or a
    /// text by RFC 3339.
    #[spec(default = "root = now()", example = "root = this.created_at")]
    timestamp_mapping: Query,
    /// How long a window is.
    #[spec(example = "30s")]
    size: Duration,
    /// How long after another window each window begins, less than `size`; unset for windows that
    /// follow each other.
    #[spec(default = "", example = "10s")]
    slide: Option<Duration>,
    /// By how much windows begin later than at midnight UTC; less than `size` and `slide`.
    #[spec(default = "", example = "30m")]
    offset: Option<Duration>,
    /// How long after its end a window still takes messages; less than `size`.
    #[spec(default = "", example = "10s")]
    allowed_lateness: Option<Duration>,
}

impl Config {
    fn check(&mut self, node: &Node, cx: &mut ReadContext) {
        let size = self.size.nanos();
        let mut refuse = |field: &str, reason: String| {
            let span = node.field_span(field);
            let message = format!("invalid {field}: {reason}");
            cx.error(codes::INVALID_VALUE, span, message);
        };
        if size <= 0 {
            refuse("size", "a window has a length".to_owned());
        }
        let slide = nanos(self.slide.as_ref());
        for (field, duration) in [("slide", slide), ("allowed_lateness", self.lateness())] {
            if duration < 0 {
                refuse(field, "it must not be negative".to_owned());
            } else if size > 0 && duration >= size {
                refuse(field, format!("it must be less than size, {}", self.size));
            }
        }
        let offset = nanos(self.offset.as_ref());
        if size > 0 && offset >= size {
            refuse(
                "offset",
                format!("it must be less than size, {}", self.size),
            );
        } else if let Some(text) = self.slide.as_ref().filter(|_| slide > 0)
            && offset >= slide
        {
            refuse("offset", format!("it must be less than slide, {text}"));
        }
    }

    fn lateness(&self) -> i64 {
        nanos(self.allowed_lateness.as_ref())
    }

    fn calendar(&self) -> Calendar {
        let size = self.size.nanos();
        let step = match nanos(self.slide.as_ref()) {
            0 => size,
            slide => slide,
        };
        Calendar::new(size, step, nanos(self.offset.as_ref()))
    }

    fn windows(&self, cx: &BuildContext) -> SystemWindow {
        SystemWindow {
            windows: Windows::new(self.calendar(), self.lateness(), nanoseconds_now()),
            timestamp_mapping: self.timestamp_mapping.clone(),
            flow: cx.flow().clone(),
            metrics: BufferMetrics::new(cx.metrics()),
            identity: Arc::clone(cx.identity()),
        }
    }
}

/// Since 1970.
fn nanoseconds_now() -> i128 {
    clock::now().as_nanosecond()
}

fn nanos(duration: Option<&Duration>) -> i64 {
    duration.map_or(0, Duration::nanos)
}

impl BufferConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltBuffer, Error> {
        Ok(Box::new(self.windows(cx)))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::OnDelivery
    }
}

pub const COMPONENT: Descriptor = Descriptor::buffer::<Config>();

struct SystemWindow {
    windows: Windows,
    timestamp_mapping: Query,
    flow: Flow,
    metrics: BufferMetrics,
    identity: Arc<Identity>,
}

impl SystemWindow {
    /// The time of a message, in nanoseconds since 1970.
    fn time_of(&self, batch: &MessageBatch, index: usize) -> Result<i128, Error> {
        let value = self.timestamp_mapping.value(batch, index)?;
        let value = value.ok_or_else(|| Error::rejected("it gives nothing"))?;
        // A text that is a number means its seconds, as metadata holds them.
        let number = value
            .as_str()
            .and_then(|text| Value::parse_json(text.to_owned().into()).ok())
            .filter(|it| it.kind() == Kind::Number);
        let at = timestamp(number.as_ref().unwrap_or(&value))?;
        Ok(at.timestamp().as_nanosecond())
    }
}

impl Buffer for SystemWindow {
    fn run(self: Box<Self>, upstream: Source) -> Source {
        run::run(*self, upstream)
    }
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance;

    use crate::testing::bench;

    #[tokio::test]
    async fn system_window_keeps_the_promises_of_a_buffer() {
        // Of windows that overlap a message leaves several times.
        conformance::buffer(bench, "system_window: { size: 1h }").await;
    }
}

#[cfg(test)]
mod tests;
