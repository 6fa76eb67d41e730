//! Private keys on elliptic curves, read as Go's `crypto/x509` reads them.
//!
//! SEC 1 asks for an integer of exactly the length of the curve's order. Programs have written keys
//! with zeros before it, or without the zeros that it begins with; Go takes them, and so do we.

/// A curve, as keys name it.
pub(super) struct Curve {
    /// The content of its object identifier.
    pub oid: &'static [u8],
    /// Bytes of the order.
    pub size: usize,
}

/// The identifier of keys on elliptic curves in PKCS #8.
const EC_PUBLIC_KEY: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// The curve within a SEC 1 key.
const PARAMETERS: u8 = 0xa0;

/// The integer of a private key in SEC 1 or PKCS #8, in the length of the curve; nothing when it is
/// no such key, or one of another curve.
pub(super) fn private(der: &[u8], curve: &Curve) -> Option<Vec<u8>> {
    sec1(der, curve, false).or_else(|| pkcs8(der, curve))
}

fn pkcs8(der: &[u8], curve: &Curve) -> Option<Vec<u8>> {
    let (key, _) = element(der, SEQUENCE)?;
    let (_version, key) = element(key, INTEGER)?;
    let (algorithm, key) = element(key, SEQUENCE)?;
    let (kind, algorithm) = element(algorithm, OBJECT_IDENTIFIER)?;
    let (oid, _) = element(algorithm, OBJECT_IDENTIFIER)?;
    let (inner, _) = element(key, OCTET_STRING)?;
    let is_it = kind == EC_PUBLIC_KEY && oid == curve.oid;
    is_it.then(|| sec1(inner, curve, true)).flatten()
}

/// With `is_named` the curve is known from outside, and what the key says of it does not matter.
fn sec1(der: &[u8], curve: &Curve, is_named: bool) -> Option<Vec<u8>> {
    let (key, _) = element(der, SEQUENCE)?;
    let (version, key) = element(key, INTEGER)?;
    let (integer, key) = element(key, OCTET_STRING)?;
    if version != [1] {
        return None;
    }
    if !is_named {
        let (parameters, _) = element(key, PARAMETERS)?;
        let (oid, _) = element(parameters, OBJECT_IDENTIFIER)?;
        if oid != curve.oid {
            return None;
        }
    }
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    let digits = &integer[zeros..];
    let missing = curve.size.checked_sub(digits.len())?;
    let mut padded = vec![0; missing];
    padded.extend_from_slice(digits);
    Some(padded)
}

/// The content of the element that the bytes begin with, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match *length {
        short @ 0..0x80 => (usize::from(short), rest),
        long => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            // No key is longer.
            let is_short = matches!(digits.len(), 1..=3);
            let length = digits.iter().fold(0, |sum, it| sum << 8 | usize::from(*it));
            (is_short.then_some(length)?, rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    (*found == tag).then_some((content, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CURVE: Curve = Curve {
        oid: b"\x2b\x81",
        size: 4,
    };

    /// An element of a short content.
    fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }

    fn sec1_of(integer: &[u8], oid: &[u8]) -> Vec<u8> {
        let parameters = wrapped(PARAMETERS, &wrapped(OBJECT_IDENTIFIER, oid));
        let parts = [
            wrapped(INTEGER, &[1]),
            wrapped(OCTET_STRING, integer),
            parameters,
        ];
        wrapped(SEQUENCE, &parts.concat())
    }

    fn pkcs8_of(integer: &[u8], kind: &[u8], oid: &[u8]) -> Vec<u8> {
        let oids = [
            wrapped(OBJECT_IDENTIFIER, kind),
            wrapped(OBJECT_IDENTIFIER, oid),
        ];
        let parts = [
            wrapped(INTEGER, &[0]),
            wrapped(SEQUENCE, &oids.concat()),
            wrapped(OCTET_STRING, &sec1_of(integer, b"\x01")),
        ];
        wrapped(SEQUENCE, &parts.concat())
    }

    #[test]
    fn an_integer_may_have_zeros_before_it_or_lack_those_it_begins_with() {
        for (integer, expected) in [
            (&[1, 2, 3, 4][..], Some(vec![1, 2, 3, 4])),
            (&[0, 1, 2, 3, 4], Some(vec![1, 2, 3, 4])),
            (&[0, 0, 0, 1, 2, 3, 4], Some(vec![1, 2, 3, 4])),
            (&[2, 3], Some(vec![0, 0, 2, 3])),
            (&[1, 2, 3, 4, 5], None),
        ] {
            let sec1 = sec1_of(integer, CURVE.oid);
            assert_eq!(private(&sec1, &CURVE), expected, "{integer:?}");
            let pkcs8 = pkcs8_of(integer, EC_PUBLIC_KEY, CURVE.oid);
            assert_eq!(private(&pkcs8, &CURVE), expected, "{integer:?}");
        }
    }

    #[test]
    fn keys_of_other_kinds_and_curves_are_refused() {
        let integer = [1, 2, 3, 4];
        assert_eq!(private(&sec1_of(&integer, b"\x01"), &CURVE), None);
        assert_eq!(
            private(&pkcs8_of(&integer, b"\x01", CURVE.oid), &CURVE),
            None
        );
        assert_eq!(
            private(&pkcs8_of(&integer, EC_PUBLIC_KEY, b"\x01"), &CURVE),
            None
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(der in proptest::collection::vec(
            prop_oneof![Just(SEQUENCE), Just(INTEGER), Just(OCTET_STRING), Just(0x80), any::<u8>()],
            0..60,
        )) {
            let _key = private(&der, &CURVE);
        }
    }
}
