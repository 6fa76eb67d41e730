//! Where each part of a scalar's text stands in the source.

use crate::OffsetMap;
use crate::node::Place;

/// Aligns a scalar's decoded text with the raw text it was decoded from.
///
/// `raw` starts at `raw_start` of the interpolated text. Both are walked together: equal characters
/// advance together, escapes of quoted scalars count as the character they stand for, and raw white
/// space that has no counterpart (indentation, folding) is skipped.
pub fn align(text: &str, raw: &str, raw_start: usize, style: Style, map: &OffsetMap) -> Vec<Place> {
    let mut places = Places {
        map,
        list: Vec::new(),
        expected: None,
    };
    let mut raw_at = style.header_len(raw);
    if style.is_copy(text, &raw[raw_at..]) && map.is_copy(raw_start + raw_at, text.len()) {
        places.add(0, raw_start + raw_at, text.len(), text.len());
        return places.list;
    }
    for (text_at, letter) in text.char_indices() {
        loop {
            let rest = &raw[raw_at..];
            let Some(found) = rest.chars().next() else {
                break;
            };
            if let Some(len) = style.escape_len(rest) {
                places.add(text_at, raw_start + raw_at, len, letter.len_utf8());
                raw_at += len;
                break;
            }
            if found == letter {
                places.add(
                    text_at,
                    raw_start + raw_at,
                    letter.len_utf8(),
                    letter.len_utf8(),
                );
                raw_at += letter.len_utf8();
                break;
            }
            if !found.is_whitespace() && !style.is_line_continuation(rest) {
                break;
            }
            raw_at += found.len_utf8();
        }
    }
    places.list
}

/// How a scalar was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// `'…'`
    SingleQuoted,
    /// `"…"`
    DoubleQuoted,
    /// `|` or `>`
    Block,
}

impl Style {
    /// What comes before the content: the quote. The parser starts a block at its first line.
    fn header_len(self, raw: &str) -> usize {
        match self {
            Self::Plain | Self::Block => 0,
            Self::SingleQuoted | Self::DoubleQuoted => raw.len().min(1),
        }
    }

    /// Whether a text stands in `rest` as it is, as most of them do.
    fn is_copy(self, text: &str, rest: &str) -> bool {
        let has_escapes = match self {
            Self::Plain | Self::Block => false,
            Self::SingleQuoted => text.contains('\''),
            Self::DoubleQuoted => text.contains('\\'),
        };
        !text.is_empty() && !has_escapes && rest.starts_with(text)
    }

    /// The length of the escape at the start of `rest`, if there is one.
    fn escape_len(self, rest: &str) -> Option<usize> {
        match self {
            Self::SingleQuoted if rest.starts_with("''") => Some(2),
            Self::DoubleQuoted if rest.starts_with('\\') => {
                let escaped = rest[1..].chars().next()?;
                let len = match escaped {
                    '\n' | '\r' => return None,
                    'x' => 4,
                    'u' => 6,
                    'U' => 10,
                    letter => 1 + letter.len_utf8(),
                };
                Some(rest.floor_char_boundary(len))
            }
            _ => None,
        }
    }

    /// A backslash at the end of a line, in double quotes.
    fn is_line_continuation(self, rest: &str) -> bool {
        self == Self::DoubleQuoted && rest.starts_with('\\')
    }
}

struct Places<'a> {
    map: &'a OffsetMap,
    list: Vec<Place>,
    /// Text and raw offset that follow the last place without a gap.
    expected: Option<(usize, usize)>,
}

impl Places<'_> {
    /// `text_len` bytes of the text at `text` stand at `raw`, where they take `raw_len` bytes.
    fn add(&mut self, text: usize, raw: usize, raw_len: usize, text_len: usize) {
        let plain = raw_len == text_len && self.map.is_copied(raw);
        if plain && self.expected == Some((text, raw)) && !self.map.starts_segment(raw) {
            self.expected = Some((text + text_len, raw + raw_len));
            return;
        }
        let range = self.map.range(raw..raw + raw_len);
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        let until = (!plain).then_some(narrow(range.end));
        let place = Place {
            text: narrow(text),
            source: narrow(range.start),
            until,
        };
        if !plain
            && self
                .list
                .last()
                .is_some_and(|it| it.source == place.source && it.until == until)
        {
            return;
        }
        self.list.push(place);
        self.expected = plain.then_some((text + text_len, raw + raw_len));
    }
}
