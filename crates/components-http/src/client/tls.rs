//! Encryption of the connections of a client.

use std::sync::Arc;

use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Secret, Spec, codes};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Encryption of `https` URLs. Without it the certificates of the system are trusted.
#[derive(Clone, Debug, Spec)]
#[spec(check = check)]
pub(crate) struct ClientTls {
    /// Whether the settings below apply.
    #[spec(default = false)]
    pub(super) enabled: bool,
    /// Whether to accept any certificate. Only for tests: whoever sits in between can read and
    /// change everything.
    #[spec(default = false)]
    skip_cert_verify: bool,
    /// Whether the server may renegotiate; not supported.
    #[spec(default = false, since = "1.0.0")]
    enable_renegotiation: bool,
    /// The authorities to trust instead of those of the system, in PEM.
    #[spec(default = "")]
    root_cas: Secret<String>,
    /// A file with the authorities to trust.
    #[spec(default = "")]
    root_cas_file: String,
    /// Certificates by which the client shows who it is; the first one is used.
    #[spec(default = [])]
    client_certs: Vec<ClientCert>,
}

/// A certificate with its key, as text or as files.
#[derive(Clone, Debug, Spec)]
#[spec(check = check_cert)]
pub(crate) struct ClientCert {
    /// The certificate in PEM.
    #[spec(default = "")]
    cert: String,
    /// Its key in PEM.
    #[spec(default = "")]
    key: Secret<String>,
    /// The file of the certificate.
    #[spec(default = "")]
    cert_file: String,
    /// The file of the key.
    #[spec(default = "")]
    key_file: String,
    /// The password of an encrypted key; not supported.
    #[spec(default = "")]
    password: Secret<String>,
}

fn check(tls: &mut ClientTls, node: &Node, cx: &mut ReadContext) {
    let place = |field: &str| node.get(field).map_or(node.span, |it| it.span);
    if tls.enable_renegotiation {
        let message = "enable_renegotiation is not supported: TLS 1.3 has no renegotiation";
        cx.error(codes::NOT_SUPPORTED, place("enable_renegotiation"), message);
    }
    if !tls.root_cas.expose().is_empty() && !tls.root_cas_file.is_empty() {
        let message = "fields root_cas and root_cas_file mean the same and are both set";
        cx.error(codes::CONFLICT, place("root_cas_file"), message);
    }
    if tls.client_certs.len() > 1 {
        let message = "more than one client certificate is not supported";
        cx.error(codes::NOT_SUPPORTED, place("client_certs"), message);
    }
}

fn check_cert(cert: &mut ClientCert, node: &Node, cx: &mut ReadContext) {
    if !cert.password.expose().is_empty() {
        let message = "encrypted client keys are not supported";
        cx.error(codes::NOT_SUPPORTED, node.span, message).help =
            Some("store the key unencrypted, readable for this service only".to_owned());
    }
    let texts = (!cert.cert.is_empty(), !cert.key.expose().is_empty());
    let files = (!cert.cert_file.is_empty(), !cert.key_file.is_empty());
    if !matches!(
        (texts, files),
        ((true, true), (false, false)) | ((false, false), (true, true))
    ) {
        let message = "a client certificate is `cert` with `key`, or `cert_file` with `key_file`";
        cx.error(codes::INVALID_VALUE, node.span, message);
    }
}

/// The TLS settings of a client.
///
/// # Errors
/// A file or a text of the settings cannot be used, or the system has no certificates.
pub(super) fn client_config(tls: &ClientTls, offer_http2: bool) -> Result<ClientConfig, Error> {
    let fatal = |what: &str, reason: String| Error::fatal(format!("{what}: {reason}"));
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| fatal("set up TLS", error.to_string()))?;
    let builder = if tls.enabled && tls.skip_cert_verify {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
    } else {
        builder.with_root_certificates(roots(tls)?)
    };
    let identity = tls.client_certs.first().filter(|_| tls.enabled);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (certificates, key) = identity
                .load()
                .map_err(|reason| fatal("read tls.client_certs", reason))?;
            builder
                .with_client_auth_cert(certificates, key)
                .map_err(|error| fatal("use tls.client_certs", error.to_string()))?
        }
    };
    if offer_http2 {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    Ok(config)
}

fn roots(tls: &ClientTls) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    let text = tls.root_cas.expose();
    let given = if !tls.enabled || (text.is_empty() && tls.root_cas_file.is_empty()) {
        let system = rustls_native_certs::load_native_certs();
        let (added, _) = store.add_parsable_certificates(system.certs);
        if added == 0 {
            return Err(Error::fatal(
                "the system has no certificates to trust; install ca-certificates or set \
                 tls.root_cas_file",
            ));
        }
        return Ok(store);
    } else if text.is_empty() {
        CertificateDer::pem_file_iter(&tls.root_cas_file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| format!("read tls.root_cas_file `{}`: {error}", tls.root_cas_file))
    } else {
        CertificateDer::pem_slice_iter(text.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| format!("read tls.root_cas: {error}"))
    };
    let given = given.map_err(Error::fatal)?;
    if given.is_empty() {
        return Err(Error::fatal("tls.root_cas holds no certificate in PEM"));
    }
    for certificate in given {
        store
            .add(certificate)
            .map_err(|error| Error::fatal(format!("use tls.root_cas: {error}")))?;
    }
    Ok(store)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl ClientCert {
    fn load(&self) -> Result<Identity, String> {
        let certificates: Result<Vec<_>, _>;
        let key;
        if self.cert_file.is_empty() {
            certificates = CertificateDer::pem_slice_iter(self.cert.as_bytes()).collect();
            key = PrivateKeyDer::from_pem_slice(self.key.expose().as_bytes());
        } else {
            certificates = CertificateDer::pem_file_iter(&self.cert_file)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>);
            key = PrivateKeyDer::from_pem_file(&self.key_file);
        }
        let certificates = certificates.map_err(|error| format!("certificate: {error}"))?;
        let key = key.map_err(|error| format!("key: {error}"))?;
        Ok((certificates, key))
    }
}

/// Accepts whatever certificate the server shows; signatures are still checked.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

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
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
