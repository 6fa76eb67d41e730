//! The certificate of a listener, and whose certificates of clients it takes.

use std::sync::Arc;

use millrace_tls::{explain, pem};
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio_rustls::TlsAcceptor;

use crate::config::{ClientAuth, Pem, TlsServer};

/// What accepts encrypted connections. Reads files.
///
/// # Errors
/// A file cannot be read, or the key, the certificates and the settings do not fit together; the
/// text names the key of the settings.
pub fn acceptor(config: &TlsServer) -> Result<TlsAcceptor, String> {
    let chain = read(
        &config.chain,
        "the certificates of the key store",
        pem::certificates,
    )?;
    let key = read(&config.key, "the key of the key store", pem::private_key)?;
    let provider = Arc::new(provider(&config.cipher_suites)?);
    let versions: Vec<&'static SupportedProtocolVersion> = config.versions.clone();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|error| format!("`ssl.enabled.protocols`, `ssl.cipher.suites`: {error}"))?;
    let builder = match verifier(config, &provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let config = builder
        .with_single_cert(chain, key)
        .map_err(|error| format!("the key store: {}", explain(&error)))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn read<T>(
    from: &Pem,
    what: &str,
    parse: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<T, String> {
    match from {
        Pem::Text(text) => {
            parse(text.expose().as_bytes()).map_err(|reason| format!("{what}: {reason}"))
        }
        Pem::File(path) => {
            let read = pem::read(path).and_then(|bytes| parse(&bytes));
            read.map_err(|reason| format!("{what}: read `{}`: {reason}", path.display()))
        }
    }
}

/// The cipher suites of these names, as the standards write them; all without a name.
fn provider(names: &[String]) -> Result<CryptoProvider, String> {
    let mut provider = ring::default_provider();
    if names.is_empty() {
        return Ok(provider);
    }
    // The library marks those of TLS 1.3, the standard does not.
    let name_of =
        |it: &rustls::SupportedCipherSuite| format!("{:?}", it.suite()).replace("TLS13_", "TLS_");
    let known: Vec<String> = provider.cipher_suites.iter().map(name_of).collect();
    if let Some(unknown) = names.iter().find(|it| !known.contains(it)) {
        return Err(format!(
            "`ssl.cipher.suites`: `{unknown}` is not supported; supported are {}",
            known.join(", ")
        ));
    }
    provider
        .cipher_suites
        .retain(|it| names.contains(&name_of(it)));
    Ok(provider)
}

fn verifier(
    config: &TlsServer,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    if config.client_auth == ClientAuth::None {
        return Ok(None);
    }
    let trusted = config.trusted.as_ref();
    let trusted = trusted.ok_or("`ssl.client.auth` needs a trust store, and there is none")?;
    let mut roots = RootCertStore::empty();
    for certificate in read(trusted, "the trust store", pem::certificates)? {
        let added = roots.add(certificate);
        added.map_err(|error| format!("the trust store: a certificate is not usable: {error}"))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
    let builder = match config.client_auth {
        ClientAuth::Requested => builder.allow_unauthenticated(),
        _ => builder,
    };
    let built = builder.build();
    built
        .map(Some)
        .map_err(|error| format!("the trust store: {error}"))
}
