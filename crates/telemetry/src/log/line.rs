//! One log line: fields in their order, as JSON or logfmt, redacted, bounded.

use std::fmt::{self, Write as _};

use super::component::LogValue;
use super::settings::LogFormat;
use crate::json::push_json_string;
use crate::redact::Redactor;

/// Most bytes of one value, and of a line. What is above is cut and says so.
pub(super) const VALUE_BYTES_MAX: usize = 16 * 1024;
pub(super) const LINE_BYTES_MAX: usize = 48 * 1024;

/// Text is cut only after redaction, or the first half of a secret would stay. So much more than a
/// value is kept until then; a secret is shorter.
const MARGIN_BYTES: usize = 16 * 1024;

/// The body of a line under construction: everything but the time.
#[derive(Debug)]
pub(super) struct Line<'r> {
    format: LogFormat,
    redactor: &'r Redactor,
    body: String,
    is_cut: bool,
}

impl<'r> Line<'r> {
    pub(super) fn new(format: LogFormat, redactor: &'r Redactor) -> Self {
        Self {
            format,
            redactor,
            body: String::with_capacity(256),
            is_cut: false,
        }
    }

    pub(super) fn push_text(&mut self, key: &str, text: &str) {
        let mut kept = text;
        if text.len() > VALUE_BYTES_MAX + MARGIN_BYTES {
            kept = &text[..text.floor_char_boundary(VALUE_BYTES_MAX + MARGIN_BYTES)];
        }
        let redacted = self.redactor.redact(kept);
        let room = LINE_BYTES_MAX
            .saturating_sub(self.body.len())
            .min(VALUE_BYTES_MAX);
        let fits = redacted.len() <= room && kept.len() == text.len();
        if fits {
            self.push_quoted(key, &redacted);
            return;
        }
        self.is_cut = true;
        let cut = &redacted[..redacted.floor_char_boundary(room)];
        self.push_quoted(key, &format!("{cut}…"));
    }

    pub(super) fn push_display(&mut self, key: &str, value: &dyn fmt::Display) {
        self.push_arguments(key, format_args!("{value}"));
    }

    /// Formats no more than is kept, however long the value would be.
    pub(super) fn push_arguments(&mut self, key: &str, value: fmt::Arguments<'_>) {
        if let Some(text) = value.as_str() {
            return self.push_text(key, text);
        }
        let mut bounded = Bounded(String::new());
        // It ends with an error when it is full; `push_text` notices by the length.
        let _ = bounded.write_fmt(value);
        self.push_text(key, &bounded.0);
    }

    /// A word of our own.
    pub(super) fn push_word(&mut self, key: &str, word: &'static str) {
        self.push_quoted(key, word);
    }

    /// Numbers, booleans and null.
    pub(super) fn push_plain(&mut self, key: &str, value: fmt::Arguments<'_>) {
        self.push_key(key);
        let _ = self.body.write_fmt(value);
    }

    pub(super) fn push_value(&mut self, key: &str, value: &LogValue) {
        match value {
            LogValue::Bool(it) => self.push_plain(key, format_args!("{it}")),
            LogValue::Integer(it) => self.push_plain(key, format_args!("{it}")),
            LogValue::Float(it) => self.push_float(key, *it),
            LogValue::Text(it) => self.push_text(key, it),
            LogValue::Json(it) => {
                let fits =
                    it.len() <= VALUE_BYTES_MAX && self.body.len() + it.len() <= LINE_BYTES_MAX;
                if self.format == LogFormat::Json && fits {
                    let redacted = self.redactor.redact(it);
                    self.push_plain(key, format_args!("{redacted}"));
                } else {
                    self.push_text(key, it);
                }
            }
        }
    }

    /// Whether no further field fits; the line then says that it was cut.
    pub(super) fn is_full(&mut self) -> bool {
        let is_full = self.body.len() >= LINE_BYTES_MAX;
        self.is_cut |= is_full;
        is_full
    }

    /// JSON has no NaN and no infinity: they become text.
    pub(super) fn push_float(&mut self, key: &str, value: f64) {
        if value.is_finite() {
            self.push_plain(key, format_args!("{value}"));
        } else {
            self.push_text(key, &value.to_string());
        }
    }

    pub(super) fn finish(mut self) -> String {
        if self.is_cut {
            self.push_plain("truncated", format_args!("true"));
        }
        self.body
    }

    fn push_key(&mut self, key: &str) {
        match self.format {
            LogFormat::Json => {
                if !self.body.is_empty() {
                    self.body.push(',');
                }
                push_json_string(&mut self.body, key);
                self.body.push(':');
            }
            LogFormat::Logfmt => {
                if !self.body.is_empty() {
                    self.body.push(' ');
                }
                let is_mark = |c: char| c <= ' ' || c == '=' || c == '"';
                self.body
                    .extend(key.chars().map(|c| if is_mark(c) { '_' } else { c }));
                self.body.push('=');
            }
        }
    }

    fn push_quoted(&mut self, key: &str, text: &str) {
        self.push_key(key);
        let is_mark = |c: char| c <= ' ' || c == '=' || c == '"' || c == '\\' || c == '\u{7f}';
        if self.format == LogFormat::Json || text.is_empty() || text.contains(is_mark) {
            push_json_string(&mut self.body, text);
        } else {
            self.body.push_str(text);
        }
    }
}

/// A line as it is written: the time, the body, how many of its like were left out.
pub(super) fn whole_line(
    format: LogFormat,
    time: Option<(&str, &str)>,
    body: &str,
    suppressed: u64,
) -> String {
    let mut line = String::with_capacity(body.len() + 64);
    match format {
        LogFormat::Json => {
            line.push('{');
            if let Some((key, time)) = time {
                push_json_string(&mut line, key);
                let _ = write!(line, ":\"{time}\",");
            }
            line.push_str(body);
            if suppressed > 0 {
                let _ = write!(line, ",\"suppressed\":{suppressed}");
            }
            line.push('}');
        }
        LogFormat::Logfmt => {
            if let Some((key, time)) = time {
                let _ = write!(line, "{key}={time} ");
            }
            line.push_str(body);
            if suppressed > 0 {
                let _ = write!(line, " suppressed={suppressed}");
            }
        }
    }
    line.push('\n');
    line
}

/// Takes no more than what is needed to redact and cut.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // One more than the bound, so that the cut shows.
        let room = (VALUE_BYTES_MAX + MARGIN_BYTES + 4).saturating_sub(self.0.len());
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        Err(fmt::Error)
    }
}
