//! Sample configs with comments, for `create` and for reference pages.
//!
//! A sample can be read: what is required and has no default holds an example, what may be absent
//! is a comment.

use super::emit;
use crate::catalog::{self, ComponentSpec};
use crate::{ComponentKind, FieldKind, FieldSpec, Literal};
use std::collections::BTreeSet;
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
    let mut writer = Writer::new(options);
    let field = FieldSpec::new(spec.name.clone(), spec.body.clone());
    writer.field(&field, indent);
    writer.out
}

/// A whole config: the root's fields, where `chosen` gives the text for some of them (indented
/// below the key) and a field that is in nobody's interest has its default.
pub fn config(fields: &[FieldSpec], chosen: &[(&str, String)], options: Options) -> String {
    let mut writer = Writer::new(options);
    for field in fields {
        match chosen.iter().find(|(name, _)| *name == field.name) {
            Some((name, text)) => {
                writer.comment(field, 0);
                let _ = write!(writer.out, "{name}:\n{text}");
            }
            None if writer.shows(field) => writer.field(field, 0),
            None => {}
        }
    }
    writer.out
}

/// The kinds of resources that a component's sample names, by [`resource_label`].
pub fn needed_resources(spec: &ComponentSpec) -> BTreeSet<ComponentKind> {
    let mut kinds = BTreeSet::new();
    collect_resources(&spec.body, &mut kinds);
    kinds
}

fn collect_resources(kind: &FieldKind, kinds: &mut BTreeSet<ComponentKind>) {
    match kind {
        FieldKind::Resource(kind) => {
            kinds.insert(*kind);
        }
        FieldKind::Object(fields) => {
            let without_value = |it: &&FieldSpec| {
                it.is_required() && it.examples.is_empty() && it.default.is_none()
            };
            for field in fields.iter().filter(without_value) {
                collect_resources(&field.kind, kinds);
            }
        }
        _ => {}
    }
}

/// The label by which samples name a resource.
pub fn resource_label(kind: ComponentKind) -> String {
    format!("my_{kind}")
}

/// The declaration of the resource that samples name, as an item of a list.
pub fn resource(kind: ComponentKind, indent: usize) -> String {
    let (label, component) = (resource_label(kind), catalog::example(kind));
    format!(
        "{:indent$}- label: {label}\n{:indent$}  {component}\n",
        "", ""
    )
}

struct Writer {
    out: String,
    options: Options,
    /// Whether it writes the one item of a list, which shows what an item is for.
    in_item: bool,
}

