//! How a client proves who it is: mechanisms of SASL (RFC 4422), both sides, without I/O.
//!
//! - [`jaas`]: how Kafka's settings write users and passwords.
//! - [`plain`]: the client tells its password.
//! - [`scram`]: it proves that it knows the password, and the server that it was told of it.
//!
//! Secrets are compared in constant time, and no error holds anything of what was sent.

pub mod jaas;
pub mod mechanism;
pub mod plain;
pub mod scram;

use std::fmt;

use ring::rand::{SecureRandom, SystemRandom};

pub use mechanism::{Hash, Mechanism};

/// Why a client was not let in.
///
/// The client is told no more than this, so that it does not learn which users there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// What it sent does not follow the mechanism.
    Malformed,
    /// There is no such user, or the password is another one.
    Credentials,
    /// It answers with another nonce than the one that both have made.
    Nonce,
    /// It wants to be somebody else than whose password it knows.
    OtherIdentity,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the message is not one of the mechanism",
            Self::Credentials => "invalid username or password",
            Self::Nonce => {
                "the nonce is not the one that was sent (librdkafka before 2.6.1 sends it twice)"
            }
            Self::OtherIdentity => "the client asks to be another user than that of the password",
        })
    }
}

impl std::error::Error for Denied {}

/// 16 bytes that nobody can guess, from the operating system.
///
/// # Panics
/// The operating system has none, which it does not say of itself.
pub fn nonce() -> [u8; 16] {
    let mut bytes = [0; 16];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.expect("the system has random bytes");
    bytes
}
