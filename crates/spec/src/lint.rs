//! Checks a node against a field table, for components that are known but not in this build.
//!
//! Built components are checked by their own readers; this walker finds what a table alone can
//! tell: unknown and missing fields, wrong types, options, deprecated fields.

use crate::{ComponentKind, FieldKind, FieldSpec, FieldType, Fields, Node, ReadContext};

/// What the walker leaves to the layers above.
pub trait LintHooks {
    /// Checks a child component.
    fn component(&self, kind: ComponentKind, node: &Node, cx: &mut ReadContext);

    /// Checks a Bloblang mapping.
    fn mapping(&self, node: &Node, cx: &mut ReadContext);

    /// Checks a text with interpolations.
    fn interpolated(&self, node: &Node, cx: &mut ReadContext);
}

/// Checks one value.
pub fn value(kind: &FieldKind, node: &Node, hooks: &dyn LintHooks, cx: &mut ReadContext) {
    match kind {
        FieldKind::Any => {}
        FieldKind::String | FieldKind::Duration | FieldKind::Resource(_) => {
            String::read(node, cx);
        }
        FieldKind::Bool => {
            bool::read(node, cx);
        }
        FieldKind::Int => {
            i64::read(node, cx);
        }
        FieldKind::ByteSize => {
            crate::ByteSize::read(node, cx);
        }
        FieldKind::Float => {
            f64::read(node, cx);
        }
        FieldKind::Interpolated => hooks.interpolated(node, cx),
        FieldKind::Mapping => hooks.mapping(node, cx),
        FieldKind::Options(options) => {
            if String::read(node, cx).is_some() {
                crate::read::find_option(options, node, cx);
            }
        }
        FieldKind::Object(fields) => object(fields, node, hooks, cx),
        FieldKind::List(item) => match node.as_sequence() {
            None => {
                cx.wrong_type(node, "a list");
            }
            Some(items) => {
                for (index, node) in items.iter().enumerate() {
                    cx.within(index.to_string(), |cx| value(item, node, hooks, cx));
                }
            }
        },
        FieldKind::Map(item) => match node.as_mapping() {
            None => {
                cx.wrong_type(node, "an object");
            }
            Some(map) => {
                for entry in map.entries.iter() {
                    cx.within(&*entry.key, |cx| value(item, &entry.value, hooks, cx));
                }
            }
        },
        FieldKind::Component(kind) => hooks.component(*kind, node, cx),
    }
}

/// Checks the fields of an object.
fn object(specs: &[FieldSpec], node: &Node, hooks: &dyn LintHooks, cx: &mut ReadContext) {
    let Some(mut fields) = Fields::open(node, cx) else {
        return;
    };
    for spec in specs {
        match fields.take(spec, cx) {
            Some(node) if spec.optional && node.is_null() => {}
            Some(node) => cx.within(&*spec.name, |cx| {
                if spec.secret {
                    cx.add_secret(node);
                }
                value(&spec.kind, node, hooks, cx);
            }),
            None if spec.is_required() => {
                String::read_absent(&spec.name, node.span, cx);
            }
            None => {}
        }
    }
    fields.finish(cx);
}
