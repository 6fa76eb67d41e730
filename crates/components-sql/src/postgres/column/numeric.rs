//! Decimal numbers: groups of four digits, the exponent of the first group, a sign, and how many
//! digits stand behind the point.

use super::{Failed, Reader};

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const NEGATIVE_INFINITY: u16 = 0xf000;

/// The number as PostgreSQL writes it, with every digit.
pub(super) fn text(raw: &[u8]) -> Result<String, Failed> {
    let mut reader = Reader(raw);
    let groups = short(&mut reader)?;
    let weight = i32::from(short(&mut reader)?.cast_signed());
    let sign = short(&mut reader)?;
    let behind_point = usize::from(short(&mut reader)?);
    match sign {
        NAN => return Ok("NaN".to_owned()),
        INFINITY => return Ok("Infinity".to_owned()),
        NEGATIVE_INFINITY => return Ok("-Infinity".to_owned()),
        _ => {}
    }
    let groups: Vec<u16> = (0..groups)
        .map(|_| short(&mut reader))
        .collect::<Result<_, _>>()?;
    // A group that is not sent is zero.
    let group = |exponent: i32| {
        let index = usize::try_from(weight - exponent).ok();
        index.and_then(|it| groups.get(it)).copied().unwrap_or(0)
    };
    let mut text = String::new();
    for exponent in (0..=weight.max(0)).rev() {
        text.push_str(&format!("{:04}", group(exponent)));
    }
    let digits = text.trim_start_matches('0');
    let mut text = if digits.is_empty() { "0" } else { digits }.to_owned();
    if behind_point > 0 {
        let mut fraction = String::new();
        let mut exponent = -1;
        while fraction.len() < behind_point {
            fraction.push_str(&format!("{:04}", group(exponent)));
            exponent -= 1;
        }
        text.push('.');
        text.push_str(&fraction[..behind_point]);
    }
    if sign == NEGATIVE {
        text.insert(0, '-');
    }
    Ok(text)
}

fn short(reader: &mut Reader<'_>) -> Result<u16, Failed> {
    Ok(u16::from_be_bytes(reader.take(2)?.try_into()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_its_digits() {
        let number = |parts: &[u16]| {
            let raw: Vec<u8> = parts.iter().flat_map(|it| it.to_be_bytes()).collect();
            text(&raw).expect("it is whole")
        };
        assert_eq!(number(&[2, 0, 0, 4, 12, 3400]), "12.3400");
        assert_eq!(number(&[2, 1, NEGATIVE, 0, 1, 2]), "-10002");
        assert_eq!(number(&[0, 0, 0, 2]), "0.00");
        // 0.00001234, whose first group stands four digits behind the point.
        assert_eq!(
            number(&[1, (-2_i16).cast_unsigned(), 0, 8, 1234]),
            "0.00001234"
        );
        assert_eq!(number(&[1, 2, 0, 0, 5]), "500000000");
        assert_eq!(number(&[0, 0, NAN, 0]), "NaN");
    }
}
