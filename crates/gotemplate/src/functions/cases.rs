//! Upper and lower case, and names in the styles of programs.

use super::Type::Text;
use super::words::{Kind, Word, words};
use super::{Answer, Call, Function};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("upper", &[Text], |call| mapped(call, upper)),
    Function::new("lower", &[Text], |call| mapped(call, lower)),
    Function::new("title", &[Text], |call| {
        let mut before = ' ';
        mapped(call, |character| {
            let is_first = is_separator(before);
            before = character;
            if is_first {
                upper(character)
            } else {
                character
            }
        })
    }),
    Function::new("untitle", &[Text], |call| {
        let mut before = ' ';
        mapped(call, |character| {
            let is_first = before.is_whitespace();
            before = character;
            match is_first && !character.is_whitespace() {
                true => lower(character),
                false => character,
            }
        })
    }),
    Function::new("swapcase", &[Text], |call| {
        let mut is_after_space = true;
        mapped(call, |character| {
            if character.is_uppercase() {
                is_after_space = false;
                lower(character)
            } else if character.is_lowercase() {
                is_after_space = false;
                upper(character)
            } else {
                is_after_space = character.is_whitespace();
                character
            }
        })
    }),
    Function::new("snakecase", &[Text], |call| separated(call, '_')),
    Function::new("kebabcase", &[Text], |call| separated(call, '-')),
    Function::new("camelcase", &[Text], pascal_case),
];

/// The one letter in upper case, as in Go, where each stays one.
pub(super) fn upper(character: char) -> char {
    let mut letters = character.to_uppercase();
    match (letters.next(), letters.next()) {
        (Some(letter), None) => letter,
        _ => character,
    }
}

pub(super) fn lower(character: char) -> char {
    let mut letters = character.to_lowercase();
    match (letters.next(), letters.next()) {
        (Some(letter), None) => letter,
        // A dotted capital I.
        (Some(letter), Some('\u{307}')) => letter,
        _ => character,
    }
}

fn mapped(call: &Call<'_, '_>, map: impl FnMut(char) -> char) -> Answer {
    let text = call.text(0);
    call.step(text.len() / 16)?;
    call.made(text.chars().map(map).collect::<String>())
}

/// What begins a new word for `title`.
fn is_separator(character: char) -> bool {
    match character.is_ascii() {
        true => !character.is_ascii_alphanumeric() && character != '_',
        false => character.is_whitespace(),
    }
}

pub(super) fn is_connector(character: char) -> bool {
    matches!(character, '-' | '_') || character.is_whitespace()
}

/// `FirstName` of `first_name`; connectors at the start stay, of several that follow each other all
/// but the last one.
fn pascal_case(call: &mut Call<'_, '_>) -> Answer {
    let text = call.text(0);
    call.step(text.len() / 16)?;
    let start = text.find(|it| !is_connector(it)).unwrap_or(text.len());
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..start]);
    let mut characters = text[start..].chars();
    let Some(first) = characters.next() else {
        // Of connectors alone, the last one comes twice, in Go and here.
        out.extend(text.chars().last());
        return call.made(out);
    };
    let mut before = upper(first);
    let mut was_upper = first.is_uppercase();
    for character in characters {
        let mut next = character;
        if is_connector(before) {
            if is_connector(character) {
                out.push(before);
                before = character;
                continue;
            }
            was_upper = character.is_uppercase();
            next = upper(character);
        } else {
            if was_upper && character.is_uppercase() {
                next = lower(character);
            } else {
                was_upper = false;
            }
            out.push(before);
        }
        before = next;
    }
    out.push(before);
    call.made(out)
}

/// Words in lower case with a connector between them.
fn separated(call: &Call<'_, '_>, connector: char) -> Answer {
    let text = call.text(0);
    call.step(text.len() / 8)?;
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let push = |word: &Word<'_>, kind: Kind, out: &mut String| match kind {
        Kind::Connector => out.extend(word.text.chars().map(|_| connector)),
        Kind::Upper | Kind::Letters => out.extend(word.text.chars().map(lower)),
        _ => out.push_str(word.text),
    };
    let is_end =
        |kind: Option<Kind>| matches!(kind, None | Some(Kind::Punctuation | Kind::Connector));
    let words = words(&text);
    let kind = |at: usize| words.get(at).map(|it| it.kind);
    let mut at = 0;
    while at + 1 < words.len() {
        let word = &words[at];
        if word.kind != Kind::Connector {
            push(word, word.kind, &mut out);
        }
        at += 1;
        match word.kind {
            Kind::Number => {
                while let Some(kind @ (Kind::Letters | Kind::Number)) = kind(at) {
                    push(&words[at], kind, &mut out);
                    at += 1;
                }
                if !is_end(kind(at)) {
                    out.push(connector);
                }
            }
            Kind::Connector => push(word, word.kind, &mut out),
            Kind::Punctuation => {}
            _ if kind(at) != Some(Kind::Number) => {
                if !is_end(kind(at)) {
                    out.push(connector);
                }
            }
            // A number at the end belongs to the word before it.
            _ if at + 1 >= words.len() => {}
            _ if kind(at + 1) != Some(Kind::Letters) => {
                push(&words[at], Kind::Number, &mut out);
                at += 1;
                if !is_end(kind(at)) {
                    out.push(connector);
                }
            }
            // One before letters begins a word of its own with them.
            _ => {
                out.push(connector);
                push(&words[at], Kind::Number, &mut out);
                at += 1;
                while let Some(kind @ (Kind::Letters | Kind::Number)) = kind(at) {
                    push(&words[at], kind, &mut out);
                    at += 1;
                }
                if !is_end(kind(at)) {
                    out.push(connector);
                }
            }
        }
    }
    if let Some(word) = words.get(at) {
        push(word, word.kind, &mut out);
    }
    call.made(out)
}
