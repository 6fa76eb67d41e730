//! Strings, characters and numbers as Go writes them.

use millrace_bloblang::{parse_float, parse_integer, parse_unsigned};

/// The bytes of a string in quotes, or in backquotes.
///
/// # Errors
/// It is no string of Go.
pub(crate) fn unquote(quoted: &str) -> Result<Vec<u8>, String> {
    let invalid = || "invalid syntax".to_owned();
    let quote = quoted.chars().next().ok_or_else(invalid)?;
    let inner = &quoted[1..quoted.len() - 1];
    if quote == '`' {
        return Ok(inner.bytes().filter(|it| *it != b'\r').collect());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while !rest.is_empty() {
        match take_character(&mut rest, quote).ok_or_else(invalid)? {
            Character::Byte(byte) => bytes.push(byte),
            Character::Rune(rune) => {
                bytes.extend_from_slice(rune.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
    Ok(bytes)
}

/// The number of a character in quotes.
///
/// # Errors
/// It is no character of Go.
pub(crate) fn character(quoted: &str) -> Result<i64, String> {
    let malformed = || format!("malformed character constant: {quoted}");
    let mut rest = &quoted[1..quoted.len() - 1];
    if rest.is_empty() {
        return Err("invalid syntax".to_owned());
    }
    let taken = take_character(&mut rest, '\'').ok_or("invalid syntax")?;
    if !rest.is_empty() {
        return Err(malformed());
    }
    Ok(match taken {
        Character::Byte(byte) => i64::from(byte),
        Character::Rune(rune) => i64::from(u32::from(rune)),
    })
}

enum Character {
    Byte(u8),
    Rune(char),
}

fn take_character(rest: &mut &str, quote: char) -> Option<Character> {
    let mut characters = rest.chars();
    let first = characters.next()?;
    *rest = characters.as_str();
    if first == quote {
        return None;
    }
    if first != '\\' {
        return Some(Character::Rune(first));
    }
    let escape = characters.next()?;
    *rest = characters.as_str();
    let plain = |byte: u8| Some(Character::Rune(char::from(byte)));
    match escape {
        'a' => plain(7),
        'b' => plain(8),
        'f' => plain(12),
        'n' => plain(b'\n'),
        'r' => plain(b'\r'),
        't' => plain(b'\t'),
        'v' => plain(11),
        '\\' => plain(b'\\'),
        '\'' | '"' if escape == quote => Some(Character::Rune(quote)),
        'x' => Some(Character::Byte(take_digits(rest, 2, 16)? as u8)),
        'u' => char::from_u32(take_digits(rest, 4, 16)?).map(Character::Rune),
        'U' => char::from_u32(take_digits(rest, 8, 16)?).map(Character::Rune),
        '0'..='7' => {
            let first = escape.to_digit(8)?;
            let number = first * 64 + take_digits(rest, 2, 8)?;
            u8::try_from(number).ok().map(Character::Byte)
        }
        _ => None,
    }
}

fn take_digits(rest: &mut &str, count: usize, base: u32) -> Option<u32> {
    let digits = rest.get(..count)?;
    if !digits.chars().all(|it| it.is_digit(base)) {
        return None;
    }
    *rest = &rest[count..];
    u32::from_str_radix(digits, base).ok()
}

/// A number as an argument of whatever type it is needed in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Number {
    /// As it was written.
    pub text: String,
    pub int: Option<i64>,
    pub uint: Option<u64>,
    pub float: Option<f64>,
}

impl Number {
    /// # Errors
    /// It is no number, or a larger one than Go has.
    pub fn parse(text: &str) -> Result<Self, String> {
        let unsigned_text = text
            .strip_prefix('-')
            .filter(|_| parse_integer(text) == Some(0));
        let mut int = parse_integer(text);
        let mut uint = parse_unsigned(unsigned_text.unwrap_or(text));
        if text.starts_with('+') {
            uint = None;
        }
        let mut float = int.map(|it| it as f64).or(uint.map(|it| it as f64));
        if float.is_none()
            && let Some(parsed) = parse_float(text)
        {
            if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                return Err(format!("integer overflow: {text:?}"));
            }
            float = Some(parsed);
            // As a float that has no fraction is one in Go's constants.
            if parsed.fract() == 0.0
                && (-9.223_372_036_854_776e18..9.223_372_036_854_775e18).contains(&parsed)
            {
                int = Some(parsed as i64);
            }
            if parsed.fract() == 0.0 && (0.0..1.844_674_407_370_955e19).contains(&parsed) {
                uint = Some(parsed as u64);
            }
        }
        if float.is_none() {
            return Err(format!("illegal number syntax: {text:?}"));
        }
        Ok(Self {
            text: text.to_owned(),
            int,
            uint,
            float,
        })
    }

    /// A character.
    ///
    /// # Errors
    /// It is no character of Go.
    pub fn of_character(quoted: &str) -> Result<Self, String> {
        let rune = character(quoted)?;
        Ok(Self {
            text: quoted.to_owned(),
            int: Some(rune),
            uint: Some(rune as u64),
            float: Some(rune as f64),
        })
    }

    /// Whether it is a float where nothing says what it should be.
    pub fn is_float(&self) -> bool {
        let text = &*self.text;
        let is_hexadecimal = text.len() > 2
            && (text.starts_with("0x") || text.starts_with("0X"))
            && !text.contains(['p', 'P']);
        self.float.is_some()
            && !is_hexadecimal
            && !text.starts_with('\'')
            && text.contains(['.', 'e', 'E', 'p', 'P'])
    }
}
