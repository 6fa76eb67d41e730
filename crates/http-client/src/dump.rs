//! Logs requests and responses, for debugging.

use bytes::Bytes;
use http::{HeaderMap, Request};
use tracing::Level;

use crate::transport::Failure;
use crate::{Reply, url};

/// Headers whose values are credentials.
pub const SECRET_HEADERS: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
];

/// How much of a body is shown.
const BODY_CHARS: usize = 4096;

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

    /// What is shown of a request.
    pub(crate) fn request(&self, request: &Request<Bytes>) -> String {
        format!(
            "{} {} {} body: {}",
            request.method(),
            url::shown(request.uri()),
            shown_headers(request.headers()),
            shown_body(request.body())
        )
    }

    /// Logs an exchange.
    pub(crate) fn exchange(&self, sent: &str, result: &Result<Reply, Failure>) {
        let received = match result {
            Ok(reply) => format!(
                "{} {} body: {}",
                reply.status,
                shown_headers(&reply.headers),
                shown_body(&reply.body)
            ),
            Err(failure) => failure.error.to_string(),
        };
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

fn shown_headers(headers: &HeaderMap) -> String {
    let shown = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let is_secret = value.is_sensitive() || SECRET_HEADERS.contains(&name.as_str());
        let value = if is_secret {
            "***".into()
        } else {
            String::from_utf8_lossy(value.as_bytes())
        };
        format!("{name}: {value}")
    };
    let headers: Vec<_> = headers.iter().map(shown).collect();
    format!("[{}]", headers.join(", "))
}

fn shown_body(body: &Bytes) -> String {
    let start = &body[..body.len().min(4 * BODY_CHARS)];
    let text = String::from_utf8_lossy(start);
    let cut: String = text.chars().take(BODY_CHARS).collect();
    if cut.len() < body.len() {
        format!("{cut}… ({} bytes)", body.len())
    } else {
        cut
    }
}
