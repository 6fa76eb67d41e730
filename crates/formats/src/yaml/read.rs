//! From YAML to a value.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millrace_message::{Object, Text, Value};
use millrace_spec::{Resolved, tree};
use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::{ALIASED_MAX, timestamp};
use crate::{DEPTH_MAX, FormatError, nested};

/// The first document of a text; an empty text is null. Keys that are no strings stand as they are
/// written.
///
/// # Errors
/// The text is no UTF-8 or no YAML, defines a key twice, nests deeper than [`DEPTH_MAX`], or grows
/// by its aliases beyond [`ALIASED_MAX`].
pub fn read(source: &[u8]) -> Result<Value, FormatError> {
    let text = std::str::from_utf8(source)
        .map_err(|error| FormatError::new(format!("the text is no UTF-8: {error}")))?;
    let mut joined = Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text));
    for attempt in 0.. {
        let failure = match Composer::new(&joined).document() {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        // go-yaml accepts brackets that are closed further left than the text around them; the
        // parser refuses such a line, so it is joined to the one before.
        let may_join = attempt < JOINED_LINES_MAX && joined.len() <= JOINED_BYTES_MAX;
        match failure.line_to_join(&joined).filter(|_| may_join) {
            Some(at) => joined.to_mut().replace_range(at..=at, " "),
            None => return Err(FormatError::new(failure.reason)),
        }
    }
    Ok(Value::Null)
}

/// How many lines of one text are joined to the one before, and in texts of which size: each of
/// them costs parsing the text once more.
const JOINED_LINES_MAX: usize = 64;
const JOINED_BYTES_MAX: usize = 64 << 10;

struct Failure {
    /// The character that a bracket's line is refused at for its indentation alone.
    too_far_left: Option<usize>,
    reason: String,
}

impl Failure {
    fn new(reason: impl Into<String>) -> Failure {
        Failure {
            too_far_left: None,
            reason: reason.into(),
        }
    }

    /// The line break to replace, when only spaces stand behind it and no comment before it.
    fn line_to_join(&self, text: &str) -> Option<usize> {
        let at = text.char_indices().nth(self.too_far_left?)?.0;
        let before = text[..at].trim_end_matches(' ').strip_suffix('\n')?;
        let line = before.rsplit('\n').next().unwrap_or_default();
        (!line.contains('#')).then_some(before.len())
    }
}

/// A value and what an alias of it adds to a document, in bytes.
#[derive(Clone)]
struct Weighed {
    value: Value,
    weight: usize,
}

impl Weighed {
    fn new(value: Value, weight: usize) -> Weighed {
        Weighed { value, weight }
    }
}

/// What every value weighs beside its text.
const VALUE_WEIGHT: usize = 16;

struct Composer<'i> {
    parser: Parser<'i, StrInput<'i>>,
    /// Where the text ends without a line break, in characters.
    torn_at: Option<usize>,
    anchors: HashMap<usize, Weighed>,
    aliased: usize,
}

