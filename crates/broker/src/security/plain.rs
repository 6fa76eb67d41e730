//! PLAIN (RFC 4616): the client tells its name and its password.

use std::collections::BTreeMap;

use millrace_spec::Secret;
use subtle::ConstantTimeEq;

use super::Denied;

/// Who the client is, from its one message: whom it acts for, who it is, its password, separated by
/// zero bytes.
///
/// # Errors
/// The message is malformed, or the password is not that user's.
pub fn check<'a>(
    message: &'a [u8],
    users: &BTreeMap<String, Secret<String>>,
) -> Result<&'a str, Denied> {
    let text = std::str::from_utf8(message).map_err(|_| Denied::Malformed)?;
    let parts: Vec<&str> = text.split('\0').collect();
    let &[identity, user, password] = parts.as_slice() else {
        return Err(Denied::Malformed);
    };
    if user.is_empty() || password.is_empty() {
        return Err(Denied::Malformed);
    }
    let expected = users.get(user).ok_or(Denied::Credentials)?;
    let is_right = expected.expose().as_bytes().ct_eq(password.as_bytes());
    if !bool::from(is_right) {
        return Err(Denied::Credentials);
    }
    match identity.is_empty() || identity == user {
        true => Ok(user),
        false => Err(Denied::OtherIdentity),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_knows_the_password_of_a_user_is_that_user() {
        let users = [("alice", "secret"), ("bob", "other")];
        let users = users.map(|(name, it)| (name.to_owned(), Secret::new(it.to_owned())));
        let users = BTreeMap::from(users);
        for (message, expected) in [
            (&b"\0alice\0secret"[..], Ok("alice")),
            (b"alice\0alice\0secret", Ok("alice")),
            (b"bob\0alice\0secret", Err(Denied::OtherIdentity)),
            (b"\0alice\0other", Err(Denied::Credentials)),
            (b"\0alice\0secre", Err(Denied::Credentials)),
            (b"\0carol\0secret", Err(Denied::Credentials)),
            (b"\0alice\0", Err(Denied::Malformed)),
            (b"\0\0secret", Err(Denied::Malformed)),
            (b"alice\0secret", Err(Denied::Malformed)),
            (b"\0alice\0secret\0", Err(Denied::Malformed)),
            (b"\0alice\0\xff", Err(Denied::Malformed)),
            (b"", Err(Denied::Malformed)),
        ] {
            assert_eq!(check(message, &users), expected, "{message:?}");
        }
    }
}
