//! The certificate of a server.

use std::sync::Arc;

use millrace_message::Error;
use millrace_tls::pem;
use rustls::ServerConfig;
use rustls::crypto::ring;
use tokio_rustls::TlsAcceptor;

/// What accepts encrypted connections; `None` when both files are empty.
///
/// # Errors
/// Fatal: only one file is given, one cannot be read, or the two do not belong together.
pub(super) fn acceptor(
    cert_file: &str,
    key_file: &str,
    field: &str,
) -> Result<Option<TlsAcceptor>, Error> {
    if cert_file.is_empty() && key_file.is_empty() {
        return Ok(None);
    }
    if cert_file.is_empty() || key_file.is_empty() {
        return Err(Error::fatal(format!(
            "`{field}`: TLS needs both `cert_file` and `key_file`, and only one is set"
        )));
    }
    let fatal = |what: &str, file: &str, reason: String| {
        Error::fatal(format!("`{field}`: read {what} `{file}`: {reason}"))
    };
    let certificates = pem::certificates_of_file(cert_file)
        .map_err(|reason| fatal("cert_file", cert_file, reason))?;
    let key =
        pem::private_key_of_file(key_file).map_err(|reason| fatal("key_file", key_file, reason))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::fatal(format!("`{field}`: set up TLS: {error}")))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| fatal("cert_file", cert_file, error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

#[cfg(test)]
mod tests {
    use millrace_testkit::pem::KeyWithoutBreaks;

    use super::*;

    #[test]
    fn a_private_key_whose_line_breaks_are_lost_is_not_quoted() {
        let files = KeyWithoutBreaks::write().unwrap();
        let (chain, key) = (&files.chain, &files.key);
        for (cert_file, key_file) in [(chain, key), (key, key)] {
            let error = acceptor(cert_file, key_file, "http.address").err().unwrap();
            let text = error.text();
            assert!(text.starts_with("`http.address`: read "), "{text}");
            assert!(!files.is_quoted_in(text), "{text}");
        }
    }
}
