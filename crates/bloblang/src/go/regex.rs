//! Regular expressions in Go's syntax.
//!
//! Both engines are of the RE2 family, so a pattern only needs its spelling changed where the two
//! read it differently: `\d`, `\w`, `\s` and `\b` know ASCII alone in Go, `\Q…\E` quotes, brackets
//! and doubled operators inside a class are text, and braces that hold no count are text.
//! Counts that multiply where they nest are bounded as they are there.

use std::iter::Peekable;
use std::str::Chars;

use regex::{Regex, RegexBuilder};

pub(crate) use pattern::{Pattern, Searches};
pub use replacement::{Replacement, replacement_size};

mod pattern;
mod repeats;
mod replacement;

/// The largest compiled pattern, in bytes.
const SIZE_MAX: usize = 10 << 20;

/// Compiles a pattern.
///
/// # Errors
///
/// What is wrong with the pattern.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    let translated = translate(pattern);
    repeats::check(&translated)?;
    sized(&translated, SIZE_MAX).map_err(|error| complaint(&error))
}

/// Compiles a translated pattern that takes so many bytes at most.
fn sized(translated: &str, size: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(translated).size_limit(size).build()
}

fn complaint(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(limit) => {
            format!("error parsing regexp: expression is larger than {limit} bytes when compiled")
        }
        other => format!("error parsing regexp: {}", last_line(&other.to_string())),
    }
}

/// The reason at the end of the several lines that show the place.
fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// A pattern in Go's syntax as one of the crate `regex`. What is wrong in it stays so.
pub fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => push_escape(&mut out, &mut rest, false),
            '[' => push_class(&mut out, &mut rest),
            '{' if !is_count(rest.clone()) => out.push_str("\\{"),
            other => out.push(other),
        }
    }
    out
}

/// Whether `n}`, `n,}` or `n,m}` follows.
fn is_count(rest: Peekable<Chars<'_>>) -> bool {
    let inner: String = rest.take(12).collect();
    let Some((inner, _)) = inner.split_once('}') else {
        return false;
    };
    let (low, high) = inner.split_once(',').unwrap_or((inner, "0"));
    let is_number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() < 2 || !text.starts_with('0'))
    };
    !low.is_empty() && is_number(low) && is_number(high)
}

/// What follows a backslash.
fn push_escape(out: &mut String, rest: &mut Peekable<Chars<'_>>, in_class: bool) {
    let Some(escaped) = rest.next() else {
        out.push('\\');
        return;
    };
    match (escaped, in_class) {
        ('d', _) => out.push_str("[0-9]"),
        ('D', _) => out.push_str("[^0-9]"),
        ('w', _) => out.push_str("[0-9A-Za-z_]"),
        ('W', _) => out.push_str("[^0-9A-Za-z_]"),
        ('s', _) => out.push_str("[\\t\\n\\f\\r ]"),
        ('S', _) => out.push_str("[^\\t\\n\\f\\r ]"),
        ('b', false) => out.push_str("(?-u:\\b)"),
        ('B', false) => out.push_str("(?:(?-u:\\b)(?-u:\\B)|(?-u:\\B))"),
        ('Q', false) => push_quoted(out, rest),
        ('p' | 'P', _) => push_property(out, rest, escaped),
        ('x', _) => {
            out.push_str("\\x");
            push_braced(out, rest);
        }
        ('0'..='7', _) if escaped == '0' || matches!(rest.peek(), Some('0'..='7')) => {
            push_octal(out, rest, escaped);
        }
        // With a backslash they would be the bounds of a word.
        ('<' | '>', _) => out.push(escaped),
        (other, _) => {
            out.push('\\');
            out.push(other);
        }
    }
}

/// A class of characters by its property; a `^` in the braces turns it round.
fn push_property(out: &mut String, rest: &mut Peekable<Chars<'_>>, letter: char) {
    let mut name = String::new();
    push_braced(&mut name, rest);
    out.push('\\');
    match (name.strip_prefix("{^"), letter) {
        (Some(name), 'p') => out.push_str(&format!("P{{{name}")),
        (Some(name), _) => out.push_str(&format!("p{{{name}")),
        (None, letter) => {
            out.push(letter);
            out.push_str(&name);
        }
    }
}

