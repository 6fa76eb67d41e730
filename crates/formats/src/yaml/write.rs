//! From a value to YAML.
//!
//! Objects and arrays are blocks, indented by four; empty ones are `{}` and `[]`. Keys are in
//! natural order, in which `a2` comes before `a10`.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::convert::Infallible;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millrace_message::{Object, Text, Value};

use super::quote::{self, Style};
use crate::number::float_text;
use crate::{FormatError, merge_sort, nested};

/// The value as a YAML document that ends with a line break, of `limit` bytes at most. Bytes are
/// written as `!!binary`.
///
/// # Errors
/// The document would be longer.
pub fn write(value: &Value, limit: usize) -> Result<String, FormatError> {
    let mut writer = Writer {
        out: String::new(),
        limit,
    };
    match value {
        Value::Object(object) if !object.is_empty() => writer.object(object, 0)?,
        Value::Array(array) if !array.is_empty() => writer.array(value, 0)?,
        scalar => writer.scalar(scalar, 0, INDENT)?,
    }
    if !writer.out.ends_with('\n') {
        writer.out.push('\n');
    }
    writer.check(0)?;
    Ok(writer.out)
}

const INDENT: usize = 4;
/// Keys of more bytes are marked by a `?`: readers look for the colon only so far.
const KEY_MAX: usize = 128;

struct Writer {
    out: String,
    limit: usize,
}

/// The column of what is nested below `column`.
fn below(column: usize) -> usize {
    (column + INDENT) / INDENT * INDENT
}

impl Writer {
    /// Makes sure that there is room for so many more bytes.
    fn check(&self, more: usize) -> Result<(), FormatError> {
        match self.out.len().saturating_add(more) > self.limit {
            true => Err(FormatError::too_long(self.limit)),
            false => Ok(()),
        }
    }

    fn margin(&mut self, column: usize) -> Result<(), FormatError> {
        self.check(column)?;
        self.out.extend(std::iter::repeat_n(' ', column));
        Ok(())
    }

    /// A line break, unless the text before has ended its line.
    fn line(&mut self, column: usize) -> Result<(), FormatError> {
        if !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        self.margin(column)
    }

    /// The members, the first one where the writer stands.
    fn object(&mut self, object: &Object, column: usize) -> Result<(), FormatError> {
        for (at, (key, value)) in in_order(object).iter().enumerate() {
            if at > 0 {
                self.line(column)?;
            }
            self.key(key, column)?;
            self.member(value, column)?;
        }
        Ok(())
    }

    fn key(&mut self, key: &Text, column: usize) -> Result<(), FormatError> {
        let is_long = key.len() > KEY_MAX;
        if is_long {
            self.out.push_str("? ");
        }
        self.string(key, quote::style(key, true), column, INDENT)?;
        if is_long {
            self.line(column)?;
        }
        self.out.push(':');
        Ok(())
    }

    /// What stands behind the colon of a key in `column`.
    fn member(&mut self, value: &Value, column: usize) -> Result<(), FormatError> {
        match value {
            Value::Object(object) if !object.is_empty() => {
                self.line(below(column))?;
                nested(|| self.object(object, below(column)))
            }
            Value::Array(array) if !array.is_empty() => {
                self.line(below(column))?;
                nested(|| self.array(value, below(column)))
            }
            scalar => {
                self.out.push(' ');
                self.scalar(scalar, column, below(column) - column)
            }
        }
    }

    /// The elements, the first one where the writer stands.
    fn array(&mut self, array: &Value, column: usize) -> Result<(), FormatError> {
        for (at, element) in array.as_array().into_iter().flatten().enumerate() {
            if at > 0 {
                self.line(column)?;
            }
            self.out.push_str("- ");
            match &*element {
                Value::Object(object) if !object.is_empty() => {
                    nested(|| self.object(object, column + 2))?;
                }
                Value::Array(inner) if !inner.is_empty() => {
                    nested(|| self.array(&element, column + 2))?;
                }
                scalar => self.scalar(scalar, column, 2)?,
            }
        }
        Ok(())
    }

