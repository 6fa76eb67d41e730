//! From the fields to a rustls client configuration.

use std::sync::Arc;

use millrace_message::Error;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::{ClientCert, TlsConfig, TlsSettings, explain, pem};

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

/// The text of authorities that are named, and their certificates.
type NamedRoots = (Vec<u8>, Vec<CertificateDer<'static>>);

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
                builder.with_client_auth_cert(chain, key).map_err(|error| {
                    Error::fatal(format!("tls.client_certs: {}", explain(&error)))
                })?
            }
        };
        Ok(Arc::new(config))
    }

    fn roots(&self) -> Result<RootCertStore, Error> {
        let mut roots = RootCertStore::empty();
        match self.named_roots()? {
            Some((_, named)) => {
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

    /// The certificates that are trusted instead of the system's, as PEM, for libraries that want
    /// it so.
    ///
    /// # Errors
    /// A file cannot be read, or holds no certificate; the field is named.
    pub fn root_pem(&self) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.named_roots()?.map(|(pem, _)| pem))
    }

    fn named_roots(&self) -> Result<Option<NamedRoots>, Error> {
        let (field, pem) = if !self.root_cas.is_empty() {
            ("tls.root_cas", self.root_cas.clone().into_bytes())
        } else if !self.root_cas_file.is_empty() {
            let field = "tls.root_cas_file";
            (field, read(field, &self.root_cas_file)?)
        } else {
            return Ok(None);
        };
        let named = pem::certificates(&pem).map_err(|reason| wrong(field, &reason))?;
        Ok(Some((pem, named)))
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl ClientCert {
    fn load(&self) -> Result<Identity, Error> {
        let (chain, key) = self.read()?;
        self.parse(&chain, &key)
    }

    /// The chain and the key as PEM, for libraries that want it so.
    ///
    /// # Errors
    /// A file cannot be read, or is not what it should be; the field is named.
    pub fn pem(&self) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let (chain, key) = self.read()?;
        self.parse(&chain, &key)?;
        Ok((chain, key))
    }

    fn read(&self) -> Result<(Vec<u8>, Vec<u8>), Error> {
        if self.cert_file.is_empty() {
            let (chain, key) = (self.cert.as_bytes(), self.key.as_bytes());
            return Ok((chain.to_vec(), key.to_vec()));
        }
        let chain = read("tls.client_certs.cert_file", &self.cert_file)?;
        let key = read("tls.client_certs.key_file", &self.key_file)?;
        Ok((chain, key))
    }

    fn parse(&self, chain: &[u8], key: &[u8]) -> Result<Identity, Error> {
        let (chain_field, key_field) = match self.cert_file.is_empty() {
            true => ("tls.client_certs.cert", "tls.client_certs.key"),
            false => ("tls.client_certs.cert_file", "tls.client_certs.key_file"),
        };
        let chain = pem::certificates(chain).map_err(|reason| wrong(chain_field, &reason))?;
        let key = pem::private_key(key).map_err(|reason| wrong(key_field, &reason))?;
        Ok((chain, key))
    }
}

fn wrong(field: &str, reason: &str) -> Error {
    Error::fatal(format!("{field}: {reason}"))
}

fn read(field: &str, path: &str) -> Result<Vec<u8>, Error> {
    pem::read(path).map_err(|reason| Error::fatal(format!("{field}: read `{path}`: {reason}")))
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
