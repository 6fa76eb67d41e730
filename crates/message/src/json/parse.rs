//! The one validating pass that builds a document's tape.
//!
//! Iterative: nesting costs heap, never stack. While it runs it decides which subtrees are
//! canonical (their source is what the printer would write): `dirt` counts everything that makes
//! text differ from the printed form, and a subtree during which it did not move is canonical.

use smallvec::SmallVec;

use super::{DEPTH_MAX, JsonError, Reason, escape};
use crate::document::{CANONICAL, ENCODED, Node, NodeKind, SORTED, key_tag};

const VALUE: &str = "a value";
const KEY: &str = "an object key in quotes";
const KEY_OR_END: &str = "an object key in quotes or `}`";
const COLON: &str = "`:` after an object key";
const OBJECT_NEXT: &str = "`,` or `}` after an object member";
const ARRAY_NEXT: &str = "`,` or `]` after an array element";
const DIGIT: &str = "a digit";

pub(crate) fn parse(source: &[u8]) -> Result<Vec<Node>, JsonError> {
    if source.len() > (u32::MAX - 1) as usize {
        return Err(JsonError::new(0, Reason::TooLarge));
    }
    let mut parser = Parser {
        source,
        position: 0,
        // Dense numbers take 4 bytes of text per node or more; usual documents 8 to 12.
        nodes: Vec::with_capacity(source.len() / 8 + 4),
        open: Open::NONE,
        outer: SmallVec::new(),
        dirt: 0,
        text: TextCheck::of(source),
        error: JsonError::new(0, Reason::UnexpectedEnd),
    };
    match parser.document() {
        Ok(()) => Ok(parser.nodes),
        Err(Failed) => Err(parser.error),
    }
}

/// A step found an error and left it in the parser. A type without content keeps the results of
/// the steps in registers.
struct Failed;

struct Parser<'a> {
    source: &'a [u8],
    position: usize,
    nodes: Vec<Node>,
    /// The innermost container.
    open: Open,
    /// The containers around it, the document itself first.
    outer: SmallVec<[Open; 16]>,
    dirt: u32,
    text: TextCheck,
    /// Meaningful after a step failed.
    error: JsonError,
}

/// A container whose end was not reached yet.
struct Open {
    node: u32,
    /// `dirt` when it began.
    dirt: u32,
    members: u32,
    /// Node of the newest key.
    key: u32,
    is_object: bool,
    sorted: bool,
}

impl Open {
    /// Stands for the document itself, which is no container.
    const NONE: Open = Open {
        node: u32::MAX,
        dirt: 0,
        members: 0,
        key: u32::MAX,
        is_object: false,
        sorted: false,
    };
}

/// What is known about the text of the whole payload, so that most strings need no check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TextCheck {
    /// Valid UTF-8 without U+2028 and U+2029.
    Clean,
    /// Valid UTF-8; strings may hold U+2028 or U+2029.
    Separators,
    /// Somewhere it is not UTF-8.
    Invalid,
}

impl TextCheck {
    fn of(source: &[u8]) -> TextCheck {
        if std::str::from_utf8(source).is_err() {
            TextCheck::Invalid
        } else if memchr::memchr_iter(0xe2, source)
            .any(|at| matches!(source.get(at + 1..at + 3), Some([0x80, 0xa8 | 0xa9])))
        {
            TextCheck::Separators
        } else {
            TextCheck::Clean
        }
    }
}

