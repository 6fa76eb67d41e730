//! The JSON printer.

use std::sync::Arc;

use super::{number, write_string};
use crate::document::{CANONICAL, Document, NodeKind};
use crate::value::{Value, depth, timestamp};

/// Appends a value as JSON.
pub(crate) fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::I64(integer) => number::write_integer(*integer, out),
        Value::U64(integer) => number::write_unsigned(*integer, out),
        Value::F64(float) => number::write_json_float(*float, out),
        Value::Number(text) => out.extend_from_slice(text.as_str().as_bytes()),
        Value::String(text) => write_string(text, out),
        Value::Bytes(bytes) => write_base64(bytes, out),
        Value::Timestamp(at) => write_string(&timestamp::rfc3339(at), out),
        Value::Array(array) => array.write_json(out),
        Value::Object(object) => object.write_json(out),
    }
}

/// Bytes within a structure are base64 in JSON, as Go's encoder writes them.
fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.push(b'"');
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            if i <= chunk.len() {
                out.push(ALPHABET[(bits >> (18 - 6 * i)) as usize & 63]);
            } else {
                out.push(b'=');
            }
        }
    }
    out.push(b'"');
}

/// Appends a node that is not canonical as a whole.
pub(crate) fn write_node(document: &Arc<Document>, index: u32, out: &mut Vec<u8>) {
    let node = document.node(index);
    match node.kind {
        NodeKind::String | NodeKind::Key => {
            if node.flags & CANONICAL != 0 {
                out.push(b'"');
                out.extend_from_slice(document.raw(node));
                out.push(b'"');
            } else {
                write_string(&document.text(node), out);
            }
        }
        _ if node.flags & CANONICAL != 0 => out.extend_from_slice(document.raw(node)),
        NodeKind::Array => depth::guard(|| {
            out.push(b'[');
            let mut element = index + 1;
            while element < node.next {
                if element > index + 1 {
                    out.push(b',');
                }
                write_node(document, element, out);
                element = document.node(element).next;
            }
            out.push(b']');
        }),
        NodeKind::Object => depth::guard(|| {
            out.push(b'{');
            for (i, key) in document.keys(index).enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_member(document, key, out);
            }
            out.push(b'}');
        }),
        _ => out.extend_from_slice(document.raw(node)),
    }
}

/// Appends a member, key and value.
pub(crate) fn write_member(document: &Arc<Document>, key: u32, out: &mut Vec<u8>) {
    let name = document.node(key);
    let value = document.node(key + 1);
    let quote = u32::from(value.kind == NodeKind::String);
    // Key, colon and value mostly stand in the source as they are to be written: one copy.
    if name.flags & value.flags & CANONICAL != 0 && value.start - quote == name.end + 2 {
        let range = (name.start - 1) as usize..(value.end + quote) as usize;
        out.extend_from_slice(&document.source()[range]);
        return;
    }
    write_node(document, key, out);
    out.push(b':');
    write_node(document, key + 1, out);
}
