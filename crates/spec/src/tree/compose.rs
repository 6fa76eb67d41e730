//! Composes parser events into nodes: anchors, aliases, merge keys, duplicate keys, limits.

use super::places::{Style, align};
use super::{MAX_ALIASED_NODES, MAX_ANCHORED_NODES, MAX_DEPTH, MAX_TEXT_BYTES, explain, scalar};
use crate::env::InterpolatedText;
use crate::node::Place;
use crate::{Entry, Mapping, Node, Resolved, Scalar, Value, codes};
use millrace_diagnostics::{Diagnostic, Diagnostics, Span};
use saphyr_parser::{Event, Parser, ScalarStyle, StrInput, Tag};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

type Failure = Box<Diagnostic>;
type EventTag<'i> = Option<Cow<'i, Tag>>;

/// The one document of a text.
///
/// Brackets that are closed further left than the text around them are accepted, as go-yaml does:
/// the parser refuses such a line, so it is joined to the one before and the text parsed again.
pub fn document(text: &InterpolatedText, diagnostics: &mut Diagnostics) -> Result<Node, Failure> {
    let before = diagnostics.len();
    let mut joined = Cow::Borrowed(text.text.as_str());
    for attempt in 0.. {
        let mut composer = Composer {
            text,
            parser: Parser::new_from_str(&joined),
            offsets: ByteOffsets::new(&joined),
            anchors: HashMap::new(),
            anchored: 0,
            aliased: Weight::default(),
            diagnostics,
        };
        let (at, reason) = match composer.document() {
            Ok(node) => return Ok(node),
            Err(Problem::Refused(diagnostic)) => return Err(diagnostic),
            Err(Problem::Syntax { at, reason }) => (at, reason),
        };
        let may_join = attempt < MAX_JOINED_LINES && text.text.len() <= MAX_JOINED_BYTES;
        match line_break_before(&joined, at).filter(|_| may_join && is_too_far_left(&reason)) {
            Some(line_break) => joined.to_mut().replace_range(line_break..=line_break, " "),
            None => return Err(Box::new(explain::syntax(text, at, &reason))),
        }
        diagnostics.truncate(before);
    }
    Ok(null(text.span(0..0)))
}

/// How many lines of one text are joined to the one before, and in texts of which size: each of
/// them costs parsing the text once more.
const MAX_JOINED_LINES: usize = 256;
const MAX_JOINED_BYTES: usize = 256 << 10;

/// Whether the parser refused a line within brackets for its indentation alone.
fn is_too_far_left(reason: &str) -> bool {
    [
        "invalid indentation",
        "invalid indentation in flow construct",
    ]
    .contains(&reason)
}

/// The line break before the line of `at`, when only spaces stand between and the line before
/// has no comment that would swallow what is joined to it.
fn line_break_before(text: &str, at: usize) -> Option<usize> {
    let before = text.get(..at)?.trim_end_matches(' ');
    let line_break = before
        .len()
        .checked_sub(1)
        .filter(|_| before.ends_with('\n'))?;
    let line = before[..line_break].rsplit('\n').next().unwrap_or_default();
    (!line.contains('#')).then_some(line_break)
}

/// What a value costs where it is repeated.
#[derive(Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    /// The bytes of its texts and keys.
    bytes: usize,
    /// How many levels are below it.
    levels: usize,
}

impl Weight {
    fn of(node: &Node) -> Self {
        let mut weight = Self::default();
        weight.add(node, 0);
        weight
    }

    fn add(&mut self, node: &Node, level: usize) {
        self.nodes += 1;
        self.levels = self.levels.max(level);
        match &node.value {
            Value::Scalar(scalar) => self.bytes += scalar.text.len(),
            Value::Sequence(items) => items.iter().for_each(|it| self.add(it, level + 1)),
            Value::Mapping(mapping) => {
                for entry in mapping.entries.iter() {
                    self.bytes += entry.key.len();
                    self.add(&entry.value, level + 1);
                }
            }
        }
    }
}

