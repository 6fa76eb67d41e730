//! Texts as a terminal may be given them.
//!
//! Names, paths and contents come from whoever wrote a config. A terminal obeys some of their
//! characters: it moves the cursor, changes its title, or shows what follows from right to left.

use std::borrow::Cow;

/// The text with every character that a terminal would obey written as an escape, such as `\u{1b}`;
/// line breaks stay.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |it| it != '\n' && steers(it))
}

/// As [`printable`], on one line: for a name, which could otherwise look like a line of the program.
pub fn printable_line(text: &str) -> Cow<'_, str> {
    escaped(text, steers)
}

/// Whether a terminal obeys a character instead of showing it.
pub(crate) fn steers(character: char) -> bool {
    // Beside control characters: separators of lines, and what changes the direction of the text.
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_escaped(character) {
            out.extend(character.escape_debug());
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_as_an_escape() {
        let text = "a\u{1b}[2J\r\u{7f}\u{9b}\0\t\u{202e}\u{2067}b\nä😀\\";
        let shown = "a\\u{1b}[2J\\r\\u{7f}\\u{9b}\\0\\t\\u{202e}\\u{2067}b";
        assert_eq!(printable(text), format!("{shown}\nä😀\\"));
        assert_eq!(printable_line(text), format!("{shown}\\nä😀\\"));
    }

    #[test]
    fn other_texts_are_not_copied() {
        assert!(matches!(printable("ä b\n😀"), Cow::Borrowed(_)));
        assert!(matches!(printable_line("ä b😀"), Cow::Borrowed(_)));
    }
}
