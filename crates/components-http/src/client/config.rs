//! The fields that every component with a client has.

use std::time::Duration;

use millrace_component::{Interpolated, MetadataFilter, RateLimitRef};
use millrace_http_client::{BasicAuth, Jwt, OAuth, TransportConfig, is_secret_header};
use millrace_spec::{ByteSize, Node, OrderedMap, ReadContext, SecretAddress, Spec, codes};
use millrace_tls::TlsConfig;

use super::auth::{DigestAuth, Negotiate};
use super::oauth2::OAuth2;
use super::{BreakerConfig, Retries};

/// The fields of a client.
#[derive(Clone, Debug, Spec)]
#[spec(check = check)]
pub(crate) struct ClientConfig {
    /// Headers of each request.
    #[spec(default = {})]
    pub(crate) headers: OrderedMap<Interpolated>,
    /// Which metadata of a message become headers of its request; `Host` and those that frame it on
    /// its connection, such as `Content-Length`, never do.
    #[spec(advanced)]
    pub(crate) metadata: MetadataFilter,
    /// The level at which each request and response is logged, without credentials; empty for
    /// not at all.
    #[spec(
        default = "",
        advanced,
        options("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "")
    )]
    pub(crate) dump_request_log_level: String,
    /// Signs requests by OAuth 1 (HMAC-SHA1).
    #[spec(advanced)]
    pub(crate) oauth: OAuth,
    /// Authenticates by OAuth 2, with the client credentials flow.
    #[spec(advanced)]
    pub(crate) oauth2: OAuth2,
    /// Authenticates by name and password.
    #[spec(advanced)]
    pub(crate) basic_auth: BasicAuth,
    /// Authenticates by a signed JSON web token.
    #[spec(advanced)]
    pub(crate) jwt: Jwt,
    /// Encryption of `https` URLs.
    #[spec(advanced)]
    pub(crate) tls: TlsConfig,
    /// Which headers of a response become metadata of its messages; names are in lower case.
    #[spec(advanced)]
    pub(crate) extract_headers: MetadataFilter,
    /// A rate limit that every request takes a place of.
    pub(crate) rate_limit: Option<RateLimitRef>,
    /// How long an attempt may take, from connecting to the end of the response; 0 for ever.
    #[spec(default = "5s")]
    pub(crate) timeout: millrace_spec::Duration,
    /// The pause before the second attempt; it doubles each time.
    #[spec(default = "1s", advanced)]
    pub(crate) retry_period: millrace_spec::Duration,
    /// The longest pause between attempts.
    #[spec(default = "300s", advanced)]
    pub(crate) max_retry_backoff: millrace_spec::Duration,
    /// How often a request is sent again.
    #[spec(default = 3, advanced)]
    pub(crate) retries: u64,
    /// Statuses of a server that is overloaded: the request is sent again, not before the time
    /// that a `Retry-After` header names (within `max_retry_backoff`).
    #[spec(default = [429], advanced)]
    pub(crate) backoff_on: Vec<i64>,
    /// Statuses after which the request is not sent again; its message fails.
    #[spec(default = [], advanced)]
    pub(crate) drop_on: Vec<i64>,
    /// Statuses that are successes, beside 200 to 299.
    #[spec(default = [], advanced)]
    pub(crate) successful_on: Vec<i64>,
    /// An HTTP proxy, `http://user:password@host:port`; otherwise the variables `HTTP_PROXY`,
    /// `HTTPS_PROXY` and `NO_PROXY` decide.
    #[spec(advanced)]
    pub(crate) proxy_url: Option<SecretAddress>,
    /// Authenticates by the digest scheme; not supported.
    #[spec(advanced, since = "1.18.0")]
    #[expect(dead_code, reason = "any value but the default is refused")]
    digest_auth: DigestAuth,
    /// Authenticates by SPNEGO; not supported.
    #[spec(advanced, since = "1.19.0")]
    #[expect(dead_code, reason = "any value but the default is refused")]
    negotiate: Negotiate,
    /// Connections.
    #[spec(advanced, since = "1.13.0")]
    pub(crate) transport: TransportConfig,
    /// Another spelling of the pauses, with a bound on the time of all attempts.
    #[spec(advanced)]
    pub(crate) backoff: Option<BackoffConfig>,
    /// Fails at once while the server does not answer; off unless given.
    #[spec(advanced)]
    pub(crate) circuit_breaker: Option<BreakerConfig>,
    /// The largest response that is accepted. It also bounds the parts of a multipart response, each
    /// of which counts as 256 bytes.
    #[spec(default = "100MiB", advanced)]
    pub(crate) max_response_size: ByteSize,
}

