//! JSON Schema (draft 2020-12) of the whole config, for editors.
//!
//! Each kind of component is one definition, `#/$defs/input`, and each component one of its own,
//! `#/$defs/input.kafka`. Anything a scalar field accepts by its text is accepted here, too: a
//! number field also takes a quoted variable.

use crate::catalog::{ComponentSpec, reserved_fields};
use crate::path::Schema;
use crate::{ComponentKind, FieldKind, FieldSpec, Literal, Status};
use std::borrow::Cow;

/// The schema of a config with these fields.
pub fn config(schema: Schema<'_>, title: &'static str) -> Literal {
    let mut document = vec![
        entry(
            "$schema",
            text("https://json-schema.org/draft/2020-12/schema"),
        ),
        entry("title", text(title)),
    ];
    document.extend(object(schema.fields));
    let mut definitions = Vec::new();
    for kind in ComponentKind::ALL {
        let names = schema.catalog.names(kind);
        definitions.push(entry(kind.name(), component_kind(kind, &names)));
        for spec in names
            .iter()
            .filter_map(|name| schema.catalog.component(kind, name))
        {
            definitions.push((definition_name(kind, &spec.name).into(), component(&spec)));
        }
    }
    document.push(entry("$defs", Literal::Map(definitions)));
    Literal::Map(document)
}

type Entry = (Cow<'static, str>, Literal);

fn entry(key: &'static str, value: Literal) -> Entry {
    (Cow::Borrowed(key), value)
}

fn text(value: impl Into<Cow<'static, str>>) -> Literal {
    Literal::String(value.into())
}

fn texts(values: impl IntoIterator<Item = impl Into<Cow<'static, str>>>) -> Literal {
    Literal::List(values.into_iter().map(text).collect())
}

fn definition_name(kind: ComponentKind, name: &str) -> String {
    format!("{kind}.{name}")
}

/// An object that holds exactly one of the components beside the reserved fields.
fn component_kind(kind: ComponentKind, names: &[String]) -> Literal {
    let mut properties = Vec::new();
    for field in reserved_fields(kind) {
        properties.push((field.name.clone(), field_schema(&field)));
    }
    let mut choices = vec![Literal::Map(vec![entry("required", texts(["type"]))])];
    for name in names {
        let reference = format!("#/$defs/{}", definition_name(kind, name));
        let value = Literal::Map(vec![entry("$ref", text(reference))]);
        properties.push((Cow::Owned(name.clone()), value));
        choices.push(Literal::Map(vec![entry("required", texts([name.clone()]))]));
    }
    Literal::Map(vec![
        entry("type", text("object")),
        entry("properties", Literal::Map(properties)),
        entry("additionalProperties", Literal::Bool(false)),
        entry("anyOf", Literal::List(choices)),
    ])
}

fn component(spec: &ComponentSpec) -> Literal {
    let mut entries = kind_schema(&spec.body);
    let summary = spec.summary();
    if !summary.is_empty() {
        entries.push(entry("description", text(summary)));
    }
    if spec.status == Status::Deprecated {
        entries.push(entry("deprecated", Literal::Bool(true)));
    }
    Literal::Map(entries)
}

fn object(fields: &[FieldSpec]) -> Vec<Entry> {
    let mut properties: Vec<Entry> = Vec::new();
    for field in fields {
        properties.push((field.name.clone(), field_schema(field)));
        properties.extend(
            field
                .aliases
                .iter()
                .map(|alias| entry(alias, field_schema(field))),
        );
    }
    let required = fields
        .iter()
        .filter(|field| field.is_required() && field.aliases.is_empty());
    let required: Vec<_> = required.map(|field| text(field.name.clone())).collect();
    let mut entries = vec![
        entry("type", text("object")),
        entry("properties", Literal::Map(properties)),
        entry("additionalProperties", Literal::Bool(false)),
    ];
    if !required.is_empty() {
        entries.push(entry("required", Literal::List(required)));
    }
    entries
}

fn field_schema(field: &FieldSpec) -> Literal {
    let mut entries = kind_schema(&field.kind);
    if field.optional {
        entries = nullable(entries);
    }
    let summary = field.summary();
    if !summary.is_empty() {
        entries.push(entry("description", text(summary)));
    }
    if let Some(default) = &field.default {
        entries.push(entry("default", default.clone()));
    }
    if field.deprecated {
        entries.push(entry("deprecated", Literal::Bool(true)));
    }
    if field.secret {
        entries.push(entry("writeOnly", Literal::Bool(true)));
    }
    if !field.examples.is_empty() {
        entries.push(entry("examples", Literal::List(field.examples.clone())));
    }
    Literal::Map(entries)
}

/// The same type or null.
fn nullable(mut entries: Vec<Entry>) -> Vec<Entry> {
    for (key, value) in &mut entries {
        match (&**key, &mut *value) {
            ("type", Literal::String(name)) => {
                *value = texts([name.to_string(), "null".to_owned()]);
            }
            ("type", Literal::List(names)) => names.push(text("null")),
            ("enum", Literal::List(values)) => values.push(Literal::Null),
            _ => {}
        }
    }
    entries
}

fn kind_schema(kind: &FieldKind) -> Vec<Entry> {
    let scalar = |names: &[&'static str]| vec![entry("type", texts(names.iter().copied()))];
    match kind {
        FieldKind::Any => Vec::new(),
        FieldKind::String
        | FieldKind::Duration
        | FieldKind::Interpolated
        | FieldKind::Mapping
        | FieldKind::Resource(_) => scalar(&["string", "number", "boolean"]),
        FieldKind::Bool => scalar(&["boolean", "string"]),
        FieldKind::Int | FieldKind::ByteSize => scalar(&["integer", "string"]),
        FieldKind::Float => scalar(&["number", "string"]),
        FieldKind::Options(options) => vec![
            entry("type", text("string")),
            entry("enum", texts(options.iter().map(|it| it.value.clone()))),
        ],
        FieldKind::Object(fields) => object(fields),
        FieldKind::List(item) => vec![
            entry("type", text("array")),
            entry("items", Literal::Map(kind_schema(item))),
        ],
        FieldKind::Map(item) => vec![
            entry("type", text("object")),
            entry("additionalProperties", Literal::Map(kind_schema(item))),
        ],
        FieldKind::Component(kind) => vec![entry("$ref", text(format!("#/$defs/{kind}")))],
    }
}
