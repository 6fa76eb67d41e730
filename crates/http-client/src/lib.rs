//! The HTTP client that components share: connections, TLS, proxies, who the client says it is,
//! and one exchange of request and response within its time and size.
//!
//! What is made of an exchange, such as attempts and what a status means, is up to who uses it.

mod auth;
mod body;
mod connector;
mod credentials;
mod dump;
mod framing;
mod gzip;
mod post;
pub mod redirect;
mod settings;
mod transport;
mod url;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

pub use auth::{BasicAuth, Jwt, OAuth, Signer, hide, scrubbed, secret_value};
pub use body::{Body, Chunk};
pub use credentials::{Credentials, is_secret_header};
pub use dump::Dump;
pub use framing::is_framing;
pub use gzip::Gzipped;
pub use post::Poster;
pub use settings::{DialContext, TransportConfig};
pub use transport::{Failure, Settings, Transport, next_chunk};
pub use url::{Url, parse_url, shown};

/// How the client names itself.
pub const AGENT: &str = concat!("millrace/", env!("CARGO_PKG_VERSION"));

/// A response, read to its end.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}