/// The pauses between attempts.
#[derive(Clone, Debug, Spec)]
pub(crate) struct BackoffConfig {
    /// As `retry_period`.
    initial_interval: Option<millrace_spec::Duration>,
    /// As `max_retry_backoff`.
    max_interval: Option<millrace_spec::Duration>,
    /// No attempt begins later than this after the first one; 0 for no bound. `retries` bounds
    /// too.
    max_elapsed_time: Option<millrace_spec::Duration>,
}

fn check(config: &mut ClientConfig, node: &Node, cx: &mut ReadContext) {
    check_headers(config, node, cx);
    check_spellings(node, cx);
    check_refused(config, node, cx);
}

fn check_headers(config: &ClientConfig, node: &Node, cx: &mut ReadContext) {
    // They stand in the order of the file.
    let mut entries = node
        .get("headers")
        .and_then(Node::as_mapping)
        .map(|it| it.entries.iter())
        .unwrap_or_default();
    for (name, _) in &config.headers.0 {
        let entry = entries.find(|entry| *entry.key == **name);
        let value = entry.map(|entry| &entry.value);
        if let Some(value) = value {
            if is_secret_header(name) {
                cx.add_secret(value);
            } else {
                cx.add_secret_named_env(value.span);
            }
        }
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            let span = value.map_or(node.span, |it| it.span);
            cx.error(
                codes::INVALID_VALUE,
                span,
                format!("`{name}` is no header name"),
            );
        }
    }
}

/// `backoff` and the older fields say the same thing: only one of them may.
fn check_spellings(node: &Node, cx: &mut ReadContext) {
    let Some(backoff) = node.get("backoff") else {
        return;
    };
    let spellings = [
        ("retry_period", "initial_interval"),
        ("max_retry_backoff", "max_interval"),
    ];
    for (field, inner) in spellings {
        if let (Some(_), Some(second)) = (node.get(field), backoff.get(inner)) {
            let message =
                format!("fields {field} and backoff.{inner} mean the same and are both set");
            cx.error(codes::CONFLICT, second.span, message).help =
                Some(format!("remove `{field}`"));
        }
    }
}

fn check_refused(config: &ClientConfig, node: &Node, cx: &mut ReadContext) {
    if let Some(url) = &config.proxy_url
        && !url.expose().is_empty()
        && !url.expose().starts_with("http://")
    {
        let span = node.field_span("proxy_url");
        let message = "proxy_url does not begin with `http://`";
        cx.error(codes::NOT_SUPPORTED, span, message).help =
            Some("HTTP proxies are supported, also for `https` URLs".to_owned());
    }
}

impl ClientConfig {
    /// How often and how long a request is tried, whichever way it was spelled.
    pub(super) fn retries(&self) -> Retries {
        let get = |it: &Option<millrace_spec::Duration>| it.as_ref().map(|it| it.get());
        let backoff = self.backoff.as_ref();
        let initial = backoff.and_then(|it| get(&it.initial_interval));
        let max_pause = backoff.and_then(|it| get(&it.max_interval));
        let max_elapsed = backoff.and_then(|it| get(&it.max_elapsed_time));
        Retries {
            max: self.retries,
            initial: initial.unwrap_or_else(|| self.retry_period.get()),
            max_pause: max_pause.unwrap_or_else(|| self.max_retry_backoff.get()),
            max_elapsed: max_elapsed.filter(|it| !it.is_zero()),
        }
    }

    /// How long an attempt may take.
    pub(super) fn attempt_timeout(&self) -> Option<Duration> {
        Some(self.timeout.get()).filter(|it| !it.is_zero())
    }
}
