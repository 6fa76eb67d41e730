//! From the fields to a rustls client configuration.

use std::path::Path;
use std::sync::Arc;

use millrace_message::Error;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::{ClientCert, TlsConfig, TlsSettings};

impl TlsConfig {
    /// The client configuration that these settings stand for; the system's certificates are
    /// trusted unless others are named, and settings that are not `enabled` are left out.
    ///
    /// Reads files, so call it where waiting for the disk is allowed.
    ///
    /// # Errors
    /// A file cannot be read, or is not what it should be; the field is named.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, Error> {
        match self.enabled {
            true => self.settings.client_config(),
            false => TlsSettings::default().client_config(),
        }
    }
}

impl TlsSettings {
    /// The client configuration that these settings stand for, as [`TlsConfig::client_config`]
    /// when it is enabled.
    ///
    /// # Errors
    /// A file cannot be read, or is not what it should be; the field is named.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, Error> {
        let provider = Arc::new(ring::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::fatal(format!("tls: {error}")))?;
        let builder = if self.skip_cert_verify {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyCertificate { algorithms }))
        } else {
            builder.with_root_certificates(self.roots()?)
        };
        let config = match self.client_certs.first() {
            None => builder.with_no_client_auth(),
            Some(cert) => {
                let (chain, key) = cert.load()?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| Error::fatal(format!("tls.client_certs: {error}")))?
            }
        };
        Ok(Arc::new(config))
    }

    fn roots(&self) -> Result<RootCertStore, Error> {
        let named = if !self.root_cas.is_empty() {
            Some(certificates("tls.root_cas", self.root_cas.as_bytes())?)
        } else if !self.root_cas_file.is_empty() {
            let pem = read("tls.root_cas_file", &self.root_cas_file)?;
            Some(certificates("tls.root_cas_file", &pem)?)
        } else {
            None
        };
        let mut roots = RootCertStore::empty();
        match named {
            Some(named) => {
                for certificate in named {
                    roots.add(certificate).map_err(|error| {
                        Error::fatal(format!("tls: a root certificate is not usable: {error}"))
                    })?;
                }
            }
            None => {
                // A certificate that rustls cannot parse signs nothing that it could verify.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        Ok(roots)
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl ClientCert {
    fn load(&self) -> Result<Identity, Error> {
        let (chain, key, field) = if self.cert_file.is_empty() {
            let (chain, key) = (self.cert.as_bytes(), self.key.as_bytes());
            (chain.to_vec(), key.to_vec(), "key")
        } else {
            let chain = read("tls.client_certs.cert_file", &self.cert_file)?;
            let key = read("tls.client_certs.key_file", &self.key_file)?;
            (chain, key, "key_file")
        };
        let chain = certificates("tls.client_certs", &chain)?;
        // The parser's error is left out: it may quote the key.
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| {
            Error::fatal(format!(
                "tls.client_certs.{field}: not an unencrypted private key in PEM form"
            ))
        })?;
        Ok((chain, key))
    }
}

fn read(field: &str, path: &str) -> Result<Vec<u8>, Error> {
    std::fs::read(Path::new(path))
        .map_err(|error| Error::fatal(format!("{field}: read `{path}`: {error}")))
}

fn certificates(field: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match parsed {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(Error::fatal(format!("{field}: no certificate in PEM form"))),
        Err(error) => Err(Error::fatal(format!("{field}: {error}"))),
    }
}

/// Accepts every certificate: what `skip_cert_verify` asks for. Signatures of the handshake are
/// still checked, so the peer has the key of the certificate that it shows.
#[derive(Debug)]
struct AnyCertificate {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
