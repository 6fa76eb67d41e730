//! What is wrong with a certificate, in words of whoever made it.

use std::io;

use rustls::Error;

/// What the library says, and what that means.
const KNOWN: &[(&str, &str)] = &[
    (
        "CaUsedAsEndEntity",
        "the certificate is that of an authority (`CA:TRUE`), which cannot be the one of a server or \
         of a client: sign another one with it",
    ),
    (
        "UnsupportedCertVersion",
        "the certificate is of version 1 of X.509 and must be of version 3: `openssl x509 -req` makes \
         that of it with extensions (`-extfile`)",
    ),
    (
        "UnknownIssuer",
        "the certificate is signed by no authority that is trusted here",
    ),
];

/// What is wrong.
pub fn explain(error: &Error) -> String {
    let text = error.to_string();
    let known = KNOWN.iter().find(|(name, _)| text.contains(name));
    known.map_or(text, |(_, meaning)| (*meaning).to_owned())
}

/// What is wrong when a handshake failed because of what one side has shown; `None` when the
/// connection broke.
pub fn explain_handshake(error: &io::Error) -> Option<String> {
    let inner = error.get_ref()?.downcast_ref::<Error>()?;
    Some(explain(inner))
}

#[cfg(test)]
mod tests {
    use rustls::{CertificateError, OtherError};

    use super::*;

    #[test]
    fn what_openssl_makes_by_default_is_told_with_what_to_do() {
        let issuer = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        assert!(explain(&issuer).contains("no authority"));
        let other = io::Error::other("UnsupportedCertVersion");
        let other = CertificateError::Other(OtherError(std::sync::Arc::new(other)));
        let wrapped = io::Error::other(Error::InvalidCertificate(other));
        assert!(explain_handshake(&wrapped).is_some_and(|it| it.contains("-extfile")));
        assert_eq!(
            explain_handshake(&io::ErrorKind::UnexpectedEof.into()),
            None
        );
    }
}
