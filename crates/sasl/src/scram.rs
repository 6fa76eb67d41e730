//! SCRAM (RFC 5802, RFC 7677): the client proves to know a password without telling it, and the
//! server proves to have been told of it.

mod client;
mod server;

use std::fmt;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use bytes::Bytes;
use ring::{digest, hmac, pbkdf2};

pub use client::Client;
pub use server::{Exchange, Step};

use crate::Hash;

/// How often a password is hashed at least and at most, as Kafka has it.
pub const ITERATIONS: RangeInclusive<i32> = 4096..=16384;

/// What a server keeps of a password. Nobody can log in with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    pub salt: Bytes,
    pub stored_key: Bytes,
    pub server_key: Bytes,
    pub iterations: i32,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

impl Credential {
    /// That of a password.
    pub fn of_password(hash: Hash, password: &str, salt: Bytes, iterations: i32) -> Self {
        let salted = salted(hash, password, &salt, iterations);
        Self::of_salted(hash, &salted, salt, iterations)
    }

    /// That of a password which was salted and hashed already.
    pub fn of_salted(hash: Hash, salted: &[u8], salt: Bytes, iterations: i32) -> Self {
        let client_key = sign(hash, salted, b"Client Key");
        let stored_key = digest::digest(hash.digest(), client_key.as_ref());
        Self {
            salt,
            stored_key: Bytes::copy_from_slice(stored_key.as_ref()),
            server_key: Bytes::copy_from_slice(sign(hash, salted, b"Server Key").as_ref()),
            iterations,
        }
    }
}

/// A password, salted and hashed so often: `Hi` of RFC 5802. Takes milliseconds.
pub fn salted(hash: Hash, password: &str, salt: &[u8], iterations: i32) -> Vec<u8> {
    let mut salted = vec![0; hash.size()];
    let iterations = u32::try_from(iterations).unwrap_or(1);
    let iterations = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
    pbkdf2::derive(
        hash.pbkdf2(),
        iterations,
        salt,
        password.as_bytes(),
        &mut salted,
    );
    salted
}

fn sign(hash: Hash, key: &[u8], message: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hash.hmac(), key), message)
}

fn xor(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(a, b)| a ^ b).collect()
}
