//! Identifiers of 128 bits, as Kafka prints them.

use std::fmt;

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
}
