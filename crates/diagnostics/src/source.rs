//! The texts that diagnostics point into, and positions in them.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// One text of a [`SourceMap`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SourceId(u32);

/// A half-open range of bytes in one source text.
///
/// Offsets count bytes of the text as it was added to the [`SourceMap`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    /// The text.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The range `start..end` of `source`; an end before the start gives an empty span.
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        let start = offset(start);
        Self {
            source,
            start,
            end: offset(end).max(start),
        }
    }

    /// The empty span at the start of this one.
    pub fn start_point(self) -> Self {
        Self {
            end: self.start,
            ..self
        }
    }

    /// The smallest span that covers both; `self` when they are in different texts.
    pub fn to(self, other: Self) -> Self {
        if self.source != other.source {
            return self;
        }
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
            ..self
        }
    }

    /// The part `start..end` (bytes, relative to this span's start), cut at its end.
    pub fn slice(self, start: usize, end: usize) -> Self {
        let at = |relative: usize| self.start.saturating_add(offset(relative)).min(self.end);
        let start = at(start);
        Self {
            start,
            end: at(end).max(start),
            ..self
        }
    }

    /// Whether `other` lies inside this span.
    pub fn contains(self, other: Self) -> bool {
        self.source == other.source && self.start <= other.start && other.end <= self.end
    }

    /// Whether the two share a byte or an end.
    pub fn touches(self, other: Self) -> bool {
        self.source == other.source && self.start <= other.end && other.start <= self.end
    }

    /// Whether the span covers no byte.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// A line and column, both counted from 1; the column counts characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A named text.
#[derive(Debug)]
pub struct Source {
    name: String,
    text: String,
    line_starts: Vec<u32>,
    /// How many characters begin before each block of [`BLOCK_BYTES`]: a file may be one line of
    /// megabytes, and any number of complaints may ask for columns in it.
    chars_before: Vec<u32>,
}

/// So many bytes at most are looked at to find a column.
const BLOCK_BYTES: usize = 256;

impl Source {
    fn new(name: String, text: String) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0)
            .chain(newlines.map(|(at, _)| offset(at + 1)))
            .collect();
        let (mut chars, mut chars_before) = (0, vec![0]);
        for block in text.as_bytes().chunks(BLOCK_BYTES) {
            chars += begun(block);
            chars_before.push(saturate(chars));
        }
        Self {
            name,
            text,
            line_starts,
            chars_before,
        }
    }

    /// The path of the file as the user gave it, or a description such as `--set`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of a span of this source; offsets beyond the text or inside a character are moved
    /// back to the nearest boundary.
    pub fn slice(&self, span: Span) -> &str {
        let end = self.boundary(span.end as usize);
        &self.text[self.boundary(span.start as usize).min(end)..end]
    }

    /// Line and column of a byte offset; an offset beyond the end is the end.
    pub fn position(&self, offset: u32) -> Position {
        let index = self.line_index(offset);
        let start = self.line_starts[index] as usize;
        let end = self.boundary(offset as usize).max(start);
        Position {
            line: saturate(index + 1),
            column: self.chars_to(end) - self.chars_to(start) + 1,
        }
    }

    /// How many characters begin before a byte.
    fn chars_to(&self, end: usize) -> u32 {
        self.chars_before[end / BLOCK_BYTES] + saturate(begun(self.counted_to(end)))
    }

    /// The bytes whose characters have to be counted for it.
    fn counted_to(&self, end: usize) -> &[u8] {
        &self.text.as_bytes()[end / BLOCK_BYTES * BLOCK_BYTES..end]
    }

    /// The text of a line (from 1) without its line break, and the offset where it starts.
    pub fn line(&self, line: u32) -> Option<(u32, &str)> {
        let index = (line as usize).checked_sub(1)?;
        let start = *self.line_starts.get(index)? as usize;
        let end = self
            .line_starts
            .get(index + 1)
            .map_or(self.text.len(), |next| *next as usize);
        let text = self.text[start..end].trim_end_matches(['\n', '\r']);
        Some((offset(start), text))
    }

    fn line_index(&self, offset: u32) -> usize {
        self.line_starts
            .partition_point(|start| *start <= offset)
            .saturating_sub(1)
    }

    fn boundary(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset)
    }
}

/// How many characters begin in these bytes of a text.
fn begun(bytes: &[u8]) -> usize {
    let is_continuation = |byte: u8| byte & 0b1100_0000 == 0b1000_0000;
    bytes.iter().filter(|byte| !is_continuation(**byte)).count()
}

fn saturate(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// All texts that spans point into. Adding needs no exclusive access, so one map can be shared by
/// everything that reads configuration.
#[derive(Default, Debug)]
pub struct SourceMap {
    sources: RwLock<Vec<Arc<Source>>>,
}

impl SourceMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text under the name that diagnostics print.
    pub fn add(&self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        let source = Arc::new(Source::new(name.into(), text.into()));
        let mut sources = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        let id = SourceId(saturate(sources.len()));
        sources.push(source);
        id
    }

    /// The source of an id of this map; `None` for an id of another map.
    pub fn get(&self, id: SourceId) -> Option<Arc<Source>> {
        let sources = self.sources.read().unwrap_or_else(PoisonError::into_inner);
        sources.get(id.0 as usize).map(Arc::clone)
    }

    /// Name and position of a span's start.
    pub fn locate(&self, span: Span) -> Option<(String, Position)> {
        let source = self.get(span.source)?;
        Some((source.name.clone(), source.position(span.start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let map = SourceMap::new();
        let id = map.add("a.yaml", "häß: 1\n\nzwei");
        let source = map.get(id).unwrap();
        let at = |byte| source.position(byte).to_string();
        assert_eq!(
            (at(0), at(5), at(9), at(10)),
            ("1:1".into(), "1:4".into(), "2:1".into(), "3:1".into())
        );
        assert_eq!(at(9999), "3:5");
        assert_eq!(source.line(1), Some((0, "häß: 1")));
        assert_eq!(source.line(4), None);
    }

    #[test]
    fn a_column_of_a_line_of_a_megabyte_is_found_by_looking_at_a_few_bytes() {
        let text = "ä€a".repeat(200_000);
        let map = SourceMap::new();
        let source = map.get(map.add("a.yaml", text.clone())).unwrap();
        for offset in (0..text.len()).step_by(4801) {
            assert!(source.counted_to(offset).len() < BLOCK_BYTES);
        }
        for char in [0, 1, 2, 255, 256, 257, 299_999, 599_999, 600_000] {
            let offset = text.char_indices().nth(char).map_or(text.len(), |it| it.0);
            let found = source.position(saturate(offset));
            assert_eq!(found.column as usize, char + 1);
        }
    }

    proptest! {
        #[test]
        fn any_offset_of_any_text_has_a_position(text in "\\PC*|(.|\n){0,40}", at in 0u32..80) {
            let map = SourceMap::new();
            let source = map.get(map.add("x", text.clone())).unwrap();
            let position = source.position(at);
            prop_assert!(position.line as usize <= text.matches('\n').count() + 1);
            let before = &text[..text.floor_char_boundary(at as usize)];
            let line = before.rsplit('\n').next().unwrap_or_default();
            prop_assert_eq!(position.column as usize, line.chars().count() + 1);
            let span = Span::new(SourceId(0), at as usize, at as usize + 3);
            prop_assert!(text.contains(source.slice(span)));
        }
    }
}
