//! Decimals: big-endian two's complement bytes, and the fractions that mappings see.

use num_bigint::{BigInt, Sign};

use super::schema::Decimal;
use super::{AvroError, Result};

/// The most bytes of a decimal that is computed with: the work grows with their square.
const BYTES_MAX: usize = 4096;

/// The reduced fraction `bytes / 10^scale`, as Go prints one: `33/100`, and `2` for a whole number.
///
/// # Errors
/// There are more than [`BYTES_MAX`] bytes.
pub(super) fn fraction(bytes: &[u8], scale: u32) -> Result<String> {
    if bytes.len() > BYTES_MAX {
        return Err(too_long(bytes.len()));
    }
    let mut numerator = BigInt::from_signed_bytes_be(bytes);
    // What numerator and denominator share can only be made of twos and fives.
    let (mut twos, mut fives) = (scale, scale);
    if numerator.sign() == Sign::NoSign {
        (twos, fives) = (0, 0);
    }
    for (left, factor) in [(&mut twos, 2u32), (&mut fives, 5)] {
        while *left > 0 && (&numerator % factor).sign() == Sign::NoSign {
            numerator /= factor;
            *left -= 1;
        }
    }
    let denominator = BigInt::from(2u32).pow(twos) * BigInt::from(5u32).pow(fives);
    Ok(match twos + fives {
        0 => numerator.to_string(),
        _ => format!("{numerator}/{denominator}"),
    })
}

fn too_long(length: usize) -> AvroError {
    AvroError::new(format!(
        "a decimal of {length} bytes is larger than {BYTES_MAX} bytes"
    ))
}

/// The bytes of a number given as a fraction (`33/100`) or as a decimal (`0.33`); digits behind
/// the scale are cut off towards minus infinity, as Bento does.
///
/// # Errors
/// It is no number, or a larger one than is computed with.
pub(super) fn from_text(text: &str, scale: u32) -> Result<Vec<u8>> {
    let wrong =
        || AvroError::new("expected a decimal such as `0.33` or a fraction such as `33/100`");
    if text.len() > 2 * BYTES_MAX {
        return Err(too_long(text.len()));
    }
    let (numerator, denominator) = match text.split_once('/') {
        Some((numerator, denominator)) => (integer(numerator), integer(denominator)),
        None => decimal(text).map_or((None, None), |(n, d)| (Some(n), Some(d))),
    };
    let (Some(numerator), Some(denominator)) = (numerator, denominator) else {
        return Err(wrong());
    };
    if denominator.sign() != Sign::Plus {
        return Err(wrong());
    }
    let scaled = numerator * BigInt::from(10u32).pow(scale);
    let whole = &scaled / &denominator;
    let is_cut = (&whole * &denominator) != scaled;
    let floor = match is_cut && scaled.sign() == Sign::Minus {
        true => whole - 1,
        false => whole,
    };
    Ok(floor.to_signed_bytes_be())
}

fn integer(text: &str) -> Option<BigInt> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// A number with a point and an exponent as a fraction.
fn decimal(text: &str) -> Option<(BigInt, BigInt)> {
    const EXPONENT_MAX: i64 = 10_000;
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
        None => (text, 0_i64),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let numerator = integer(&format!("{whole}{part}"))?;
    let shift = exponent - part.len() as i64;
    if shift.abs() > EXPONENT_MAX {
        return None;
    }
    let power = BigInt::from(10u32).pow(shift.unsigned_abs() as u32);
    Some(match shift < 0 {
        true => (numerator, power),
        false => (numerator * power, BigInt::from(1u32)),
    })
}

/// Refuses a number of more digits than its schema has: a reader may not have the room for them.
///
/// # Errors
/// The number has more digits than the precision, or more than [`BYTES_MAX`] bytes.
pub(super) fn check_precision(bytes: &[u8], of: Decimal) -> Result<()> {
    let digits = digits(shortest(bytes))?;
    if digits <= of.precision as usize {
        return Ok(());
    }
    let Decimal { precision, scale } = of;
    Err(AvroError::new(format!(
        "the decimal has {digits} digits, {scale} of them behind the point, and the schema has a \
         precision of {precision}: give a smaller number, or raise the precision"
    )))
}

