//! What is wrong with a config as a whole: it has keys, whose places the reader of a file knows.

use millrace_diagnostics::{Code, Diagnostic, Severity, Span};

/// A complaint about keys.
#[derive(Clone, Debug)]
pub struct Complaint {
    pub code: Code,
    pub severity: Severity,
    /// The key that it is about.
    pub key: &'static str,
    /// Another one that has to do with it.
    pub beside: Option<&'static str>,
    pub message: String,
    pub help: Option<String>,
}

impl Complaint {
    pub(super) fn error(key: &'static str, code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            key,
            beside: None,
            message: message.into(),
            help: None,
        }
    }

    pub(super) fn warning(key: &'static str, code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(key, code, message)
        }
    }

    pub(super) fn beside(mut self, key: &'static str) -> Self {
        self.beside = Some(key);
        self
    }

    pub(super) fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// The complaint at the places of its keys, as far as they are in the file; else at `whole`.
    pub(super) fn at(self, place: impl Fn(&str) -> Option<Span>, whole: Span) -> Diagnostic {
        let (own, beside) = (place(self.key), self.beside.and_then(&place));
        let span = own.or(beside).unwrap_or(whole);
        let mut diagnostic = Diagnostic::new(self.code, self.severity, self.message).at(span);
        if let Some(beside) = beside.filter(|_| own.is_some()) {
            diagnostic = diagnostic.related(beside, "see here");
        }
        diagnostic.help = self.help;
        diagnostic
    }
}
