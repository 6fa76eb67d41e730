//! From XML to a value.

use std::borrow::Cow;
use std::collections::BTreeMap;

use encoding_rs::{Encoding, UTF_8};
use millrace_message::{Object, Text, Value};
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use crate::{DEPTH_MAX, FormatError};

/// The first element of a document, as an object with one member. With `cast`, texts and attributes
/// that are numbers or booleans become such.
///
/// An object has one `#text`, so that one text of an element with several is kept, as in Bento: the
/// first when it stands before all elements and there are no attributes, else the last. Of several
/// attributes of one name the last is kept; what follows the first element is not looked at.
///
/// # Errors
/// There is no element, it is not closed or not well-formed, it nests deeper than [`DEPTH_MAX`], or
/// the document is in a character set that nobody knows.
pub fn read(source: &[u8], cast: bool) -> Result<Value, FormatError> {
    let source = decoded(source)?;
    let mut reader = Reader::from_str(&source);
    let config = reader.config_mut();
    // As leniently as Bento reads: an end closes the elements inside that have none.
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    config.check_comments = true;
    let mut document = Document {
        open: Vec::new(),
        text: String::new(),
        cast,
    };
    loop {
        let event = reader
            .read_event()
            .map_err(|error| placed(&source, reader.error_position(), error))?;
        let is_end = matches!(event, Event::Eof);
        match document.take(event) {
            Ok(Some(root)) => return Ok(root),
            Ok(None) if is_end && document.open.is_empty() => return Err(FormatError::new("EOF")),
            Ok(None) if is_end => {
                return Err(placed(&source, reader.buffer_position(), "unexpected EOF"));
            }
            Ok(None) => {}
            // Told apart by those who go on behind it.
            Err(error) if error.is_too_deep() => return Err(error),
            Err(error) => return Err(placed(&source, reader.buffer_position(), error)),
        }
    }
}

/// How many characters of a name an error shows.
const NAME_SHOWN_MAX: usize = 60;

/// An error at a place.
fn placed(source: &str, at: u64, reason: impl std::fmt::Display) -> FormatError {
    let before = source
        .bytes()
        .take(usize::try_from(at).unwrap_or(usize::MAX));
    let line = before.filter(|byte| *byte == b'\n').count() + 1;
    FormatError::new(format!("XML syntax error on line {line}: {reason}"))
}

/// What has been read so far.
struct Document {
    open: Vec<Element>,
    /// The text since the last tag, comment or section.
    text: String,
    cast: bool,
}

impl Document {
    /// Adds an event; gives the value when the outermost element ends.
    fn take(&mut self, event: Event<'_>) -> Result<Option<Value>, FormatError> {
        match event {
            Event::Text(text) => self.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => push_reference(&reference, &mut self.text),
            tag => {
                self.end_text();
                match tag {
                    Event::Start(start) => self.start(&start)?,
                    Event::Empty(start) => {
                        self.start(&start)?;
                        return Ok(self.close());
                    }
                    Event::End(end) => return self.end(local(end.name().0)?),
                    Event::CData(text) => {
                        self.text.push_str(&text.xml10_content());
                        self.end_text();
                    }
                    _ => {}
                }
            }
        }
        Ok(None)
    }

    fn end_text(&mut self) {
        if let Some(element) = self.open.last_mut() {
            element.add_text(&self.text, self.cast);
        }
        self.text.clear();
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), FormatError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(FormatError::too_deep());
        }
        let mut element = Element::new(local(start.name().0)?);
        for attribute in start.html_attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| FormatError::new(error.to_string()))?;
            let key = Text::from(format!("-{}", local(attribute.key.0)?));
            let value = typed(&unescaped(&attribute.value), self.cast);
            element.members.insert(key, Member::One(value));
        }
        self.open.push(element);
        Ok(())
    }

    /// Ends the innermost element of a name, and those inside.
    fn end(&mut self, name: &str) -> Result<Option<Value>, FormatError> {
        while let Some(element) = self.open.last() {
            let is_it = &*element.name == name;
            let root = self.close();
            if root.is_some() || is_it {
                return Ok(root);
            }
        }
        let name: String = name.chars().take(NAME_SHOWN_MAX).collect();
        Err(FormatError::new(format!(
            "unexpected end element </{name}>"
        )))
    }

    /// Ends the innermost element; the document when it was the outermost.
    fn close(&mut self) -> Option<Value> {
        let element = self.open.pop()?;
        let name = element.name.clone();
        let value = element.into_value();
        match self.open.last_mut() {
            Some(parent) => {
                parent.add(name, value);
                None
            }
            None => Some(Value::Object(Object::from_iter([(name, value)]))),
        }
    }
}

