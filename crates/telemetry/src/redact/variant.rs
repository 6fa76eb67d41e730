//! The forms in which a secret appears in other texts.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

/// Lines of a secret of several lines (a private key) that are long enough to be secret alone.
const LINE_BYTES_MIN: usize = 16;

/// Shorter pieces of Base64 may be words.
const BASE64_CHARS_MIN: usize = 8;

/// What a long secret begins with tells enough of it.
const BASE64_OF_BYTES_MAX: usize = 64;

/// The secret itself and what quoting, escaping and encoding make of it.
pub(super) fn variants_of(secret: &str) -> Vec<String> {
    let mut variants = vec![secret.to_owned()];
    let trimmed = secret.trim();
    if trimmed != secret {
        variants.push(trimmed.to_owned());
    }
    if trimmed.contains('\n') {
        let lines = trimmed.lines().map(str::trim);
        variants.extend(
            lines
                .filter(|it| it.len() >= LINE_BYTES_MIN && !is_armour(it))
                .map(str::to_owned),
        );
    }
    let json = json_escaped(trimmed);
    variants.push(json_escaped(&json));
    variants.push(json);
    variants.push(trimmed.escape_debug().to_string());
    variants.push(format!("{trimmed:?}").trim_matches('"').to_owned());
    variants.push(percent_encoded(trimmed, true));
    variants.push(percent_encoded(trimmed, false));
    variants.extend(form_encoded(trimmed));
    if let Some(decoded) = percent_decoded(trimmed) {
        variants.push(decoded);
    }
    variants
}

/// What stands for the secret in the Base64 of a longer text that holds it: one piece for each of the
/// three places in a group of bytes in which the secret can begin. The characters around a piece
/// carry bits of the secret and of its neighbours.
pub(super) fn pieces_in_base64(secret: &str) -> Vec<String> {
    let mut lines = secret.trim().lines().map(str::trim);
    let Some(line) = lines.find(|it| !is_armour(it)) else {
        return Vec::new();
    };
    let bytes = line.as_bytes();
    let bytes = &bytes[..bytes.len().min(BASE64_OF_BYTES_MAX)];
    let mut pieces = Vec::new();
    for before in 0..3 {
        let encoded = base64(&[&[0; 2][..before], bytes].concat());
        // A character has six bits: those from the first to the last that is the secret's alone.
        let piece = &encoded[(8 * before).div_ceil(6)..8 * (before + bytes.len()) / 6];
        if piece.len() < BASE64_CHARS_MIN {
            continue;
        }
        if piece.contains(['+', '/']) {
            // The alphabet that URLs and tokens use.
            pieces.push(piece.replace('+', "-").replace('/', "_"));
        }
        pieces.push(piece.to_owned());
    }
    pieces
}

/// Whether a character can stand in Base64, in the alphabet of URLs too.
pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte)
}

/// The first and last lines of keys and certificates are the same for everyone.
fn is_armour(line: &str) -> bool {
    line.starts_with("-----")
}

/// As the content of a JSON string, with the escapes that encoders use.
fn json_escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if (c as u32) < 0x20 => {
                let _ = write!(escaped, "\\u{:04x}", c as u32);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// Every byte that may stand for something else in a URL encoded.
fn percent_encoded(text: &str, upper: bool) -> String {
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    let encoded = percent_encoding::utf8_percent_encode(text, ENCODED);
    if upper {
        return encoded.to_string();
    }
    let lower = |part: &str| match part.as_bytes() {
        [b'%', ..] => part.to_ascii_lowercase(),
        _ => part.to_owned(),
    };
    encoded.map(lower).collect()
}

/// As a form or a query is encoded, with `+` for a blank. Go leaves `~` as it is, browsers leave `*`.
fn form_encoded(text: &str) -> [String; 4] {
    let upper = percent_encoded(text, true).replace("%20", "+");
    let lower = percent_encoded(text, false).replace("%20", "+");
    [
        upper.replace("%2A", "*").replace('~', "%7E"),
        lower.replace("%2a", "*").replace('~', "%7e"),
        upper,
        lower,
    ]
}

/// `None` when there is nothing to decode, or it is no text.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return None;
    }
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded.ok().map(Cow::into_owned)
}

/// Base64 with padding, as basic authentication sends `user:password`.
pub(super) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