/// Why a text could not be composed.
enum Problem {
    /// The parser's error, at a byte of the text it was given.
    Syntax { at: usize, reason: String },
    /// Ours.
    Refused(Failure),
}

impl From<Failure> for Problem {
    fn from(diagnostic: Failure) -> Self {
        Self::Refused(diagnostic)
    }
}

struct Composer<'t, 'i, 'd> {
    text: &'t InterpolatedText,
    parser: Parser<'i, StrInput<'i>>,
    offsets: ByteOffsets,
    anchors: HashMap<usize, (Node, Weight)>,
    /// How many values the anchors keep.
    anchored: usize,
    aliased: Weight,
    diagnostics: &'d mut Diagnostics,
}

impl<'i> Composer<'_, 'i, '_> {
    fn document(&mut self) -> Result<Node, Problem> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(_), _) => {}
                (Event::StreamEnd, range) => return Ok(null(self.text.span(range))),
                (event, range) => {
                    let node = self.node(event, range, 0)?;
                    self.expect_end()?;
                    return Ok(node);
                }
            }
        }
    }

    /// The next event with its byte range in the interpolated text.
    fn next(&mut self) -> Result<(Event<'i>, Range<usize>), Problem> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                let start = self.offsets.byte(span.start.index());
                let end = self.offsets.byte(span.end.index());
                Ok((event, start..end.max(start)))
            }
            Some(Err(error)) => {
                let at = self.offsets.byte(error.marker().index());
                Err(Problem::Syntax {
                    at,
                    reason: error.info().to_owned(),
                })
            }
            None => Ok((Event::StreamEnd, self.text.text.len()..self.text.text.len())),
        }
    }

    /// Reads on until the end and refuses a second document.
    fn expect_end(&mut self) -> Result<(), Problem> {
        loop {
            let (event, range) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(()),
                Event::DocumentStart(_) => {
                    let span = self.text.span(range);
                    let message = "a config file holds one YAML document, and here begins another";
                    let help = "put each config into its own file, or remove the line `---`";
                    let error = Diagnostic::error(codes::YAML_SYNTAX, message).at(span);
                    return Err(Box::new(error.help(help)).into());
                }
                _ => {}
            }
        }
    }

    fn node(
        &mut self,
        event: Event<'i>,
        range: Range<usize>,
        depth: usize,
    ) -> Result<Node, Problem> {
        if depth > MAX_DEPTH {
            return Err(self.too_deep(range));
        }
        let (node, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, range, depth),
            Event::Scalar(text, style, anchor, tag) => {
                (self.scalar(&text, style, &tag, range), anchor)
            }
            Event::SequenceStart(anchor, _) => (self.sequence(range, depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.mapping(range, depth)?, anchor),
            _ => (null(self.text.span(range)), 0),
        };
        if anchor != 0 {
            self.anchor(anchor, &node)?;
        }
        Ok(node)
    }

    /// Keeps a value for the aliases to it. Anchors inside each other would keep their inner values
    /// many times.
    fn anchor(&mut self, anchor: usize, node: &Node) -> Result<(), Problem> {
        let weight = Weight::of(node);
        self.anchored = self.anchored.saturating_add(weight.nodes);
        if self.anchored > MAX_ANCHORED_NODES {
            let message = format!("anchors name more than {MAX_ANCHORED_NODES} values");
            let error = Diagnostic::error(codes::LIMIT, message).at(node.span);
            let error = error.help("remove the anchors that nothing refers to");
            return Err(Box::new(error).into());
        }
        self.anchors.insert(anchor, (node.clone(), weight));
        Ok(())
    }

    fn too_deep(&self, range: Range<usize>) -> Problem {
        let message = format!("more than {MAX_DEPTH} levels of objects and lists");
        let error = Diagnostic::error(codes::LIMIT, message).at(self.text.span(range));
        Box::new(error.help("use fewer levels")).into()
    }

    fn alias(&mut self, anchor: usize, range: Range<usize>, depth: usize) -> Result<Node, Problem> {
        let span = self.text.span(range.clone());
        let Some((node, weight)) = self.anchors.get(&anchor) else {
            let message = "an alias cannot stand inside the value that it names";
            return Err(Box::new(Diagnostic::error(codes::YAML_SYNTAX, message).at(span)).into());
        };
        if depth + weight.levels > MAX_DEPTH {
            return Err(self.too_deep(range));
        }
        self.aliased.nodes = self.aliased.nodes.saturating_add(weight.nodes);
        self.aliased.bytes = self.aliased.bytes.saturating_add(weight.bytes);
        let limit = if self.aliased.nodes > MAX_ALIASED_NODES {
            format!("{MAX_ALIASED_NODES} values")
        } else if self.aliased.bytes > MAX_TEXT_BYTES {
            format!("{MAX_TEXT_BYTES} bytes")
        } else {
            return Ok(node.clone());
        };
        let message = format!("aliases expand to more than {limit}");
        let error = Diagnostic::error(codes::LIMIT, message).at(span);
        Err(Box::new(error.help("write fewer of them, or split the config")).into())
    }

    fn scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        tag: &EventTag<'_>,
        range: Range<usize>,
    ) -> Node {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::SingleQuoted,
            ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        };
        let raw = &self.text.text[range.clone()];
        let places: Arc<[Place]> = align(text, raw, range.start, style, &self.text.map).into();
        let resolved = match tag.as_deref().and_then(core_tag) {
            Some("str" | "binary") => Resolved::String,
            Some("int" | "float" | "bool" | "null") => scalar::resolve(text),
            _ if style == Style::Plain => scalar::resolve(text),
            _ => Resolved::String,
        };
        let value = Value::Scalar(Scalar {
            text: Arc::from(text),
            resolved,
            places,
        });
        Node {
            span: self.text.span(trimmed(raw, range)),
            value,
        }
    }

    fn sequence(&mut self, range: Range<usize>, depth: usize) -> Result<Node, Problem> {
        let mut items = Vec::new();
        let mut span = self.text.span(range);
        loop {
            let (event, range) = self.next()?;
            if event == Event::SequenceEnd {
                span = self.close(span, range);
                break;
            }
            let alias = self.alias_place(&event, &range);
            let item = self.node(event, range, depth + 1)?;
            span = cover(span, alias.unwrap_or(item.span));
            items.push(item);
        }
        Ok(Node {
            span,
            value: Value::Sequence(Arc::new(items)),
        })
    }

    fn mapping(&mut self, range: Range<usize>, depth: usize) -> Result<Node, Problem> {
        let mut entries = Entries::default();
        let mut merges = Vec::new();
        let mut span = self.text.span(range);
        loop {
            let (event, range) = self.next()?;
            if event == Event::MappingEnd {
                span = self.close(span, range);
                break;
            }
            let plain = matches!(event, Event::Scalar(_, ScalarStyle::Plain, ..));
            let key = self.node(event, range, depth + 1)?;
            let key_span = key.span;
            let (event, range) = self.next()?;
            let alias = self.alias_place(&event, &range);
            let mut value = self.node(event, range, depth + 1)?;
            if value.is_null() && value.span.is_empty() {
                value.span = key_span;
            }
            span = cover(cover(span, key_span), alias.unwrap_or(value.span));
            let Some(key) = key.as_scalar() else {
                let error = Diagnostic::error(codes::YAML_SYNTAX, "a key must be a plain value");
                let help = "put `{{ … }}` and `[ … ]` in quotes when they are text";
                return Err(Box::new(error.at(key_span).help(help)).into());
            };
            if plain && &*key.text == "<<" {
                merges.push((key_span, value));
            } else {
                let key = Arc::clone(&key.text);
                let entry = Entry {
                    key,
                    key_span,
                    value,
                };
                if let Some(twice) = entries.insert(entry) {
                    self.diagnostics.push(twice);
                }
            }
        }
        for (key_span, value) in merges {
            entries.merge(&value, key_span)?;
        }
        Ok(Node {
            span,
            value: Value::Mapping(Mapping {
                entries: Arc::new(entries.entries),
            }),
        })
    }

    /// Where an alias stands; what it names stands elsewhere.
    fn alias_place(&self, event: &Event<'_>, range: &Range<usize>) -> Option<Span> {
        matches!(event, Event::Alias(_)).then(|| self.text.span(range.clone()))
    }

    /// Extends a collection to its closing bracket. A block collection's end event is empty: it
    /// stands where the next token starts, which is no part of it.
    fn close(&self, span: Span, end: Range<usize>) -> Span {
        if end.is_empty() {
            span
        } else {
            span.to(self.text.span(end))
        }
    }
}

