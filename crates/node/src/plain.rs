//! Parts of YAML files as values that messages and mappings have.

use millrace_message::Value;
use millrace_spec::{Entry, Node, Resolved, Value as NodeValue};

/// What a part of a YAML file means as a value.
pub(crate) fn value_of(node: &Node) -> Value {
    match &node.value {
        NodeValue::Scalar(scalar) => match scalar.resolved {
            Resolved::Null => Value::Null,
            Resolved::Bool(it) => Value::Bool(it),
            Resolved::Int(it) => Value::I64(it),
            Resolved::UInt(it) => Value::U64(it),
            Resolved::Float(it) => Value::F64(it),
            Resolved::String => Value::from(&*scalar.text),
        },
        NodeValue::Sequence(items) => items.iter().map(value_of).collect::<Vec<_>>().into(),
        NodeValue::Mapping(mapping) => {
            let member = |it: &Entry| (it.key.to_string(), value_of(&it.value));
            let members = mapping.entries.iter().map(member);
            Value::Object(members.collect())
        }
    }
}