/// How many digits a number has; a number below one has those behind the point that are not
/// leading zeros, and zero has none.
fn digits(bytes: &[u8]) -> Result<usize> {
    const MACHINE: usize = size_of::<i128>();
    if bytes.len() > BYTES_MAX {
        return Err(too_long(bytes.len()));
    }
    let magnitude = extended(bytes, MACHINE).and_then(|it| it.try_into().ok());
    let magnitude = magnitude.map(|it| i128::from_be_bytes(it).unsigned_abs());
    Ok(match magnitude {
        Some(number) => number.checked_ilog10().map_or(0, |it| it as usize + 1),
        None => BigInt::from_signed_bytes_be(bytes)
            .magnitude()
            .to_string()
            .len(),
    })
}

/// The fewest bytes that hold the same number; one at least.
pub(super) fn shortest(bytes: &[u8]) -> &[u8] {
    let mut bytes = bytes;
    while let [first, rest @ ..] = bytes {
        let is_sign = match rest.first() {
            Some(next) => *first == if next & 0x80 == 0 { 0 } else { 0xff },
            None => false,
        };
        if !is_sign {
            return bytes;
        }
        bytes = rest;
    }
    &[0]
}

/// The same number in exactly `size` bytes, if it fits.
pub(super) fn extended(bytes: &[u8], size: usize) -> Option<Vec<u8>> {
    let bytes = shortest(bytes);
    let missing = size.checked_sub(bytes.len())?;
    let sign = if bytes.first().is_some_and(|it| it & 0x80 != 0) {
        0xff
    } else {
        0
    };
    let mut extended = vec![sign; missing];
    extended.extend_from_slice(bytes);
    Some(extended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_reduced_and_read_back() {
        for (bytes, scale, text) in [
            (&[0x21][..], 2, "33/100"),
            (&[0x64], 2, "1"),
            (&[0xdf], 2, "-33/100"),
            (&[], 2, "0"),
            (&[0x00, 0xff], 2, "51/20"),
            (&[0xff, 0xff], 2, "-1/100"),
            (
                &[0x7f; 20],
                0,
                "727885129180488904360266563744972327436484050815",
            ),
        ] {
            assert_eq!(fraction(bytes, scale).unwrap(), text);
            let back = from_text(text, scale).unwrap();
            assert_eq!(shortest(&back), shortest(bytes), "{text}");
        }
    }

    #[test]
    fn decimals_are_cut_at_the_scale() {
        for (text, scale, expected) in [
            ("0.33", 2, 33),
            ("0.339", 2, 33),
            ("-0.331", 2, -34),
            ("1e2", 0, 100),
            ("12.5e-1", 2, 125),
            ("7", 1, 70),
            ("1/3", 2, 33),
        ] {
            let bytes = from_text(text, scale).unwrap();
            assert_eq!(
                BigInt::from_signed_bytes_be(&bytes),
                expected.into(),
                "{text}"
            );
        }
        for text in [
            "", "x", "1/0", "1/-2", "1.2.3", "--1", "1e99999", "+1", ".", "1/",
        ] {
            assert!(from_text(text, 2).is_err(), "{text}");
        }
        assert!(from_text(&"9".repeat(10_000), 2).is_err());
        assert!(fraction(&[1; 5_000], 2).is_err());
    }

    #[test]
    fn digits_are_counted_without_the_sign_in_numbers_of_any_size() {
        for (number, expected) in [
            (BigInt::from(0), 0),
            (BigInt::from(9), 1),
            (BigInt::from(-10), 2),
            (BigInt::from(i128::MIN), 39),
            (BigInt::from(10u32).pow(38), 39),
            (-BigInt::from(10u32).pow(45), 46),
            (BigInt::from(10u32).pow(5_000) - 1, 5_000),
        ] {
            let bytes = number.to_signed_bytes_be();
            assert_eq!(digits(shortest(&bytes)), Ok(expected), "{number}");
        }
        assert!(digits(&[1; BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn a_number_takes_the_bytes_it_is_given() {
        assert_eq!(shortest(&[0, 0, 0x80]), [0, 0x80]);
        assert_eq!(shortest(&[0xff, 0xff]), [0xff]);
        assert_eq!(shortest(&[]), [0]);
        assert_eq!(extended(&[0x21], 4), Some(vec![0, 0, 0, 0x21]));
        assert_eq!(extended(&[0xdf], 2), Some(vec![0xff, 0xdf]));
        assert_eq!(extended(&[1, 0], 1), None);
    }
}
