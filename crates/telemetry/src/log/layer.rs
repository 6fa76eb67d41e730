//! The layer that turns events into lines.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::component::{
    COMPONENT_TARGET, FATAL_TARGET, SUMMARY_TARGET, USER_TARGET, take_dynamic_fields,
};
use super::level::LogLevel;
use super::line::{Line, whole_line};
use super::repeat::{Repeats, Verdict};
use super::settings::LogSettings;
use super::sink::LogSink;
use super::timestamp::CivilTime;
use crate::metric::Counter;
use crate::redact::Redactor;

/// Fields that say who logs.
const IDENTITY: [&str; 3] = ["label", "path", "stream"];

/// Most bytes of a field name that is data.
const NAME_BYTES_MAX: usize = 256;

/// The logs at run time. Cloning shares it.
#[derive(Clone, Debug)]
pub struct LogHandle {
    core: Arc<Core>,
}

impl LogHandle {
    pub fn level(&self) -> LogLevel {
        self.core.level()
    }

    /// Takes effect at once, everywhere.
    pub fn set_level(&self, level: LogLevel) {
        self.core.level.store(level as u8, Relaxed);
        tracing::callsite::rebuild_interest_cache();
    }

    /// Counts suppressed lines in this counter (`millrace_log_lines_suppressed_total`) from now on;
    /// only the first call has an effect.
    pub fn count_suppressed(&self, counter: Counter) {
        // A second counter would get a part of the lines only.
        let _ = self.core.suppressed.set(counter);
    }

    /// Writes how many repeated lines were left out and not yet told. Call it before the exit.
    pub fn flush(&self) {
        let told = self.core.output.lock().repeats.flush();
        self.core.write_told(told);
    }
}

#[derive(Debug)]
struct Core {
    settings: LogSettings,
    level: AtomicU8,
    suppressed: OnceLock<Counter>,
    output: Mutex<Output>,
}

#[derive(Debug)]
struct Output {
    sink: LogSink,
    repeats: Repeats,
}

pub(super) struct LogLayer {
    core: Arc<Core>,
}

/// Who logs, kept with the span of a component.
#[derive(Debug, Default)]
struct ComponentFields {
    component: String,
    label: String,
    path: String,
    stream: String,
}

impl LogLayer {
    pub(super) fn new(settings: LogSettings, sink: LogSink) -> (Self, LogHandle) {
        let core = Arc::new(Core {
            level: AtomicU8::new(settings.level as u8),
            settings,
            suppressed: OnceLock::new(),
            output: Mutex::new(Output {
                sink,
                repeats: Repeats::default(),
            }),
        });
        let handle = LogHandle { core: core.clone() };
        (Self { core }, handle)
    }
}

impl<S> Layer<S> for LogLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match self.core.is_enabled(metadata) {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.core.is_enabled(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        if self.core.settings.log_all_errors {
            return Some(LevelFilter::TRACE);
        }
        // Never below ERROR: the spans of components have that level.
        Some(match self.core.level() {
            LogLevel::Off | LogLevel::Fatal | LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        })
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = ComponentFields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let level = self.core.level_of(metadata);
        let span = context.event_span(event);
        let extensions = span.as_ref().map(|it| it.extensions());
        let component = extensions
            .as_ref()
            .and_then(|it| it.get::<ComponentFields>());
        let body = self.core.body_of(event, level, component);
        let is_alarm = matches!(level, LogLevel::Error | LogLevel::Warn);
        let may_repeat = metadata.target() == USER_TARGET || !is_alarm;
        self.core.write(&body, may_repeat);
    }
}

impl Core {
    fn level(&self) -> LogLevel {
        LogLevel::from_u8(self.level.load(Relaxed))
    }

    fn is_enabled(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.is_span() {
            return metadata.target() == COMPONENT_TARGET;
        }
        let target = metadata.target();
        if target == SUMMARY_TARGET {
            return self.level() != LogLevel::Off;
        }
        let most = match is_third_party(target) {
            false => self.level(),
            // It writes whole payloads of returned messages at WARN. What it says at ERROR is the
            // dump of a failure that the component tells in words.
            true if target.starts_with("lapin") => {
                let is_wanted = self.level() >= LogLevel::Debug;
                return is_wanted && *metadata.level() == Level::ERROR;
            }
            true => self.level().for_third_party(),
        };
        most != LogLevel::Off && self.level_of(metadata) <= most
    }

    fn level_of(&self, metadata: &Metadata<'_>) -> LogLevel {
        if metadata.target() == FATAL_TARGET {
            return LogLevel::Fatal;
        }
        if metadata.target() == SUMMARY_TARGET {
            return LogLevel::Info;
        }
        if metadata.target().starts_with("lapin") {
            return LogLevel::Debug;
        }
        if is_third_party(metadata.target()) {
            // A library cannot know what its caller recovers from: whether something is an error
            // is said by the component that uses it.
            return LogLevel::of(metadata.level()).max(LogLevel::Warn);
        }
        if self.settings.log_all_errors && metadata.fields().field("error").is_some() {
            return LogLevel::Error;
        }
        LogLevel::of(metadata.level())
    }