impl<'i> Composer<'i> {
    fn new(text: &'i str) -> Composer<'i> {
        Composer {
            parser: Parser::new_from_str(text),
            torn_at: (!text.ends_with('\n')).then(|| text.chars().count()),
            anchors: HashMap::new(),
            aliased: 0,
        }
    }

    fn document(&mut self) -> Result<Value, Failure> {
        loop {
            match self.next()? {
                Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd | Event::DocumentEnd => return Ok(Value::Null),
                event => return self.node(event, 0).map(|node| node.value),
            }
        }
    }

    fn next(&mut self) -> Result<Event<'i>, Failure> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok(self.without_added_break(event, span)),
            None => Ok(Event::StreamEnd),
            Some(Err(error)) => {
                let reason = error.info();
                let is_too_far_left = [
                    "invalid indentation",
                    "invalid indentation in flow construct",
                ]
                .contains(&reason);
                let marker = error.marker();
                Err(Failure {
                    too_far_left: is_too_far_left.then(|| marker.index()),
                    reason: format!(
                        "line {}, column {}: {reason}",
                        marker.line(),
                        marker.col() + 1
                    ),
                })
            }
        }
    }

    /// The parser ends the last line of a block with a line break that need not be there.
    fn without_added_break(&self, event: Event<'i>, span: Span) -> Event<'i> {
        match event {
            Event::Scalar(
                text,
                style @ (ScalarStyle::Literal | ScalarStyle::Folded),
                anchor,
                tag,
            ) if self.torn_at == Some(span.end.index()) => {
                let written = text.strip_suffix('\n').unwrap_or(&text).to_owned();
                Event::Scalar(Cow::Owned(written), style, anchor, tag)
            }
            event => event,
        }
    }

    fn node(&mut self, event: Event<'i>, depth: usize) -> Result<Weighed, Failure> {
        if depth > DEPTH_MAX {
            return Err(Failure::new(FormatError::too_deep().to_string()));
        }
        let (node, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor),
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(&text, style, tag.as_deref())?;
                (Weighed::new(value, VALUE_WEIGHT + text.len()), anchor)
            }
            Event::SequenceStart(anchor, _) => (self.sequence(depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.mapping(depth)?, anchor),
            _ => (Weighed::new(Value::Null, 0), 0),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize) -> Result<Weighed, Failure> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(Failure::new("the value of an anchor contains itself"));
        };
        self.aliased = self.aliased.saturating_add(node.weight);
        if self.aliased > ALIASED_MAX {
            return Err(Failure::new(format!(
                "the aliases of the document expand to more than {ALIASED_MAX} bytes"
            )));
        }
        Ok(node.clone())
    }

    fn sequence(&mut self, depth: usize) -> Result<Weighed, Failure> {
        let mut elements = Vec::new();
        let mut weight = VALUE_WEIGHT;
        loop {
            match self.next()? {
                Event::SequenceEnd => break,
                event => {
                    let element = nested(|| self.node(event, depth + 1))?;
                    weight = weight.saturating_add(element.weight);
                    elements.push(element.value);
                }
            }
        }
        Ok(Weighed::new(Value::from(elements), weight))
    }

    fn mapping(&mut self, depth: usize) -> Result<Weighed, Failure> {
        let mut object = Object::new();
        let mut merges = Vec::new();
        let mut weight = VALUE_WEIGHT;
        loop {
            let (key, is_merge) = match self.next()? {
                Event::MappingEnd => break,
                event => self.key(event, depth)?,
            };
            let event = self.next()?;
            let value = nested(|| self.node(event, depth + 1))?;
            weight = weight
                .saturating_add(value.weight)
                .saturating_add(key.len());
            if is_merge {
                merges.push(value.value);
            } else if object.insert(key.clone(), value.value).is_some() {
                return Err(Failure::new(format!(
                    "mapping key \"{key}\" is defined twice"
                )));
            }
        }
        for from in merges {
            merge(&mut object, &from)?;
        }
        Ok(Weighed::new(Value::Object(object), weight))
    }

    /// A key, and whether it is the one that merges other objects.
    fn key(&mut self, event: Event<'i>, depth: usize) -> Result<(Text, bool), Failure> {
        let is_merge =
            matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
        let written = match &event {
            Event::Scalar(text, ..) => Some(Text::from(text.as_ref())),
            _ => None,
        };
        let node = nested(|| self.node(event, depth + 1))?;
        match (written, node.value) {
            (Some(text), _) | (None, Value::String(text)) => Ok((text, is_merge)),
            (None, Value::Array(_) | Value::Object(_)) => {
                Err(Failure::new("a key is an object or a list"))
            }
            (None, other) => Ok((other.to_text(), false)),
        }
    }
}

