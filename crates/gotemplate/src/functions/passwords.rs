//! Hashes of passwords, and passwords that are derived of one.

use bcrypt::Version;
use hmac::{Hmac, KeyInit, Mac};
use scrypt::{Params, scrypt};
use sha2::Sha256;

use super::Function;
use super::Type::{Text, Uint32};
use super::{Answer, Call, fail};
use crate::Fault;

/// The cost of a hash; Go's default.
const BCRYPT_COST: u32 = 10;
/// What a hash takes, in steps: some 50 ms.
const BCRYPT_STEPS: usize = 1_000_000;
/// What deriving a password takes, in steps and in bytes.
const DERIVE_STEPS: usize = 4_000_000;
const DERIVE_BYTES: usize = 32 << 20;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("bcrypt", &[Text], |call| {
        let hash = bcrypt_of(call, 0)?;
        call.made(hash)
    }),
    Function::new("htpasswd", &[Text, Text], |call| {
        let user = call.text(0);
        if user.contains(':') {
            return call.made(format!("invalid username: {user}"));
        }
        let hash = bcrypt_of(call, 1)?;
        call.made(format!("{user}:{hash}"))
    }),
    Function::new("derivePassword", &[Uint32, Text, Text, Text, Text], derive),
];

/// The hash of a password; what is wrong with the password is the result, as in Sprig.
fn bcrypt_of(call: &Call<'_, '_>, index: usize) -> Result<String, Fault> {
    call.step(BCRYPT_STEPS)?;
    let password = call.bytes(index);
    if password.len() > 72 {
        let reason = "bcrypt: password length exceeds 72 bytes";
        return Ok(format!("failed to encrypt string with bcrypt: {reason}"));
    }
    match bcrypt::hash_with_result(password, BCRYPT_COST) {
        Ok(parts) => Ok(parts.format_for_version(Version::TwoA)),
        Err(error) => fail(format!("bcrypt: {error}")),
    }
}

/// What a password is made of: each letter stands for a set of characters.
fn templates(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

fn characters(letter: u8) -> &'static [u8] {
    match letter {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// The password of a site, by the algorithm of Master Password.
fn derive(call: &mut Call<'_, '_>) -> Answer {
    const SEED: &[u8] = b"com.lyndir.masterpassword";
    let (counter, kind) = (call.int(0) as u32, call.text(1));
    let Some(templates) = templates(&kind) else {
        return call.made(format!("cannot find password template {kind}"));
    };
    call.step(DERIVE_STEPS)?;
    call.meter().room(DERIVE_BYTES)?;
    let (password, user, site) = (call.bytes(2), call.bytes(3), call.bytes(4));
    let length = |text: &[u8]| (text.len() as u32).to_be_bytes();
    let salt = [SEED, &length(user), user].concat();
    let mut key = [0; 64];
    // 2^15 rounds of blocks of 8, twice.
    let params = Params::new(15, 8, 2, 64).map_err(|error| Fault::new(error.to_string()))?;
    scrypt(password, &salt, &params, &mut key).map_err(|error| Fault::new(error.to_string()))?;
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key)
        .map_err(|error| Fault::new(error.to_string()))?;
    mac.update(&[SEED, &length(site), site, &counter.to_be_bytes()].concat());
    let seed = mac.finalize().into_bytes();
    let template = templates[usize::from(seed[0]) % templates.len()];
    let chosen: Vec<u8> = template
        .bytes()
        .zip(&seed[1..])
        .map(|(letter, seed)| {
            let set = characters(letter);
            set[usize::from(*seed) % set.len()]
        })
        .collect();
    call.made(chosen)
}
