//! Percent-encoding in connection texts.

const NOT_HEXADECIMAL: &str = "a `%` is not followed by two hexadecimal digits: write `%25`";

/// Replaces `%41` by what it stands for.
///
/// # Errors
/// A `%` without two hexadecimal digits, or bytes that are not UTF-8. The text is not quoted: it may
/// hold a password.
pub fn percent_decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let [high, low, after @ ..] = rest else {
            return Err(NOT_HEXADECIMAL.to_owned());
        };
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(NOT_HEXADECIMAL);
        let byte = digit(*high)? * 16 + digit(*low)?;
        bytes.push(u8::try_from(byte).expect("two digits of 4 bits"));
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 after percent decoding".to_owned())
}

#[cfg(test)]
mod tests {
    use super::percent_decode;

    #[test]
    fn encoded_bytes_are_decoded_and_broken_ones_refused() {
        assert_eq!(percent_decode("p%40ss%C3%A9").as_deref(), Ok("p@ss\u{e9}"));
        for broken in ["%", "%4", "%zz", "%+1", "%ff", "%\u{e9}"] {
            assert!(percent_decode(broken).is_err(), "{broken}");
        }
    }
}
