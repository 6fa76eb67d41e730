//! The `parse_log` processor.

use std::sync::Arc;

use jiff::Zoned;
use jiff::tz::TimeZone;
use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Processor, ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch, Object, Value};
use millrace_spec::{FieldKind, FieldType, Node, ReadContext, Spec, codes};

use super::payload_text::PayloadText;

mod cursor;
mod rfc3164;
mod rfc5424;
#[cfg(test)]
mod tests;

/// Takes lines of syslog apart: an object of their parts becomes the message.
///
/// Its members, as far as the line has them, are `message`, `timestamp` (RFC 3339), `facility`,
/// `severity`, `priority`, `hostname`, `procid` and `appname`; of RFC 5424 also `version`, `msgid` and
/// `structureddata` (an object of objects). A line that is not of the format goes on unchanged, with
/// its error flag set.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "parse_log", category = "Parsing")]
pub struct Config {
    /// The format of the lines.
    format: Format,
    /// Accepted for compatibility: a line that is not of the format is never taken apart in part,
    /// whatever this says.
    #[spec(rename = "best_effort", default = true, advanced)]
    _best_effort: bool,
    /// Whether `syslog_rfc3164` also takes timestamps as RFC 3339 writes them.
    #[spec(default = true, advanced)]
    allow_rfc3339: bool,
    /// The year of timestamps of `syslog_rfc3164`, which have none: `current`, a number, or nothing
    /// for the year 0.
    #[spec(default = "current", advanced)]
    default_year: Year,
    /// The time zone, such as `Europe/Berlin`, in which timestamps of `syslog_rfc3164` are written;
    /// they are read as UTC.
    #[spec(default = "UTC", advanced)]
    default_timezone: Zone,
    /// What comes out, which is JSON.
    #[spec(rename = "codec", deprecated)]
    _codec: Option<String>,
}

/// A format of log lines.
#[derive(Clone, Copy, Debug, Spec)]
enum Format {
    /// As RFC 5424 says.
    #[spec(rename = "syslog_rfc5424")]
    SyslogRfc5424,
    /// As RFC 3164 says, and BSD did before.
    #[spec(rename = "syslog_rfc3164")]
    SyslogRfc3164,
}

/// The year that is added to a timestamp.
#[derive(Clone, Copy, Debug)]
enum Year {
    Current,
    Fixed(i16),
}

impl FieldType for Year {
    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let text = String::read(node, cx)?;
        match text.as_str() {
            "current" => return Some(Self::Current),
            "" => return Some(Self::Fixed(0)),
            _ => {}
        }
        let year = text.parse().ok().filter(|year| (0..=9999).contains(year));
        if year.is_none() {
            cx.error(
                codes::INVALID_VALUE,
                node.span,
                format!("`{text}` is no year"),
            )
            .help = Some("a year is `current`, or a number from 0 to 9999".to_owned());
        }
        year.map(Self::Fixed)
    }
}

/// A time zone of the system's database.
#[derive(Clone, Debug)]
struct Zone(TimeZone);

impl FieldType for Zone {
    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let text = String::read(node, cx)?;
        match text.as_str() {
            "" | "UTC" => Some(Self(TimeZone::UTC)),
            "Local" => Some(Self(TimeZone::system())),
            name => match TimeZone::get(name) {
                Ok(zone) => Some(Self(zone)),
                Err(_) => {
                    cx.error(
                        codes::INVALID_VALUE,
                        node.span,
                        format!("there is no time zone `{name}`"),
                    )
                    .help = Some("name one such as `Europe/Berlin`, `UTC` or `Local`".to_owned());
                    None
                }
            },
        }
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(ParseLog {
            config: self.clone(),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct ParseLog {
    config: Config,
    identity: Arc<Identity>,
}

impl ParseLog {
    fn parse(&self, message: &Message, year: i16) -> Result<Object, Error> {
        let text = PayloadText::new(message.bytes());
        match self.config.format {
            Format::SyslogRfc5424 => rfc5424::parse(&text),
            Format::SyslogRfc3164 => {
                let options = rfc3164::Options {
                    allow_rfc3339: self.config.allow_rfc3339,
                    year,
                    zone: &self.config.default_timezone.0,
                };
                rfc3164::parse(&text, &options)
            }
        }
    }
}

impl Processor for ParseLog {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.process_run(smallvec::smallvec![batch])
    }

    fn process_run(&self, mut run: Batches) -> Batches {
        let year = match (self.config.format, self.config.default_year) {
            (Format::SyslogRfc3164, Year::Current) => Zoned::now().year(),
            (_, Year::Fixed(year)) => year,
            (Format::SyslogRfc5424, Year::Current) => 0,
        };
        for message in run.iter_mut().flat_map(|batch| batch.iter_mut()) {
            match self.parse(message, year) {
                Ok(object) => message.set_value(Value::Object(object)),
                Err(error) => message.set_fault(self.identity.fault(error)),
            }
        }
        run
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        for format in ["syslog_rfc5424", "syslog_rfc3164"] {
            let processor =
                crate::testing::processor(&format!("parse_log: {{ format: {format} }}"));
            millrace_component::conformance::processor(&processor).await;
        }
    }
}
