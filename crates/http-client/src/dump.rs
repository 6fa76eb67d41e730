//! Logs requests and responses, for debugging.

use bytes::Bytes;
use http::{HeaderMap, Request};
use millrace_telemetry::redact::MASK;
use tracing::Level;

use crate::credentials::{Credentials, is_secret_header};
use crate::transport::Failure;
use crate::{Reply, url};

/// How much of a body is shown.
const BODY_CHARS: usize = 4096;

/// A request that was sent.
pub(crate) struct Sent {
    text: String,
    credentials: Credentials,
}

/// Logs each exchange at one level.
#[derive(Clone)]
pub struct Dump {
    level: Level,
    component: Box<str>,
    path: Box<str>,
}

impl Dump {
    /// One for a component; nothing when the level is empty.
    pub fn new(level: &str, component: &str, path: &str) -> Option<Self> {
        let level = match level {
            "TRACE" => Level::TRACE,
            "DEBUG" => Level::DEBUG,
            "INFO" => Level::INFO,
            "WARN" => Level::WARN,
            "ERROR" | "FATAL" => Level::ERROR,
            _ => return None,
        };
        Some(Self {
            level,
            component: component.into(),
            path: path.into(),
        })
    }

    /// What is shown of a request, and what is not shown of its answer.
    pub(crate) fn request(request: &Request<Bytes>) -> Sent {
        let credentials = Credentials::of(request.headers());
        let text = format!(
            "{} {} {} body: {}",
            request.method(),
            url::shown(request.uri()),
            shown_headers(request.headers(), &credentials),
            shown_body(request.body(), &credentials)
        );
        Sent { text, credentials }
    }

    /// Logs an exchange.
    pub(crate) fn exchange(&self, sent: &Sent, result: &Result<Reply, Failure>) {
        let credentials = &sent.credentials;
        let received = match result {
            Ok(reply) => format!(
                "{} {} body: {}",
                reply.status,
                shown_headers(&reply.headers, credentials),
                shown_body(&reply.body, credentials)
            ),
            Err(failure) => credentials.mask(failure.error.text()),
        };
        let sent = &sent.text;
        let (component, path) = (&*self.component, &*self.path);
        macro_rules! at {
            ($level:ident) => {
                tracing::event!(
                    Level::$level,
                    component,
                    path,
                    "HTTP exchange: sent {sent}; received {received}"
                )
            };
        }
        match self.level {
            Level::TRACE => at!(TRACE),
            Level::DEBUG => at!(DEBUG),
            Level::INFO => at!(INFO),
            Level::WARN => at!(WARN),
            Level::ERROR => at!(ERROR),
        }
    }
}

fn shown_headers(headers: &HeaderMap, credentials: &Credentials) -> String {
    let shown = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let is_secret = value.is_sensitive() || is_secret_header(name.as_str());
        let value = if is_secret {
            MASK.to_owned()
        } else {
            credentials.mask(&String::from_utf8_lossy(value.as_bytes()))
        };
        format!("{name}: {value}")
    };
    let headers: Vec<_> = headers.iter().map(shown).collect();
    format!("[{}]", headers.join(", "))
}

fn shown_body(body: &Bytes, credentials: &Credentials) -> String {
    let start = &body[..body.len().min(4 * BODY_CHARS)];
    // A cut secret is not recognised as one: it is masked before.
    let text = credentials.mask(&String::from_utf8_lossy(start));
    let cut: String = text.chars().take(BODY_CHARS).collect();
    if cut.len() < body.len() {
        format!("{cut}… ({} bytes)", body.len())
    } else {
        cut
    }
}
