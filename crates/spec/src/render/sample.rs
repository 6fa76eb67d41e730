//! Sample configs with comments, for `create` and for reference pages.

use super::emit;
use crate::catalog::ComponentSpec;
use crate::{FieldKind, FieldSpec, Literal};
use std::fmt::Write as _;

/// What a sample shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Leave out advanced fields.
    pub small: bool,
    /// Put each field's summary above it.
    pub comments: bool,
}

/// One component as it stands in a config: `name:` and its fields, indented by `indent` spaces.
/// Deprecated fields are left out; fields without a default say whether they are required.
pub fn component(spec: &ComponentSpec, options: Options, indent: usize) -> String {
    let mut out = String::new();
    let mut writer = Writer {
        out: &mut out,
        options,
    };
    let field = FieldSpec::new(spec.name.clone(), spec.body.clone());
    writer.field(&field, indent);
    out
}

/// A whole config: the root's fields, where `chosen` gives the text for some of them (indented
/// below the key) and a field that is in nobody's interest has its default.
pub fn config(fields: &[FieldSpec], chosen: &[(&str, String)], options: Options) -> String {
    let mut out = String::new();
    let mut writer = Writer {
        out: &mut out,
        options,
    };
    for field in fields {
        if !writer.shows(field) {
            continue;
        }
        match chosen.iter().find(|(name, _)| *name == field.name) {
            Some((name, text)) => {
                writer.comment(field, 0);
                let _ = write!(writer.out, "{name}:\n{text}");
            }
            None => writer.field(field, 0),
        }
    }
    out
}

struct Writer<'o> {
    out: &'o mut String,
    options: Options,
}

impl Writer<'_> {
    fn shows(&self, field: &FieldSpec) -> bool {
        let is_small_talk = self.options.small && field.advanced && !field.is_required();
        !field.deprecated && !is_small_talk
    }

    fn comment(&mut self, field: &FieldSpec, indent: usize) {
        let summary = field.summary();
        if self.options.comments && !summary.is_empty() {
            let _ = writeln!(self.out, "{:indent$}# {summary}", "");
        }
    }

    fn field(&mut self, field: &FieldSpec, indent: usize) {
        self.comment(field, indent);
        let key = emit::yaml_scalar(&Literal::String(field.name.clone()));
        let _ = write!(self.out, "{:indent$}{key}:", "");
        if let Some(default) = &field.default {
            self.default(field, default, indent);
            return;
        }
        match &field.kind {
            FieldKind::Object(fields) if fields.iter().any(|it| self.shows(it)) => {
                self.out.push('\n');
                for field in fields {
                    if self.shows(field) {
                        self.field(field, indent + 2);
                    }
                }
            }
            kind => {
                let need = if field.is_required() {
                    "required"
                } else {
                    "optional"
                };
                let value = empty(kind);
                let note = if matches!(kind, FieldKind::Object(_)) {
                    String::new()
                } else {
                    format!(" # No default ({need})")
                };
                let _ = writeln!(self.out, " {value}{note}");
            }
        }
    }

    /// A field with a default: on the same line, or below the key.
    fn default(&mut self, field: &FieldSpec, default: &Literal, indent: usize) {
        let is_collection = match default {
            Literal::Map(entries) => !entries.is_empty(),
            Literal::List(items) => !items.is_empty(),
            _ => false,
        };
        if is_collection {
            self.out.push('\n');
            for line in emit::yaml(default).lines() {
                let _ = writeln!(self.out, "{:width$}{line}", "", width = indent + 2);
            }
            return;
        }
        let value = match (default, &field.kind) {
            (Literal::String(text), _) if text.is_empty() => "\"\"".to_owned(),
            (default, _) => emit::yaml_scalar(default),
        };
        let _ = writeln!(self.out, " {value}");
    }
}

/// What stands in the place of a value that only the user knows.
fn empty(kind: &FieldKind) -> &'static str {
    match kind {
        FieldKind::Bool => "false",
        FieldKind::Int | FieldKind::Float | FieldKind::ByteSize => "0",
        FieldKind::List(_) => "[]",
        FieldKind::Object(_) | FieldKind::Map(_) => "{}",
        FieldKind::Component(_) | FieldKind::Any => "null",
        _ => "\"\"",
    }
}