/// Adds the members that the object does not have.
fn merge(object: &mut Object, from: &Value) -> Result<(), Failure> {
    match from {
        Value::Object(other) => {
            for (key, value) in other {
                if !object.contains_key(&key) {
                    object.insert(key, value.into_owned());
                }
            }
            Ok(())
        }
        Value::Array(list) if list.iter().all(|it| it.as_object().is_some()) => {
            list.iter().try_for_each(|it| merge(object, &it))
        }
        _ => Err(Failure::new(
            "map merge requires map or sequence of maps as the value",
        )),
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, Failure> {
    let tag = tag.filter(|tag| tag.is_yaml_core_schema());
    let wrong = |kind: &str| Failure::new(format!("cannot decode `{text}` as a !!{kind}"));
    match tag.map(|tag| tag.suffix.as_ref()) {
        Some("str") => Ok(Value::from(text)),
        Some("binary") => {
            let encoded: String = text.split_whitespace().collect();
            let bytes = STANDARD
                .decode(encoded)
                .map_err(|_| Failure::new("!!binary value contains invalid base64 data"))?;
            Ok(Value::from(bytes))
        }
        Some("timestamp") => timestamp(text)
            .map(Value::from)
            .ok_or_else(|| wrong("timestamp")),
        Some("float") => resolved(text)
            .as_f64()
            .map(Value::F64)
            .ok_or_else(|| wrong("float")),
        Some(kind @ ("int" | "bool" | "null")) => {
            let value = resolved(text);
            let fits = match kind {
                "int" => matches!(value, Value::I64(_) | Value::U64(_)),
                "bool" => matches!(value, Value::Bool(_)),
                _ => value.is_null(),
            };
            fits.then_some(value).ok_or_else(|| wrong(kind))
        }
        _ if style == ScalarStyle::Plain => Ok(plain(text)),
        _ => Ok(Value::from(text)),
    }
}

fn plain(text: &str) -> Value {
    match timestamp(text) {
        Some(at) => Value::from(at),
        None => resolved(text),
    }
}

fn resolved(text: &str) -> Value {
    match tree::resolve(text) {
        Resolved::Null => Value::Null,
        Resolved::Bool(bool) => Value::Bool(bool),
        Resolved::Int(integer) => Value::I64(integer),
        Resolved::UInt(integer) => Value::U64(integer),
        // Too large a number is text; infinity has a name of its own.
        Resolved::Float(float) if float.is_infinite() && !text.ends_with(['f', 'F']) => {
            Value::from(text)
        }
        Resolved::Float(float) => Value::F64(float),
        Resolved::String => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(yaml: &str) -> String {
        let value = read(yaml.as_bytes()).unwrap_or_else(|error| panic!("{yaml}: {error}"));
        String::from_utf8(value.to_json().to_vec()).unwrap()
    }

    #[test]
    fn documents_are_read_as_by_go() {
        for (yaml, expected) in [
            ("", "null"),
            ("# c", "null"),
            ("---", "null"),
            ("a", r#""a""#),
            ("foo: bar", r#"{"foo":"bar"}"#),
            ("- 1\n- a", r#"[1,"a"]"#),
            ("a: 1\n---\nb: 2", r#"{"a":1}"#),
            (
                "a: &x {k: 1}\nb:\n  <<: *x\n  z: 2",
                r#"{"a":{"k":1},"b":{"k":1,"z":2}}"#,
            ),
            (
                "b:\n  <<: [{a: 1, b: 1}, {b: 2, c: 2}]\n  c: 3",
                r#"{"b":{"a":1,"b":1,"c":3}}"#,
            ),
            ("2020-01-01", r#""2020-01-01T00:00:00Z""#),
            ("a: !!str 1", r#"{"a":"1"}"#),
            ("a: !!int \"1\"", r#"{"a":1}"#),
            ("a: !!float 1", r#"{"a":1}"#),
            ("a: !foo bar", r#"{"a":"bar"}"#),
            ("a: >-\n  x\n  y\n", r#"{"a":"x y"}"#),
            ("a: 0x1f", r#"{"a":31}"#),
            ("a: yes", r#"{"a":"yes"}"#),
            ("a: 18446744073709551615", r#"{"a":18446744073709551615}"#),
            ("1: a\ntrue: b", r#"{"1":"a","true":"b"}"#),
            ("? a", r#"{"a":null}"#),
            ("a: [\n  1\n]\nb: 2", r#"{"a":[1],"b":2}"#),
        ] {
            assert_eq!(json(yaml), expected, "{yaml}");
        }
        let value = read(b"a: !!binary aGVsbG8=").unwrap();
        assert_eq!(value.get("a").unwrap().as_bytes(), Some(&b"hello"[..]));
    }

    #[test]
    fn a_block_ends_as_it_is_written() {
        for (yaml, expected) in [
            ("a: |\n  text", r#"{"a":"text"}"#),
            ("a: >\n  text", r#"{"a":"text"}"#),
            ("a: |+\n  text", r#"{"a":"text"}"#),
            ("a: |-\n  text", r#"{"a":"text"}"#),
            ("a: |\n  text\n", r#"{"a":"text\n"}"#),
            ("a: |\n  text\n  ", r#"{"a":"text\n"}"#),
            ("a: |\n  text\n # c", r#"{"a":"text\n"}"#),
            ("- |\n  b\n- |\n  é", r#"["b\n","é"]"#),
        ] {
            assert_eq!(json(yaml), expected, "{yaml:?}");
        }
    }

    #[test]
    fn a_number_that_is_too_large_is_text() {
        assert_eq!(
            json("[1e400, -1e400, 1e300]"),
            r#"["1e400","-1e400",1e+300]"#
        );
        assert!(
            read(b".inf")
                .unwrap()
                .as_f64()
                .is_some_and(f64::is_infinite)
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (yaml, expected) in [
            ("a: 1\na: 2", "mapping key \"a\" is defined twice"),
            ("[a, b", "expected ',' or ']'"),
            ("[a]: x", "a key is"),
            ("a: *x", "line 1, column 4"),
            ("a: &a [*a]", "contains itself"),
            ("a: !!int x", "cannot decode `x` as a !!int"),
            ("a: !!binary '*'", "invalid base64"),
            ("<<: 1", "map merge requires"),
            ("\"a", "line"),
        ] {
            let error = read(yaml.as_bytes()).err().map(|it| it.to_string());
            let error = error.unwrap_or_else(|| panic!("{yaml} is no error"));
            assert!(error.contains(expected), "{yaml}: {error}");
        }
        assert!(read(b"\xff").is_err());
    }

    #[test]
    fn aliases_of_aliases_are_bounded() {
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let alias = format!("*a{}", level - 1);
            bomb += &format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 10].join(","));
        }
        let error = read(bomb.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("aliases"), "{error}");
    }

    #[test]
    fn depth_is_bounded() {
        let deep = "[".repeat(20_000) + &"]".repeat(20_000);
        assert!(read(deep.as_bytes()).is_err());
        let deep = "- ".repeat(20_000) + "x";
        assert!(read(deep.as_bytes()).is_err());
        let fine = "- ".repeat(900) + "x";
        assert!(read(fine.as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[-a-c0-2:{}\\[\\],&*!|>'\"% #\\n\\t?<~.]{0,60}") {
            let _result = read(text.as_bytes());
        }
    }
}
