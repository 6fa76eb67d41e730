//! The forms in which a secret appears in other texts.

use std::fmt::Write as _;

/// Lines of a secret of several lines (a private key) that are long enough to be secret alone.
const LINE_BYTES_MIN: usize = 16;

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
    if let Some(decoded) = percent_decoded(trimmed) {
        variants.push(decoded);
    }
    variants
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

fn percent_encoded(text: &str, upper: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = match upper {
                true => write!(encoded, "%{byte:02X}"),
                false => write!(encoded, "%{byte:02x}"),
            };
        }
    }
    encoded
}

/// `None` when there is nothing to decode, or it is no text.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return None;
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = (byte == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(hex.unwrap_or(byte));
        at += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8(decoded).ok()
}

/// Base64 with padding, as basic authentication sends `user:password`.
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0u8; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for position in 0..4 {
            let index = (bits >> (18 - 6 * position)) & 63;
            encoded.push(match position <= chunk.len() {
                true => char::from(ALPHABET[index as usize]),
                false => '=',
            });
        }
    }
    encoded
}
