//! Identifiers of 128 bits, as Kafka prints them.

use std::fmt;
use std::str::FromStr;

/// Identifies a topic, a directory, an incarnation of a broker.
///
/// Printed as Kafka does: base64 of the URL alphabet, without padding.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// Stands for "none" in every field.
    pub const ZERO: Self = Self([0; 16]);

    /// Whether it stands for "none".
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 22 letters of six bits, the first ones first; the last letter has two bits.
        let bits = u128::from_be_bytes(self.0);
        for letter in 0..22 {
            let index = match 122_u32.checked_sub(6 * letter) {
                Some(shift) => bits >> shift,
                None => bits << 4,
            };
            let letter = char::from(ALPHABET[(index & 63) as usize]);
            fmt::Write::write_char(f, letter)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text is none of an identifier: 22 letters of Kafka's alphabet, of which the last has two bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAUuid;

impl fmt::Display for NotAUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an identifier has 22 letters of URL-safe base64")
    }
}

impl std::error::Error for NotAUuid {}

/// Reads what [`Display`](fmt::Display) writes.
impl FromStr for Uuid {
    type Err = NotAUuid;

    fn from_str(text: &str) -> Result<Self, NotAUuid> {
        if text.len() != 22 {
            return Err(NotAUuid);
        }
        let mut bits: u128 = 0;
        for (at, byte) in text.bytes().enumerate() {
            let letter = ALPHABET.iter().position(|it| *it == byte);
            let letter = letter.ok_or(NotAUuid)? as u128;
            bits = match at {
                21 if letter & 15 == 0 => bits << 2 | letter >> 4,
                21 => return Err(NotAUuid),
                _ => bits << 6 | letter,
            };
        }
        Ok(Self(bits.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_printed_as_kafka_does() {
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        let one = Uuid(1_u128.to_be_bytes());
        assert_eq!(one.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(Uuid([0xff; 16]).to_string(), "_____________________w");
    }

    #[test]
    fn what_is_printed_is_read_and_nothing_else() {
        for id in [Uuid::ZERO, Uuid(*b"0123456789abcdef"), Uuid([0xff; 16])] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for text in ["AAAA", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAA="] {
            assert_eq!(text.parse::<Uuid>(), Err(NotAUuid), "{text}");
        }
    }
}
