//! Spans, codes and the one renderer of errors that a user can cause.
//!
//! A [`SourceMap`] owns the texts (files, `--set` expressions, environment), a [`Span`] is a range
//! of bytes in one of them, a [`Diagnostic`] is one complaint with a code, a place, a reason and a
//! remedy, [`Diagnostics`] collects them, and [`Renderer`] prints them: with the quoted line and a
//! caret, or in the one-line form that editors and CI logs understand.
//!
//! Nothing here knows YAML, Bloblang or components.

mod diagnostic;
mod printable;
mod redact;
mod render;
mod source;
mod suggest;

pub use diagnostic::{Code, Diagnostic, Diagnostics, Label, Severity};
pub use printable::{printable, printable_line};
pub use redact::Redactor;
pub use render::Renderer;
pub use source::{Position, Source, SourceId, SourceMap, Span};
pub use suggest::{did_you_mean, suggest};
