//! The certificate of a server.

use std::sync::Arc;

use millrace_message::Error;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
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
    let certificates = CertificateDer::pem_file_iter(cert_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fatal("cert_file", cert_file, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(key_file)
        .map_err(|error| fatal("key_file", key_file, error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::fatal(format!("`{field}`: set up TLS: {error}")))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| fatal("cert_file", cert_file, error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}