    fn body_of(
        &self,
        event: &Event<'_>,
        level: LogLevel,
        component: Option<&ComponentFields>,
    ) -> String {
        let settings = &self.settings;
        let redactor = Redactor::global();
        let mut line = Line::new(settings.format, redactor);
        line.push_word(&settings.level_name, level.as_str());
        // The message is wanted before the other fields, wherever the event has it.
        let mut head = MessageVisitor {
            line,
            key: &settings.message_name,
        };
        let has_own = event.metadata().fields().field("component").is_some();
        if !has_own {
            let named = component
                .map(|it| &*it.component)
                .filter(|it| !it.is_empty());
            let name = named.unwrap_or_else(|| crate_of(event.metadata().target()));
            head.line.push_text("component", name);
        }
        event.record(&mut head);
        let dynamic = take_dynamic_fields();
        let mut fields = FieldVisitor {
            line: head.line,
            settings,
        };
        if let Some(component) = component {
            let own = |name: &str| {
                event.metadata().fields().field(name).is_some()
                    || dynamic.iter().any(|it| it.0 == name)
            };
            for (name, value) in [
                ("label", &component.label),
                ("path", &component.path),
                ("stream", &component.stream),
            ] {
                if !value.is_empty() && !own(name) {
                    fields.line.push_text(name, value);
                }
            }
        }
        event.record(&mut fields);
        for (name, value) in &dynamic {
            if fields.line.is_full() {
                break;
            }
            let name = &name[..name.floor_char_boundary(NAME_BYTES_MAX)];
            let key = fields.key(&redactor.redact(name));
            fields.line.push_value(&key, value);
        }
        for (name, value) in &settings.static_fields {
            fields.line.push_text(name, value);
        }
        fields.line.finish()
    }

    fn write(&self, body: &str, may_repeat: bool) {
        let now = Instant::now();
        let mut output = self.output.lock();
        let mut told = output.repeats.due(now);
        let verdict = match may_repeat {
            true => Verdict::Write { suppressed: 0 },
            false => output.repeats.judge(body, now),
        };
        match verdict {
            Verdict::Write { suppressed } => told.push((body.to_owned(), suppressed)),
            Verdict::Suppress => {
                if let Some(counter) = self.suppressed.get() {
                    counter.inc();
                }
            }
        }
        for (body, suppressed) in told {
            let line = self.line(&body, suppressed);
            output.sink.write(&line);
        }
    }

    fn write_told(&self, told: Vec<(String, u64)>) {
        let mut output = self.output.lock();
        for (body, suppressed) in told {
            output.sink.write(&self.line(&body, suppressed));
        }
    }

    fn line(&self, body: &str, suppressed: u64) -> String {
        let settings = &self.settings;
        let time = settings
            .add_timestamp
            .then(|| CivilTime::of(SystemTime::now()).rfc3339());
        let time = time.as_deref().map(|it| (&*settings.timestamp_name, it));
        whole_line(settings.format, time, body, suppressed)
    }
}

/// Whether a record comes from a library: the targets of this workspace are its crate names.
fn is_third_party(target: &str) -> bool {
    let own = target.strip_prefix("millrace");
    !own.is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', ':']))
}

impl Visit for ComponentFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        let place = match field.name() {
            "component" => &mut self.component,
            "label" => &mut self.label,
            "path" => &mut self.path,
            "stream" => &mut self.stream,
            _ => return,
        };
        value.clone_into(place);
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// Writes the message of an event, and nothing else.
struct MessageVisitor<'a> {
    line: Line<'a>,
    key: &'a str,
}

impl Visit for MessageVisitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.line.push_text(self.key, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.line
                .push_arguments(self.key, format_args!("{value:?}"));
        }
    }
}

/// Writes the other fields of an event.
struct FieldVisitor<'a> {
    line: Line<'a>,
    settings: &'a LogSettings,
}

impl FieldVisitor<'_> {
    /// A field must not overwrite those that say what the line is.
    fn key(&self, name: &str) -> String {
        let settings = self.settings;
        let fixed = [
            &settings.level_name,
            &settings.message_name,
            &settings.timestamp_name,
        ];
        match fixed.iter().any(|it| **it == name) || name == "suppressed" || name == "truncated" {
            true => format!("fields.{name}"),
            false => name.to_owned(),
        }
    }

    fn push(&mut self, field: &Field, push: impl FnOnce(&mut Line<'_>, &str)) {
        if field.name() != "message" {
            let key = self.key(field.name());
            push(&mut self.line, &key);
        }
    }
}

impl Visit for FieldVisitor<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, |line, key| line.push_float(key, value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, |line, key| {
            line.push_plain(key, format_args!("{value}"));
        });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, |line, key| {
            line.push_plain(key, format_args!("{value}"));
        });
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, |line, key| {
            line.push_plain(key, format_args!("{value}"));
        });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // A component without a label has none in its lines.
        let is_absent = value.is_empty() && IDENTITY.contains(&field.name());
        if !is_absent {
            self.push(field, |line, key| line.push_text(key, value));
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.push(field, |line, key| line.push_display(key, &Chain(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, |line, key| {
            line.push_arguments(key, format_args!("{value:?}"));
        });
    }
}

/// Who logs when no component does: `millrace_stream::run` is `stream`, `hyper::proto` is `hyper`.
fn crate_of(target: &str) -> &str {
    let name = target.split("::").next().unwrap_or(target);
    name.strip_prefix("millrace_").unwrap_or(name)
}

/// An error with its sources, which many errors leave out of their own text.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