/// The code of a character in up to three octal digits.
fn push_octal(out: &mut String, rest: &mut Peekable<Chars<'_>>, first: char) {
    let mut code = first.to_digit(8).unwrap_or_default();
    for _ in 0..2 {
        let Some(digit) = rest.peek().and_then(|next| next.to_digit(8)) else {
            break;
        };
        code = code * 8 + digit;
        rest.next();
    }
    out.push_str(&format!("\\x{{{code:x}}}"));
}

/// The name of a class or the code of a character, which may stand in braces.
fn push_braced(out: &mut String, rest: &mut Peekable<Chars<'_>>) {
    if rest.peek() == Some(&'{') {
        for inner in rest.by_ref() {
            out.push(inner);
            if inner == '}' {
                break;
            }
        }
    }
}

/// Text up to `\E`.
fn push_quoted(out: &mut String, rest: &mut Peekable<Chars<'_>>) {
    let mut text = String::new();
    while let Some(character) = rest.next() {
        if character == '\\' && rest.peek() == Some(&'E') {
            rest.next();
            break;
        }
        text.push(character);
    }
    out.push_str(&regex::escape(&text));
}

/// A class behind its opening bracket.
fn push_class(out: &mut String, rest: &mut Peekable<Chars<'_>>) {
    out.push('[');
    if rest.peek() == Some(&'^') {
        rest.next();
        out.push('^');
    }
    let mut is_first = true;
    while let Some(character) = rest.next() {
        match character {
            ']' if !is_first => {
                out.push(']');
                return;
            }
            ']' => out.push_str("\\]"),
            '\\' => push_escape(out, rest, true),
            '[' if rest.peek() == Some(&':') => {
                out.push('[');
                // `[:alpha:]` holds nothing to translate.
                for inner in rest.by_ref() {
                    out.push(inner);
                    if inner == ']' {
                        break;
                    }
                }
            }
            '[' => out.push_str("\\["),
            '&' | '~' => {
                out.push('\\');
                out.push(character);
            }
            // `a--b` would take one class from another.
            '-' if rest.peek() == Some(&'-') => out.push_str("\\-"),
            other => out.push(other),
        }
        is_first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_know_ascii_alone() {
        for (pattern, text, expected) in [
            (r"^\d+$", "12", true),
            (r"^\d+$", "١٢", false),
            (r"^\w+$", "é", false),
            (r"^[\w.]+$", "a.b", true),
            (r"^[^\d]$", "5", false),
            (r"\bfoo\b", "a foo b", true),
            (r"^\s$", "\u{a0}", false),
            (r"^\p{L}\pN[\p{Lu}\x{3b1}]\x{e9}$", "é1Éé", true),
            (r"^\P{L}$", "é", false),
            (r"^\p{^L}[\P{^L}]$", "1é", true),
        ] {
            assert_eq!(
                compile(pattern).unwrap().is_match(text),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn what_go_reads_as_text_is_text() {
        for (pattern, text) in [
            (r"^\Qa.b(\E$", "a.b("),
            ("^[[a&&b]+$", "[a&b"),
            ("^[]a]+$", "]a"),
            (r#"^{"a":1}$"#, r#"{"a":1}"#),
            ("^a{2}$", "aa"),
            ("^a{2,}b{1,2}$", "aaab"),
            ("^[[:alpha:]]+$", "abc"),
            ("^{,5}$", "{,5}"),
            (r"^\<[\<\>]\>$", "<<>"),
            ("^a{1$", "a{1"),
            ("^a{01}$", "a{01}"),
            (r"^\07[\101]\08\400$", "\u{7}A\u{0}8\u{100}"),
        ] {
            assert!(compile(pattern).unwrap().is_match(text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_wrong_pattern_is_explained() {
        let error = compile("(foo").unwrap_err();
        assert_eq!(error, "error parsing regexp: unclosed group");
    }

    proptest::proptest! {
        #[test]
        fn any_pattern_is_safe(pattern in r"[\\\[\]{}()a-c0-9&~^$*+?:|QE,-]{0,20}") {
            let _ = compile(&pattern);
        }
    }
}
