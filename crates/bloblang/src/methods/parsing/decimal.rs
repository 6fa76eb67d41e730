//! Integers of any length, as decimal text with a point.

/// The largest scale, as in Bento.
pub(super) const SCALE_MAX: usize = 16_383;

/// The longest integer, in bytes: writing it takes time that grows with the square of its length.
const LENGTH_MAX: usize = 16_384;

/// A two's complement, most significant byte first, divided by ten to the power of `scale`.
///
/// # Errors
///
/// When there is no byte, or too many.
pub(super) fn format(bytes: &[u8], scale: usize) -> Result<String, String> {
    let Some(first) = bytes.first() else {
        return Err("cannot parse empty bytes as big decimal".to_owned());
    };
    if bytes.len() > LENGTH_MAX {
        return Err(format!(
            "big decimal of {} bytes is longer than {LENGTH_MAX}",
            bytes.len()
        ));
    }
    let is_negative = first & 0x80 != 0;
    let mut digits = decimal_digits(limbs(bytes, is_negative));
    if digits.len() <= scale {
        digits.insert_str(0, &"0".repeat(scale + 1 - digits.len()));
    }
    if scale > 0 {
        digits.insert(digits.len() - scale, '.');
    }
    if is_negative {
        digits.insert(0, '-');
    }
    Ok(digits)
}

/// The magnitude in base 2³², least significant first.
fn limbs(bytes: &[u8], is_negative: bool) -> Vec<u32> {
    let fill = if is_negative { 0xff } else { 0 };
    let mut limbs: Vec<u32> = bytes
        .rchunks(4)
        .map(|chunk| {
            let mut padded = [fill; 4];
            padded[4 - chunk.len()..].copy_from_slice(chunk);
            u32::from_be_bytes(padded)
        })
        .collect();
    if is_negative {
        let mut carry = true;
        for limb in &mut limbs {
            (*limb, carry) = (!*limb).overflowing_add(u32::from(carry));
        }
        if carry {
            limbs.push(1);
        }
    }
    limbs
}

fn decimal_digits(mut limbs: Vec<u32>) -> String {
    const BASE: u64 = 1_000_000_000;
    let mut groups: Vec<u32> = Vec::new();
    while limbs.last() == Some(&0) {
        limbs.pop();
    }
    while !limbs.is_empty() {
        let mut remainder = 0;
        for limb in limbs.iter_mut().rev() {
            let part = remainder << 32 | u64::from(*limb);
            *limb = (part / BASE) as u32;
            remainder = part % BASE;
        }
        groups.push(remainder as u32);
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
    }
    let mut text = groups.pop().unwrap_or(0).to_string();
    for group in groups.iter().rev() {
        text.push_str(&format!("{group:09}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::format;

    #[test]
    fn the_sign_is_the_first_bit() {
        for (bytes, scale, expected) in [
            (&[0x30, 0x39][..], 2, "123.45"),
            (&[0xff], 2, "-0.01"),
            (&[0xff], 0, "-1"),
            (&[0x00, 0x00], 3, "0.000"),
            (&[0x80], 0, "-128"),
            (&[0x80, 0, 0, 0], 0, "-2147483648"),
            (&[0xff, 0, 0, 0, 0], 0, "-4294967296"),
        ] {
            assert_eq!(format(bytes, scale).unwrap(), expected);
        }
        assert!(format(&[], 0).is_err());
        assert!(format(&[1; 20_000], 0).is_err());
    }

    proptest! {
        #[test]
        fn sixteen_bytes_are_an_i128(number in any::<i128>()) {
            prop_assert_eq!(format(&number.to_be_bytes(), 0).unwrap(), number.to_string());
        }
    }
}
