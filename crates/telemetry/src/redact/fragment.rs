//! Pieces of secrets that an error quotes: of the duration `12hunter2` its unit `hunter`.

use memchr::{memchr, memchr3};

/// The text with `mask` for every quoted piece that `is_fragment` tells to be one; `None` when there
/// is none. Quotes are `"`, `'` and the backtick, escaped or not; what stands for the rest of a piece
/// that was cut, `…` or `...`, does not belong to it.
pub fn mask_quoted(text: &str, mask: &str, is_fragment: impl Fn(&str) -> bool) -> Option<String> {
    let mut masked = String::new();
    let (mut copied, mut from) = (0, 0);
    while let Some(at) = memchr3(b'"', b'\'', b'`', &text.as_bytes()[from..]) {
        let open = from + at;
        let start = open + 1;
        from = start;
        let Some(length) = memchr(text.as_bytes()[open], &text.as_bytes()[start..]) else {
            continue;
        };
        let piece = text[start..start + length].trim_end_matches('\\');
        let piece = piece.trim_end_matches(['.', '…']);
        if is_fragment(piece) {
            masked.push_str(&text[copied..start]);
            masked.push_str(mask);
            copied = start + piece.len();
            from = start + length + 1;
        }
    }
    if copied == 0 {
        return None;
    }
    masked.push_str(&text[copied..]);
    Some(masked)
}
