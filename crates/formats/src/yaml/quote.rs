//! How a string is written so that it is read back as the same string.

use millrace_spec::{Resolved, tree};

use super::timestamp;

/// How a string is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    /// A block of lines.
    Literal,
}

/// The style of a string; a block is possible only for values.
pub(super) fn style(text: &str, is_key: bool) -> Style {
    let shape = Shape::of(text);
    if text.contains('\n') {
        let is_block =
            !is_key && !shape.special && !shape.space_before_break && !shape.ends_in_space;
        return if is_block {
            Style::Literal
        } else {
            Style::Double
        };
    }
    if means_something_else(text) || (is_key && text == "<<") || shape.special || shape.tab {
        return Style::Double;
    }
    if shape.starts_in_space || shape.ends_in_space || shape.indicator {
        return Style::Single;
    }
    Style::Plain
}

/// Whether a reader takes the plain text for something other than a string. Old words for
/// booleans and numbers of base 60 are no such things here, but are to readers of YAML 1.1.
fn means_something_else(text: &str) -> bool {
    const OLD_BOOLS: [&str; 20] = [
        "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off",
        "OFF", "", "~", "null", "Null",
    ];
    tree::resolve(text) != Resolved::String
        || OLD_BOOLS.contains(&text)
        || timestamp(text).is_some()
        || is_base_60(text)
}

fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = text.split(':');
    let is_first = parts.next().is_some_and(|first| {
        first.starts_with(|digit: char| digit.is_ascii_digit())
            && first
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'_')
    });
    let mut rest = parts.peekable();
    let mut count = 0;
    let mut is_rest = true;
    while let Some(part) = rest.next() {
        count += 1;
        let whole = match part.split_once('.') {
            Some((whole, fraction)) if rest.peek().is_none() => {
                is_rest &= fraction
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'_');
                whole
            }
            _ => part,
        };
        is_rest &= match whole.as_bytes() {
            [digit] => digit.is_ascii_digit(),
            [ten, digit] => (b'0'..=b'5').contains(ten) && digit.is_ascii_digit(),
            _ => false,
        };
    }
    is_first && is_rest && count > 0
}

/// What stands in a text that readers might take for something else.
#[derive(Default)]
struct Shape {
    /// Something at its place begins or ends another construct.
    indicator: bool,
    /// A character that only an escape can stand for.
    special: bool,
    tab: bool,
    starts_in_space: bool,
    ends_in_space: bool,
    space_before_break: bool,
}

impl Shape {
    fn of(text: &str) -> Shape {
        let mut shape = Shape {
            indicator: text.starts_with("---") || text.starts_with("..."),
            starts_in_space: text.starts_with(' '),
            ends_in_space: text.ends_with(' '),
            ..Shape::default()
        };
        let mut before = None;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let is_blank = |it: Option<char>| it.is_none_or(|it| matches!(it, ' ' | '\t' | '\n'));
            let before_blank = is_blank(characters.peek().copied());
            shape.indicator |= match character {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"'
                | '%' | '@' | '`'
                    if before.is_none() =>
                {
                    true
                }
                '?' | '-' => before.is_none() && before_blank,
                ':' => before_blank,
                '#' => is_blank(before),
                _ => false,
            };
            shape.tab |= character == '\t';
            shape.special |= !is_printable(character);
            shape.space_before_break |= character == '\n' && before == Some(' ');
            before = Some(character);
        }
        shape
    }
}

/// The characters that stand for themselves, tabs and line breaks included. Readers of YAML 1.1
/// take three more characters for line breaks.
fn is_printable(character: char) -> bool {
    matches!(
        character,
        '\t' | '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}'
    ) && !matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Appends a string in single quotes.
pub(super) fn push_single(text: &str, out: &mut String) {
    out.push('\'');
    out.push_str(&text.replace('\'', "''"));
    out.push('\'');
}

/// Appends a string in double quotes.
pub(super) fn push_double(text: &str, out: &mut String) {
    use std::fmt::Write as _;

    out.push('"');
    for character in text.chars() {
        let letter = match character {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            other if is_printable(other) => {
                out.push(other);
                continue;
            }
            other => {
                let _infallible = match u32::from(other) {
                    code @ 0..=0xff => write!(out, "\\x{code:02X}"),
                    code @ 0x100..=0xffff => write!(out, "\\u{code:04X}"),
                    code => write!(out, "\\U{code:08X}"),
                };
                continue;
            }
        };
        out.push('\\');
        out.push(letter);
    }
    out.push('"');
}
