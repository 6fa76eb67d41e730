//! Bytes as a text and back again.
//!
//! Each byte that is no UTF-8 has a character as its stand-in, one of the last 256 for private
//! use. The bytes of such a character that was there before have stand-ins too, so that the way
//! back is never in doubt.

/// The stand-in of the byte 0.
const FIRST: u32 = 0x10_ff00;

/// The text, with a stand-in for each byte that is none.
pub(in crate::methods) fn of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match u32::from(character) {
                FIRST.. => {
                    let mut buffer = [0; char::MAX_LEN_UTF8];
                    text.extend(character.encode_utf8(&mut buffer).bytes().map(stand_in));
                }
                _ => text.push(character),
            }
        }
        text.extend(chunk.invalid().iter().copied().map(stand_in));
    }
    text
}

/// The bytes that a text stands for.
pub(in crate::methods) fn undone(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match u32::from(character).checked_sub(FIRST) {
            Some(byte) => bytes.push(byte as u8),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

fn stand_in(byte: u8) -> char {
    char::from_u32(FIRST + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn bytes_come_back_as_they_were(bytes in "[a\u{10ff00}-\u{10ffff}é]{0,8}", torn in 0_usize..8) {
            let bytes = &bytes.as_bytes()[torn.min(bytes.len())..];
            proptest::prop_assert_eq!(undone(&of(bytes)), bytes);
        }
    }
}
