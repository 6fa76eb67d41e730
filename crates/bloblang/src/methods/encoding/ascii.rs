//! Bytes as hexadecimal digits and in the two bases of 85 digits.

use crate::eval_error::EvalError;

pub(super) fn encode_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

pub(super) fn decode_hex(text: &[u8]) -> Result<Vec<u8>, EvalError> {
    let digit = |byte: u8| {
        let digit = char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok());
        digit.ok_or_else(|| {
            let shown = char::from(byte);
            EvalError::new(format!(
                "encoding/hex: invalid byte: U+{byte:04X} {shown:?}"
            ))
        })
    };
    let mut out = Vec::with_capacity(text.len() / 2);
    for pair in text.chunks(2) {
        match pair {
            [high, low] => out.push(digit(*high)? << 4 | digit(*low)?),
            [high] => {
                digit(*high)?;
                return Err(EvalError::new("unexpected EOF"));
            }
            _ => {}
        }
    }
    Ok(out)
}

pub(super) fn encode_85(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 5 / 4 + 5);
    for group in bytes.chunks(4) {
        let mut padded = [0; 4];
        padded[..group.len()].copy_from_slice(group);
        let number = u32::from_be_bytes(padded);
        if number == 0 && group.len() == 4 {
            out.push('z');
            continue;
        }
        let digits = digits_85(number);
        out.extend(
            digits[..=group.len()]
                .iter()
                .map(|digit| char::from(digit + b'!')),
        );
    }
    out
}

/// The five digits of a number, most significant first.
fn digits_85(number: u32) -> [u8; 5] {
    let mut digits = [0; 5];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = (rest % 85) as u8;
        rest /= 85;
    }
    digits
}

/// Blanks and controls are passed over, as in Go.
pub(super) fn decode_85(text: &[u8]) -> Result<Vec<u8>, EvalError> {
    let wrong = |at: usize| EvalError::new(format!("illegal ascii85 data at input byte {at}"));
    let mut out = Vec::with_capacity(text.len() * 4 / 5);
    let mut digits: Vec<u8> = Vec::with_capacity(5);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            0..=b' ' => {}
            b'z' if digits.is_empty() => out.extend_from_slice(&[0; 4]),
            b'!'..=b'u' => digits.push(byte - b'!'),
            _ => return Err(wrong(at)),
        }
        if digits.len() == 5 {
            out.extend_from_slice(&number_85(&digits).to_be_bytes());
            digits.clear();
        }
    }
    if digits.is_empty() {
        return Ok(out);
    }
    if digits.len() == 1 {
        return Err(wrong(text.len()));
    }
    let kept = digits.len() - 1;
    digits.resize(5, 84);
    out.extend_from_slice(&number_85(&digits).to_be_bytes()[..kept]);
    Ok(out)
}

fn number_85(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |sum: u32, digit| {
        sum.wrapping_mul(85).wrapping_add(u32::from(*digit))
    })
}

const Z85: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

pub(super) fn encode_z85(bytes: &[u8]) -> Result<String, EvalError> {
    if !bytes.len().is_multiple_of(4) {
        return Err(EvalError::new(
            "z85: the number of bytes is no multiple of 4",
        ));
    }
    let groups = bytes.chunks_exact(4);
    Ok(groups
        .flat_map(|group| digits_85(u32::from_be_bytes([group[0], group[1], group[2], group[3]])))
        .map(|digit| char::from(Z85[usize::from(digit)]))
        .collect())
}

pub(super) fn decode_z85(text: &[u8]) -> Result<Vec<u8>, EvalError> {
    if !text.len().is_multiple_of(5) {
        return Err(EvalError::new(
            "z85: the number of characters is no multiple of 5",
        ));
    }
    let mut out = Vec::with_capacity(text.len() / 5 * 4);
    for (index, group) in text.chunks_exact(5).enumerate() {
        let mut number: u64 = 0;
        for byte in group {
            let digit = Z85.iter().position(|known| known == byte);
            let digit = digit
                .ok_or_else(|| EvalError::new(format!("z85: invalid byte in group {index}")))?;
            number = number * 85 + digit as u64;
        }
        let number = u32::try_from(number)
            .map_err(|_| EvalError::new(format!("z85: group {index} is too large")))?;
        out.extend_from_slice(&number.to_be_bytes());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_the_z85_specification_holds() {
        let bytes = [0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b];
        assert_eq!(encode_z85(&bytes).unwrap(), "HelloWorld");
        assert_eq!(decode_z85(b"HelloWorld").unwrap(), bytes);
    }

    #[test]
    fn what_is_no_encoding_is_named() {
        assert!(
            decode_85(b"ab~")
                .unwrap_err()
                .to_string()
                .contains("input byte 2")
        );
        assert!(decode_85(b"a").is_err());
        assert!(decode_hex(b"abc").is_err());
        assert!(
            decode_z85(b"#####")
                .unwrap_err()
                .to_string()
                .contains("too large")
        );
        assert!(decode_z85(b"abc").is_err());
        assert!(encode_z85(b"abc").is_err());
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(&decode_hex(encode_hex(&bytes).as_bytes()).unwrap(), &bytes);
            prop_assert_eq!(&decode_85(encode_85(&bytes).as_bytes()).unwrap(), &bytes);
            let aligned = &bytes[..bytes.len() / 4 * 4];
            let encoded = encode_z85(aligned).unwrap();
            prop_assert_eq!(decode_z85(encoded.as_bytes()).unwrap(), aligned);
        }

        #[test]
        fn any_bytes_are_safe_to_decode(bytes in any::<Vec<u8>>()) {
            let _ = (decode_hex(&bytes), decode_85(&bytes), decode_z85(&bytes));
        }
    }
}
