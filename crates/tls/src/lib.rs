//! The `tls` field that network components share, and the rustls configuration that it stands for.
//!
//! One crypto provider, *ring*, is used everywhere. Files are read each time a configuration is
//! made, so that a component which makes one for every connection picks up renewed certificates.

mod client;
mod explain;
pub mod pem;

use std::ops::Deref;

use millrace_spec::{Node, ReadContext, Spec, codes};

pub use explain::{explain, explain_handshake};

/// TLS settings of a client, where they can be switched off.
#[derive(Clone, Debug, Default, Spec)]
#[spec(check = check_enabled)]
pub struct TlsConfig {
    /// Whether these settings are used; without it the system's certificates are trusted.
    #[spec(default = false)]
    pub enabled: bool,
    #[spec(flatten)]
    settings: TlsSettings,
}

/// TLS settings of a client.
#[derive(Clone, Debug, Default, Spec)]
#[spec(check = check)]
pub struct TlsSettings {
    /// Trust any certificate, whoever signed it and whatever name it has. Only for tests.
    #[spec(default = false)]
    pub skip_cert_verify: bool,
    /// Let the server renegotiate. TLS 1.3 has no renegotiation and rustls none at all: `true`
    /// is refused.
    #[spec(default = false, advanced)]
    pub enable_renegotiation: bool,
    /// Certificates to trust instead of the system's, as PEM text.
    #[spec(default = "", secret)]
    pub root_cas: String,
    /// A file of certificates to trust instead of the system's, as PEM.
    #[spec(default = "")]
    pub root_cas_file: String,
    /// Certificates that this client shows to the server; the first usable one is taken.
    #[spec(default = [])]
    pub client_certs: Vec<ClientCert>,
}

/// A client certificate: `cert` and `key` as PEM text, or `cert_file` and `key_file`.
#[derive(Clone, Debug, Default, Spec)]
#[spec(check = check_cert)]
pub struct ClientCert {
    /// The certificate chain as PEM text.
    #[spec(default = "")]
    pub cert: String,
    /// The private key as PEM text.
    #[spec(default = "", secret)]
    pub key: String,
    /// The file of the certificate chain, as PEM.
    #[spec(default = "")]
    pub cert_file: String,
    /// The file of the private key, as PEM.
    #[spec(default = "")]
    pub key_file: String,
    /// The password of an encrypted private key. Encrypted keys are not supported: anything but
    /// empty is refused.
    #[spec(default = "", secret)]
    pub password: String,
}

impl TlsConfig {
    /// These settings, switched on.
    pub fn of(settings: TlsSettings) -> Self {
        Self {
            enabled: true,
            settings,
        }
    }
}

impl Deref for TlsConfig {
    type Target = TlsSettings;

    fn deref(&self) -> &TlsSettings {
        &self.settings
    }
}

fn check_enabled(config: &mut TlsConfig, node: &Node, cx: &mut ReadContext) {
    if config.enabled {
        check_texts(&config.settings, node, cx);
    }
}

/// Complains of texts that are no PEM; files are read when a run begins.
pub fn check_texts(config: &TlsSettings, node: &Node, cx: &mut ReadContext) {
    let certificates = |pem: &[u8]| pem::certificates(pem).map(drop);
    let private_key = |pem: &[u8]| pem::private_key(pem).map(drop);
    check_text(("root_cas", &config.root_cas), certificates, node, cx);
    let nodes = node.get("client_certs").and_then(Node::as_sequence);
    for (cert, node) in config.client_certs.iter().zip(nodes.into_iter().flatten()) {
        check_text(("cert", &cert.cert), certificates, node, cx);
        check_text(("key", &cert.key), private_key, node, cx);
    }
}

fn check_text(
    (field, text): (&str, &str),
    parse: impl Fn(&[u8]) -> Result<(), String>,
    node: &Node,
    cx: &mut ReadContext,
) {
    let at = node.get(field).unwrap_or(node);
    if text.is_empty() || cx.is_placeholder(at) {
        return;
    }
    if let Err(reason) = parse(text.as_bytes()) {
        cx.error(
            codes::INVALID_VALUE,
            at.span,
            format!("field {field}: {reason}"),
        );
    }
}

fn check(config: &mut TlsSettings, node: &Node, cx: &mut ReadContext) {
    if config.enable_renegotiation {
        let at = node.get("enable_renegotiation").unwrap_or(node).span;
        let message = "field enable_renegotiation is not supported: rustls never renegotiates";
        cx.error(codes::NOT_SUPPORTED, at, message).help =
            Some("remove it; a server that needs it speaks TLS 1.2 or older".to_owned());
    }
    if !config.root_cas.is_empty() && !config.root_cas_file.is_empty() {
        let at = node.get("root_cas_file").unwrap_or(node).span;
        let message = "fields root_cas and root_cas_file are both set";
        cx.error(codes::CONFLICT, at, message).help = Some("remove one of them".to_owned());
    }
}

fn check_cert(cert: &mut ClientCert, node: &Node, cx: &mut ReadContext) {
    if !cert.password.is_empty() {
        let at = node.get("password").unwrap_or(node).span;
        let message = "field password is not supported: the private key must not be encrypted";
        cx.error(codes::NOT_SUPPORTED, at, message).help =
            Some("decrypt it once: `openssl pkey -in key.pem -out plain.pem`".to_owned());
    }
    let texts = !cert.cert.is_empty() || !cert.key.is_empty();
    let files = !cert.cert_file.is_empty() || !cert.key_file.is_empty();
    let complete = match (texts, files) {
        (true, false) => !cert.cert.is_empty() && !cert.key.is_empty(),
        (false, true) => !cert.cert_file.is_empty() && !cert.key_file.is_empty(),
        _ => false,
    };
    if !complete {
        let message = "a client certificate needs either cert and key, or cert_file and key_file";
        cx.error(codes::INVALID_VALUE, node.span, message);
    }
}

#[cfg(test)]
mod tests;