impl Writer {
    fn new(options: Options) -> Self {
        Self {
            out: String::new(),
            options,
            in_item: false,
        }
    }

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
        if field.default.is_none() && field.optional && field.sample.is_none() {
            let text = self.apart(|writer| writer.value(field, indent));
            for line in text.lines() {
                let line = line.get(indent..).unwrap_or_default();
                let _ = writeln!(self.out, "{:indent$}# {line}", "");
            }
        } else {
            self.value(field, indent);
        }
    }

    /// What `write` writes, instead of adding it.
    fn apart(&self, write: impl FnOnce(&mut Self)) -> String {
        let mut writer = Self {
            in_item: self.in_item,
            ..Self::new(self.options)
        };
        write(&mut writer);
        writer.out
    }

    /// The key with its value.
    fn value(&mut self, field: &FieldSpec, indent: usize) {
        let key = emit::yaml_scalar(&Literal::String(field.name.clone()));
        let _ = write!(self.out, "{:indent$}{key}:", "");
        if let Some(sample) = &field.sample {
            self.literal(sample, " # An example", indent);
            return;
        }
        if let Some(default) = &field.default {
            let example = field.examples.first().filter(|_| self.in_item);
            self.literal(example.unwrap_or(default), "", indent);
            return;
        }
        let need = if field.optional || !field.is_required() {
            "optional"
        } else {
            "required"
        };
        let note = format!(" # No default ({need})");
        match (&field.kind, field.examples.first()) {
            (FieldKind::Object(fields), None) => self.object(fields, indent),
            (_, Some(example)) => self.literal(example, &note, indent),
            (FieldKind::Component(kind), None) => {
                let (example, below) = (catalog::example(*kind), indent + 2);
                let _ = writeln!(self.out, "{note}\n{:below$}{example}", "");
            }
            (FieldKind::List(item), None) if !field.optional => self.list(item, &note, indent),
            (kind, None) => {
                let _ = writeln!(self.out, " {}{note}", placeholder(kind));
            }
        }
    }

    fn object(&mut self, fields: &[FieldSpec], indent: usize) {
        let below = self.apart(|writer| {
            for field in fields {
                if writer.shows(field) {
                    writer.field(field, indent + 2);
                }
            }
        });
        let is_comment = |line: &str| line.trim_start().starts_with('#');
        if below.lines().all(is_comment) {
            // Only comments would make it nothing instead of an object.
            self.out.push_str(" {}\n");
        } else {
            self.out.push('\n');
        }
        self.out.push_str(&below);
    }

    /// A list with one item.
    fn list(&mut self, item: &FieldKind, note: &str, indent: usize) {
        let below = indent + 2;
        match item {
            FieldKind::Component(kind) => {
                let example = catalog::example(*kind);
                let _ = writeln!(self.out, "{note}\n{:below$}- {example}", "");
            }
            FieldKind::Object(fields) => {
                let _ = writeln!(self.out, "{note}");
                let text = self.apart(|writer| {
                    writer.in_item = true;
                    writer.object(fields, below);
                });
                // The dash stands before the first field, comments above it beside the dash.
                let mut begun = false;
                for line in text.trim_start_matches('\n').lines() {
                    let (text, is_comment) =
                        (line.trim_start(), line.trim_start().starts_with('#'));
                    let _ = match (begun, is_comment) {
                        (true, _) => writeln!(self.out, "{line}"),
                        (false, true) => writeln!(self.out, "{:below$}{text}", ""),
                        (false, false) => writeln!(self.out, "{:below$}- {text}", ""),
                    };
                    begun |= !is_comment;
                }
            }
            _ => {
                let _ = writeln!(self.out, " []{note}");
            }
        }
    }

    /// A value: on the same line, or below the key.
    fn literal(&mut self, value: &Literal, note: &str, indent: usize) {
        let is_collection = match value {
            Literal::Map(entries) => !entries.is_empty(),
            Literal::List(items) => !items.is_empty(),
            _ => false,
        };
        if is_collection {
            let _ = writeln!(self.out, "{note}");
            for line in emit::yaml(value).lines() {
                let _ = writeln!(self.out, "{:width$}{line}", "", width = indent + 2);
            }
            return;
        }
        let value = match value {
            Literal::String(text) if text.is_empty() => "\"\"".to_owned(),
            value => emit::yaml_scalar(value),
        };
        let _ = writeln!(self.out, " {value}{note}");
    }
}

/// What stands in the place of a value that only the user knows.
fn placeholder(kind: &FieldKind) -> String {
    let text = match kind {
        FieldKind::Bool => "false",
        FieldKind::Int | FieldKind::Float => "1",
        FieldKind::ByteSize => "1MiB",
        FieldKind::Duration => "1s",
        FieldKind::Mapping => "root = this",
        FieldKind::List(_) => "[]",
        FieldKind::Object(_) | FieldKind::Map(_) => "{}",
        FieldKind::Component(_) | FieldKind::Any => "null",
        FieldKind::Options(options) => {
            let first = options.first().map(|it| it.value.clone());
            return emit::yaml_scalar(&Literal::String(first.unwrap_or_default()));
        }
        FieldKind::Resource(kind) => return resource_label(*kind),
        FieldKind::String | FieldKind::Interpolated => "\"\"",
    };
    text.to_owned()
}
