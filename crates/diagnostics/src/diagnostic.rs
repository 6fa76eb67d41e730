//! One complaint, and a collection of them.

use crate::Span;
use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Worth knowing; nothing is refused because of it.
    Note,
    /// Accepted, but probably not what was meant, or soon gone.
    Warning,
    /// Refused.
    Error,
}

impl Severity {
    /// The word that is printed before the message.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The stable name of a kind of complaint, in kebab case: `unknown-field`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Code(pub &'static str);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A second place that a diagnostic points at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is to be seen there.
    pub text: String,
}

/// One complaint about something a user wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// What kind of complaint.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// Where; `None` for what has no text, such as a missing file.
    pub span: Option<Span>,
    /// What is wrong: one line, lower case, no full stop.
    pub message: String,
    /// Text beside the caret.
    pub label: Option<String>,
    /// Other places that matter.
    pub related: Vec<Label>,
    /// What to do about it.
    pub help: Option<String>,
    /// More facts, one line each.
    pub notes: Vec<String>,
    /// With what the message begins when it is about a text that is not in the config but was made of
    /// it, which may hold pieces of anything there.
    pub made_by: Option<String>,
}

impl Diagnostic {
    /// A complaint of the given severity without a place.
    pub fn new(code: Code, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            span: None,
            message: message.into(),
            label: None,
            related: Vec::new(),
            help: None,
            notes: Vec::new(),
            made_by: None,
        }
    }

    /// An error.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message)
    }

    /// A warning.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message)
    }

    /// Points at a place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// Sets the text beside the caret.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = Some(text.into());
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Every text of it.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let related = self.related.iter().map(|it| &it.text);
        std::iter::once(&self.message)
            .chain(&self.label)
            .chain(related)
            .chain(&self.help)
            .chain(&self.notes)
            .map(String::as_str)
    }

    /// Changes the texts for which `change` has another one.
    pub fn change_texts(&mut self, change: impl Fn(&str) -> Option<String>) {
        let related = self.related.iter_mut().map(|it| &mut it.text);
        let texts = std::iter::once(&mut self.message)
            .chain(&mut self.label)
            .chain(related)
            .chain(&mut self.help)
            .chain(&mut self.notes);
        for text in texts {
            if let Some(changed) = change(text) {
                *text = changed;
            }
        }
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }
}

/// Complaints in the order in which they were found.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// An empty collection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one and gives it back for more details.
    pub fn push(&mut self, diagnostic: Diagnostic) -> &mut Diagnostic {
        self.list.push(diagnostic);
        self.list
            .last_mut()
            .expect("an element was pushed on the line above")
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|it| it.severity == Severity::Error)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Drops everything after the first `len`: takes back what a failed attempt reported.
    pub fn truncate(&mut self, len: usize) {
        self.list.truncate(len);
    }

    /// Sorts by source and position (what has no place comes first) and drops exact repetitions.
    pub fn sort(&mut self) {
        self.list
            .sort_by_key(|it| it.span.map(|span| (span.source, span.start)));
        self.list.dedup();
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<T: IntoIterator<Item = Diagnostic>>(&mut self, iter: T) {
        self.list.extend(iter);
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<T: IntoIterator<Item = Diagnostic>>(iter: T) -> Self {
        Self {
            list: iter.into_iter().collect(),
        }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            list: vec![diagnostic],
        }
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}
