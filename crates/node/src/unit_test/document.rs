//! JSON documents in a definition, written as YAML.

use bytes::Bytes;
use millrace_message::Value;
use millrace_spec::{FieldKind, FieldType, Node, ReadContext, Resolved, codes};

use crate::plain::value_of;

/// Any value; a null is one too.
#[derive(Clone, Debug)]
pub struct Document(pub Value);

/// A JSON document: a text is one as it stands, anything else becomes one.
#[derive(Clone, Debug)]
pub struct JsonText(pub Value);

impl FieldType for Document {
    fn kind() -> FieldKind {
        FieldKind::Any
    }

    fn read(node: &Node, _: &mut ReadContext) -> Option<Self> {
        Some(Self(value_of(node)))
    }

    fn means_absent(_: &Node) -> bool {
        false
    }
}

impl FieldType for JsonText {
    fn kind() -> FieldKind {
        FieldKind::Any
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let text = node
            .as_scalar()
            .filter(|it| it.resolved == Resolved::String);
        let Some(text) = text.map(|it| it.text.as_bytes()) else {
            return Some(Self(value_of(node)));
        };
        match Value::parse_json(Bytes::copy_from_slice(text)) {
            Ok(value) => Some(Self(value)),
            Err(error) => {
                let message = cx.about_field(&format!("the text is not JSON: {error}"));
                cx.error(codes::INVALID_VALUE, node.span, message).help = Some(
                    "write a text that is meant as one with its quotes: '\"text\"'".to_owned(),
                );
                None
            }
        }
    }

    fn means_absent(_: &Node) -> bool {
        false
    }
}
