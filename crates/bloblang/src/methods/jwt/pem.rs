//! The keys in PEM that a JWT can be signed or verified with.
//!
//! Nothing of a key is ever part of an error.

use pkcs1::RsaPublicKeyRef;
use spki::SubjectPublicKeyInfoOwned;
use spki::der::Decode;
use x509_cert::Certificate;

/// The bytes of the first PEM block.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    let block = pem::parse(text)
        .map_err(|_| "invalid key: key must be a PEM encoded PKCS1, PKCS8 or SEC1 key")?;
    if block.headers().iter().next().is_some() || block.tag().starts_with("ENCRYPTED") {
        return Err("invalid key: encrypted keys are not supported, decrypt it first");
    }
    Ok(block.into_contents())
}

/// The public RSA key (`n` and `e`) of a PKCS #1 key, an X.509 key, or a certificate.
pub(super) fn rsa_public(text: &str) -> Result<Vec<u8>, String> {
    let der = decode(text)?;
    let key = match public(&der) {
        Some(key) if key.algorithm.oid == pkcs1::ALGORITHM_OID => {
            key.subject_public_key.as_bytes().map(<[u8]>::to_vec)
        }
        Some(_) => None,
        None => Some(der),
    };
    key.filter(|key| RsaPublicKeyRef::try_from(key.as_slice()).is_ok())
        .ok_or_else(|| "key is not a valid RSA public key".to_owned())
}

/// An X.509 public key, on its own or within a certificate.
pub(super) fn public(der: &[u8]) -> Option<SubjectPublicKeyInfoOwned> {
    let key = SubjectPublicKeyInfoOwned::from_der(der);
    key.ok().or_else(|| {
        let certificate = Certificate::from_der(der).ok()?;
        let content = certificate.tbs_certificate();
        Some(content.subject_public_key_info().clone())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(der in proptest::collection::vec(
            prop_oneof![Just(0x30), Just(2), Just(3), 0_u8..6, any::<u8>()], 0..60,
        )) {
            let text = pem::encode(&pem::Pem::new("X", der));
            let _key = rsa_public(&text);
        }
    }

    #[test]
    fn a_block_may_be_indented_and_wrapped_anyhow() {
        let text = "a key:\n  -----BEGIN X-----\n  AQID\n    BA==\n  -----END X-----\n";
        assert_eq!(decode(text), Ok(vec![1, 2, 3, 4]));
    }

    #[test]
    fn what_is_no_pem_and_what_is_encrypted_is_said() {
        for (text, expected) in [
            ("secret", "PEM encoded"),
            ("-----BEGIN X-----\n!\n-----END X-----", "PEM encoded"),
            (
                "-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END X-----",
                "encrypted",
            ),
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----",
                "encrypted",
            ),
        ] {
            assert!(
                decode(text).is_err_and(|error| error.contains(expected)),
                "{text}"
            );
        }
    }
}
