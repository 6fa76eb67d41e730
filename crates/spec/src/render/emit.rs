//! Values as YAML and JSON text.

use crate::{Literal, Resolved, tree};
use std::fmt::Write as _;

/// Compact JSON on one line, keys in their order.
pub fn json(value: &Literal) -> String {
    let mut out = String::new();
    write_json(&mut out, value, None, 0);
    out
}

/// JSON with two spaces for each level.
pub fn json_pretty(value: &Literal) -> String {
    let mut out = String::new();
    write_json(&mut out, value, Some(2), 0);
    out
}

/// Block-style YAML; ends with a line break.
pub fn yaml(value: &Literal) -> String {
    let mut out = String::new();
    match value {
        Literal::Map(entries) if !entries.is_empty() => write_entries(&mut out, entries, 0),
        Literal::List(items) if !items.is_empty() => write_items(&mut out, items, 0),
        scalar => {
            let _ = writeln!(out, "{}", yaml_scalar(scalar));
        }
    }
    out
}

/// A scalar, or an empty collection, as it stands in YAML on one line.
pub fn yaml_scalar(value: &Literal) -> String {
    match value {
        Literal::String(text) if is_plain(text) => text.to_string(),
        Literal::String(text) if is_single_quotable(text) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        Literal::Float(value) if !value.is_finite() => yaml_special(*value).to_owned(),
        other => json(other),
    }
}

fn yaml_special(value: f64) -> &'static str {
    match value {
        it if it.is_nan() => ".nan",
        it if it > 0.0 => ".inf",
        _ => "-.inf",
    }
}

/// Whether a text needs no quotes and is read back as the same text.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(first) = bytes.first() else {
        return false;
    };
    let starts_well =
        first.is_ascii_alphanumeric() || matches!(first, b'/' | b'_' | b'.' | b'$' | b'(');
    let allowed = |it: u8| it.is_ascii_alphanumeric() || b" _-./:+=$()*@;<>^~".contains(&it);
    starts_well
        && bytes.iter().all(|it| allowed(*it))
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && tree::resolve(text) == Resolved::String
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "y" | "n" | "yes" | "no" | "on" | "off"
        )
        && !looks_like_date(bytes)
}

/// YAML 1.1 readers take `2020-01-01` for a timestamp.
fn looks_like_date(bytes: &[u8]) -> bool {
    bytes.len() >= 8 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-'
}

fn is_single_quotable(text: &str) -> bool {
    !text.is_empty()
        && !text
            .chars()
            .any(|it| it.is_control() || is_special_break(it))
}

/// Characters that YAML readers take for line breaks or refuse.
fn is_special_break(letter: char) -> bool {
    matches!(
        letter,
        '\u{2028}' | '\u{2029}' | '\u{85}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    )
}

/// Whether a text can be a literal block and be read back as the same text.
fn is_block(text: &str) -> bool {
    let ends_once = text.ends_with('\n') && !text.ends_with("\n\n");
    let one_break_inside = text.trim_end_matches('\n').contains('\n');
    one_break_inside
        && (ends_once || !text.ends_with('\n'))
        && !text.starts_with([' ', '\n', '\t'])
        && !text
            .chars()
            .any(|it| (it.is_control() && it != '\n') || is_special_break(it))
        && text.lines().all(|line| line.trim_end() == line)
}

fn write_entries(
    out: &mut String,
    entries: &[(std::borrow::Cow<'static, str>, Literal)],
    indent: usize,
) {
    for (key, value) in entries {
        let key = yaml_scalar(&Literal::String(key.clone()));
        let _ = write!(out, "{:indent$}{key}:", "");
        write_after(out, value, indent);
    }
}

fn write_items(out: &mut String, items: &[Literal], indent: usize) {
    for item in items {
        let _ = write!(out, "{:indent$}-", "");
        match item {
            Literal::Map(entries) if !entries.is_empty() => {
                let mut inner = String::new();
                write_entries(&mut inner, entries, indent + 2);
                let _ = write!(out, " {}", &inner[indent + 2..]);
            }
            Literal::List(items) if !items.is_empty() => {
                let mut inner = String::new();
                write_items(&mut inner, items, indent + 2);
                let _ = write!(out, " {}", &inner[indent + 2..]);
            }
            item => write_after(out, item, indent),
        }
    }
}

/// What follows `key:` or `-`.
fn write_after(out: &mut String, value: &Literal, indent: usize) {
    match value {
        Literal::Map(entries) if !entries.is_empty() => {
            out.push('\n');
            write_entries(out, entries, indent + 2);
        }
        Literal::List(items) if !items.is_empty() => {
            out.push('\n');
            write_items(out, items, indent + 2);
        }
        Literal::String(text) if is_block(text) => {
            out.push_str(if text.ends_with('\n') {
                " |\n"
            } else {
                " |-\n"
            });
            for line in text.lines() {
                let indent = if line.is_empty() { 0 } else { indent + 2 };
                let _ = writeln!(out, "{:indent$}{line}", "");
            }
        }
        scalar => {
            let _ = writeln!(out, " {}", yaml_scalar(scalar));
        }
    }
}

fn write_json(out: &mut String, value: &Literal, indent: Option<usize>, depth: usize) {
    match value {
        Literal::Null => out.push_str("null"),
        Literal::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Literal::Int(value) => {
            let _ = write!(out, "{value}");
        }
        Literal::UInt(value) => {
            let _ = write!(out, "{value}");
        }
        Literal::Float(value) if value.is_finite() => {
            let _ = write!(out, "{value}");
        }
        Literal::Float(_) => out.push_str("null"),
        Literal::String(text) => write_json_string(out, text),
        Literal::List(items) => {
            write_json_items(out, ('[', ']'), items, indent, depth, |out, item| {
                write_json(out, item, indent, depth + 1);
            });
        }
        Literal::Map(entries) => {
            write_json_items(
                out,
                ('{', '}'),
                entries,
                indent,
                depth,
                |out, (key, value)| {
                    write_json_string(out, key);
                    out.push_str(if indent.is_some() { ": " } else { ":" });
                    write_json(out, value, indent, depth + 1);
                },
            );
        }
    }
}

fn write_json_items<T>(
    out: &mut String,
    (open, close): (char, char),
    items: &[T],
    indent: Option<usize>,
    depth: usize,
    mut write: impl FnMut(&mut String, &T),
) {
    let new_line = |out: &mut String, depth: usize| {
        if let Some(indent) = indent {
            let _ = write!(out, "\n{:width$}", "", width = indent * depth);
        }
    };
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        new_line(out, depth + 1);
        write(out, item);
    }
    if !items.is_empty() {
        new_line(out, depth);
    }
    out.push(close);
}

fn write_json_string(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            it if it.is_control() || is_special_break(it) => {
                let _ = write!(out, "\\u{:04x}", it as u32);
            }
            it => out.push(it),
        }
    }
    out.push('"');
}
