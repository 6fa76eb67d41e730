//! Hash algorithms by name.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::eval_error::EvalError;

type Hash = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// The algorithm of a name; `key` is used by the keyed ones, `polynomial` by `crc32`.
///
/// # Errors
///
/// When there is no such algorithm or polynomial.
pub(super) fn algorithm(name: &str, key: Vec<u8>, polynomial: &str) -> Result<Hash, EvalError> {
    Ok(match name {
        "hmac_sha1" | "hmac-sha1" => keyed::<Hmac<Sha1>>(key)?,
        "hmac_sha256" | "hmac-sha256" => keyed::<Hmac<Sha256>>(key)?,
        "hmac_sha512" | "hmac-sha512" => keyed::<Hmac<Sha512>>(key)?,
        "md5" => Box::new(|bytes| Md5::digest(bytes).to_vec()),
        "sha1" => Box::new(|bytes| Sha1::digest(bytes).to_vec()),
        "sha256" => Box::new(|bytes| Sha256::digest(bytes).to_vec()),
        "sha512" => Box::new(|bytes| Sha512::digest(bytes).to_vec()),
        "xxhash64" => Box::new(|bytes| xxhash_rust::xxh64::xxh64(bytes, 0).to_string().into()),
        "fnv32" => Box::new(|bytes| fnv32(bytes).to_string().into()),
        "crc32" => crc32(polynomial)?,
        other => return Err(EvalError::new(format!("unrecognized hash type: {other}"))),
    })
}

fn keyed<M>(key: Vec<u8>) -> Result<Hash, EvalError>
where
    M: Mac + KeyInit + Clone + Send + Sync + 'static,
{
    let mac = <M as KeyInit>::new_from_slice(&key)
        .map_err(|error| EvalError::new(format!("key: {error}")))?;
    Ok(Box::new(move |bytes| {
        let mut mac = mac.clone();
        mac.update(bytes);
        mac.finalize().into_bytes().to_vec()
    }))
}

/// FNV-1, which multiplies before it mixes a byte in.
fn fnv32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(2_166_136_261, |hash: u32, byte| {
        hash.wrapping_mul(16_777_619) ^ u32::from(*byte)
    })
}

fn crc32(polynomial: &str) -> Result<Hash, EvalError> {
    static CASTAGNOLI: [u32; 256] = table(0x82f6_3b78);
    static KOOPMAN: [u32; 256] = table(0xeb31_d82e);
    Ok(match polynomial {
        "IEEE" => Box::new(|bytes| crc32fast::hash(bytes).to_be_bytes().to_vec()),
        "Castagnoli" => Box::new(|bytes| checksum(&CASTAGNOLI, bytes)),
        "Koopman" => Box::new(|bytes| checksum(&KOOPMAN, bytes)),
        other => {
            return Err(EvalError::new(format!(
                "unsupported crc32 hash key {other:?}"
            )));
        }
    })
}

/// The remainders of all bytes for a polynomial with reversed bits.
const fn table(polynomial: u32) -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut remainder = index as u32;
        let mut bit = 0;
        while bit < 8 {
            let carry = remainder & 1;
            remainder >>= 1;
            if carry == 1 {
                remainder ^= polynomial;
            }
            bit += 1;
        }
        table[index] = remainder;
        index += 1;
    }
    table
}

fn checksum(table: &[u32; 256], bytes: &[u8]) -> Vec<u8> {
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        table[usize::from(sum as u8 ^ byte)] ^ (sum >> 8)
    });
    (!sum).to_be_bytes().to_vec()
}
