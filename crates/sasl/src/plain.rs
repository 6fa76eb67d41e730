//! PLAIN (RFC 4616): the client tells its name and its password.

use subtle::ConstantTimeEq;

use crate::Denied;

/// The message of a client.
pub fn message(user: &str, password: &str) -> String {
    format!("\0{user}\0{password}")
}

/// Who the client is, from its one message: whom it acts for, who it is, its password, separated by
/// zero bytes. `find` knows the passwords of users.
///
/// # Errors
/// The message is malformed, or the password is not that user's.
pub fn check<'a, 'p>(
    message: &'a [u8],
    find: impl FnOnce(&str) -> Option<&'p str>,
) -> Result<&'a str, Denied> {
    let text = std::str::from_utf8(message).map_err(|_| Denied::Malformed)?;
    let parts: Vec<&str> = text.split('\0').collect();
    let &[identity, user, password] = parts.as_slice() else {
        return Err(Denied::Malformed);
    };
    if user.is_empty() || password.is_empty() {
        return Err(Denied::Malformed);
    }
    let expected = find(user).ok_or(Denied::Credentials)?;
    let is_right = expected.as_bytes().ct_eq(password.as_bytes());
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
        let find = |user: &str| match user {
            "alice" => Some("secret"),
            "bob" => Some("other"),
            _ => None,
        };
        let own = message("alice", "secret");
        assert_eq!(check(own.as_bytes(), find), Ok("alice"));
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
            assert_eq!(check(message, find), expected, "{message:?}");
        }
    }
}