/// Extends a collection's span by a part of it; what a merge key brought stands elsewhere.
fn cover(span: Span, part: Span) -> Span {
    if part.start >= span.start {
        span.to(part)
    } else {
        span
    }
}

/// A mapping that is being composed. A hostile file may have a hundred thousand keys: each is looked
/// up in one step.
#[derive(Default)]
struct Entries {
    entries: Vec<Entry>,
    /// Where each key stands.
    places: HashMap<Arc<str>, Span>,
}

impl Entries {
    /// Adds an entry; one whose key is there already is left out and complained of.
    fn insert(&mut self, entry: Entry) -> Option<Diagnostic> {
        let Some(first) = self.places.get(&entry.key) else {
            self.push(entry);
            return None;
        };
        let message = format!("mapping key \"{}\" is defined twice", entry.key);
        let error = Diagnostic::error(codes::DUPLICATE_KEY, message).at(entry.key_span);
        let error = error.related(*first, "first defined here");
        Some(error.help("remove one of them"))
    }

    fn push(&mut self, entry: Entry) {
        self.places.insert(Arc::clone(&entry.key), entry.key_span);
        self.entries.push(entry);
    }

    /// Adds the entries that the value of a merge key stands for; those that are there stay.
    fn merge(&mut self, from: &Node, key_span: Span) -> Result<(), Failure> {
        match &from.value {
            Value::Mapping(other) => {
                for entry in other.entries.iter() {
                    if !self.places.contains_key(&entry.key) {
                        self.push(entry.clone());
                    }
                }
                Ok(())
            }
            Value::Sequence(items) if items.iter().all(|item| item.as_mapping().is_some()) => {
                items.iter().try_for_each(|item| self.merge(item, key_span))
            }
            _ => {
                let message = "the merge key `<<` takes an object or a list of objects";
                let error = Diagnostic::error(codes::YAML_SYNTAX, message);
                Err(Box::new(error.at(key_span)))
            }
        }
    }
}

fn null(span: Span) -> Node {
    Node {
        span,
        value: Value::Scalar(Scalar::new("", Resolved::Null)),
    }
}

/// The suffix of a tag of YAML's core schema.
fn core_tag(tag: &Tag) -> Option<&str> {
    tag.is_yaml_core_schema().then_some(&*tag.suffix)
}

/// A scalar's range without the white space after it.
fn trimmed(raw: &str, range: Range<usize>) -> Range<usize> {
    range.start..range.start + raw.trim_end().len()
}

/// From the parser's character positions to bytes.
struct ByteOffsets {
    /// Byte offset of every character; empty for ASCII, where both are the same.
    bytes: Vec<u32>,
    len: usize,
}

impl ByteOffsets {
    fn new(text: &str) -> Self {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        let bytes = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices()
                .map(|(offset, _)| narrow(offset))
                .collect()
        };
        Self {
            bytes,
            len: text.len(),
        }
    }

    fn byte(&self, char: usize) -> usize {
        if self.bytes.is_empty() {
            return char.min(self.len);
        }
        self.bytes
            .get(char)
            .map_or(self.len, |offset| *offset as usize)
    }
}
