//! From a request to a batch of messages.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, USER_AGENT};
use http::request::Parts;
use http_body::Body as _;
use millrace_component::{Budget, TooManyParts};
use millrace_message::{Context, Message, MessageBatch, Metadata, Text, Value};

use crate::growing_charge::GrowingCharge;
use crate::multipart::{self, SplitError};
use crate::server::{Params, Peer, RequestBody};

/// How long the next part of a body may take.
pub(super) const BODY_STALL: Duration = Duration::from_secs(30);
/// How long a large body waits for memory.
const MEMORY_WAIT: Duration = Duration::from_secs(5);

/// What bounds the reading of bodies.
pub(super) struct ReadLimits {
    pub(super) body_bytes: usize,
    pub(super) budget: Budget,
}

impl ReadLimits {
    /// The most bytes of a body, as no more could ever be charged, and the field that says so.
    fn of_body(&self) -> (usize, &'static str) {
        match self.budget.limit() {
            memory if memory < self.body_bytes => (memory, "memory_limit"),
            _ => (self.body_bytes, "max_body_size"),
        }
    }
}

/// Why a body was not read.
#[derive(Debug)]
pub(super) enum BodyError {
    /// It has more bytes than this field allows for.
    TooLarge {
        field: &'static str,
        limit: usize,
    },
    TooMany(TooManyParts),
    Stalled,
    NoMemory,
    Broken(String),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { field, limit } => {
                write!(f, "the body is larger than `{field}` ({limit} bytes)")
            }
            Self::TooMany(over) => write!(
                f,
                "multipart body: {over}; raise `max_body_size`, or `memory_limit` where that is \
                 smaller, if it is wanted"
            ),
            Self::Stalled => f.write_str("the body does not arrive"),
            Self::NoMemory => f.write_str("`memory_limit` leaves no room for a body of this size"),
            Self::Broken(reason) => f.write_str(reason),
        }
    }
}

/// The messages of a request, each with the metadata of the request.
pub(super) async fn batch(
    head: &Parts,
    body: RequestBody,
    params: &Params,
    peer: &Peer,
    context: &Arc<Context>,
    limits: &ReadLimits,
) -> Result<MessageBatch, BodyError> {
    let content_type = head.headers.get(CONTENT_TYPE);
    let boundary = content_type
        .and_then(|it| it.to_str().ok())
        .and_then(multipart::boundary_of)
        .transpose()
        .map_err(|reason| BodyError::Broken(reason.to_owned()))?;
    let body = read_body(body, limits).await?;
    let metadata = metadata(head, params, peer);
    let message = |content: Bytes| {
        let mut message = Message::from_bytes(content);
        message.metadata = metadata.clone();
        message.set_context(Some(Arc::clone(context)));
        message
    };
    let Some(boundary) = boundary else {
        return Ok(MessageBatch::one(message(body)));
    };
    let (parts_max, _) = limits.of_body();
    let parts = multipart::split(&body, &boundary, parts_max).map_err(|error| match error {
        SplitError::Broken(reason) => BodyError::Broken(format!("multipart body: {reason}")),
        SplitError::TooMany(over) => BodyError::TooMany(over),
    })?;
    Ok(parts.into_iter().map(message).collect())
}

/// The message of a websocket frame, with the metadata of the request that opened the socket.
pub(super) fn frame(content: Bytes, metadata: &Metadata, context: &Arc<Context>) -> MessageBatch {
    let mut message = Message::from_bytes(content);
    message.metadata = metadata.clone();
    message.set_context(Some(Arc::clone(context)));
    MessageBatch::one(message)
}