    /// A scalar below a parent in `column`; the lines of a block stand `step` further right.
    fn scalar(&mut self, value: &Value, column: usize, step: usize) -> Result<(), FormatError> {
        match value {
            Value::String(text) => {
                return self.string(text, quote::style(text, false), column, step);
            }
            Value::Bytes(bytes) => {
                self.out.push_str("!!binary ");
                quote::push_double(&STANDARD.encode(bytes.as_ref()), &mut self.out);
            }
            Value::F64(float) if float.is_nan() => self.out.push_str(".nan"),
            Value::F64(float) if float.is_infinite() => {
                self.out
                    .push_str(if *float > 0.0 { ".inf" } else { "-.inf" });
            }
            Value::F64(float) => self.out.push_str(&float_text(*float)),
            Value::Object(_) => self.out.push_str("{}"),
            Value::Array(_) => self.out.push_str("[]"),
            other => self.out.push_str(&other.to_text()),
        }
        self.check(0)
    }

    fn string(
        &mut self,
        text: &str,
        style: Style,
        column: usize,
        step: usize,
    ) -> Result<(), FormatError> {
        self.check(text.len())?;
        match style {
            Style::Plain => self.out.push_str(text),
            Style::Single => quote::push_single(text, &mut self.out),
            Style::Double => quote::push_double(text, &mut self.out),
            Style::Literal => return self.block(text, column, step),
        }
        self.check(0)
    }

    fn block(&mut self, text: &str, column: usize, step: usize) -> Result<(), FormatError> {
        self.out.push('|');
        if text.starts_with([' ', '\n']) {
            self.out.push_str(&step.to_string());
        }
        if !text.ends_with('\n') {
            self.out.push('-');
        } else if text == "\n" || text.ends_with("\n\n") {
            self.out.push('+');
        }
        let body = text.strip_suffix('\n').unwrap_or(text);
        for line in body.split('\n') {
            self.out.push('\n');
            if !line.is_empty() {
                self.margin(column + step)?;
                self.out.push_str(line);
            }
        }
        // A block that keeps its line breaks ends with them, any other one with the next line.
        if text.ends_with('\n') {
            self.out.push('\n');
        }
        Ok(())
    }
}

/// The members of an object in the order of go-yaml, which contradicts itself about zeros: in it
/// `u26097` is before `u20637`, that one before `u20604`, and that one before `u26097`.
fn in_order(object: &Object) -> Vec<(Text, Cow<'_, Value>)> {
    let members = object.entries().collect();
    let mut before = |(a, _): &(Text, _), (b, _): &(Text, _)| {
        Ok::<_, Infallible>(natural(a, b) == Ordering::Less)
    };
    match merge_sort(members, &mut before) {
        Ok(members) => members,
        Err(never) => match never {},
    }
}