/// A name without its namespace prefix.
fn local(name: &str) -> Result<&str, FormatError> {
    let is_part = |it: char| !it.is_ascii() || it.is_ascii_alphanumeric() || "_:.-".contains(it);
    let begins = |it: char| it.is_alphabetic() || matches!(it, '_' | ':');
    if !name.starts_with(begins) || !name.chars().all(is_part) || name.matches(':').count() > 1 {
        let name: String = name.chars().take(NAME_SHOWN_MAX).collect();
        return Err(FormatError::new(format!("invalid XML name `{name}`")));
    }
    Ok(match name.split_once(':') {
        Some((prefix, local)) if !prefix.is_empty() && !local.is_empty() => local,
        _ => name,
    })
}

/// Appends what a reference stands for, or the reference as it is when it means nothing.
fn push_reference(name: &str, out: &mut String) {
    match BytesRef::new(name).resolve_char_ref() {
        Ok(Some(character)) => out.push(character),
        _ => match resolve_xml_entity(name) {
            Some(text) => out.push_str(text),
            None => out.extend(["&", name, ";"]),
        },
    }
}

/// The value of an attribute with its references replaced and its line breaks as `\n`.
fn unescaped(value: &str) -> String {
    let value = value.replace("\r\n", "\n").replace('\r', "\n");
    let mut parts = value.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(';') {
            Some((name, rest)) => {
                push_reference(name, &mut out);
                out.push_str(rest);
            }
            None => out.extend(["&", part]),
        }
    }
    out
}

/// What elements of one name have become.
enum Member {
    One(Value),
    Many(Vec<Value>),
}

/// An element that is not closed yet.
struct Element {
    name: Text,
    /// The text that came before any element, in an element without attributes.
    text: Option<Value>,
    members: BTreeMap<Text, Member>,
}

impl Element {
    fn new(name: &str) -> Element {
        Element {
            name: Text::from(name),
            text: None,
            members: BTreeMap::new(),
        }
    }

    fn add_text(&mut self, text: &str, cast: bool) {
        let text = text.trim_matches(['\t', '\r', '\u{8}', '\n', ' ']);
        if text.is_empty() {
            return;
        }
        let value = typed(text, cast);
        if self.members.is_empty() {
            self.text = Some(value);
        } else {
            self.members.insert(TEXT, Member::One(value));
        }
    }

    fn add(&mut self, name: Text, value: Value) {
        match self.members.get_mut(&name) {
            None => {
                self.members.insert(name, Member::One(value));
            }
            Some(Member::Many(values)) => values.push(value),
            Some(member) => {
                let first = std::mem::replace(member, Member::Many(Vec::new()));
                if let (Member::One(first), Member::Many(values)) = (first, member) {
                    values.extend([first, value]);
                }
            }
        }
    }

    fn into_value(mut self) -> Value {
        match self.text {
            Some(text) if self.members.is_empty() => return text,
            Some(text) => {
                self.members.insert(TEXT, Member::One(text));
            }
            None if self.members.is_empty() => return Value::from_static(""),
            None => {}
        }
        let members = self.members.into_iter().map(|(key, member)| match member {
            Member::One(value) => (key, value),
            Member::Many(values) => (key, Value::from(values)),
        });
        Value::Object(Object::from_ascending(members.collect()))
    }
}

const TEXT: Text = Text::from_static("#text");

fn typed(text: &str, cast: bool) -> Value {
    if cast {
        if let Some(number) = number(text) {
            return Value::F64(number);
        }
        match text {
            "t" | "T" | "true" | "True" | "TRUE" => return Value::Bool(true),
            "f" | "F" | "false" | "False" | "FALSE" => return Value::Bool(false),
            _ => {}
        }
    }
    Value::from(text)
}

/// A number, in which underscores may stand between digits. The words for infinity and for what is
/// no number stay words.
fn number(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut places = text.match_indices('_').map(|(at, _)| at);
    if places.any(|at| at == 0 || !is_digit(at - 1) || !is_digit(at + 1)) {
        return None;
    }
    let digits = match text.contains('_') {
        true => Cow::Owned(text.replace('_', "")),
        false => Cow::Borrowed(text),
    };
    digits.parse().ok().filter(|it: &f64| it.is_finite())
}

