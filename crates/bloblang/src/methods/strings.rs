//! Methods on text: case, parts, replacing, formatting.

use std::borrow::Cow;

use bytes::Bytes;
use millrace_message::{Text, Value};

use super::target::{self, characters};
use crate::arguments::Call;
use crate::budget;
use crate::eval_error::EvalError;
use crate::go;
use crate::registry::{Category, Example, Method, Parameter, Reach, Status};

mod capitalize;

/// The longest result of `repeat`, in bytes.
const REPEAT_MAX: usize = 256 << 20;

const OLD: Parameter = Parameter::bytes("old", "The text to replace.");
const NEW: Parameter = Parameter::bytes("new", "What stands there instead.");
const PAIRS: Parameter = Parameter::array(
    "values",
    "Texts to replace, each followed by its replacement.",
);

pub(super) const METHODS: &[Method] = &[
    Method::value("uppercase", "The text in upper case.", |target, _| {
        target::map_text(target, uppercase)
    })
    .category(Category::Strings)
    .examples(&[Example::new(
        "root.foo = this.foo.uppercase()",
        &[(r#"{"foo":"héllo ß"}"#, r#"{"foo":"HÉLLO ß"}"#)],
    )]),
    Method::value("lowercase", "The text in lower case.", |target, _| {
        target::map_text(target, lowercase)
    })
    .category(Category::Strings)
    .examples(&[Example::new(
        "root.foo = this.foo.lowercase()",
        &[(r#"{"foo":"HELLO Wörld"}"#, r#"{"foo":"hello wörld"}"#)],
    )]),
    Method::value(
        "capitalize",
        "The text with the first letter of each word in upper case and the others in lower case.",
        |target, _| target::map_characters(target, capitalize::capitalize),
    )
    .category(Category::Strings)
    .examples(&[Example::new(
        "root.title = this.title.capitalize()",
        &[(r#"{"title":"the foo's BAR"}"#, r#"{"title":"The Foo's Bar"}"#)],
    )]),
    Method::value("has_prefix", "Whether the text begins with another one.", |target, call| {
        let prefix = call.arguments.bytes(0)?;
        Ok(Value::Bool(target::bytes(&target)?.starts_with(prefix)))
    })
    .reach(Reach::Glance)
    .category(Category::Strings)
    .parameters(&[Parameter::bytes("value", "The other text.")])
    .examples(&[Example::new(
        r#"root.a = this.v.has_prefix("foo")"#,
        &[(r#"{"v":"foobar"}"#, r#"{"a":true}"#), (r#"{"v":"barfoo"}"#, r#"{"a":false}"#)],
    )]),
    Method::value("has_suffix", "Whether the text ends with another one.", |target, call| {
        let suffix = call.arguments.bytes(0)?;
        Ok(Value::Bool(target::bytes(&target)?.ends_with(suffix)))
    })
    .reach(Reach::Glance)
    .category(Category::Strings)
    .parameters(&[Parameter::bytes("value", "The other text.")])
    .examples(&[Example::new(
        r#"root.a = this.v.has_suffix("foo")"#,
        &[(r#"{"v":"foobar"}"#, r#"{"a":false}"#), (r#"{"v":"barfoo"}"#, r#"{"a":true}"#)],
    )]),
    Method::value(
        "index_of",
        "The byte at which another text first begins, -1 when it does not occur.",
        index_of,
    )
    .category(Category::Strings)
    .parameters(&[Parameter::bytes("value", "The other text.")])
    .examples(&[Example::new(
        r#"root.at = this.v.index_of("bar")"#,
        &[(r#"{"v":"foobar"}"#, r#"{"at":3}"#), (r#"{"v":"none"}"#, r#"{"at":-1}"#)],
    )]),
    Method::value(
        "trim",
        "The text without the blanks around it, or without the given characters.",
        trim,
    )
    .category(Category::Strings)
    .parameters(&[
        Parameter::string("cutset", "The characters to take away instead of blanks.").optional(),
    ])
    .examples(&[Example::new(
        "root.a = this.a.trim()\nroot.b = this.b.trim(\"!?\")",
        &[(r#"{"a":"  x y ","b":"!?what?!"}"#, r#"{"a":"x y","b":"what"}"#)],
    )]),
    Method::value("trim_prefix", "The text without a beginning, if it has it.", |target, call| {
        let prefix = call.arguments.bytes(0)?;
        target::cut(target, |text| match text.starts_with(prefix) {
            true => prefix.len()..text.len(),
            false => 0..text.len(),
        })
    })
    .category(Category::Strings)
    .since("1.0.0")
    .parameters(&[Parameter::bytes("prefix", "The beginning.")])
    .examples(&[Example::new(
        r#"root.name = this.name.trim_prefix("foobar_")"#,
        &[(r#"{"name":"foobar_x"}"#, r#"{"name":"x"}"#), (r#"{"name":"y"}"#, r#"{"name":"y"}"#)],
    )]),
    Method::value("trim_suffix", "The text without an ending, if it has it.", |target, call| {
        let suffix = call.arguments.bytes(0)?;
        target::cut(target, |text| match text.ends_with(suffix) {
            true => 0..text.len() - suffix.len(),
            false => 0..text.len(),
        })
    })
    .category(Category::Strings)
    .since("1.0.0")
    .parameters(&[Parameter::bytes("suffix", "The ending.")])
    .examples(&[Example::new(
        r#"root.name = this.name.trim_suffix("_foobar")"#,
        &[(r#"{"name":"x_foobar"}"#, r#"{"name":"x"}"#), (r#"{"name":"y"}"#, r#"{"name":"y"}"#)],
    )]),
    Method::value("repeat", "The text so many times in a row.", repeat)
        .category(Category::Strings)
        .since("1.5.0")
        .parameters(&[Parameter::integer("count", "How many times; below 0 counts as 0.")])
        .examples(&[Example::new(
            r#"root.a = this.name.repeat(3)"#,
            &[(r#"{"name":"bob"}"#, r#"{"a":"bobbobbob"}"#)],
        )]),
    Method::value("reverse", "The characters of the text from the last to the first.", reverse)
        .category(Category::Strings)
        .examples(&[Example::new(
            "root.a = this.a.reverse()",
            &[(r#"{"a":"backwards é"}"#, r#"{"a":"é sdrawkcab"}"#)],
        )]),
    Method::value("replace_all", "The text with every occurrence of another one replaced.", replace)
        .category(Category::Strings)
        .parameters(&[OLD, NEW])
        .examples(&[Example::new(
            r#"root.new = this.v.replace_all("foo","dog")"#,
            &[(r#"{"v":"The foo ate my foo"}"#, r#"{"new":"The dog ate my dog"}"#)],
        )]),
    Method::value("replace", "As `replace_all`.", replace)
        .category(Category::Strings)
        .status(Status::Hidden)
        .parameters(&[OLD, NEW]),
    Method::value(
        "replace_all_many",
        "The text with several others replaced, one after the other.",
        replace_many,
    )
    .category(Category::Strings)
    .parameters(&[PAIRS])
    .examples(&[Example::new(
        r#"root.new = this.v.replace_all_many(["<b>", "&lt;b&gt;", "</b>", "&lt;/b&gt;"])"#,
        &[(r#"{"v":"<i>Hello</i> <b>World</b>"}"#, r#"{"new":"<i>Hello</i> &lt;b&gt;World&lt;/b&gt;"}"#)],
    )]),
    Method::value("replace_many", "As `replace_all_many`.", replace_many)
        .category(Category::Strings)
        .status(Status::Hidden)
        .parameters(&[PAIRS]),
    Method::value("quote", "The text as a string literal, in double quotes.", |target, _| {
        Ok(Value::from(go::format::quote_bytes(&target::payload(&target)?)))
    })
    .category(Category::Strings)
    .examples(&[Example::new(
        "root.quoted = this.thing.quote()",
        &[(r#"{"thing":"foo\nbar"}"#, r#"{"quoted":"\"foo\\nbar\""}"#)],
    )]),
    Method::value("unquote", "The text that a string literal stands for.", |target, _| {
        crate::lexer::unquote(&target::text(&target)?)
            .map(go::string)
            .ok_or_else(|| EvalError::new("invalid syntax"))
    })
    .category(Category::Strings)
    .examples(&[Example::new(
        "root.text = this.thing.unquote()",
        &[(r#"{"thing":"\"foo\\nbar\""}"#, r#"{"text":"foo\nbar"}"#)],
    )]),
    Method::value(
        "format",
        "The text with its verbs (`%v`, `%d`, `%-5s`, `%.2f` and the others of Go) replaced by the arguments.",
        format,
    )
    .reach(Reach::Deep)
    .category(Category::Strings)
    .variadic()
    .examples(&[Example::new(
        r#"root.foo = "%s(%v): %v".format(this.name, this.age, this.fingers)"#,
        &[(r#"{"name":"lance","age":37,"fingers":13}"#, r#"{"foo":"lance(37): 13"}"#)],
    )]),
    Method::value("escape_html", "The text with `<`, `>`, `&`, `'` and `\"` as entities.", |target, _| {
        target::to_string(&target, |text| Ok(Value::from(escape_html(text))))
    })
    .category(Category::Strings)
    .examples(&[Example::new(
        "root.escaped = this.value.escape_html()",
        &[(r#"{"value":"foo & bar's"}"#, r#"{"escaped":"foo &amp; bar&#39;s"}"#)],
    )]),
    Method::value("escape_url_query", "The text as it may stand in the query of a URL.", |target, _| {
        Ok(Value::from(go::url::escape_query(&target::payload(&target)?)))
    })
    .category(Category::Strings)
    .examples(&[Example::new(
        "root.escaped = this.value.escape_url_query()",
        &[(r#"{"value":"foo & bar é"}"#, r#"{"escaped":"foo+%26+bar+%C3%A9"}"#)],
    )]),
    Method::value("unescape_url_query", "What a text from the query of a URL stands for.", |target, _| {
        go::url::unescape_query(&target::text(&target)?).map(go::string).map_err(EvalError::new)
    })
    .category(Category::Strings)
    .examples(&[Example::new(
        "root.text = this.value.unescape_url_query()",
        &[
            (r#"{"value":"foo+%26+bar"}"#, r#"{"text":"foo & bar"}"#),
            (r#"{"value":"5%"}"#, "error:invalid URL escape \"%\""),
        ],
    )]),
    Method::value("filepath_join", "The elements of the array as one path, in its shortest form.", filepath_join)
        .category(Category::Strings)
        .examples(&[Example::new(
            "root.path = this.elements.filepath_join()",
            &[(r#"{"elements":["/foo/","../bar","x.txt"]}"#, r#"{"path":"/bar/x.txt"}"#)],
        )]),
    Method::value("filepath_split", "Folder and file of a path.", |target, _| {
        let path = target::text(&target)?;
        budget::make_text(path.len())?;
        let cut = path.rfind('/').map_or(0, |at| at + 1);
        Ok(Value::from(vec![Value::from(&path[..cut]), Value::from(&path[cut..])]))
    })
    .category(Category::Strings)
    .examples(&[Example::new(
        "root.parts = this.path.filepath_split()",
        &[(r#"{"path":"/foo/bar.txt"}"#, r#"{"parts":["/foo/","bar.txt"]}"#)],
    )]),
];

/// Each character by itself, as in Go: one that would become several stays (`ß`).
fn uppercase(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_uppercase();
    }
    let upper = |character: char| {
        let mut mapped = character.to_uppercase();
        match (mapped.next(), mapped.next()) {
            (Some(one), None) => one,
            _ => character,
        }
    };
    text.chars().map(upper).collect()
}

/// Each character by itself, as in Go: no special ending for a final sigma.
fn lowercase(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars()
        .filter_map(|character| character.to_lowercase().next())
        .collect()
}

fn index_of(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let needle = call.arguments.bytes(0)?;
    let bytes = target::bytes(&target)?;
    let found = memchr::memmem::find(bytes, needle);
    Ok(Value::I64(found.map_or(-1, |at| at as i64)))
}

fn trim(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    /// Up to this length looking for a character in it takes no time to speak of.
    const CUTSET: usize = 256;
    let cutset = call.arguments.optional_text(0)?;
    if let Some(long) = cutset.filter(|it| it.len() > CUTSET) {
        budget::look_through(long.len().saturating_mul(target.weight()))?;
    }
    target::cut(target, |text| match cutset {
        Some(cutset) => characters::trimmed(text, |character| cutset.contains(character)),
        None => characters::trimmed(text, char::is_whitespace),
    })
}

fn repeat(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let count = usize::try_from(call.arguments.integer(0)?.max(0)).unwrap_or(usize::MAX);
    let length = target::bytes(&target)?.len();
    if length.saturating_mul(count) > REPEAT_MAX {
        return Err(EvalError::new(format!(
            "result is longer than {REPEAT_MAX} bytes"
        )));
    }
    budget::afford(length.saturating_mul(count))?;
    match &*target {
        Value::Bytes(bytes) => Ok(Value::from(bytes.repeat(count))),
        _ => target::map_text(target, |text| text.repeat(count)),
    }
}

fn reverse(target: Cow<'_, Value>, _: &Call<'_>) -> Result<Value, EvalError> {
    match &*target {
        Value::Bytes(bytes) => Ok(Value::from(
            bytes.iter().rev().copied().collect::<Vec<u8>>(),
        )),
        _ => target::map_text(target, |text| text.chars().rev().collect()),
    }
}

fn replace(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let (old, new) = (call.arguments.bytes(0)?, call.arguments.bytes(1)?);
    target::map_bytes(target, |text| replaced(text, old, new))
}

fn replace_many(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let values = call.arguments.array(0)?;
    if values.len() % 2 != 0 {
        let message = "invalid arg, replacements should be in pairs and must therefore be even";
        return Err(EvalError::new(message));
    }
    let texts: Vec<Bytes> = values
        .iter()
        .enumerate()
        .map(|(index, value)| {
            target::payload(&value).map_err(|error| {
                error.context(format_args!("invalid replacement value at index {index}"))
            })
        })
        .collect::<Result<_, _>>()?;
    target::map_bytes(target, |text| {
        let mut text = text.to_vec();
        for pair in texts.chunks_exact(2) {
            budget::look_through(text.len())?;
            text = replaced(&text, &pair[0], &pair[1])?;
        }
        Ok(text)
    })
}

fn replaced(text: &[u8], old: &[u8], new: &[u8]) -> Result<Vec<u8>, EvalError> {
    afford_replaced(text, old, new)?;
    let mut out = Vec::with_capacity(text.len());
    let mut end = 0;
    let mut replace_at = |at: usize| {
        out.extend_from_slice(&text[end..at]);
        out.extend_from_slice(new);
        end = at + old.len();
    };
    match old.is_empty() {
        // Nothing stands before each character, and at the end.
        true => {
            characters::places(text).for_each(|place| replace_at(place.start));
            replace_at(text.len());
        }
        false => memchr::memmem::find_iter(text, old).for_each(replace_at),
    }
    out.extend_from_slice(&text[end..]);
    Ok(out)
}

/// Makes sure that a text can be made whose parts are replaced by longer ones.
fn afford_replaced(text: &[u8], old: &[u8], new: &[u8]) -> Result<(), EvalError> {
    /// Up to this length the parts are not counted first.
    const COUNTED_MIN: usize = 16 << 10;
    if new.len() <= old.len() {
        return Ok(());
    }
    let places = text.len() / old.len().max(1) + 1;
    if places.saturating_mul(new.len()) < COUNTED_MIN {
        return Ok(());
    }
    let places = match old.len() {
        0 => places,
        _ => memchr::memmem::find_iter(text, old).count(),
    };
    budget::afford(places.saturating_mul(new.len() - old.len()))
}

fn format(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let format = target::text(&target)?;
    let arguments: Vec<Value> = (0..call.arguments.len())
        .map(|at| call.arguments.value(at).clone())
        .collect();
    go::format::sprintf(&format, &arguments).map(Value::from)
}

pub(super) fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            other => out.push(other),
        }
    }
    out
}

fn filepath_join(target: Cow<'_, Value>, _: &Call<'_>) -> Result<Value, EvalError> {
    let Some(array) = target.as_array() else {
        return Err(EvalError::wrong_type(&target, &["array"]));
    };
    let mut elements: Vec<Text> = Vec::with_capacity(array.len());
    for (index, element) in array.iter().enumerate() {
        let text = target::text(&element)
            .map_err(|error| error.context(format_args!("path element {index}")))?;
        elements.push(text);
    }
    let given: Vec<&str> = elements
        .iter()
        .map(|it| &**it)
        .filter(|it| !it.is_empty())
        .collect();
    Ok(Value::from(if given.is_empty() {
        String::new()
    } else {
        clean_path(&given.join("/"))
    }))
}

/// The shortest form of a path, without `.`, `..` and doubled slashes where that is possible.
fn clean_path(path: &str) -> String {
    let is_rooted = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if kept.last().is_some_and(|last| *last != "..") => {
                kept.pop();
            }
            ".." if is_rooted => {}
            part => kept.push(part),
        }
    }
    match (is_rooted, kept.is_empty()) {
        (true, _) => format!("/{}", kept.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => kept.join("/"),
    }
}
