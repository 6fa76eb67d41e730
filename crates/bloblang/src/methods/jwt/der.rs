//! Keys in PEM: the few shapes of DER that a JWT can be signed or verified with.
//!
//! Nothing of a key is ever part of an error.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The bytes of the first PEM block.
pub(super) fn from_pem(text: &str) -> Result<Vec<u8>, &'static str> {
    const NO_PEM: &str = "invalid key: key must be a PEM encoded PKCS1, PKCS8 or SEC1 key";
    let (_, block) = text.split_once("-----BEGIN ").ok_or(NO_PEM)?;
    let (label, body) = block.split_once("-----").ok_or(NO_PEM)?;
    let (body, _) = body
        .split_once(&format!("-----END {label}-----"))
        .ok_or(NO_PEM)?;
    if body.contains(':') || label.starts_with("ENCRYPTED") {
        return Err("invalid key: encrypted keys are not supported, decrypt it first");
    }
    let encoded: String = body.split_whitespace().collect();
    STANDARD.decode(encoded).map_err(|_| NO_PEM)
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const PARAMETERS: u8 = 0xa0;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const ELLIPTIC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// What stands before an elliptic key: its curve.
#[derive(Clone, Copy)]
pub(super) struct Curve {
    pub name: &'static str,
    pub id: &'static [u8],
    /// The length of a private key.
    pub size: usize,
}

pub(super) const P256: Curve = Curve {
    name: "P-256",
    id: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
    size: 32,
};
pub(super) const P384: Curve = Curve {
    name: "P-384",
    id: &[0x2b, 0x81, 0x04, 0x00, 0x22],
    size: 48,
};
pub(super) const P521: Curve = Curve {
    name: "P-521",
    id: &[0x2b, 0x81, 0x04, 0x00, 0x23],
    size: 66,
};

/// The public RSA key (`n` and `e`) of a PKCS #1 key, an X.509 key, or a certificate.
pub(super) fn rsa_public(der: &[u8]) -> Option<&[u8]> {
    let mut content = Reader(Reader(der).take(SEQUENCE)?);
    if content.peek() == Some(INTEGER) {
        // A private key has more numbers.
        content.take(INTEGER)?;
        content.take(INTEGER)?;
        return content.0.is_empty().then_some(der);
    }
    let (algorithm, key) = public_key(der)?;
    (Reader(algorithm).take(OBJECT_ID)? == RSA).then_some(key)
}

/// The point of a public key on a curve, from an X.509 key or a certificate.
pub(super) fn elliptic_public(der: &[u8], curve: Curve) -> Result<&[u8], String> {
    let (algorithm, key) = public_key(der).ok_or("key is not a valid ECDSA public key")?;
    let mut algorithm = Reader(algorithm);
    if algorithm.take(OBJECT_ID) != Some(ELLIPTIC) {
        return Err("key is not a valid ECDSA public key".to_owned());
    }
    on_curve(algorithm.take(OBJECT_ID), curve)?;
    Ok(key)
}

/// The number of a private key on a curve, from a SEC 1 or a PKCS #8 key, with leading zeros to
/// the length of the curve.
pub(super) fn elliptic_private(der: &[u8], curve: Curve) -> Result<Vec<u8>, String> {
    let invalid = || "key is not a valid ECDSA private key".to_owned();
    let mut key = Reader(Reader(der).take(SEQUENCE).ok_or_else(invalid)?);
    key.take(INTEGER).ok_or_else(invalid)?;
    if let Some(algorithm) = key.take(SEQUENCE) {
        let mut algorithm = Reader(algorithm);
        if algorithm.take(OBJECT_ID) != Some(ELLIPTIC) {
            return Err(invalid());
        }
        on_curve(algorithm.take(OBJECT_ID), curve)?;
        let inner = key.take(OCTET_STRING).ok_or_else(invalid)?;
        key = Reader(Reader(inner).take(SEQUENCE).ok_or_else(invalid)?);
        key.take(INTEGER).ok_or_else(invalid)?;
    }
    let number = key.take(OCTET_STRING).ok_or_else(invalid)?;
    if let Some(parameters) = key.take(PARAMETERS) {
        on_curve(Reader(parameters).take(OBJECT_ID), curve)?;
    }
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[zeros..];
    let missing = curve.size.checked_sub(number.len()).ok_or_else(invalid)?;
    let mut padded = vec![0; missing];
    padded.extend_from_slice(number);
    Ok(padded)
}

fn on_curve(id: Option<&[u8]>, curve: Curve) -> Result<(), String> {
    if id == Some(curve.id) {
        return Ok(());
    }
    Err(format!(
        "key is invalid: it is not on the curve {}",
        curve.name
    ))
}

/// The algorithm and the bits of an X.509 public key, on its own or within a certificate.
fn public_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut content = Reader(Reader(der).take(SEQUENCE)?);
    let first = content.take(SEQUENCE)?;
    if content.peek() == Some(BIT_STRING) {
        return Some((first, bits(content.take(BIT_STRING)?)?));
    }
    // A certificate: version, serial number, signature algorithm, issuer, validity, subject, key.
    let mut certificate = Reader(first);
    certificate.take(PARAMETERS);
    certificate.take(INTEGER)?;
    for _ in 0..4 {
        certificate.take(SEQUENCE)?;
    }
    let mut key = Reader(certificate.take(SEQUENCE)?);
    Some((key.take(SEQUENCE)?, bits(key.take(BIT_STRING)?)?))
}

/// The bytes of a bit string, which here has no odd bits.
fn bits(string: &[u8]) -> Option<&[u8]> {
    string.strip_prefix(&[0])
}

/// Reads one element after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn peek(&mut self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The content of the next element when it is of this kind; else nothing is read.
    fn take(&mut self, kind: u8) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_first()?;
        let (length, rest) = rest.split_first()?;
        let (length, rest) = match length {
            0..=0x7f => (usize::from(*length), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(length - 0x80))?;
                let length = bytes
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        if *first != kind {
            return None;
        }
        self.0 = rest;
        Some(content)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(der in proptest::collection::vec(
            prop_oneof![Just(SEQUENCE), Just(INTEGER), Just(BIT_STRING), 0_u8..6, any::<u8>()], 0..60,
        )) {
            let _key = rsa_public(&der);
            let _key = elliptic_public(&der, P256);
            let _key = elliptic_private(&der, P521);
        }
    }

    #[test]
    fn an_error_shows_nothing_of_the_key() {
        let text = "-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----";
        let der = from_pem(text).expect("it is PEM");
        let error = elliptic_private(&der, P256).expect_err("it is no key");
        assert!(
            !error.contains("c2Vjcm") && !error.contains("secret"),
            "{error}"
        );
        for (text, expected) in [
            ("secret", "PEM encoded"),
            ("-----BEGIN X-----\n!\n-----END X-----", "PEM encoded"),
            (
                "-----BEGIN X-----\nProc-Type: 4\n-----END X-----",
                "encrypted",
            ),
        ] {
            assert!(
                from_pem(text).is_err_and(|error| error.contains(expected)),
                "{text}"
            );
        }
    }
}
