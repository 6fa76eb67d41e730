//! The reference page of a component.

use super::{emit, sample};
use crate::catalog::ComponentSpec;
use crate::{ComponentKind, FieldKind, FieldOption, FieldSpec, Status};
use std::fmt::Write as _;

/// A page: heading, status, description, sample configs, and a section for each field.
///
/// One sentence of the sources stands on one line; the page ends with a line break.
pub fn component(spec: &ComponentSpec) -> String {
    let mut out = String::new();
    let ComponentSpec {
        kind, name, status, ..
    } = spec;
    let _ = writeln!(out, "# `{name}` {kind}\n");
    let mut facts = vec![format!("Status: {}", status.name())];
    facts.extend(spec.since.map(|version| format!("since {version}")));
    if !spec.categories.is_empty() {
        facts.push(format!("categories: {}", spec.categories.join(", ")));
    }
    let _ = writeln!(out, "{}.\n", facts.join("; "));
    if *status == Status::Deprecated {
        out.push_str("This component will be removed; do not use it in new configs.\n\n");
    }
    if !spec.description.is_empty() {
        let _ = writeln!(out, "{}\n", spec.description.trim());
    }
    samples(&mut out, spec);
    for example in &spec.examples {
        let _ = writeln!(out, "Example: [`{example}`](/{example}).\n");
    }
    let mut fields = String::new();
    body(&mut fields, &spec.body, "");
    if !fields.is_empty() {
        let _ = write!(out, "## Fields\n\n{fields}");
    }
    let end = out.trim_end().len();
    out.truncate(end);
    out.push('\n');
    out
}

/// A section for each field, for the page of an object that is no component.
pub fn fields(fields: &[FieldSpec]) -> String {
    let mut out = String::new();
    for field in fields {
        self::field(&mut out, field, "");
    }
    let end = out.trim_end().len();
    out.truncate(end);
    out.push('\n');
    out.replace("\n### ", "\n## ").replacen("### ", "## ", 1)
}

fn samples(out: &mut String, spec: &ComponentSpec) {
    let sample = |small| {
        let options = sample::Options {
            small,
            comments: false,
        };
        let label = if spec.kind.has_label() {
            "label: \"\"\n"
        } else {
            ""
        };
        // Blocks of their own stand below their name: `logger` alone is another one.
        let is_block = matches!(
            spec.kind,
            ComponentKind::Buffer | ComponentKind::Metrics | ComponentKind::Tracer
        );
        if is_block {
            let component = sample::component(spec, options, 2);
            return format!("{}:\n{component}", spec.kind);
        }
        format!("{label}{}", sample::component(spec, options, 0))
    };
    let (small, full) = (sample(true), sample(false));
    let _ = writeln!(out, "```yaml\n{small}```\n");
    if small != full {
        let _ = writeln!(out, "With all fields:\n\n```yaml\n{full}```\n");
    }
}

/// The fields below a path.
fn body(out: &mut String, kind: &FieldKind, path: &str) {
    match kind {
        FieldKind::Object(fields) => {
            for field in fields {
                self::field(out, field, path);
            }
        }
        FieldKind::List(item) => body(out, item, &format!("{path}[]")),
        FieldKind::Map(item) => body(out, item, &join(path, "<name>")),
        _ => {}
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn field(out: &mut String, field: &FieldSpec, path: &str) {
    let path = join(path, &field.name);
    let _ = writeln!(out, "### `{path}`\n");
    if !field.description.is_empty() {
        let _ = writeln!(out, "{}\n", field.description.trim());
    }
    let mut facts = vec![format!("Type: {}", type_name(&field.kind))];
    facts.extend(match &field.default {
        Some(default) => Some(format!("default: `{}`", emit::json(default))),
        None if field.is_required() => Some("required".to_owned()),
        None if matches!(field.kind, FieldKind::Object(_)) && !field.optional => None,
        None => Some("optional".to_owned()),
    });
    let flags = [
        (field.advanced, "advanced"),
        (field.deprecated, "deprecated"),
        (field.secret, "secret"),
    ];
    facts.extend(
        flags
            .iter()
            .filter(|(set, _)| *set)
            .map(|(_, word)| (*word).to_owned()),
    );
    facts.extend(field.since.map(|version| format!("since {version}")));
    if !field.aliases.is_empty() {
        facts.push(format!("also written as `{}`", field.aliases.join("`, `")));
    }
    let _ = writeln!(out, "{}.\n", facts.join("; "));
    if let Some(reason) = field.unsupported {
        let _ = writeln!(
            out,
            "Not supported: {reason}. Any value but the default is refused.\n"
        );
    }
    if let FieldKind::Options(options) = &field.kind {
        self::options(out, options);
    }
    for example in &field.examples {
        let _ = writeln!(
            out,
            "```yaml\n{}: {}\n```\n",
            field.name,
            emit::yaml_scalar(example)
        );
    }
    body(out, &field.kind, &path);
}

fn options(out: &mut String, options: &[FieldOption]) {
    for FieldOption { value, description } in options {
        let separator = if description.is_empty() { "" } else { ": " };
        let description = description.replace('\n', " ");
        let _ = writeln!(out, "- `{value}`{separator}{description}");
    }
    out.push('\n');
}

/// The type in words.
pub fn type_name(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Any => "any value".into(),
        FieldKind::String => "text".into(),
        FieldKind::Bool => "boolean".into(),
        FieldKind::Int => "integer".into(),
        FieldKind::Float => "number".into(),
        FieldKind::Duration => "duration, such as `1m30s`".into(),
        FieldKind::ByteSize => "number of bytes, such as `64KiB`".into(),
        FieldKind::Interpolated => "text with interpolations `${! … }`".into(),
        FieldKind::Mapping => "Bloblang mapping".into(),
        FieldKind::Options(_) => "one of these".into(),
        FieldKind::Object(_) => "object".into(),
        FieldKind::List(item) => format!("list of {}", plural(item)),
        FieldKind::Map(item) => format!("object of {} by name", plural(item)),
        FieldKind::Component(kind) => kind.name().replace('_', " "),
        FieldKind::Resource(kind) => {
            format!("label of a {} resource", kind.name().replace('_', " "))
        }
    }
}

fn plural(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Any => "any values".into(),
        FieldKind::String => "texts".into(),
        FieldKind::Duration => "durations".into(),
        FieldKind::ByteSize => "numbers of bytes".into(),
        FieldKind::Interpolated => "texts with interpolations `${! … }`".into(),
        FieldKind::Options(_) => "the options below".into(),
        FieldKind::List(item) => format!("lists of {}", plural(item)),
        FieldKind::Map(item) => format!("objects of {} by name", plural(item)),
        FieldKind::Component(kind) => match kind.name().replace('_', " ").as_str() {
            "metrics" => "metrics".into(),
            name => format!("{name}s"),
        },
        FieldKind::Resource(kind) => {
            format!("labels of {} resources", kind.name().replace('_', " "))
        }
        other => format!("{}s", type_name(other)),
    }
}