impl Parser<'_> {
    fn document(&mut self) -> Result<(), Failed> {
        'value: loop {
            match self.next(VALUE)? {
                b'{' => {
                    self.begin(NodeKind::Object)?;
                    if self.peek()? == b'}' {
                        self.position += 1;
                        self.end();
                    } else {
                        self.key(KEY_OR_END)?;
                        continue 'value;
                    }
                }
                b'[' => {
                    self.begin(NodeKind::Array)?;
                    if self.peek()? == b']' {
                        self.position += 1;
                        self.end();
                    } else {
                        continue 'value;
                    }
                }
                b'"' => self.string()?,
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.word(b"true", NodeKind::True)?,
                b'f' => self.word(b"false", NodeKind::False)?,
                b'n' => self.word(b"null", NodeKind::Null)?,
                byte => return Err(self.unexpected(byte, VALUE)),
            }
            loop {
                if self.open.node == u32::MAX {
                    break 'value;
                }
                self.open.members += 1;
                if self.open.is_object {
                    match self.next(OBJECT_NEXT)? {
                        b',' => {
                            self.key(KEY)?;
                            continue 'value;
                        }
                        b'}' => self.end(),
                        byte => return Err(self.unexpected(byte, OBJECT_NEXT)),
                    }
                } else {
                    match self.next(ARRAY_NEXT)? {
                        b',' => continue 'value,
                        b']' => self.end(),
                        byte => return Err(self.unexpected(byte, ARRAY_NEXT)),
                    }
                }
            }
        }
        self.skip_space();
        if self.position < self.source.len() {
            return Err(self.fail(self.position, Reason::TrailingData));
        }
        Ok(())
    }

    fn begin(&mut self, kind: NodeKind) -> Result<(), Failed> {
        if self.outer.len() >= DEPTH_MAX {
            return Err(self.fail(self.position - 1, Reason::TooDeep));
        }
        let node = self.nodes.len() as u32;
        self.push(kind, self.position - 1, self.position, 0);
        let open = Open {
            node,
            dirt: self.dirt,
            members: 0,
            key: u32::MAX,
            is_object: kind == NodeKind::Object,
            sorted: true,
        };
        self.outer.push(std::mem::replace(&mut self.open, open));
        Ok(())
    }

    /// Closes the innermost container; the closing bracket was consumed.
    #[inline]
    fn end(&mut self) {
        let next = self.nodes.len() as u32;
        let outer = self.outer.pop().unwrap_or(Open::NONE);
        let open = std::mem::replace(&mut self.open, outer);
        if open.key != u32::MAX {
            self.nodes[open.key as usize].next = next;
        }
        let node = &mut self.nodes[open.node as usize];
        node.end = self.position as u32;
        node.next = next;
        node.extra = u16::try_from(open.members).unwrap_or(u16::MAX);
        if open.is_object && open.sorted {
            node.flags |= SORTED;
        }
        if open.dirt == self.dirt {
            node.flags |= CANONICAL;
        }
    }

    /// Reads a key and its colon.
    #[inline]
    fn key(&mut self, expected: &'static str) -> Result<(), Failed> {
        match self.next(expected)? {
            b'"' => {}
            byte => return Err(self.unexpected(byte, expected)),
        }
        let (start, flags) = self.string_body()?;
        let end = self.position - 1;
        let index = self.nodes.len() as u32;
        let tag = match flags & ENCODED {
            0 => key_tag(&self.source[start..end]),
            _ => key_tag(escape::decode(&self.source[start..end]).as_bytes()),
        };
        self.push(NodeKind::Key, start, end, flags);
        self.nodes[index as usize].extra = tag;
        self.order(index);
        match self.next(COLON)? {
            b':' => Ok(()),
            byte => Err(self.unexpected(byte, COLON)),
        }
    }

    /// Links a key to the one before it and notes whether the order still holds.
    #[inline]
    fn order(&mut self, index: u32) {
        let before = std::mem::replace(&mut self.open.key, index);
        if before == u32::MAX {
            return;
        }
        self.nodes[before as usize].next = index;
        if self.open.sorted {
            let (a, b) = (&self.nodes[before as usize], &self.nodes[index as usize]);
            let ascending = (a.flags | b.flags) & ENCODED == 0
                && self.source[a.start as usize..a.end as usize]
                    < self.source[b.start as usize..b.end as usize];
            if !ascending {
                self.open.sorted = false;
                self.dirt += 1;
            }
        }
    }

    #[inline]
    fn string(&mut self) -> Result<(), Failed> {
        let (start, flags) = self.string_body()?;
        self.push(NodeKind::String, start, self.position - 1, flags);
        Ok(())
    }

    /// Reads up to and with the closing quote; returns where the text begins, and its flags.
    #[inline]
    fn string_body(&mut self) -> Result<(usize, u8), Failed> {
        let start = self.position;
        let mut at = start;
        let mut flags = CANONICAL;
        loop {
            at = find_special(self.source, at);
            match self.source.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    flags |= ENCODED;
                    let escape = escape::check(&self.source[at..])
                        .map_err(|reason| self.fail(at, reason))?;
                    if !escape.canonical {
                        flags &= !CANONICAL;
                    }
                    at += escape.length;
                }
                Some(byte) => return Err(self.fail(at, Reason::ControlCharacter(*byte))),
                None => return Err(self.ended()),
            }
        }
        self.position = at + 1;
        if self.text != TextCheck::Clean {
            flags = self.check_text(start, at, flags);
        }
        if flags & CANONICAL == 0 {
            self.dirt += 1;
        }
        Ok((start, flags))
    }

    #[cold]
    fn check_text(&self, start: usize, end: usize, flags: u8) -> u8 {
        match std::str::from_utf8(&self.source[start..end]) {
            Err(_) => (flags | ENCODED) & !CANONICAL,
            Ok(text) if text.contains(['\u{2028}', '\u{2029}']) => flags & !CANONICAL,
            Ok(_) => flags,
        }
    }

    #[inline]
    fn number(&mut self) -> Result<(), Failed> {
        let start = self.position - 1;
        let negative = self.source[start] == b'-';
        let first = start + usize::from(negative);
        let mut at = first;
        let mut kind = NodeKind::Integer;
        match self.source.get(at) {
            Some(b'0') => {
                at += 1;
                if negative {
                    kind = NodeKind::Number;
                }
            }
            Some(b'1'..=b'9') => at = self.digits(at + 1),
            Some(byte) => return Err(self.fail(at, unexpected(*byte, DIGIT))),
            None => return Err(self.ended()),
        }
        if at - first > 18 {
            kind = NodeKind::Number;
        }
        if self.source.get(at) == Some(&b'.') {
            kind = NodeKind::Number;
            at = self.some_digits(at + 1)?;
        }
        if let Some(b'e' | b'E') = self.source.get(at) {
            kind = NodeKind::Number;
            at += 1;
            if let Some(b'+' | b'-') = self.source.get(at) {
                at += 1;
            }
            at = self.some_digits(at)?;
        }
        self.position = at;
        self.push(kind, start, at, CANONICAL);
        Ok(())
    }

    #[inline]
    fn digits(&self, mut at: usize) -> usize {
        while let Some(b'0'..=b'9') = self.source.get(at) {
            at += 1;
        }
        at
    }

    fn some_digits(&mut self, at: usize) -> Result<usize, Failed> {
        match self.source.get(at) {
            Some(b'0'..=b'9') => Ok(self.digits(at)),
            Some(byte) => Err(self.fail(at, unexpected(*byte, DIGIT))),
            None => Err(self.ended()),
        }
    }

    fn word(&mut self, word: &'static [u8], kind: NodeKind) -> Result<(), Failed> {
        let start = self.position - 1;
        for (i, expected) in word.iter().enumerate() {
            match self.source.get(start + i) {
                Some(byte) if byte == expected => {}
                Some(byte) => {
                    return Err(self.fail(start + i, unexpected(*byte, VALUE)));
                }
                None => return Err(self.ended()),
            }
        }
        self.position = start + word.len();
        self.push(kind, start, self.position, CANONICAL);
        Ok(())
    }

    #[inline]
    fn push(&mut self, kind: NodeKind, start: usize, end: usize, flags: u8) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node {
            start: start as u32,
            end: end as u32,
            next,
            extra: 0,
            kind,
            flags,
        });
    }

    /// The next byte that is no white space, consumed.
    #[inline]
    fn next(&mut self, _expected: &'static str) -> Result<u8, Failed> {
        let byte = self.peek()?;
        self.position += 1;
        Ok(byte)
    }

    #[inline]
    fn peek(&mut self) -> Result<u8, Failed> {
        match self.source.get(self.position) {
            Some(byte) if *byte > b' ' => Ok(*byte),
            Some(_) => {
                self.skip_space();
                self.source
                    .get(self.position)
                    .copied()
                    .ok_or_else(|| self.ended())
            }
            None => Err(self.ended()),
        }
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.source.get(self.position) {
            self.position += 1;
            self.dirt += 1;
        }
    }

    #[cold]
    #[inline(never)]
    fn fail(&mut self, offset: usize, reason: Reason) -> Failed {
        self.error = JsonError::new(offset, reason);
        Failed
    }

    #[cold]
    fn unexpected(&mut self, byte: u8, expected: &'static str) -> Failed {
        self.fail(self.position - 1, unexpected(byte, expected))
    }

    #[cold]
    fn ended(&mut self) -> Failed {
        self.fail(self.source.len(), Reason::UnexpectedEnd)
    }
}

fn unexpected(byte: u8, expected: &'static str) -> Reason {
    Reason::Unexpected { byte, expected }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Position of the first quote, backslash or control character at or after `at`, eight bytes at a
/// time; the length of `bytes` when there is none.
#[inline]
fn find_special(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("the chunk has eight bytes"));
        let found = special_bytes(word);
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b'"' | b'\\' | 0..0x20) {
            return at;
        }
        at += 1;
    }
    at
}

/// The high bit of every byte that needs attention; bytes above the first one may be wrong.
#[inline]
pub(super) fn special_bytes(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | quote | backslash) & HIGH
}
