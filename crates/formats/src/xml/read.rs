//! From XML to a value.

use std::borrow::Cow;
use std::collections::BTreeMap;

use millrace_message::{Object, Text, Value};

use super::tokens::{Token, Tokens, declared};
use crate::{DEPTH_MAX, FormatError};

/// The first element of a document, as an object with one member. With `cast`, texts and attributes
/// that are numbers or booleans become such.
///
/// # Errors
/// There is no element, it is not closed or not well-formed, it nests deeper than [`DEPTH_MAX`], or
/// the document is in a character set that is not supported (UTF-8, ISO-8859-1, Windows-1252 and
/// ASCII are).
pub fn read(source: &[u8], cast: bool) -> Result<Value, FormatError> {
    let source = decoded(source)?;
    let mut tokens = Tokens::new(&source);
    let mut open: Vec<Element<'_>> = Vec::new();
    while let Some(token) = tokens.next()? {
        match token {
            Token::Start {
                name,
                attributes,
                is_empty,
            } => {
                if open.len() >= DEPTH_MAX {
                    return Err(FormatError::too_deep());
                }
                open.push(Element::new(name, attributes, cast));
                if is_empty && let Some(root) = close(&mut open) {
                    return Ok(root);
                }
            }
            Token::End(name) => {
                if open.is_empty() {
                    return Err(tokens.error(&format!("unexpected end element </{name}>")));
                }
                // An end closes the elements inside that have none.
                while let Some(element) = open.last() {
                    let is_it = element.name == name;
                    if let Some(root) = close(&mut open) {
                        return Ok(root);
                    }
                    if is_it {
                        break;
                    }
                }
            }
            Token::Text(text) => {
                if let Some(element) = open.last_mut() {
                    element.add_text(&text, cast);
                }
            }
        }
    }
    if open.is_empty() {
        return Err(FormatError::new("EOF"));
    }
    Err(tokens.error("unexpected EOF"))
}

/// Ends the innermost element; the document when it was the outermost.
fn close(open: &mut Vec<Element<'_>>) -> Option<Value> {
    let element = open.pop()?;
    let name = element.name;
    let value = element.into_value();
    match open.last_mut() {
        Some(parent) => {
            parent.add(name, value);
            None
        }
        None => Some(Value::Object(Object::from_iter([(name, value)]))),
    }
}

/// What elements of one name have become.
enum Member {
    One(Value),
    Many(Vec<Value>),
}

/// An element that is not closed yet.
struct Element<'a> {
    name: &'a str,
    /// The text that came before any element, in an element without attributes.
    text: Option<Value>,
    members: BTreeMap<Text, Member>,
}

impl<'a> Element<'a> {
    fn new(name: &'a str, attributes: Vec<(&'a str, String)>, cast: bool) -> Element<'a> {
        let members = attributes
            .into_iter()
            .map(|(name, value)| {
                (
                    Text::from(format!("-{name}")),
                    Member::One(typed(&value, cast)),
                )
            })
            .collect();
        Element {
            name,
            text: None,
            members,
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

    fn add(&mut self, name: &str, value: Value) {
        match self.members.get_mut(name) {
            None => {
                self.members.insert(Text::from(name), Member::One(value));
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
        // The words for infinity and for what is no number stay words.
        if let Some(number) = text.parse::<f64>().ok().filter(|it| it.is_finite()) {
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

/// The text of a document in the character set that it declares.
fn decoded(source: &[u8]) -> Result<Cow<'_, str>, FormatError> {
    let source = source.strip_prefix(b"\xef\xbb\xbf").unwrap_or(source);
    let head = &source[..source.len().min(200)];
    let declaration = head
        .strip_prefix(b"<?xml")
        .and_then(|rest| rest.split(|byte| *byte == b'>').next())
        .and_then(|declaration| std::str::from_utf8(declaration).ok());
    let charset = declaration
        .and_then(|it| declared(it, "encoding"))
        .unwrap_or("utf-8");
    match charset.to_ascii_lowercase().as_str() {
        "" | "utf-8" | "utf8" => std::str::from_utf8(source)
            .map(Cow::Borrowed)
            .map_err(|_| FormatError::new("invalid UTF-8")),
        // Readers of web pages take all of these for the last one.
        "iso-8859-1" | "iso8859-1" | "latin1" | "us-ascii" | "ascii" | "windows-1252"
        | "cp1252" => Ok(Cow::Owned(
            source.iter().map(|byte| windows_1252(*byte)).collect(),
        )),
        other => Err(FormatError::new(format!(
            "unsupported charset: \"{other}\""
        ))),
    }
}

fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}',
        '\u{2021}', '\u{2c6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}',
        '\u{8f}', '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}',
        '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}',
        '\u{178}',
    ];
    match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        other => char::from(other),
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
            ("<a b>x</a>", r##"{"a":{"#text":"x","-b":"b"}}"##),
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
            ("<a b=>x</a>", r##"{"a":{"#text":"x","-b":""}}"##),
            ("<:a>x</:a>", r#"{":a":"x"}"#),
        ] {
            assert_eq!(json(xml, false), expected, "{xml}");
        }
    }

    #[test]
    fn numbers_and_booleans_are_cast_on_request() {
        assert_eq!(
            json(
                "<a b=7><c>nan</c><d>1e3</d><e>t</e><f>FALSE</f><g>Infinity</g><h>.5</h></a>",
                true
            ),
            r#"{"a":{"-b":7,"c":"nan","d":1000,"e":true,"f":false,"g":"Infinity","h":0.5}}"#
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (xml, expected) in [
            ("", "EOF"),
            ("text", "EOF"),
            ("<a", "unexpected EOF"),
            ("<a>\n<b>", "line 2: unexpected EOF"),
            ("</a>", "unexpected end element </a>"),
            ("<a>]]></a>", "unescaped ]]>"),
            ("<a & b>x</a>", "expected attribute name"),
            ("<a>a < b</a>", "expected element name after <"),
            ("<1a>x</1a>", "invalid XML name: 1a"),
            ("<a b=x/y>z</a>", "expected />"),
            ("<a></a b>", "invalid characters between </a and >"),
            ("<?xml version=\"1.1\"?><a/>", "unsupported version"),
            ("<a>&#0;</a>", "illegal character code U+0000"),
            ("<a b=\"<\">y</a>", "unescaped <"),
            ("<!-- -- --><a/>", "not allowed in comments"),
            ("<a:b:c>x</a:b:c>", "expected element name"),
            (
                "<?xml version=\"1.0\" encoding=\"utf-7\"?><a/>",
                "unsupported charset",
            ),
            ("<a b=\"", "unexpected EOF"),
            ("<![CDATA[", "unexpected EOF in CDATA"),
            ("<!DOCTYPE", "unexpected EOF"),
        ] {
            let actual = json(xml, false);
            assert!(
                actual.starts_with("error:") && actual.contains(expected),
                "{xml}: {actual}"
            );
        }
        let deep = "<a>".repeat(5_000);
        assert_eq!(read(deep.as_bytes(), false), Err(FormatError::too_deep()));
    }

    #[test]
    fn other_character_sets_are_decoded() {
        let source = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9\x80</a>";
        let value = read(source, false).unwrap();
        assert_eq!(value.get("a").unwrap().as_str(), Some("\u{e9}\u{20ac}"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[<>/a-c&;#x0-9='\" !\\[\\]?:\u{e9}-]{0,60}") {
            let _result = read(text.as_bytes(), true);
        }
    }
}
