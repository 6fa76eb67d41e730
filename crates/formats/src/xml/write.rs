//! From a value to XML.

use millrace_message::{Object, Value};
use quick_xml::escape::partial_escape;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};

use crate::number::float_text;
use crate::{FormatError, nested};

/// An object as a document: the element of its only member, or an element `doc` around its members
/// when there are several, none, or an array. `indent` is what each level is indented by; without
/// one, everything stands on one line. The text has `limit` bytes at most.
///
/// # Errors
/// The value is no object, an attribute (`-name`) is null, an array or an object, or the text would
/// be longer.
pub fn write(value: &Value, indent: Option<&str>, limit: usize) -> Result<String, FormatError> {
    let Value::Object(object) = value else {
        return Err(FormatError::new("only an object can be written as XML"));
    };
    let mut writer = Writer {
        out: quick_xml::Writer::new(Vec::new()),
        indent,
        limit,
    };
    match only_element(object, indent.is_some()) {
        Some((key, value)) => writer.element(&key, &value, 0)?,
        None => writer.element("doc", value, 0)?,
    }
    Ok(String::from_utf8(writer.out.into_inner()).expect("names and texts are UTF-8"))
}

/// The one member that can be the document's element. On one line an array of objects can, too, as
/// in Bento: that is a list of documents.
fn only_element(object: &Object, is_indented: bool) -> Option<(millrace_message::Text, Value)> {
    let (key, value) = object.entries().next().filter(|_| object.len() == 1)?;
    if let Value::Array(array) = &*value {
        let is_list = array.iter().all(|it| it.as_object().is_some());
        if is_indented || !is_list {
            return None;
        }
    }
    Some((key, value.into_owned()))
}

struct Writer<'a> {
    out: quick_xml::Writer<Vec<u8>>,
    indent: Option<&'a str>,
    limit: usize,
}

const TEXT: &str = "#text";

fn is_attribute(key: &str) -> bool {
    key.len() > 1 && key.starts_with('-')
}

impl Writer<'_> {
    fn event(&mut self, event: Event<'_>) -> Result<(), FormatError> {
        let written = self.out.write_event(event);
        written.expect("a vector takes what is written to it");
        self.check(0)
    }

    /// Makes sure that there is room for so many more bytes.
    fn check(&self, more: usize) -> Result<(), FormatError> {
        match self.out.get_ref().len().saturating_add(more) > self.limit {
            true => Err(FormatError::too_long(self.limit)),
            false => Ok(()),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), FormatError> {
        self.check(text.len())?;
        self.event(Event::Text(BytesText::from_escaped(partial_escape(text))))
    }

    /// Begins a line. The library's own indentation repeats a character, not a text.
    fn line(&mut self, depth: usize) -> Result<(), FormatError> {
        if let Some(indent) = self.indent {
            self.check(depth.saturating_mul(indent.len()))?;
            let out = self.out.get_mut();
            if !out.is_empty() {
                out.push(b'\n');
            }
            for _ in 0..depth {
                out.extend_from_slice(indent.as_bytes());
            }
        }
        Ok(())
    }

    /// An element, or one for each element of an array, each on a line of its own.
    fn element(&mut self, key: &str, value: &Value, depth: usize) -> Result<(), FormatError> {
        match value {
            Value::Array(array) if !array.is_empty() => {
                for element in array {
                    nested(|| self.element(key, &element, depth))?;
                }
                return Ok(());
            }
            _ => self.line(depth)?,
        }
        let mut start = BytesStart::new(key);
        match value {
            Value::Object(object) => {
                push_attributes(object, &mut start)?;
                if object.keys().all(|key| is_attribute(&key)) {
                    return self.event(Event::Empty(start));
                }
                self.event(Event::Start(start))?;
                self.content(object, depth)?;
            }
            scalar => {
                let text = text(scalar);
                if text.is_empty() {
                    return self.event(Event::Empty(start));
                }
                self.event(Event::Start(start))?;
                self.text(&text)?;
            }
        }
        self.event(Event::End(BytesEnd::new(key)))
    }

    /// The text and the elements of an element.
    fn content(&mut self, object: &Object, depth: usize) -> Result<(), FormatError> {
        if let Some(value) = object.get(TEXT) {
            self.text(&text(&value))?;
        }
        let mut has_elements = false;
        for (key, value) in object {
            if !is_attribute(&key) && key != TEXT {
                has_elements = true;
                nested(|| self.element(&key, &value, depth + 1))?;
            }
        }
        if has_elements {
            self.line(depth)?;
        }
        Ok(())
    }
}

fn push_attributes(object: &Object, start: &mut BytesStart<'_>) -> Result<(), FormatError> {
    for (key, value) in object {
        if !is_attribute(&key) {
            continue;
        }
        if matches!(*value, Value::Null | Value::Array(_) | Value::Object(_)) {
            let kind = value.kind();
            return Err(FormatError::new(format!(
                "invalid attribute value for: {key}: {kind}"
            )));
        }
        start.push_attribute((&key[1..], text(&value).as_str()));
    }
    Ok(())
}

