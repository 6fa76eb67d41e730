//! Finds the end of one document in a stream without understanding it: what is within is the
//! reader's matter, which gets the bytes up to there.

use std::hash::Hasher;

use crate::DEPTH_MAX;

/// Passes over the bytes of one document as they come, holding none of them.
///
/// The document ends with its first element. What the reader refuses may seem to end anywhere.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    place: Place,
    /// The last bytes within the place.
    recent: Recent,
    /// The names of the open elements, as hashes.
    open: Vec<u64>,
    /// How many more elements are open inside of the innermost of `open`.
    deeper: u64,
    name: Name,
    has_begun: bool,
}

type Recent = [u8; 3];

/// Where in the markup the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Text,
    /// Behind `<`.
    Opened,
    /// Behind `<!`, with so many bytes of `--` or `[CDATA[` found.
    Marked(usize),
    Comment,
    Instruction,
    CharacterData,
    /// `<!DOCTYPE …>`, so many brackets deep, within a quote or not.
    Directive {
        depth: usize,
        quote: u8,
    },
    /// A comment within a directive, to which it goes back.
    DirectiveComment {
        depth: usize,
    },
    StartName,
    /// Behind the name, within a quote or not.
    Attributes {
        quote: u8,
    },
    EndName,
    /// Behind the name of an end.
    Ending,
}

impl Place {
    /// Whether it ends with a mark of several bytes.
    fn has_mark(self) -> bool {
        matches!(
            self,
            Self::Comment | Self::Instruction | Self::CharacterData | Self::DirectiveComment { .. }
        )
    }
}

/// The name of an element without its namespace prefix, as a hash.
#[derive(Clone, Debug, Default)]
struct Name {
    whole: std::hash::DefaultHasher,
    local: std::hash::DefaultHasher,
    prefix_len: usize,
    local_len: usize,
    has_colon: bool,
}

impl Name {
    fn push(&mut self, byte: u8) {
        self.whole.write_u8(byte);
        if byte == b':' && !self.has_colon {
            self.has_colon = true;
        } else if self.has_colon {
            self.local.write_u8(byte);
            self.local_len += 1;
        } else {
            self.prefix_len += 1;
        }
    }

    fn take(&mut self) -> u64 {
        let name = std::mem::take(self);
        if name.has_colon && name.prefix_len > 0 && name.local_len > 0 {
            // An element without a prefix has the same name as one with it.
            return name.local.finish();
        }
        name.whole.finish()
    }
}

const CDATA: &[u8] = b"[CDATA[";

impl Edge {
    /// Passes over bytes; the length up to the end of the document, when it is among them.
    pub fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        for (index, byte) in bytes.iter().enumerate() {
            if self.pass(*byte) {
                return Some(index + 1);
            }
        }
        None
    }

    /// Whether an element has begun: without one there is no document, whatever there is.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether the document ends behind this byte.
    fn pass(&mut self, byte: u8) -> bool {
        let mut ends = false;
        let recent = self.recent;
        let place = match self.place {
            Place::Text if byte == b'<' => Place::Opened,
            Place::Text => Place::Text,
            Place::Opened => self.opened(byte),
            Place::Marked(found) => Self::marked(found, byte),
            Place::Comment if byte == b'>' && recent.ends_with(b"--") => Place::Text,
            Place::Instruction if byte == b'>' && recent.ends_with(b"?") => Place::Text,
            Place::CharacterData if byte == b'>' && recent.ends_with(b"]]") => Place::Text,
            Place::Directive { depth, quote } => directive(depth, quote, recent, byte),
            Place::DirectiveComment { depth } if byte == b'>' && recent.ends_with(b"--") => {
                Place::Directive { depth, quote: 0 }
            }
            Place::StartName | Place::Attributes { .. } => self.start(byte, &mut ends),
            Place::EndName | Place::Ending => self.end(byte, &mut ends),
            other => other,
        };
        // What opens a comment is no part of what ends it: `<!-->` goes on.
        let opens = place.has_mark() && !self.place.has_mark();
        self.recent = match opens {
            true => Recent::default(),
            false => [recent[1], recent[2], byte],
        };
        self.place = place;
        ends
    }

    fn opened(&mut self, byte: u8) -> Place {
        match byte {
            b'/' => {
                self.has_begun = true;
                Place::EndName
            }
            b'?' => Place::Instruction,
            b'!' => Place::Marked(0),
            _ => {
                self.has_begun = true;
                self.name.push(byte);
                Place::StartName
            }
        }
    }

    fn marked(found: usize, byte: u8) -> Place {
        match (found, byte) {
            (0, b'-') => Place::Marked(CDATA.len() + 1),
            (at, b'-') if at > CDATA.len() => Place::Comment,
            (at, byte) if CDATA.get(at) == Some(&byte) => match at + 1 {
                whole if whole == CDATA.len() => Place::CharacterData,
                part => Place::Marked(part),
            },
            _ => directive(0, 0, Recent::default(), byte),
        }
    }

    /// Within a start: its name, then its attributes.
    fn start(&mut self, byte: u8, ends: &mut bool) -> Place {
        match (self.place, byte) {
            (Place::Attributes { quote }, _) if quote != 0 => Place::Attributes {
                quote: if byte == quote { 0 } else { quote },
            },
            (_, b'>') => {
                let is_empty = self.recent.ends_with(b"/");
                let name = self.name.take();
                if !is_empty {
                    self.push(name);
                } else if self.open.is_empty() {
                    *ends = true;
                }
                Place::Text
            }
            (Place::StartName, b' ' | b'\t' | b'\r' | b'\n' | b'/') => {
                Place::Attributes { quote: 0 }
            }
            (Place::StartName, _) => {
                self.name.push(byte);
                Place::StartName
            }
            (_, b'"' | b'\'') => Place::Attributes { quote: byte },
            _ => Place::Attributes { quote: 0 },
        }
    }

    /// Within an end.
    fn end(&mut self, byte: u8, ends: &mut bool) -> Place {
        match byte {
            b'>' => {
                let name = self.name.take();
                *ends = self.close(name);
                Place::Text
            }
            b' ' | b'\t' | b'\r' | b'\n' => Place::Ending,
            _ if self.place == Place::EndName => {
                self.name.push(byte);
                Place::EndName
            }
            _ => Place::Ending,
        }
    }

    fn push(&mut self, name: u64) {
        // Deeper ones are refused by the reader, and only have to be passed over.
        if self.open.len() < DEPTH_MAX {
            self.open.push(name);
        } else {
            self.deeper += 1;
        }
    }

    /// An end closes the elements inside that have none; whether the outermost one is closed.
    fn close(&mut self, name: u64) -> bool {
        if self.deeper > 0 {
            self.deeper -= 1;
            return false;
        }
        while let Some(innermost) = self.open.pop() {
            if innermost == name {
                break;
            }
        }
        self.open.is_empty()
    }
}

