//! The fields of a use of a template: checked, completed with defaults, and as one value for its
//! mapping.

use millrace_message::{Object, Text, Value};
use millrace_spec::{Entry, FieldKind, FieldSpec, FieldType, Fields, Node, ReadContext};

use crate::plain::value_of;

/// Reads the fields; reports every one that is missing, unknown, or of another type.
pub(super) fn read(specs: &[FieldSpec], node: &Node, cx: &mut ReadContext) -> Option<Value> {
    let mut fields = Fields::open(node, cx)?;
    let (object, failed) = cx.errors_in(|cx| {
        let mut object = Object::new();
        for spec in specs {
            if let Some(value) = field(spec, &mut fields, cx) {
                object.insert(&*spec.name, value);
            }
        }
        fields.finish(cx);
        object
    });
    (!failed).then_some(Value::Object(object))
}

fn field(spec: &FieldSpec, fields: &mut Fields<'_>, cx: &mut ReadContext) -> Option<Value> {
    let parent = fields.node().span;
    let Some(node) = fields.take_node(&spec.name) else {
        let Some(default) = &spec.default else {
            String::read_absent(&spec.name, parent, cx);
            return None;
        };
        let default = Node::from_literal(default, parent.start_point());
        return read_value(&spec.kind, &default, cx);
    };
    if spec.secret {
        cx.add_secret(node);
    }
    cx.within(&*spec.name, |cx| read_value(&spec.kind, node, cx))
}

fn read_value(kind: &FieldKind, node: &Node, cx: &mut ReadContext) -> Option<Value> {
    match kind {
        FieldKind::String => String::read(node, cx).map(Value::from),
        FieldKind::Int => i64::read(node, cx).map(Value::from),
        FieldKind::Float => f64::read(node, cx).map(Value::from),
        FieldKind::Bool => bool::read(node, cx).map(Value::from),
        FieldKind::List(item) => {
            let Some(items) = node.as_sequence() else {
                cx.wrong_type(node, "a list");
                return None;
            };
            let read = |(index, node): (usize, &Node)| {
                cx.within(index.to_string(), |cx| read_value(item, node, cx))
            };
            // Every item is read, so that all complaints are told.
            let read: Vec<_> = items.iter().enumerate().map(read).collect();
            let values: Option<Vec<Value>> = read.into_iter().collect();
            values.map(Value::from)
        }
        FieldKind::Map(item) => {
            let Some(mapping) = node.as_mapping() else {
                cx.wrong_type(node, "an object");
                return None;
            };
            let read = |entry: &Entry| {
                let value = cx.within(&*entry.key, |cx| read_value(item, &entry.value, cx));
                value.map(|value| (Text::from(&*entry.key), value))
            };
            let read: Vec<_> = mapping.entries.iter().map(read).collect();
            let members: Option<Vec<(Text, Value)>> = read.into_iter().collect();
            members.map(|members| Value::Object(members.into_iter().collect()))
        }
        // Templates have no other kinds of fields.
        _ => Some(value_of(node)),
    }
}
