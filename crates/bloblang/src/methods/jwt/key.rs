//! What signs and verifies: a shared secret, an RSA key, or a key on an elliptic curve.

use hmac::{Hmac, KeyInit, Mac};
use ring::rand::SystemRandom;
use ring::signature::{self, RsaEncoding, RsaKeyPair, RsaParameters, UnparsedPublicKey};
#[cfg(feature = "elliptic-curves")]
use sha2::Digest;
use sha2::{Sha256, Sha384, Sha512};

#[cfg(feature = "elliptic-curves")]
use super::ec::{self, Curve};
use super::pem;

/// Gives the signature of some bytes.
pub(super) type Signer = Box<dyn Fn(&[u8]) -> Result<Vec<u8>, String> + Send + Sync>;
/// Whether the second bytes are the signature of the first.
pub(super) type Verifier = Box<dyn Fn(&[u8], &[u8]) -> bool + Send + Sync>;

/// The algorithms of a token's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Es256,
    Es384,
    Es512,
}

impl Algorithm {
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Hs256 => "HS256",
            Algorithm::Hs384 => "HS384",
            Algorithm::Hs512 => "HS512",
            Algorithm::Rs256 => "RS256",
            Algorithm::Rs384 => "RS384",
            Algorithm::Rs512 => "RS512",
            Algorithm::Es256 => "ES256",
            Algorithm::Es384 => "ES384",
            Algorithm::Es512 => "ES512",
        }
    }

    /// What signs with a secret, or with a private key in PEM.
    pub fn signer(self, secret: &str) -> Result<Signer, String> {
        match self {
            Algorithm::Hs256 => mac::<Hmac<Sha256>>(secret).map(|mac| sign_mac(mac)),
            Algorithm::Hs384 => mac::<Hmac<Sha384>>(secret).map(|mac| sign_mac(mac)),
            Algorithm::Hs512 => mac::<Hmac<Sha512>>(secret).map(|mac| sign_mac(mac)),
            Algorithm::Rs256 => rsa_signer(secret, &signature::RSA_PKCS1_SHA256),
            Algorithm::Rs384 => rsa_signer(secret, &signature::RSA_PKCS1_SHA384),
            Algorithm::Rs512 => rsa_signer(secret, &signature::RSA_PKCS1_SHA512),
            Algorithm::Es256 => p256_signer(&pem::decode(secret)?),
            Algorithm::Es384 => p384_signer(&pem::decode(secret)?),
            Algorithm::Es512 => p521_signer(&pem::decode(secret)?),
        }
    }

    /// What verifies with a secret, or with a public key or a certificate in PEM.
    pub fn verifier(self, secret: &str) -> Result<Verifier, String> {
        match self {
            Algorithm::Hs256 => mac::<Hmac<Sha256>>(secret).map(|mac| verify_mac(mac)),
            Algorithm::Hs384 => mac::<Hmac<Sha384>>(secret).map(|mac| verify_mac(mac)),
            Algorithm::Hs512 => mac::<Hmac<Sha512>>(secret).map(|mac| verify_mac(mac)),
            Algorithm::Rs256 => rsa_verifier(secret, &signature::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::Rs384 => rsa_verifier(secret, &signature::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::Rs512 => rsa_verifier(secret, &signature::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::Es256 => p256_verifier(&pem::decode(secret)?),
            Algorithm::Es384 => p384_verifier(&pem::decode(secret)?),
            Algorithm::Es512 => p521_verifier(&pem::decode(secret)?),
        }
    }
}

fn mac<M: KeyInit>(secret: &str) -> Result<M, String> {
    <M as KeyInit>::new_from_slice(secret.as_bytes()).map_err(|error| error.to_string())
}

fn sign_mac<M: Mac + Clone + Send + Sync + 'static>(mac: M) -> Signer {
    Box::new(move |bytes| {
        let mut mac = mac.clone();
        mac.update(bytes);
        Ok(mac.finalize().into_bytes().to_vec())
    })
}

fn verify_mac<M: Mac + Clone + Send + Sync + 'static>(mac: M) -> Verifier {
    Box::new(move |bytes, signature| {
        let mut mac = mac.clone();
        mac.update(bytes);
        mac.verify_slice(signature).is_ok()
    })
}

