//! How much memory a decoded message takes, told before it is decoded.
//!
//! An element of a packed field may take one byte of the message, and is a value of two libraries in
//! memory.

use std::cell::Cell;

use millrace_formats::NoRoom;
use millrace_message::Value;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, Value as Wire};

/// What a value takes with its name.
const MEMBER: usize = 2 * size_of::<Value>();
/// What a field or an element takes: decoded, and as a value.
const FIELD: usize = size_of::<Wire>() + MEMBER;
/// What a message takes beside its fields, with the tree that holds them and what an allocator adds.
const MESSAGE: usize = size_of::<DynamicMessage>() + 160;
/// How deep messages are looked into: the decoder refuses those that nest deeper.
const DEPTH_MAX: usize = 100;

/// The memory that the value of one message may still take.
///
/// The text that it holds does not count, which is no longer than the message; names of the schema
/// count for themselves.
pub(super) struct Memory {
    left: Cell<usize>,
    max: usize,
    /// Whether the message is too small to take it all, whatever it holds.
    is_ample: bool,
}

impl Memory {
    /// At most `max` bytes for a message of so many.
    pub fn for_message(bytes: usize, max: usize) -> Self {
        Self {
            left: Cell::new(max),
            max,
            is_ample: bytes < max / (FIELD + MESSAGE),
        }
    }

    /// Takes what a message will, that is about to be decoded. Bytes that are no message of the type
    /// are left to the decoder, which says what is wrong.
    ///
    /// # Errors
    /// There is no more.
    pub fn decode(&self, descriptor: &MessageDescriptor, message: &[u8]) -> Result<(), NoRoom> {
        if !self.is_ample {
            self.message(Some(descriptor), &mut { message }, None, 0)?;
        }
        Ok(())
    }

    /// Takes what a member will that the message does not have.
    ///
    /// # Errors
    /// There is no more.
    pub fn member(&self) -> Result<(), NoRoom> {
        self.take(MEMBER)
    }

    fn take(&self, bytes: usize) -> Result<(), NoRoom> {
        let left = self.left.get().checked_sub(bytes);
        self.left.set(left.ok_or(NoRoom(self.max))?);
        Ok(())
    }

    /// Counts a message up to its end, or as the group that ends with the tag `end`; one that nobody
    /// knows has no type. `None` where the bytes are damaged.
    fn message(
        &self,
        descriptor: Option<&MessageDescriptor>,
        rest: &mut &[u8],
        end: Option<u64>,
        depth: usize,
    ) -> Result<Option<()>, NoRoom> {
        if depth > DEPTH_MAX {
            return Ok(None);
        }
        self.take(MESSAGE)?;
        while !rest.is_empty() {
            let Some(tag) = varint(rest) else {
                return Ok(None);
            };
            if end == Some(tag) {
                break;
            }
            let kind = descriptor.and_then(|it| kind(it, tag));
            if self.field(kind.as_ref(), tag, rest, depth)?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    fn field(
        &self,
        kind: Option<&Kind>,
        tag: u64,
        rest: &mut &[u8],
        depth: usize,
    ) -> Result<Option<()>, NoRoom> {
        self.take(FIELD)?;
        match tag & 7 {
            0 => Ok(varint(rest).map(drop)),
            1 => Ok(skip(rest, 8).map(drop)),
            5 => Ok(skip(rest, 4).map(drop)),
            2 => {
                let length = varint(rest).and_then(|it| usize::try_from(it).ok());
                let Some(content) = length.and_then(|it| skip(rest, it)) else {
                    return Ok(None);
                };
                self.content(kind, content, depth)
            }
            3 => self.message(
                kind.and_then(Kind::as_message),
                rest,
                Some(tag + 1),
                depth + 1,
            ),
            _ => Ok(None),
        }
    }

    /// Counts what has a length: a message, or packed elements.
    fn content(
        &self,
        kind: Option<&Kind>,
        mut content: &[u8],
        depth: usize,
    ) -> Result<Option<()>, NoRoom> {
        let elements = match kind {
            None | Some(Kind::String | Kind::Bytes) => return Ok(Some(())),
            Some(Kind::Message(inner)) => {
                return self.message(Some(inner), &mut content, None, depth + 1);
            }
            Some(Kind::Fixed64 | Kind::Sfixed64 | Kind::Double) => content.len() / 8,
            Some(Kind::Fixed32 | Kind::Sfixed32 | Kind::Float) => content.len() / 4,
            // Each variable length ends with a byte of seven bits.
            Some(_) => content.iter().filter(|byte| **byte < 0x80).count(),
        };
        self.take(elements.saturating_mul(FIELD)).map(Some)
    }
}

/// The type of the field of a tag, if the message has one.
fn kind(descriptor: &MessageDescriptor, tag: u64) -> Option<Kind> {
    let number = u32::try_from(tag >> 3).ok()?;
    let extension = || Some(descriptor.get_extension(number)?.kind());
    let field = descriptor.get_field(number).map(|it| it.kind());
    field.or_else(extension)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    prost::encoding::decode_varint(rest).ok()
}

fn skip<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (skipped, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(skipped)
}