/// One byte of a directive, whose brackets nest outside of quotes and comments.
fn directive(depth: usize, quote: u8, recent: Recent, byte: u8) -> Place {
    match byte {
        _ if quote != 0 => Place::Directive {
            depth,
            quote: if byte == quote { 0 } else { quote },
        },
        b'"' | b'\'' => Place::Directive { depth, quote: byte },
        b'<' => Place::Directive {
            depth: depth + 1,
            quote: 0,
        },
        b'>' if depth == 0 => Place::Text,
        b'>' => Place::Directive {
            depth: depth - 1,
            quote: 0,
        },
        // The bracket was no part of the directive.
        b'-' if recent == *b"<!-" && depth > 0 => Place::DirectiveComment { depth: depth - 1 },
        _ => Place::Directive { depth, quote: 0 },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::read;

    fn end(text: &str) -> Option<usize> {
        Edge::default().find(text.as_bytes())
    }

    #[test]
    fn a_document_ends_with_its_first_element() {
        for text in [
            "<a/>",
            "<a b='x>y' c=\">\"/>",
            "<a>x</a>",
            "<a><b>1</b><b/></a >",
            "text <?xml version='1.0'?> <!-- <a/> --> <a><!-- </a> --></a>",
            "<a><![CDATA[ </a> ]]></a>",
            "<!DOCTYPE x [<!ENTITY y \"z>\"> <!-- > ' --> ]><a>&y;</a>",
            "<n:a></a>",
            "<a><b></a>",
            "<a></b>",
            "<!----><a/>",
        ] {
            assert_eq!(end(&format!("{text}<z/>")), Some(text.len()), "{text}");
        }
    }

    #[test]
    fn what_is_cut_has_no_end_and_what_has_no_element_has_not_begun() {
        for (text, has_begun) in [
            ("", false),
            ("text", false),
            ("<!-- <a/> -->", false),
            ("<?a <a/> ?>", false),
            ("<a", true),
            ("<a><b></b>", true),
            ("<a b='/>", true),
        ] {
            let mut edge = Edge::default();
            assert_eq!(edge.find(text.as_bytes()), None, "{text}");
            assert_eq!(edge.has_begun(), has_begun, "{text}");
        }
    }

    #[test]
    fn what_nests_too_deep_is_passed_over_in_bounded_memory() {
        let levels = 50 * DEPTH_MAX;
        let text = "<a>".repeat(levels) + &"</a>".repeat(levels);
        let mut edge = Edge::default();
        assert_eq!(edge.find(text.as_bytes()), Some(text.len()));
        assert!(edge.open.capacity() <= 2 * DEPTH_MAX);
    }

    proptest! {
        #[test]
        fn the_reader_takes_what_the_edge_finds(
            text in "(<a>|<b>|</a>|</b>|<a/>|<b x='>'/>|<!-- <a> -->|<\\?p \\?>|x|<!\\[CDATA\\[</a>\\]\\]>|<!D \"<\" <y>>){0,12}",
            step in 1_usize..5,
        ) {
            let Ok(value) = read(text.as_bytes(), false) else { return Ok(()) };
            let mut edge = Edge::default();
            let mut at = 0;
            let end = text.as_bytes().chunks(step).find_map(|chunk| {
                let found = edge.find(chunk).map(|length| at + length);
                at += chunk.len();
                found
            });
            let end = end.expect("the reader has found it");
            prop_assert_eq!(read(&text.as_bytes()[..end], false), Ok(value));
            if end > 1 {
                prop_assert!(read(&text.as_bytes()[..end - 1], false).is_err());
            }
        }
    }
}
