//! Strings as words: abbreviations, initials, and the words that names are made of.

use super::Type::{Int, Text};
use super::cases::is_connector;
use super::{Answer, Call, Function};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("abbrev", &[Int, Text], |call| match call.int(0) < 4 {
        true => Ok(call.value(1).clone()),
        false => abbreviate(call, 1, 0, call.int(0)),
    }),
    Function::new("abbrevboth", &[Int, Int, Text], |call| {
        let (left, right) = (call.int(0), call.int(1));
        match right < 4 || left > 0 && right < 7 {
            true => Ok(call.value(2).clone()),
            false => abbreviate(call, 2, left, right),
        }
    }),
    Function::new("nospace", &[Text], |call| {
        let text = call.bytes(0);
        call.step(text.len() / 16)?;
        if !text.iter().any(|it| is_space_byte(*it)) {
            return Ok(call.value(0).clone());
        }
        // Go takes each byte for a character here, and so does this.
        let kept = text.iter().filter(|it| !is_space_byte(**it));
        call.made(kept.map(|it| char::from(*it)).collect::<String>())
    }),
    Function::new("initials", &[Text], |call| {
        let text = call.bytes(0);
        call.step(text.len() / 16)?;
        let mut is_after_gap = true;
        let initials: String = text
            .iter()
            .filter(|byte| {
                let is_space = is_space_byte(**byte);
                let is_initial = is_after_gap && !is_space;
                is_after_gap = is_space;
                is_initial
            })
            .map(|byte| char::from(*byte))
            .collect();
        call.made(initials)
    }),
];

/// White space as Go's `unicode.IsSpace` has it, below 256.
fn is_space_byte(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ' | 0x85 | 0xa0)
}

/// Cuts the text of an argument down to `width` bytes, with dots where something is missing.
fn abbreviate(call: &Call<'_, '_>, index: usize, offset: i64, width: i64) -> Answer {
    let text = call.bytes(index);
    let (length, inner) = (text.len() as i64, width - 3);
    if length <= width {
        return Ok(call.value(index).clone());
    }
    let offset = offset.min(length).min(length - inner);
    let part = |from: i64, to: i64| &text[from as usize..to as usize];
    if offset <= 4 {
        return call.made([part(0, inner), b"..."].concat());
    }
    if width < 7 {
        return call.made("");
    }
    if offset + inner < length {
        return call.made([b"...", part(offset, offset + inner - 3), b"..."].concat());
    }
    call.made([b"...", part(length - inner, length)].concat())
}

/// What a word of a name is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    /// It begins with a letter in upper case.
    Upper,
    Letters,
    Connector,
    Punctuation,
    Other,
}

#[derive(Debug, PartialEq)]
pub(super) struct Word<'a> {
    pub kind: Kind,
    pub text: &'a str,
}

fn is_punctuation(character: char) -> bool {
    match character {
        '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~' => false,
        '\u{a1}' | '\u{a7}' | '\u{ab}' | '\u{b6}' | '\u{b7}' | '\u{bb}' | '\u{bf}' => true,
        '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{2043}' | '\u{2045}'..='\u{2051}' => true,
        '\u{2053}'..='\u{205e}' | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' => true,
        _ => character.is_ascii_punctuation(),
    }
}

/// Letters of scripts that are written in letters.
fn is_letter(character: char) -> bool {
    let is_ideograph = matches!(character,
        '\u{3400}'..='\u{4db5}' | '\u{4e00}'..='\u{9fcc}' | '\u{f900}'..='\u{fad9}'
        | '\u{20000}'..='\u{2b81d}' | '\u{2f800}'..='\u{2fa1d}');
    character.is_alphabetic() && !is_ideograph
}

/// The words of a text, all of it.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = word(rest, first);
        let (text, behind) = rest.split_at(length);
        words.push(Word { kind, text });
        rest = behind;
    }
    words
}

fn word(text: &str, first: char) -> (Kind, usize) {
    let run = |is_part: fn(char) -> bool| {
        text.char_indices()
            .skip(1)
            .find(|(_, it)| !is_part(*it))
            .map_or(text.len(), |(at, _)| at)
    };
    if is_connector(first) {
        return (Kind::Connector, run(is_connector));
    }
    if is_punctuation(first) {
        return (Kind::Punctuation, run(is_punctuation));
    }
    if first.is_uppercase() {
        return (Kind::Upper, upper_word(text, first));
    }
    if is_letter(first) {
        return (Kind::Letters, run(|it| is_letter(it) && !it.is_uppercase()));
    }
    if first.is_numeric() {
        return (Kind::Number, run(char::is_numeric));
    }
    let is_other =
        |it: char| !(is_connector(it) || is_letter(it) || it.is_numeric() || is_punctuation(it));
    (Kind::Other, run(is_other))
}

/// A capital with what follows in lower case, or capitals; the last of those begins the next word
/// when that goes on in lower case.
fn upper_word(text: &str, first: char) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    match characters.peek() {
        Some((_, second)) if second.is_uppercase() => {
            let mut last = first.len_utf8();
            for (at, character) in characters {
                if !character.is_uppercase() {
                    return if is_letter(character) { last } else { at };
                }
                last = at;
            }
            text.len()
        }
        Some((_, second)) if is_letter(*second) => characters
            .find(|(_, it)| !is_letter(*it) || it.is_uppercase())
            .map_or(text.len(), |(at, _)| at),
        Some((at, _)) => *at,
        None => text.len(),
    }
}
