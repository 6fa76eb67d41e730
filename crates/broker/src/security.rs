//! Who a client is, and what keeps others from reading along.
//!
//! A listener with TLS ([`tls`]) encrypts; one with SASL lets a client in once it has proved to know
//! a password: by telling it ([`plain`]) or without telling it ([`scram`]). Nothing here does I/O.

pub mod mechanism;
pub mod plain;
pub mod scram;
pub mod tls;

pub use mechanism::{Hash, Mechanism};
pub use scram::Credential;

/// Why a client was not let in.
///
/// The client is told no more than this, so that it does not learn which users there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// What it sent does not follow the mechanism.
    Malformed,
    /// There is no such user, or the password is another one.
    Credentials,
    /// It wants to be somebody else than whose password it knows.
    OtherIdentity,
}

impl Denied {
    /// What the client is told.
    pub fn message(self) -> &'static str {
        match self {
            Self::Malformed => "Authentication failed: the message is not of the mechanism",
            Self::Credentials => "Authentication failed: Invalid username or password",
            Self::OtherIdentity => {
                "Authentication failed: Client requested an authorization id that is different from \
                 username"
            }
        }
    }
}
