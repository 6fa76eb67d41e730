//! How messages are written to a stream of bytes: `lines`, `append`, `delim:x`, `all-bytes`.

use millrace_message::Message;
use millrace_spec::{FieldKind, FieldType, Node, ReadContext, codes};

/// How messages become bytes of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// Each message replaces the content.
    AllBytes,
    /// Each message is followed by these bytes, unless it ends with them already.
    Delimited(Box<[u8]>),
    /// Messages follow each other without anything between them.
    Append,
}

impl Codec {
    /// Appends what is to be written for a message.
    pub(super) fn encode(&self, message: &Message, out: &mut Vec<u8>) {
        let begin = out.len();
        message.write_to(out);
        if let Self::Delimited(delimiter) = self
            && !out[begin..].ends_with(delimiter)
        {
            out.extend_from_slice(delimiter);
        }
    }
}

impl FieldType for Codec {
    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let text = String::read(node, cx)?;
        match text.as_str() {
            "lines" => Some(Self::Delimited(Box::from(*b"\n"))),
            "append" => Some(Self::Append),
            "all-bytes" => Some(Self::AllBytes),
            _ => match text.strip_prefix("delim:") {
                Some(delimiter) if !delimiter.is_empty() => {
                    Some(Self::Delimited(delimiter.as_bytes().into()))
                }
                _ => {
                    let message = format!("codec `{text}` is not known");
                    cx.error(codes::INVALID_OPTION, node.span, message).help = Some(
                        "one of `lines`, `append`, `all-bytes`, `delim:` and a delimiter"
                            .to_owned(),
                    );
                    None
                }
            },
        }
    }
}
