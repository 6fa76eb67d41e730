//! The fields that tell where a registry is and who asks it.

use millrace_http_client::{BasicAuth, Jwt, OAuth, TransportConfig, parse_url};
use millrace_spec::{Node, ReadContext, SecretAddress, Spec, codes};
use millrace_tls::{TlsSettings, check_texts};

/// Where a registry is and who asks it.
#[derive(Clone, Debug, Spec)]
#[spec(check = check)]
pub(crate) struct RegistryConfig {
    /// The base URL of the registry.
    #[spec(example = "http://localhost:8081")]
    pub url: SecretAddress,
    /// Connections.
    #[spec(advanced, since = "1.13.0")]
    pub transport: TransportConfig,
    /// Signs requests by OAuth 1 (HMAC-SHA1).
    #[spec(advanced)]
    pub oauth: OAuth,
    /// Authenticates by name and password.
    #[spec(advanced)]
    pub basic_auth: BasicAuth,
    /// Authenticates by a signed JSON web token.
    #[spec(advanced)]
    pub jwt: Jwt,
    /// Encryption of `https` URLs.
    #[spec(advanced)]
    pub tls: TlsSettings,
}

fn check(config: &mut RegistryConfig, node: &Node, cx: &mut ReadContext) {
    if let Some(tls) = node.get("tls") {
        check_texts(&config.tls, tls, cx);
    }
    check_url(config.url.expose(), node, cx);
}

/// Refuses a field `url` that holds none, and keeps its password out of what is shown.
pub(crate) fn check_url(url: &str, node: &Node, cx: &mut ReadContext) {
    let place = node.get("url");
    match parse_url(url) {
        Err(_) if place.is_some_and(|url| cx.is_placeholder(url)) => {}
        Err(reason) => {
            if let Some(place) = place {
                cx.add_secret(place);
            }
            let span = place.map_or(node.span, |it| it.span);
            cx.error(codes::INVALID_VALUE, span, format!("url: {reason}"));
        }
        Ok(url) => {
            if let Some(password) = url.password() {
                cx.add_secret_text(password.to_owned());
            }
        }
    }
}
