//! Methods that read and write MessagePack, XML and YAML, and read Parquet.

use millrace_formats::parquet::{self, Lists, ParquetError};
use millrace_formats::{FormatError, msgpack, xml, yaml};
use millrace_message::{Array, Value};

use super::target;
use crate::budget;
use crate::eval_error::EvalError;
use crate::registry::{Category, Default, Example, Method, Parameter, Reach};

/// Bytes that a value takes for each byte of the text that it is read from, at the most usual.
const PARSED: usize = 16;

/// The most that rows of a Parquet file take, in bytes. What a mapping makes is not counted against
/// `memory_limit`.
const ROWS_MAX: usize = 256 << 20;

pub(super) const METHODS: &[Method] = &[
    Method::value(
        "parse_msgpack",
        "The value of a MessagePack message. What follows it is passed over.",
        |target, _| {
            budget::make(target::bytes(&target)?.len().saturating_mul(PARSED))?;
            msgpack::read(target::bytes(&target)?, budget::left()).map_err(|error| {
                match error.is_without_room() {
                    true => budget::too_many_bytes(),
                    false => failed("failed to parse value as MessagePack", &error),
                }
            })
        },
    )
    .category(Category::Parsing)
    .examples(&[
        Example::new(
            r#"root = content().decode("hex").parse_msgpack()"#,
            &[
                ("81a3666f6fa3626172", r#"{"foo":"bar"}"#),
                ("81a3666f", "error:unexpected end of the message"),
            ],
        ),
        Example::new(
            r#"root = this.encoded.decode("base64").parse_msgpack()"#,
            &[(r#"{"encoded":"gaNmb2+jYmFy"}"#, r#"{"foo":"bar"}"#)],
        ),
    ]),
    Method::value(
        "format_msgpack",
        "The target as a MessagePack message, as bytes; numbers take the fewest bytes that hold them.",
        |target, _| {
            msgpack::write(&target)
                .map(Value::from)
                .map_err(|error| failed("failed to format value as MessagePack", &error))
        },
    )
    .reach(Reach::Deep)
    .category(Category::Parsing)
    .examples(&[
        Example::new(
            r#"root = this.format_msgpack().encode("hex")"#,
            &[(r#"{"foo":"bar"}"#, "81a3666f6fa3626172")],
        ),
        Example::new(
            r#"root.encoded = this.format_msgpack().encode("base64")"#,
            &[(r#"{"foo":"bar"}"#, r#"{"encoded":"gaNmb2+jYmFy"}"#)],
        ),
    ]),
    Method::value(
        "parse_parquet",
        "The rows of a Parquet file as an array of objects; times and dates are the numbers that the file has for them. Rows take 256 MiB at most; the processor `parquet_decode` reads larger ones.",
        |target, _| {
            let rows = parquet::read(target::bytes(&target)?, Lists::Arrays, ROWS_MAX);
            rows.map(|rows| Value::Array(Array::from(rows)))
                .map_err(|error| match error {
                    ParquetError::TooLarge(_) => EvalError::new(format!(
                        "{error}; the processor `parquet_decode` has a field `max_size` for more"
                    )),
                    ParquetError::Damaged(error) => {
                        failed("failed to parse value as Parquet", &error)
                    }
                })
        },
    )
    .category(Category::Parsing)
    .parameters(&[Parameter::bool(
        "byte_array_as_string",
        "No longer of any effect: bytes are a text wherever they can be.",
    )
    .default(Default::Bool(false))])
    .examples(&[
        Example::new(
            r#"root = this.file.decode("base64").parse_parquet()"#,
            &[
                (
                    r#"{"file":"UEFSMRUAFRAVECwVBBUAFQYVBgAAAQAAAAIAAAAVABUWFRYsFQQVABUGFQYAAAEAAABhAgAAAGJjFQIZPEgEcm9vdBUEABUCJQAYAmlkABUMJQAYBG5hbWUlAAAWBBkcGSwmCBwVAhkVABkYAmlkFQAWBBYyFjImCAAAJjocFQwZFQAZGARuYW1lFQAWBBY4FjgmOgAAFmoWBAAAYwAAAFBBUjE="}"#,
                    r#"[{"id":1,"name":"a"},{"id":2,"name":"bc"}]"#,
                ),
                (
                    r#"{"file":"UEFSMQ=="}"#,
                    "error:failed to parse value as Parquet: the file has no footer",
                ),
            ],
        ),
    ]),
    Method::value(
        "parse_xml",
        "The first element of an XML text as an object: attributes are members with a `-` before their name, the text beside them is `#text`, and elements of one name are an array. Comments, directives, processing instructions and namespace prefixes are passed over, and as in Bento what has no place in an object: of several texts beside elements all but one, of attributes of one name all but the last, and what follows the first element.",
        |target, call| {
            let cast = call.arguments.optional_bool(0)?.unwrap_or(false);
            budget::make(target::bytes(&target)?.len().saturating_mul(PARSED))?;
            xml::read(target::bytes(&target)?, cast)
                .map_err(|error| failed("failed to parse value as XML", &error))
        },
    )
    .category(Category::Parsing)
    .parameters(&[Parameter::bool(
        "cast",
        "Turn texts that are numbers or booleans into such.",
    )
    .default(Default::Bool(false))])
    .examples(&[
        Example::new(
            "root = this.doc.parse_xml()",
            &[
                (
                    r#"{"doc":"<root><title>A</title><item id=\"1\">x</item><item>y</item></root>"}"#,
                    r##"{"root":{"item":[{"#text":"x","-id":"1"},"y"],"title":"A"}}"##,
                ),
                (r#"{"doc":"<root>"}"#, "error:failed to parse value as XML: XML syntax error on line 1: unexpected EOF"),
            ],
        ),
        Example::new(
            "root = this.doc.parse_xml(cast: true)",
            &[(
                r#"{"doc":"<root><number id=99>123</number><bool>True</bool></root>"}"#,
                r##"{"root":{"bool":true,"number":{"#text":123,"-id":99}}}"##,
            )],
        ),
    ]),
    Method::value(
        "format_xml",
        "The object as an XML text, as bytes: its only member is the outermost element, several are put into an element `doc`. Members are read as `parse_xml` makes them.",
        |target, call| {
            if target.as_object().is_none() {
                return Err(EvalError::wrong_type(&target, &["object"]));
            }
            let indent = call.arguments.text(0)?;
            let indent = (!call.arguments.bool(1)?).then_some(indent.as_str());
            written(xml::write(&target, indent, budget::left()))
        },
    )
    .reach(Reach::Deep)
    .category(Category::Parsing)
    .parameters(&[
        Parameter::string("indent", "What each level is indented by.")
            .default(Default::String("    ")),
        Parameter::bool("no_indent", "All on one line.").default(Default::Bool(false)),
    ])
    .examples(&[
        Example::new(
            r#"root = this.format_xml("  ")"#,
            &[(
                r#"{"foo":{"bar":{"baz":"x < y"}}}"#,
                "<foo>\n  <bar>\n    <baz>x &lt; y</baz>\n  </bar>\n</foo>",
            )],
        ),
        Example::new(
            "root = this.format_xml(no_indent: true)",
            &[
                (r##"{"foo":{"-id":1,"#text":"a"}}"##, r#"<foo id="1">a</foo>"#),
                (r#"{"foo":{"-id":[]}}"#, "error:invalid attribute value for: -id"),
            ],
        ),
    ]),
    Method::value(
        "parse_yaml",
        "The value of the first document of a YAML text.",
        |target, _| {
            yaml::read(target::bytes(&target)?)
                .map_err(|error| failed("failed to parse value as YAML: yaml", &error))
        },
    )
    .category(Category::Parsing)
    .examples(&[Example::new(
        "root = this.doc.parse_yaml()",
        &[
            (r#"{"doc":"foo: bar\nlist: [1, 0x10]"}"#, r#"{"foo":"bar","list":[1,16]}"#),
            (r#"{"doc":"a: 1\na: 2"}"#, "error:mapping key \"a\" is defined twice"),
        ],
    )]),
    Method::value("format_yaml", "The target as a YAML document, as bytes.", |target, _| {
        written(yaml::write(&target, budget::left()))
    })
    .reach(Reach::Deep)
    .category(Category::Parsing)
    .examples(&[
        Example::new(
            "root = this.doc.format_yaml()",
            &[(r#"{"doc":{"foo":"bar","list":[1,"2"]}}"#, "foo: bar\nlist:\n    - 1\n    - \"2\"\n")],
        ),
        Example::new(
            "root.doc = this.doc.format_yaml().string()",
            &[(r#"{"doc":{"foo":"bar"}}"#, r#"{"doc":"foo: bar\n"}"#)],
        ),
    ]),
];

/// A text that was written up to what may still be made.
fn written(text: Result<String, FormatError>) -> Result<Value, EvalError> {
    text.map(|text| Value::from(text.into_bytes()))
        .map_err(|error| match error.is_too_long() {
            true => budget::too_many_bytes(),
            false => EvalError::new(error.to_string()),
        })
}

fn failed(doing: &str, error: &FormatError) -> EvalError {
    EvalError::new(format!("{doing}: {error}"))
}
