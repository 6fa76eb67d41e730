//! Escapes of JSON strings, both ways.

use super::Reason;
use super::parse::special_bytes;

/// One escape sequence of the source.
pub(crate) struct Escape {
    /// Bytes of it, the backslash counted.
    pub length: usize,
    /// The printer would write it so.
    pub canonical: bool,
}

/// Checks the escape sequence that `bytes` begins with.
pub(crate) fn check(bytes: &[u8]) -> Result<Escape, Reason> {
    match bytes.get(1) {
        Some(b'"' | b'\\' | b'n' | b'r' | b't' | b'b' | b'f') => Ok(Escape {
            length: 2,
            canonical: true,
        }),
        Some(b'/') => Ok(Escape {
            length: 2,
            canonical: false,
        }),
        Some(b'u') => {
            for i in 2..6 {
                match bytes.get(i) {
                    Some(byte) if byte.is_ascii_hexdigit() => {}
                    Some(_) => return Err(Reason::InvalidEscape),
                    None => return Err(Reason::UnexpectedEnd),
                }
            }
            Ok(Escape {
                length: 6,
                canonical: false,
            })
        }
        Some(_) => Err(Reason::InvalidEscape),
        None => Err(Reason::UnexpectedEnd),
    }
}

/// The text of a string literal without its quotes. Lone surrogates and invalid UTF-8 become
/// U+FFFD, one for each invalid byte as in Go.
pub(crate) fn decode(raw: &[u8]) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        push_lossy(&mut text, &rest[..at]);
        rest = push_escape(&mut text, &rest[at..]);
    }
    push_lossy(&mut text, rest);
    text
}

fn push_escape<'a>(text: &mut String, rest: &'a [u8]) -> &'a [u8] {
    let character = match rest.get(1) {
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'u') => return push_code_unit(text, rest),
        Some(other) => char::from(*other),
        None => '\u{fffd}',
    };
    text.push(character);
    rest.get(2..).unwrap_or_default()
}

fn push_code_unit<'a>(text: &mut String, rest: &'a [u8]) -> &'a [u8] {
    let unit = code_unit(rest).unwrap_or(0xfffd);
    let after = rest.get(6..).unwrap_or_default();
    if (0xd800..0xdc00).contains(&unit)
        && let Some(low @ 0xdc00..0xe000) = code_unit(after)
    {
        let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        text.push(char::from_u32(code).unwrap_or('\u{fffd}'));
        return &after[6..];
    }
    text.push(char::from_u32(unit).unwrap_or('\u{fffd}'));
    after
}

fn code_unit(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Appends bytes as text, each byte that is not UTF-8 as one U+FFFD.
pub(crate) fn push_lossy(text: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
}

/// Appends a JSON string literal, quotes included.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        at = skip_plain(bytes, at);
        let Some(byte) = bytes.get(at) else { break };
        let escaped: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0c => b"\\f",
            0xe2 => match bytes.get(at + 1..at + 3) {
                Some([0x80, 0xa8]) => b"\\u2028",
                Some([0x80, 0xa9]) => b"\\u2029",
                _ => {
                    at += 1;
                    continue;
                }
            },
            _ => b"",
        };
        out.extend_from_slice(&bytes[copied..at]);
        if escaped.is_empty() {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        } else {
            out.extend_from_slice(escaped);
        }
        at += if *byte == 0xe2 { 3 } else { 1 };
        copied = at;
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}

/// Escapes `<`, `>` and `&` in the JSON text `out[start..]`; in JSON they only occur in strings.
pub fn escape_html(out: &mut Vec<u8>, start: usize) {
    if memchr::memchr3(b'<', b'>', b'&', &out[start..]).is_none() {
        return;
    }
    let text = out.split_off(start);
    for byte in text {
        match byte {
            b'<' => out.extend_from_slice(b"\\u003c"),
            b'>' => out.extend_from_slice(b"\\u003e"),
            b'&' => out.extend_from_slice(b"\\u0026"),
            byte => out.push(byte),
        }
    }
}

/// Position of the next byte at or after `at` that may need an escape.
#[inline]
fn skip_plain(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    while let Some(chunk) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("the chunk has eight bytes"));
        let separator = word ^ (ONES * 0xe2);
        let separator = separator.wrapping_sub(ONES) & !separator & (ONES << 7);
        let found = special_bytes(word) | separator;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b'"' | b'\\' | 0..0x20 | 0xe2) {
            return at;
        }
        at += 1;
    }
    at
}
