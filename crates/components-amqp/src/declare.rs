//! Fields that name and declare queues and exchanges.

use lapin::types::{AMQPValue, FieldTable, ShortString};
use millrace_message::Error;
use millrace_spec::{FieldKind, FieldType, Node, ReadContext, Resolved, codes};

/// Arguments of a declaration, such as `x-queue-type: quorum`: text, integers, numbers and bools.
#[derive(Clone, Debug, Default)]
pub struct Arguments(pub FieldTable);

impl FieldType for Arguments {
    fn kind() -> FieldKind {
        FieldKind::Map(Box::new(FieldKind::Any))
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let Some(mapping) = node.as_mapping() else {
            cx.wrong_type(node, "an object");
            return None;
        };
        let mut table = FieldTable::default();
        let mut complete = true;
        for entry in mapping.entries.iter() {
            let name = ShortString::try_new(&*entry.key);
            match (name, argument(&entry.value)) {
                (Ok(name), Some(value)) => {
                    table.insert(name, value);
                }
                (Err(_), _) => {
                    too_long(entry.key_span, cx);
                    complete = false;
                }
                (_, None) => {
                    cx.wrong_type(&entry.value, "a text, a number or a boolean");
                    complete = false;
                }
            }
        }
        complete.then_some(Self(table))
    }
}

fn argument(node: &Node) -> Option<AMQPValue> {
    let scalar = node.as_scalar()?;
    match scalar.resolved {
        Resolved::Null => None,
        Resolved::Bool(value) => Some(AMQPValue::Boolean(value)),
        Resolved::Int(value) => Some(AMQPValue::LongLongInt(value)),
        Resolved::Float(value) => Some(AMQPValue::Double(value)),
        _ => Some(AMQPValue::LongString(scalar.text.as_bytes().into())),
    }
}

/// The check of a field that the protocol carries as a short string.
#[expect(clippy::ptr_arg, reason = "the type of a field's check")]
pub fn short(text: &String, node: &Node, cx: &mut ReadContext) {
    if text.len() > usize::from(u8::MAX) {
        too_long(node.span, cx);
    }
}

fn too_long(span: millrace_spec::diagnostics::Span, cx: &mut ReadContext) {
    cx.error(
        codes::INVALID_VALUE,
        span,
        "AMQP allows at most 255 bytes here",
    );
}

/// A short string of the protocol; `what` it is stands in the error.
///
/// # Errors
/// `Rejected` when it is longer than 255 bytes.
pub fn short_string(what: &str, text: impl Into<String>) -> Result<ShortString, Error> {
    ShortString::try_new(text)
        .map_err(|error| Error::rejected(format!("{what}: AMQP allows at most 255 bytes: {error}")))
}