/// The text of a document in the character set that it declares.
fn decoded(source: &[u8]) -> Result<Cow<'_, str>, FormatError> {
    let source = source.strip_prefix(b"\xef\xbb\xbf").unwrap_or(source);
    let label = declared_charset(source).unwrap_or_default();
    let encoding = match label.as_str() {
        "" => UTF_8,
        label => Encoding::for_label(label.as_bytes())
            .ok_or_else(|| FormatError::new(format!("unsupported charset `{label}`")))?,
    };
    if encoding == UTF_8 {
        let text = std::str::from_utf8(source);
        return text
            .map(Cow::Borrowed)
            .map_err(|_| FormatError::new("invalid UTF-8"));
    }
    Ok(encoding.decode_without_bom_handling(source).0)
}

/// The charset of `<?xml … encoding="…"?>`.
fn declared_charset(source: &[u8]) -> Option<String> {
    const LENGTH_MAX: usize = 200;
    let head = &source[..source.len().min(LENGTH_MAX)];
    let end = head.iter().position(|byte| *byte == b'>')?;
    let head = std::str::from_utf8(&head[..=end]).ok()?;
    match Reader::from_str(head).read_event().ok()? {
        Event::Decl(declaration) => Some(declaration.encoding()?.ok()?.into_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(xml: &str, cast: bool) -> String {
        match read(xml.as_bytes(), cast) {
            Ok(value) => String::from_utf8(value.to_json().to_vec()).unwrap(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn elements_become_members() {
        for (xml, expected) in [
            ("<a/>", r#"{"a":""}"#),
            ("<a></a>", r#"{"a":""}"#),
            ("<a>x</a>", r#"{"a":"x"}"#),
            (r#"<a b="1">x</a>"#, r##"{"a":{"#text":"x","-b":"1"}}"##),
            (r#"<a b="1"/>"#, r#"{"a":{"-b":"1"}}"#),
            (
                "<a><b>1</b><b>2</b><b>3</b></a>",
                r#"{"a":{"b":["1","2","3"]}}"#,
            ),
            ("<a>t<b>1</b>u</a>", r##"{"a":{"#text":"t","b":"1"}}"##),
            ("<a><b>1</b>u</a>", r##"{"a":{"#text":"u","b":"1"}}"##),
            ("<a>1<![CDATA[ <z> ]]></a>", r#"{"a":"<z>"}"#),
            (
                "<a>&lt;&amp;&unknown;&#65;&#x42;&#xZZ;</a>",
                r#"{"a":"<&&unknown;AB&#xZZ;"}"#,
            ),
            (
                r#"<a b="&lt;&quot;">q</a>"#,
                r##"{"a":{"#text":"q","-b":"<\""}}"##,
            ),
            ("<a></b>", r#"{"a":""}"#),
            ("<a><b></a>", r#"{"a":{"b":""}}"#),
            (
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a>x</a>",
                r#"{"a":"x"}"#,
            ),
            (
                "<!DOCTYPE x [<!ENTITY y \"z>\">]><a>&y;</a>",
                r#"{"a":"&y;"}"#,
            ),
            ("<!-- c --><a>x<!-- d -->y</a>", r#"{"a":"y"}"#),
            (
                r#"<n:a xmlns:n="u" n:b="1"><n:c>1</n:c></n:a>"#,
                r#"{"a":{"-b":"1","-n":"u","c":"1"}}"#,
            ),
            ("<a>  x  </a>", r#"{"a":"x"}"#),
            ("<a>x</a><b>y</b>", r#"{"a":"x"}"#),
            ("<a b>x</a>", r##"{"a":{"#text":"x","-b":""}}"##),
            ("<a x=1>y</a>", r##"{"a":{"#text":"y","-x":"1"}}"##),
            (
                r#"<a b="1" b="2">x</a>"#,
                r##"{"a":{"#text":"x","-b":"2"}}"##,
            ),
            ("<a>a & b\r\nc</a>", r#"{"a":"a & b\nc"}"#),
            ("<a.b-c_d>x</a.b-c_d >", r#"{"a.b-c_d":"x"}"#),
            ("<a><?pi x?>y</a>", r#"{"a":"y"}"#),
            ("<a>x&amp</a>", r#"{"a":"x&amp"}"#),
            ("<a>&#x110000;</a>", r#"{"a":"&#x110000;"}"#),
            ("<a>]]>&#0;</a>", r#"{"a":"]]>&#0;"}"#),
            (
                r#"<a b="< & &lt;&c;&#65;">x</a>"#,
                r##"{"a":{"#text":"x","-b":"< & <&c;A"}}"##,
            ),
            ("<a b='x\r\ny'/>", r#"{"a":{"-b":"x\ny"}}"#),
            ("<:a>x</:a>", r#"{":a":"x"}"#),
        ] {
            assert_eq!(json(xml, false), expected, "{xml}");
        }
    }

    /// What mxj 2.7.0, which Bento reads XML with, makes of texts between elements, of attributes
    /// that are repeated, and of what follows the first element.
    #[test]
    fn what_has_no_place_in_an_object_is_left_out_as_in_bento() {
        for (xml, expected) in [
            (
                r##"<a>one<b/>two</a>"##,
                r##"{"a":{"#text":"one","b":""}}"##,
            ),
            (
                r##"<a>one<b>in</b>two<b>in2</b></a>"##,
                r##"{"a":{"#text":"one","b":["in","in2"]}}"##,
            ),
            (r##"<a>one<!-- c -->two</a>"##, r##"{"a":"two"}"##),
            (r##"<a>one<![CDATA[two]]></a>"##, r##"{"a":"two"}"##),
            (r##"<a x="1" X="2"/>"##, r##"{"a":{"-X":"2","-x":"1"}}"##),
            (r##"<a/><b/>"##, r##"{"a":""}"##),
            (r##"<a>t</a><b"##, r##"{"a":"t"}"##),
            (r##"<a>12<b/>13</a>"##, r##"{"a":{"#text":"12","b":""}}"##),
            (r##"<a></a>"##, r##"{"a":""}"##),
            (r##"<a><b></b></a>"##, r##"{"a":{"b":""}}"##),
        ] {
            assert_eq!(json(xml, false), expected, "{xml}");
        }
    }

    #[test]
    fn numbers_and_booleans_are_cast_on_request() {
        assert_eq!(
            json(
                "<a b=7><c>nan</c><d>1e3</d><e>t</e><f>FALSE</f><g>Infinity</g><h>.5</h><i>1_000</i><j>1__0</j></a>",
                true
            ),
            r#"{"a":{"-b":7,"c":"nan","d":1000,"e":true,"f":false,"g":"Infinity","h":0.5,"i":1000,"j":"1__0"}}"#
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (xml, expected) in [
            ("", "EOF"),
            ("text", "EOF"),
            (
                "<a",
                "XML syntax error on line 1: syntax error: tag not closed",
            ),
            ("<a>\n<b>", "XML syntax error on line 2: unexpected EOF"),
            ("</a>", "unexpected end element </a>"),
            ("<a & b>x</a>", "invalid XML name `&`"),
            ("<a>a < b</a>", "invalid XML name ``"),
            ("<1a>x</1a>", "invalid XML name `1a`"),
            ("<a></a b>", "invalid XML name `a b`"),
            ("<a:b:c>x</a:b:c>", "invalid XML name `a:b:c`"),
            ("<a b=>x</a>", "must be followed by an attribute value"),
            ("<a b=\"", "attribute value not closed"),
            ("<!-- -- --><a/>", "`--`"),
            (
                "<?xml version=\"1.0\" encoding=\"utf-7\"?><a/>",
                "unsupported charset `utf-7`",
            ),
            ("<![CDATA[", "CDATA"),
            ("<!DOCTYPE", "DOCTYPE not closed"),
        ] {
            let actual = json(xml, false);
            assert!(
                actual.starts_with("error:") && actual.contains(expected),
                "{xml}: {actual}"
            );
        }
    }

    #[test]
    fn hostile_documents_cost_no_more_than_their_size() {
        let deep = json(&"<a>".repeat(5_000), false);
        assert!(deep.contains("nested deeper than 1000 levels"), "{deep}");
        let long_name = json(&format!("<{}!>", "a".repeat(1_000_000)), false);
        assert!(long_name.len() < 200, "{}", long_name.len());
        // What a document type declares is not put in.
        let bomb = r#"<!DOCTYPE a [<!ENTITY b "xxxx"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>"#;
        assert_eq!(json(bomb, false), r#"{"a":"&c;"}"#);
    }

    #[test]
    fn other_character_sets_are_decoded() {
        let source = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9\x80</a>";
        let value = read(source, false).unwrap();
        assert_eq!(value.get("a").unwrap().as_str(), Some("\u{e9}\u{20ac}"));
        let source = b"<?xml version='1.0' encoding='Shift_JIS'?><a>\x93\xfa</a>";
        let value = read(source, false).unwrap();
        assert_eq!(value.get("a").unwrap().as_str(), Some("\u{65e5}"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[<>/a-c&;#x0-9='\" !\\[\\]?:\u{e9}-]{0,60}") {
            let _result = read(text.as_bytes(), true);
        }
    }
}
