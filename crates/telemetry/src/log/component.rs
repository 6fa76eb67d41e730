//! How components log: a span that carries who they are, and fields whose names are data.

use std::cell::RefCell;

use tracing::{Level, Span};

use super::level::LogLevel;
use crate::metric::ComponentLabels;

/// The target of an event that ends the process; its level is `fatal`.
pub const FATAL_TARGET: &str = "millrace::fatal";

/// The target of the accounting that ends a run: its level is `info`, and it is written at every
/// level but `off`. Log it as an error, which is the one level that nothing filters away before.
pub const SUMMARY_TARGET: &str = "millrace::summary";

/// The target of the spans that carry component fields. No other span is kept.
pub(super) const COMPONENT_TARGET: &str = "millrace::component";

/// The target of lines that the user's config asks for; they are never taken for a flood.
pub(super) const USER_TARGET: &str = "millrace::user";

/// Who logs: the component's type name, label, path and stream, carried by a span.
///
/// Make one when a component is built, after logging was installed. Pass [`span`](Self::span) as the
/// `parent` of events; run code of third-party clients [`in_scope`](Self::in_scope), or instrument
/// their tasks with the span, so that what they log carries the fields too.
#[derive(Clone, Debug)]
pub struct ComponentLogger {
    span: Span,
}

/// The value of a field whose name is data.
#[derive(Clone, Debug, PartialEq)]
pub enum LogValue {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    /// A valid JSON text, written as it is in JSON lines and as text in logfmt.
    Json(String),
}

thread_local! {
    static DYNAMIC: RefCell<Vec<(String, LogValue)>> = const { RefCell::new(Vec::new()) };
}

impl ComponentLogger {
    /// `component` is the type name, such as `amqp_0_9`.
    pub fn new(component: &str, labels: &ComponentLabels) -> Self {
        let ComponentLabels {
            label,
            path,
            stream,
        } = labels;
        // At the level `ERROR`, so that no level filters the fields away.
        let span = tracing::error_span!(
            target: COMPONENT_TARGET,
            parent: None,
            "component",
            component,
            label,
            path,
            stream,
        );
        Self { span }
    }

    /// A logger without fields, for tests.
    pub fn detached() -> Self {
        Self { span: Span::none() }
    }

    /// The `parent` of this component's events.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Runs synchronous code whose events carry the fields of this component.
    pub fn in_scope<T>(&self, run: impl FnOnce() -> T) -> T {
        self.span.in_scope(run)
    }

    /// Whether a line that the user's config asks for would be written at this level.
    pub fn is_enabled(level: LogLevel) -> bool {
        match level {
            LogLevel::Off => false,
            LogLevel::Fatal | LogLevel::Error => {
                tracing::enabled!(target: USER_TARGET, Level::ERROR)
            }
            LogLevel::Warn => tracing::enabled!(target: USER_TARGET, Level::WARN),
            LogLevel::Info => tracing::enabled!(target: USER_TARGET, Level::INFO),
            LogLevel::Debug => tracing::enabled!(target: USER_TARGET, Level::DEBUG),
            LogLevel::Trace => tracing::enabled!(target: USER_TARGET, Level::TRACE),
        }
    }

    /// Writes a line that the user's config asks for (the `log` processor), with fields whose names
    /// are data. Such lines are bounded and redacted as all others, but never left out as repeated.
    /// A fatal level is written as an error: a config cannot end the process by a log line.
    pub fn emit(&self, level: LogLevel, message: &str, fields: Vec<(String, LogValue)>) {
        if !Self::is_enabled(level) {
            return;
        }
        DYNAMIC.with_borrow_mut(|dynamic| *dynamic = fields);
        let span = &self.span;
        match level {
            LogLevel::Off => {}
            LogLevel::Fatal | LogLevel::Error => {
                tracing::error!(target: USER_TARGET, parent: span, "{message}");
            }
            LogLevel::Warn => tracing::warn!(target: USER_TARGET, parent: span, "{message}"),
            LogLevel::Info => tracing::info!(target: USER_TARGET, parent: span, "{message}"),
            LogLevel::Debug => tracing::debug!(target: USER_TARGET, parent: span, "{message}"),
            LogLevel::Trace => tracing::trace!(target: USER_TARGET, parent: span, "{message}"),
        }
        DYNAMIC.with_borrow_mut(Vec::clear);
    }
}

/// Runs code that writes one event, which gets these fields too: their names, or whether they are
/// there, are data.
pub fn with_fields(fields: Vec<(String, LogValue)>, write: impl FnOnce()) {
    DYNAMIC.with_borrow_mut(|dynamic| *dynamic = fields);
    write();
    DYNAMIC.with_borrow_mut(Vec::clear);
}

/// The dynamic fields of the event that is being written on this thread.
pub(super) fn take_dynamic_fields() -> Vec<(String, LogValue)> {
    DYNAMIC.with_borrow_mut(std::mem::take)
}
