//! The `log` processor.

use std::sync::Arc;

use millrace_bloblang::{Mapped, Payload};
use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Interpolated, Mapping, Processor,
    ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch, Value};
use millrace_spec::{OrderedMap, Spec};
use millrace_telemetry::ComponentLogger;
use millrace_telemetry::log::{LogLevel, LogValue};

/// Writes a log line for each message.
///
/// The message goes on as it is, whatever becomes of the line: a line whose text or fields cannot
/// be made is replaced by an error that says why.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "log", category = "Utility")]
pub struct Config {
    /// The level of the line.
    #[spec(default = "INFO")]
    level: Level,
    /// A mapping whose result, an object, becomes further fields of the line.
    fields_mapping: Option<Mapping>,
    /// Further fields of the line; they win over those of `fields_mapping`.
    #[spec(deprecated, rename = "fields")]
    further_fields: Option<OrderedMap<Interpolated>>,
    /// The text of the line.
    #[spec(default = "")]
    message: Option<Interpolated>,
}

/// A level of log lines.
#[derive(Clone, Copy, Debug, Spec)]
enum Level {
    /// Written as an error: a message cannot end the process.
    #[spec(rename = "FATAL")]
    Fatal,
    /// Something is lost or wrong.
    #[spec(rename = "ERROR")]
    Error,
    /// Something may be wrong.
    #[spec(rename = "WARN")]
    Warn,
    /// Something worth knowing happened.
    #[spec(rename = "INFO")]
    Info,
    /// For those who look for a mistake.
    #[spec(rename = "DEBUG")]
    Debug,
    /// For those who look very closely.
    #[spec(rename = "TRACE")]
    Trace,
    /// The same as `TRACE`.
    #[spec(rename = "ALL")]
    All,
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Fatal => Self::Fatal,
            Level::Error => Self::Error,
            Level::Warn => Self::Warn,
            Level::Info => Self::Info,
            Level::Debug => Self::Debug,
            Level::Trace | Level::All => Self::Trace,
        }
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(Log {
            level: self.level.into(),
            fields_mapping: self.fields_mapping.clone(),
            fields: self
                .further_fields
                .clone()
                .map_or_else(Vec::new, |fields| fields.0),
            message: self
                .message
                .clone()
                .unwrap_or_else(|| Interpolated::literal("")),
            logger: ComponentLogger::new(cx.component(), cx.metrics().component()),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Log {
    level: LogLevel,
    fields_mapping: Option<Mapping>,
    fields: Vec<(String, Interpolated)>,
    message: Interpolated,
    logger: ComponentLogger,
    identity: Arc<Identity>,
}

impl Log {
    fn line(
        &self,
        batch: &[Message],
        index: usize,
    ) -> Result<(String, Vec<(String, LogValue)>), Error> {
        let mut fields = match &self.fields_mapping {
            Some(mapping) => mapped_fields(mapping, batch, index)?,
            None => Vec::new(),
        };
        for (name, value) in &self.fields {
            let value = value.resolve(batch, index);
            let value = value.map_err(|error| error.context(format_args!("field `{name}`")))?;
            fields.retain(|(earlier, _)| earlier != name);
            fields.push((name.clone(), LogValue::Text(value.into_owned())));
        }
        let text = self.message.resolve(batch, index);
        let text = text.map_err(|error| error.context("resolve `message`"))?;
        Ok((text.into_owned(), fields))
    }
}

/// The members of the object that the mapping makes, by name.
fn mapped_fields(
    mapping: &Mapping,
    batch: &[Message],
    index: usize,
) -> Result<Vec<(String, LogValue)>, Error> {
    let mapped = mapping
        .map(batch, index)
        .map_err(|error| error.context("`fields_mapping`"))?;
    let value = match mapped {
        Mapped::Changed {
            payload: Some(Payload::Value(value)),
            ..
        } => Ok(value),
        Mapped::Changed {
            payload: Some(Payload::Raw(bytes)),
            ..
        } => Value::parse_json(bytes),
        Mapped::Changed { payload: None, .. } | Mapped::Unchanged => {
            batch[index].value().cloned().map_err(Clone::clone)
        }
        Mapped::Deleted => return Err(Error::rejected("`fields_mapping` deletes the message")),
    };
    let value = value.map_err(|error| Error::rejected(format!("`fields_mapping`: {error}")))?;
    let Some(object) = value.as_object() else {
        let kind = value.kind();
        return Err(Error::rejected(format!(
            "`fields_mapping` gives {kind}, not an object"
        )));
    };
    Ok(object
        .entries()
        .map(|(name, value)| (name.to_string(), log_value(&value)))
        .collect())
}

fn log_value(value: &Value) -> LogValue {
    match value {
        Value::Bool(bool) => LogValue::Bool(*bool),
        Value::I64(integer) => LogValue::Integer(*integer),
        Value::F64(float) => LogValue::Float(*float),
        Value::String(text) => LogValue::Text(text.to_string()),
        Value::Bytes(bytes) => LogValue::Text(String::from_utf8_lossy(bytes).into_owned()),
        other => LogValue::Json(String::from_utf8_lossy(&other.to_json()).into_owned()),
    }
}

impl Processor for Log {
    fn process(&self, batch: MessageBatch) -> Batches {
        if ComponentLogger::is_enabled(self.level) {
            for index in 0..batch.len() {
                match self.line(&batch, index) {
                    Ok((text, fields)) => self.logger.emit(self.level, &text, fields),
                    Err(error) => {
                        self.identity
                            .log_error(format_args!("make a log line: {error}"));
                    }
                }
            }
        }
        smallvec::smallvec![batch]
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("log: { message: '${! this.id }' }");
        millrace_component::conformance::processor(&processor).await;
    }
}
