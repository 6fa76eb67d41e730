//! Headers that belong to one connection and not to a message.

use http::HeaderName;

/// Whether a header says how a message is framed on its connection, or speaks to the next hop
/// (RFC 9110, section 7.6.1). What is passed on must not carry them: a length or an encoding that
/// is not the one of the new message lets one request be taken for two.
pub fn is_framing(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "content-length"
            | "keep-alive"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    ) || name.as_str().starts_with("proxy-")
}