fn rsa_signer(secret: &str, encoding: &'static dyn RsaEncoding) -> Result<Signer, String> {
    let der = pem::decode(secret)?;
    let key = RsaKeyPair::from_der(&der)
        .or_else(|_| RsaKeyPair::from_pkcs8(&der))
        .map_err(|_| "key is not a valid RSA private key of 2048 to 4096 bits")?;
    let random = SystemRandom::new();
    Ok(Box::new(move |bytes| {
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(encoding, &random, bytes, &mut signature)
            .map_err(|_| "the RSA key cannot sign")?;
        Ok(signature)
    }))
}

fn rsa_verifier(secret: &str, parameters: &'static RsaParameters) -> Result<Verifier, String> {
    let key = UnparsedPublicKey::new(parameters, pem::rsa_public(secret)?);
    Ok(Box::new(move |bytes, signature| {
        key.verify(bytes, signature).is_ok()
    }))
}

/// The two functions of a curve; its types have the same methods, but no trait in common that
/// would be shorter.
#[cfg(feature = "elliptic-curves")]
macro_rules! curve {
    ($curve:ident, $name:literal, $order:ident, $hash:ident, $signer:ident, $verifier:ident) => {
        /// What signs with a PKCS #8 or a SEC 1 key.
        fn $signer(der: &[u8]) -> Result<Signer, String> {
            use $curve::SecretKey;
            use $curve::ecdsa::signature::hazmat::PrehashSigner;
            use $curve::ecdsa::{Signature, SigningKey};

            let key = ec::private(der, &$order)
                .and_then(|integer| SecretKey::from_slice(&integer).ok())
                .map(SigningKey::from)
                .ok_or_else(|| format!("key is not a valid ECDSA private key on {}", $name))?;
            Ok(Box::new(move |bytes| {
                let signature: Signature = key
                    .sign_prehash(&$hash::digest(bytes))
                    .map_err(|_| "the ECDSA key cannot sign".to_owned())?;
                Ok(signature.to_bytes().to_vec())
            }))
        }

        /// What verifies with an X.509 key or a certificate.
        fn $verifier(der: &[u8]) -> Result<Verifier, String> {
            use spki::der::referenced::OwnedToRef;
            use $curve::ecdsa::signature::hazmat::PrehashVerifier;
            use $curve::ecdsa::{Signature, VerifyingKey};

            let key = pem::public(der)
                .and_then(|key| VerifyingKey::try_from(key.owned_to_ref()).ok())
                .ok_or_else(|| format!("key is not a valid ECDSA public key on {}", $name))?;
            Ok(Box::new(move |bytes, signature| {
                Signature::from_slice(signature).is_ok_and(|signature| {
                    key.verify_prehash(&$hash::digest(bytes), &signature)
                        .is_ok()
                })
            }))
        }
    };
}

/// The same in a build without the arithmetic of curves.
#[cfg(not(feature = "elliptic-curves"))]
macro_rules! curve {
    ($curve:ident, $name:literal, $order:ident, $hash:ident, $signer:ident, $verifier:ident) => {
        fn $signer(_: &[u8]) -> Result<Signer, String> {
            Err(NOT_BUILT.to_owned())
        }

        fn $verifier(_: &[u8]) -> Result<Verifier, String> {
            Err(NOT_BUILT.to_owned())
        }
    };
}

#[cfg(not(feature = "elliptic-curves"))]
const NOT_BUILT: &str =
    "this build has no elliptic curves: build it with the feature `elliptic-curves`";

#[cfg(feature = "elliptic-curves")]
const P256: Curve = Curve {
    oid: b"\x2a\x86\x48\xce\x3d\x03\x01\x07",
    size: 32,
};
#[cfg(feature = "elliptic-curves")]
const P384: Curve = Curve {
    oid: b"\x2b\x81\x04\x00\x22",
    size: 48,
};
#[cfg(feature = "elliptic-curves")]
const P521: Curve = Curve {
    oid: b"\x2b\x81\x04\x00\x23",
    size: 66,
};

curve!(
    p256,
    "the curve P-256",
    P256,
    Sha256,
    p256_signer,
    p256_verifier
);
curve!(
    p384,
    "the curve P-384",
    P384,
    Sha384,
    p384_signer,
    p384_verifier
);
curve!(
    p521,
    "the curve P-521",
    P521,
    Sha512,
    p521_signer,
    p521_verifier
);