/// Reads a whole body, at most `body_bytes` of it, and no more than could ever be charged.
async fn read_body(mut body: RequestBody, limits: &ReadLimits) -> Result<Bytes, BodyError> {
    let (limit, field) = limits.of_body();
    let announced = body.size_hint();
    if announced.lower() > limit as u64 {
        return Err(BodyError::TooLarge { field, limit });
    }
    let Some(first) = next_chunk(&mut body).await? else {
        return Ok(Bytes::new());
    };
    if first.len() > limit {
        return Err(BodyError::TooLarge { field, limit });
    }
    if body.is_end_stream() {
        return Ok(first);
    }
    let expected = announced.exact().map(|it| it as usize);
    let mut charge = GrowingCharge::new(limits.budget.clone(), limit);
    if let Some(size) = expected {
        let charged = tokio::time::timeout(MEMORY_WAIT, charge.announce(size));
        charged.await.map_err(|_elapsed| BodyError::NoMemory)?;
    }
    let mut whole = BytesMut::with_capacity(expected.unwrap_or(first.len() * 2));
    if !charge.grow_to(first.len()) {
        return Err(BodyError::NoMemory);
    }
    whole.extend_from_slice(&first);
    while let Some(chunk) = next_chunk(&mut body).await? {
        let size = whole.len() + chunk.len();
        if size > limit {
            return Err(BodyError::TooLarge { field, limit });
        }
        if !charge.grow_to(size) {
            return Err(BodyError::NoMemory);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

async fn next_chunk(body: &mut RequestBody) -> Result<Option<Bytes>, BodyError> {
    loop {
        let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut *body).poll_frame(cx));
        match tokio::time::timeout(BODY_STALL, frame).await {
            Err(_elapsed) => return Err(BodyError::Stalled),
            Ok(None) => return Ok(None),
            Ok(Some(Err(error))) => return Err(BodyError::Broken(error.to_string())),
            Ok(Some(Ok(frame))) => {
                // Trailers carry nothing that a message has a place for.
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// The metadata of every message of a request.
pub(super) fn metadata(head: &Parts, params: &Params, peer: &Peer) -> Metadata {
    let mut metadata = Metadata::default();
    let user_agent = head.headers.get(USER_AGENT);
    let user_agent = user_agent.map_or(Text::EMPTY, |it| text_of(it.as_bytes()));
    let path = percent_decoded(head.uri.path());
    metadata.set(Text::from_static("http_server_user_agent"), user_agent);
    metadata.set(Text::from_static("http_server_request_path"), path);
    metadata.set(Text::from_static("http_server_verb"), head.method.as_str());
    metadata.set(Text::from_static("http_server_remote_ip"), peer.ip());
    if let Some(tls) = peer.tls_details() {
        metadata.set(Text::from_static("http_server_tls_version"), tls.version);
        metadata.set(
            Text::from_static("http_server_tls_cipher_suite"),
            &*tls.cipher_suite,
        );
    }
    for name in head.headers.keys() {
        // The host is the address of the request, not a header of it.
        if let Some(value) = head
            .headers
            .get(name)
            .filter(|_| name != http::header::HOST)
        {
            metadata.set(canonical(name), text_of(value.as_bytes()));
        }
    }
    if let Some(query) = head.uri.query() {
        set_query(&mut metadata, query);
    }
    for (name, value) in params {
        metadata.set(&**name, percent_decoded(value));
    }
    for cookies in head.headers.get_all(COOKIE) {
        set_cookies(&mut metadata, &String::from_utf8_lossy(cookies.as_bytes()));
    }
    metadata
}

/// Sets the first value of each parameter of the query.
fn set_query(metadata: &mut Metadata, query: &str) {
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if seen.iter().any(|it| *it == *name) {
            continue;
        }
        metadata.set(&*name, &*value);
        seen.push(name.into_owned());
    }
}

fn set_cookies(metadata: &mut Metadata, cookies: &str) {
    for cookie in cookies.split(';') {
        if let Some((name, value)) = cookie.trim().split_once('=')
            && !name.is_empty()
        {
            metadata.set(name, value.trim_matches('"'));
        }
    }
}

fn text_of(bytes: &[u8]) -> Text {
    match std::str::from_utf8(bytes) {
        Ok(text) => Text::from(text),
        Err(_) => Text::from(String::from_utf8_lossy(bytes).into_owned()),
    }
}

fn percent_decoded(text: &str) -> Value {
    if !text.contains('%') {
        return Value::from(text);
    }
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    Value::from(&*decoded)
}

/// A header's name as Go writes it: `content-type` is `Content-Type`.
fn canonical(name: &HeaderName) -> Text {
    let known = match name.as_str() {
        "accept" => "Accept",
        "accept-encoding" => "Accept-Encoding",
        "accept-language" => "Accept-Language",
        "authorization" => "Authorization",
        "cache-control" => "Cache-Control",
        "connection" => "Connection",
        "content-encoding" => "Content-Encoding",
        "content-length" => "Content-Length",
        "content-type" => "Content-Type",
        "cookie" => "Cookie",
        "origin" => "Origin",
        "referer" => "Referer",
        "traceparent" => "Traceparent",
        "user-agent" => "User-Agent",
        "x-forwarded-for" => "X-Forwarded-For",
        "x-request-id" => "X-Request-Id",
        other => {
            let mut upper = true;
            let capital = |c: char| {
                let capital = if upper { c.to_ascii_uppercase() } else { c };
                upper = c == '-';
                capital
            };
            return Text::from(other.chars().map(capital).collect::<String>());
        }
    };
    Text::from_static(known)
}

/// The W3C trace context of the client, when it sends a valid one.
pub(super) fn trace_parent(headers: &HeaderMap) -> Option<Box<str>> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    is_trace_parent(text).then(|| text.into())
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, neither id all zeros.
fn is_trace_parent(text: &str) -> bool {
    let mut fields = text.split('-');
    let mut hex = |length: usize| {
        let is_hex = |it: &&str| {
            it.len() == length
                && it
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        fields.next().filter(is_hex)
    };
    let (version, trace, span, flags) = (hex(2), hex(32), hex(16), hex(2));
    let is_nonzero = |it: Option<&str>| it.is_some_and(|it| it.bytes().any(|b| b != b'0'));
    version.is_some_and(|it| it != "ff") && flags.is_some() && is_nonzero(trace) && is_nonzero(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_names_are_written_as_go_writes_them() {
        for (name, expected) in [
            ("content-type", "Content-Type"),
            ("x-a-1b", "X-A-1b"),
            ("etag", "Etag"),
        ] {
            assert_eq!(canonical(&HeaderName::from_static(name)), expected);
        }
    }

    #[test]
    fn only_a_well_formed_trace_context_is_taken() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(is_trace_parent(good));
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert!(!is_trace_parent(bad), "{bad}");
        }
    }

    #[test]
    fn the_first_value_of_a_parameter_counts() {
        let mut metadata = Metadata::default();
        set_query(&mut metadata, "a=1&a=2&b=x+y%20z");
        assert_eq!(metadata.get("a").unwrap().as_str(), Some("1"));
        assert_eq!(metadata.get("b").unwrap().as_str(), Some("x y z"));
    }
}