/// The text of a scalar; an empty container has none.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Array(array) if array.is_empty() => String::new(),
        Value::F64(float) if float.is_finite() => float_text(*float),
        other => other.to_text().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::xml::read;

    fn xml(json: &str, indent: Option<&str>) -> String {
        let value = Value::parse_json(Bytes::copy_from_slice(json.as_bytes())).unwrap();
        match write(&value, indent, usize::MAX) {
            Ok(text) => text,
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn objects_become_elements() {
        for (json, expected) in [
            (r#"{"a":"x"}"#, "<a>x</a>"),
            (r#"{"a":1,"b":2}"#, "<doc><a>1</a><b>2</b></doc>"),
            (r##"{"a":{"-b":"1","#text":"x"}}"##, "<a b=\"1\">x</a>"),
            (
                r#"{"a":{"-b":1,"c":{"d":"e"}}}"#,
                "<a b=\"1\"><c><d>e</d></c></a>",
            ),
            (r#"{"a":{"-b":"1"}}"#, "<a b=\"1\"/>"),
            (r#"{"a":[1,2]}"#, "<doc><a>1</a><a>2</a></doc>"),
            (
                r#"{"a":[{"x":1},{"x":2}]}"#,
                "<a><x>1</x></a><a><x>2</x></a>",
            ),
            (
                r#"{"a":{"b":[1,2,{"c":3}]}}"#,
                "<a><b>1</b><b>2</b><b><c>3</c></b></a>",
            ),
            (r#"{"a":{"b":[]}}"#, "<a><b/></a>"),
            (r#"{"a":[]}"#, "<a/>"),
            (r#"{"a":null}"#, "<a/>"),
            ("{}", "<doc/>"),
            (r##"{"a":{"#text":"t","b":"1"}}"##, "<a>t<b>1</b></a>"),
            (r##"{"a":{"#text":5,"-c":true}}"##, "<a c=\"true\">5</a>"),
            (r#"{"a":"<&>\"'"}"#, "<a>&lt;&amp;&gt;\"'</a>"),
            (r#"{"a":{"-b":"<&\""}}"#, "<a b=\"&lt;&amp;&quot;\"/>"),
            (
                r#"{"a":{"b":[[1,2],[3]]}}"#,
                "<a><b>1</b><b>2</b><b>3</b></a>",
            ),
            (
                r#"{"a":{"-b":null}}"#,
                "error: invalid attribute value for: -b: null",
            ),
            ("[1]", "error: only an object can be written as XML"),
        ] {
            assert_eq!(xml(json, None), expected, "{json}");
        }
    }

    #[test]
    fn levels_are_indented() {
        assert_eq!(
            xml(r#"{"a":{"b":{"c":{"d":1}},"e":[{"f":2},3]}}"#, Some("  ")),
            "<a>\n  <b>\n    <c>\n      <d>1</d>\n    </c>\n  </b>\n  <e>\n    <f>2</f>\n  </e>\n  <e>3</e>\n</a>"
        );
        assert_eq!(
            xml(r#"{"a":[{"x":1},{"x":2}]}"#, Some("")),
            "<doc>\n<a>\n<x>1</x>\n</a>\n<a>\n<x>2</x>\n</a>\n</doc>"
        );
    }

    /// An object that holds another one, and so on, `depth` times.
    fn deep(depth: usize) -> Value {
        (0..depth).fold(Value::I64(1), |inner, _| {
            Value::Object(Object::from_iter([("a", inner)]))
        })
    }

    #[test]
    fn a_text_stops_at_its_limit() {
        let value = deep(100);
        let text = write(&value, Some("    "), usize::MAX).unwrap();
        assert_eq!(write(&value, Some("    "), text.len()), Ok(text.clone()));
        for limit in [0, 1, 400, 10_000, text.len() - 1] {
            let error = write(&value, Some("    "), limit).unwrap_err();
            assert!(error.is_too_long(), "{limit}: {error}");
        }
        let error = write(&value, Some(&" ".repeat(1 << 20)), 1 << 20).unwrap_err();
        assert!(error.is_too_long(), "{error}");
    }

    fn element() -> impl Strategy<Value = Value> {
        let text = "[a-c<&>\"' ]{0,6}[a-c]".prop_map(Value::from);
        text.prop_recursive(3, 24, 4, |inner| {
            (
                proptest::collection::btree_map("[a-e]", inner, 1..4),
                proptest::collection::btree_map("-[a-e]", "[a-c<&>\"'\\n ]{0,6}", 0..3),
            )
                .prop_map(|(elements, attributes)| {
                    let attributes = attributes.into_iter().map(|(k, v)| (k, Value::from(v)));
                    Value::Object(elements.into_iter().chain(attributes).collect())
                })
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in element(), is_indented in any::<bool>()) {
            let document = Value::Object(Object::from_iter([("root", value)]));
            let indent = is_indented.then_some("  ");
            let text = write(&document, indent, usize::MAX).unwrap();
            let back = read(text.as_bytes(), false)
                .map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            let trimmed = trimmed(&document);
            prop_assert_eq!(back, trimmed, "{}", text);
        }
    }

    /// Reading trims the texts of elements.
    fn trimmed(value: &Value) -> Value {
        match value {
            Value::Object(object) => {
                let members = object.entries().map(|(key, value)| {
                    let value = match &*value {
                        Value::String(_) if is_attribute(&key) => value.into_owned(),
                        Value::String(text) => Value::from(text.trim()),
                        other => trimmed(other),
                    };
                    (key, value)
                });
                Value::Object(members.collect())
            }
            other => other.clone(),
        }
    }
}
