//! The normalised config: defaults filled in, fields in the order of the tables, `type` resolved,
//! secrets scrubbed. For `echo`, `--print-json` and debug endpoints.

use crate::catalog::{Catalog, reserved_fields};
use crate::path::Schema;
use crate::{
    ComponentKind, FieldKind, FieldSpec, Literal, Mapping, Node, Value, credentials, tree,
};
use std::borrow::Cow;

/// What stands in the place of a secret.
pub const SCRUBBED: &str = "!!!SECRET_SCRUBBED!!!";

/// Normalises a config. What the tables do not know is left out; a component that the catalog does
/// not know is kept as it stands, with credentials in URLs scrubbed.
pub fn config(root: &Node, schema: Schema<'_>) -> Literal {
    Normaliser {
        catalog: schema.catalog,
    }
    .object(schema.fields, root)
}

/// Normalises one component.
pub fn component(kind: ComponentKind, node: &Node, catalog: &dyn Catalog) -> Literal {
    Normaliser { catalog }.component(kind, node)
}

struct Normaliser<'a> {
    catalog: &'a dyn Catalog,
}

type Entry = (Cow<'static, str>, Literal);

impl Normaliser<'_> {
    fn object(&self, fields: &[FieldSpec], node: &Node) -> Literal {
        let entries = fields.iter().filter_map(|field| {
            let value = self.field(field, node)?;
            Some((field.name.clone(), value))
        });
        Literal::Map(entries.collect())
    }

    /// The value of a field; `None` when it is absent and has no default.
    fn field(&self, field: &FieldSpec, parent: &Node) -> Option<Literal> {
        let present = parent.get(&field.name);
        let present = present.or_else(|| field.aliases.iter().find_map(|it| parent.get(it)));
        let value = match (present, &field.default, &field.kind) {
            (Some(node), _, _) => self.value(&field.kind, node),
            (None, _, _) if field.deprecated => return None,
            (None, Some(default), kind) => {
                self.value(kind, &Node::from_literal(default, parent.span))
            }
            (None, None, _) if field.optional => return None,
            (None, None, FieldKind::Object(fields)) => {
                self.object(fields, &Node::empty_mapping(parent.span))
            }
            (None, None, _) => return None,
        };
        Some(if field.secret { scrubbed(value) } else { value })
    }

    fn value(&self, kind: &FieldKind, node: &Node) -> Literal {
        match (kind, &node.value) {
            (FieldKind::Object(fields), Value::Mapping(_)) => self.object(fields, node),
            (FieldKind::List(item), Value::Sequence(items)) => {
                Literal::List(items.iter().map(|it| self.value(item, it)).collect())
            }
            (FieldKind::Map(item), Value::Mapping(map)) => {
                let entry = |it: &crate::Entry| (owned(&it.key), self.value(item, &it.value));
                Literal::Map(map.entries.iter().map(entry).collect())
            }
            (FieldKind::Component(kind), Value::Mapping(_)) => self.component(*kind, node),
            (kind, Value::Scalar(scalar)) => match kind {
                FieldKind::Int | FieldKind::Float | FieldKind::Bool => typed(&scalar.text),
                FieldKind::Any | FieldKind::ByteSize => plain(node),
                _ if node.is_null() => Literal::Null,
                _ => Literal::from(credentials::scrub(&scalar.text, SCRUBBED)),
            },
            _ => plain(node),
        }
    }

    fn component(&self, kind: ComponentKind, node: &Node) -> Literal {
        let Some(mapping) = node.as_mapping() else {
            return plain(node);
        };
        let Some((name, body)) = self.named(kind, mapping) else {
            return plain(node);
        };
        let Some(spec) = self.catalog.component(kind, name) else {
            return plain(node);
        };
        let mut entries: Vec<Entry> = Vec::new();
        let reserved = |key: &str| mapping.get(key).map(|entry| &entry.value);
        if kind.has_label() {
            let label = reserved("label").and_then(Node::text).unwrap_or_default();
            entries.push(("label".into(), Literal::from(label.to_owned())));
        }
        let empty = Node::empty_mapping(node.span);
        let body = body.filter(|it| !it.is_null()).unwrap_or(&empty);
        entries.push((spec.name.clone(), self.value(&spec.body, body)));
        for field in reserved_fields(kind) {
            let is_own = ["label", "type", "plugin"].contains(&&*field.name);
            let value = reserved(&field.name).filter(|_| !is_own);
            if let Some(value) = value.map(|it| self.value(&field.kind, it)) {
                let is_empty = matches!(&value, Literal::List(items) if items.is_empty());
                entries.extend((!is_empty).then_some((field.name, value)));
            }
        }
        Literal::Map(entries)
    }

    /// The name of a component and what stands under it.
    fn named<'n>(
        &self,
        kind: ComponentKind,
        mapping: &'n Mapping,
    ) -> Option<(&'n str, Option<&'n Node>)> {
        if let Some(name) = mapping.get("type").and_then(|it| it.value.text()) {
            let body = mapping.get(name).or_else(|| mapping.get("plugin"));
            return Some((name, body.map(|it| &it.value)));
        }
        let mut known = mapping
            .entries
            .iter()
            .filter(|it| self.catalog.component(kind, &it.key).is_some());
        known.next().map(|entry| (&*entry.key, Some(&entry.value)))
    }
}

/// A node without a table, as it stands.
fn plain(node: &Node) -> Literal {
    match &node.value {
        Value::Scalar(scalar) => match Literal::from(scalar) {
            Literal::String(text) => Literal::from(credentials::scrub(&text, SCRUBBED)),
            other => other,
        },
        Value::Sequence(items) => Literal::List(items.iter().map(plain).collect()),
        Value::Mapping(map) => {
            let entry = |it: &crate::Entry| (owned(&it.key), plain(&it.value));
            Literal::Map(map.entries.iter().map(entry).collect())
        }
    }
}

fn owned(key: &str) -> Cow<'static, str> {
    Cow::Owned(key.to_owned())
}

/// A number or boolean, also when it was written in quotes.
fn typed(text: &str) -> Literal {
    Literal::from(&crate::Scalar::new(text, tree::resolve(text)))
}

/// Every text that is not empty and not a bare reference to a variable is replaced.
fn scrubbed(value: Literal) -> Literal {
    match value {
        Literal::Null => Literal::Null,
        Literal::String(text) if text.is_empty() || is_variable(&text) => Literal::String(text),
        Literal::List(items) => Literal::List(items.into_iter().map(scrubbed).collect()),
        Literal::Map(entries) => Literal::Map(
            entries
                .into_iter()
                .map(|(key, value)| (key, scrubbed(value)))
                .collect(),
        ),
        _ => Literal::from(SCRUBBED),
    }
}

fn is_variable(text: &str) -> bool {
    let name = text.strip_prefix("${").and_then(|it| it.strip_suffix('}'));
    let allowed = |it: u8| it.is_ascii_alphanumeric() || it == b'_' || it == b'.';
    name.is_some_and(|name| !name.is_empty() && name.bytes().all(allowed))
}