/// The order of go-yaml: runs of digits by their number, letters behind anything else unless
/// digits stand before them.
fn natural(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (Some(x), Some(y)) = (a.get(same), b.get(same)) else {
        return a.len().cmp(&b.len());
    };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(y),
        (false, false) => {}
        (x_is_letter, _) => {
            let after_digits = same > 0 && a[same - 1].is_ascii_digit();
            return if x_is_letter == after_digits {
                Ordering::Less
            } else {
                Ordering::Greater
            };
        }
    }
    // A zero counts when digits other than zero stand before it.
    let counts = (*x == '0' || *y == '0')
        && a[..same]
            .iter()
            .rev()
            .take_while(|digit| digit.is_ascii_digit())
            .any(|digit| *digit != '0');
    let number = |digits: &[char]| {
        let digits: String = digits
            .iter()
            .take_while(|digit| digit.is_ascii_digit())
            .collect();
        let significant = digits.trim_start_matches('0').to_owned();
        (significant, digits.len())
    };
    let ((a_number, a_length), (b_number, b_length)) = (number(&a[same..]), number(&b[same..]));
    let by_number = if counts {
        a_length.cmp(&b_length)
    } else {
        a_number.len().cmp(&b_number.len())
    };
    by_number
        .then_with(|| a_number.cmp(&b_number))
        .then(a_length.cmp(&b_length))
        .then(x.cmp(y))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::yaml::read;

    fn yaml(json: &str) -> String {
        let value = Value::parse_json(Bytes::copy_from_slice(json.as_bytes())).unwrap();
        write(&value, usize::MAX).unwrap()
    }

    #[test]
    fn containers_are_blocks() {
        assert_eq!(
            yaml(r#"{"h":[1,[2,3],{"x":1,"y":[1]},[]],"a":{},"b":{"c":null}}"#),
            "a: {}\nb:\n    c: null\nh:\n    - 1\n    - - 2\n      - 3\n    - x: 1\n      \"y\":\n        - 1\n    - []\n"
        );
        assert_eq!(yaml(r#"[{"a":[{"b":1}]}]"#), "- a:\n    - b: 1\n");
        assert_eq!(yaml("[]"), "[]\n");
        assert_eq!(yaml("null"), "null\n");
    }

    #[test]
    fn strings_are_quoted_where_a_reader_would_be_misled() {
        for (json, expected) in [
            (r#""x""#, "x"),
            (r#""1""#, "\"1\""),
            (r#""yes""#, "\"yes\""),
            (r#""""#, "\"\""),
            (r#""2020-01-01""#, "\"2020-01-01\""),
            (r#""1:30""#, "\"1:30\""),
            (r#""a: b""#, "'a: b'"),
            (r#""it's""#, "it's"),
            (r#""'q""#, "'''q'"),
            (r##""a #c""##, "'a #c'"),
            (r#"" lead""#, "' lead'"),
            (r#""- a""#, "'- a'"),
            (r#""-a""#, "-a"),
            (r#""---""#, "'---'"),
            (r#""tab\there""#, "\"tab\\there\""),
            (r#""\u0001""#, "\"\\x01\""),
            ("\"\u{1f600}\"", "\"\\U0001F600\""),
            ("\"\u{e9}\"", "\u{e9}"),
            (r#""a\r\nb""#, "\"a\\r\\nb\""),
        ] {
            assert_eq!(yaml(json), format!("{expected}\n"), "{json}");
        }
    }

    #[test]
    fn lines_are_a_block() {
        for (json, expected) in [
            (r#"{"a":"l1\nl2"}"#, "a: |-\n    l1\n    l2\n"),
            (r#"{"a":"l1\nl2\n","b":1}"#, "a: |\n    l1\n    l2\nb: 1\n"),
            (r#"{"a":"l1\n\n","b":1}"#, "a: |+\n    l1\n\nb: 1\n"),
            (r#"{"a":"\nx"}"#, "a: |4-\n\n    x\n"),
            (r#"["  x\ny"]"#, "- |2-\n    x\n  y\n"),
        ] {
            assert_eq!(yaml(json), expected, "{json}");
        }
    }

    #[test]
    fn keys_that_have_no_order_are_written_all_the_same() {
        assert_eq!(natural("u26097", "u20637"), Ordering::Less);
        assert_eq!(natural("u20637", "u20604"), Ordering::Less);
        assert_eq!(natural("u20604", "u26097"), Ordering::Less);
        let keys = (0..3000).map(|number| format!("k{number}"));
        let object: Object = keys.map(|key| (Text::from(key), Value::Null)).collect();
        let written = write(&Value::Object(object.clone()), usize::MAX).unwrap();
        assert_eq!(read(written.as_bytes()).unwrap(), Value::Object(object));
    }

    #[test]
    fn keys_are_in_natural_order() {
        let keys = [
            ".", "_", "1", "9", "10", "B", "a b", "a-b", "a2", "a10", "aB", "ab", "b", "\u{e9}",
        ];
        for (at, a) in keys.iter().enumerate() {
            for (other, b) in keys.iter().enumerate() {
                assert_eq!(natural(a, b), at.cmp(&other), "{a} {b}");
            }
        }
    }

    #[test]
    fn a_document_stops_at_its_limit() {
        let lines = Value::from("x\n".repeat(100));
        let arrays = (0..100).fold(Value::I64(1), |inner, _| Value::from(vec![inner]));
        let objects = (0..100).fold(lines, |inner, _| {
            Value::Object(Object::from_iter([("a", inner)]))
        });
        for value in [arrays, objects, Value::from("a")] {
            let text = write(&value, usize::MAX).unwrap();
            assert_eq!(write(&value, text.len()), Ok(text.clone()));
            for limit in [0, 1, text.len() / 2, text.len() - 1] {
                let error = write(&value, limit).unwrap_err();
                assert!(error.is_too_long(), "{limit}: {error}");
            }
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~\\n\\t\u{e9}\u{1f600}\\r#:'\"-]{0,12}".prop_map(Value::from),
            proptest::collection::vec(any::<u8>(), 0..20).prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 48, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map("[ -~\\n]{0,6}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in values()) {
            let text = write(&value, usize::MAX).unwrap();
            let back = read(text.as_bytes()).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            prop_assert_eq!(back, value, "{}", text);
        }
    }
}
