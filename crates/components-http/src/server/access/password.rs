//! Passwords beside their hashes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use millrace_spec::Spec;
use ring::digest;

/// How a password is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
pub enum Algorithm {
    /// MD5 without a salt: whoever knows the hash finds the password.
    Md5,
    /// SHA-256 without a salt.
    Sha256,
    /// bcrypt, whose hash holds its salt and its cost.
    Bcrypt,
    /// scrypt with N = 32768, r = 8, p = 1 and 32 bytes.
    Scrypt,
}

/// The highest cost of a bcrypt hash; each one more doubles the time, and 16 takes some seconds.
const BCRYPT_COST_MAX: u32 = 20;
/// The binary logarithm of N.
const SCRYPT_LOG_N: u8 = 15;
const SCRYPT_R: u32 = 8;
const SCRYPT_P: u32 = 1;
const SCRYPT_LENGTH: usize = 32;

/// The hash of a password.
pub(super) enum PasswordHash {
    Md5(Vec<u8>),
    Sha256(Vec<u8>),
    Bcrypt(String),
    Scrypt {
        hash: Vec<u8>,
        salt: Vec<u8>,
        params: scrypt::Params,
    },
}

impl PasswordHash {
    /// A hash and its salt, both in Base64.
    ///
    /// # Errors
    /// It is no hash of this kind; the text shows nothing of it.
    pub fn new(algorithm: Algorithm, hash: &str, salt: &str) -> Result<Self, String> {
        let hash = decode("password_hash", hash)?;
        match algorithm {
            Algorithm::Md5 => sized(hash, Md5::output_size()).map(Self::Md5),
            Algorithm::Sha256 => sized(hash, digest::SHA256_OUTPUT_LEN).map(Self::Sha256),
            Algorithm::Bcrypt => {
                let text = String::from_utf8(hash).ok();
                let parts = text
                    .as_ref()
                    .and_then(|it| it.parse::<bcrypt::HashParts>().ok());
                match (text, parts) {
                    (Some(_), Some(parts)) if parts.get_cost() > BCRYPT_COST_MAX => Err(format!(
                        "`password_hash` has the cost {}, with which trying a password takes \
                         minutes to days: make it again with a cost of {BCRYPT_COST_MAX} or less",
                        parts.get_cost()
                    )),
                    (Some(text), Some(_)) => Ok(Self::Bcrypt(text)),
                    _ => Err("`password_hash` is no hash of `bcrypt` in Base64".to_owned()),
                }
            }
            Algorithm::Scrypt => {
                if salt.is_empty() {
                    return Err("the algorithm `scrypt` needs a `salt`".to_owned());
                }
                let params = scrypt::Params::new(SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P, SCRYPT_LENGTH)
                    .map_err(|error| error.to_string())?;
                Ok(Self::Scrypt {
                    hash: sized(hash, SCRYPT_LENGTH)?,
                    salt: decode("salt", salt)?,
                    params,
                })
            }
        }
    }

    /// Whether it takes long to try a password.
    pub fn is_slow(&self) -> bool {
        matches!(self, Self::Bcrypt(_) | Self::Scrypt { .. })
    }

    /// Whether it is the hash of this password.
    pub fn matches(&self, password: &[u8]) -> bool {
        match self {
            Self::Md5(hash) => equal(&Md5::digest(password), hash),
            Self::Sha256(hash) => equal(digest::digest(&digest::SHA256, password).as_ref(), hash),
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Scrypt { hash, salt, params } => {
                let mut found = [0; SCRYPT_LENGTH];
                let made = scrypt::scrypt(password, salt, params, &mut found);
                made.is_ok() && equal(&found, hash)
            }
        }
    }
}

fn decode(field: &str, text: &str) -> Result<Vec<u8>, String> {
    let decoded = STANDARD.decode(text);
    decoded.map_err(|_| format!("`{field}` is not Base64"))
}

fn sized(hash: Vec<u8>, length: usize) -> Result<Vec<u8>, String> {
    match hash.len() {
        found if found == length => Ok(hash),
        found => Err(format!(
            "`password_hash` has {found} bytes instead of {length}"
        )),
    }
}

/// Compares in a time that does not depend on where the two differ.
pub(super) fn equal(left: &[u8], right: &[u8]) -> bool {
    let differing = left
        .iter()
        .zip(right)
        .fold(0, |seen, (l, r)| seen | (l ^ r));
    left.len() == right.len() && differing == 0
}
