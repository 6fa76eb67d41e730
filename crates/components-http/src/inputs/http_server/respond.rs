//! From the replies that were left for a request to its response.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use millrace_component::{BuildContext, Interpolated, MetadataFilter, NameFilter};
use millrace_http_client::is_framing;
use millrace_message::{Message, MessageBatch};
use millrace_spec::{Node, OrderedMap, ReadContext, Spec, codes};
use tracing::error;

use crate::{Body, multipart};

/// How requests are answered for which a synchronous response was left.
#[derive(Clone, Debug, Spec)]
#[spec(check = check)]
pub(super) struct SyncResponse {
    /// The status of the response.
    #[spec(default = "200")]
    status: Interpolated,
    /// The headers of the response.
    #[spec(default = {"Content-Type": "application/octet-stream"})]
    headers: OrderedMap<Interpolated>,
    /// Which metadata of the response become headers of it; those that frame it on its connection,
    /// such as `Content-Length`, never do.
    metadata_headers: MetadataFilter,
}

fn check(response: &mut SyncResponse, node: &Node, cx: &mut ReadContext) {
    let place = |field: &str| node.field_span(field);
    if let Some(status) = response.status.as_static()
        && parse_status(&status).is_none()
    {
        let message = format!("`{status}` is no HTTP status");
        cx.error(codes::INVALID_VALUE, place("status"), message);
    }
    for (name, _) in &response.headers.0 {
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            let message = format!("`{name}` is no header name");
            cx.error(codes::INVALID_VALUE, place("headers"), message);
        }
    }
}

fn parse_status(text: &str) -> Option<StatusCode> {
    let status = StatusCode::from_bytes(text.trim().as_bytes()).ok()?;
    // A server cannot end an exchange with an informational status.
    (status.as_u16() >= 200).then_some(status)
}

/// Makes responses.
pub(super) struct Responder {
    status: Interpolated,
    headers: Vec<(HeaderName, Interpolated)>,
    metadata: NameFilter,
    component: Box<str>,
    path: Box<str>,
}

impl Responder {
    pub(super) fn new(config: &SyncResponse, cx: &BuildContext) -> Self {
        let header = |(name, value): &(String, Interpolated)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, value.clone()))
        };
        Self {
            status: config.status.clone(),
            headers: config.headers.0.iter().filter_map(header).collect(),
            metadata: config.metadata_headers.compile(),
            component: cx.component().into(),
            path: cx.path().into(),
        }
    }

    /// The response to a request whose messages were all delivered.
    pub(super) fn respond(&self, replies: Vec<MessageBatch>) -> Response<Body> {
        let mut messages = MessageBatch::new();
        for batch in replies {
            messages.append(batch);
        }
        let Some(first) = messages.first() else {
            return Response::new(Body::EMPTY);
        };
        let Some(status) = self.status_of(&messages) else {
            return status_only(StatusCode::BAD_GATEWAY);
        };
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 2);
        for (name, value) in &self.headers {
            match value.resolve(&messages, 0) {
                Ok(value) => self.set(&mut headers, name.clone(), value.as_bytes()),
                Err(error) => self.complain(&format!("header `{name}`: {error}")),
            }
        }
        for message in messages.iter() {
            self.set_metadata(&mut headers, message);
        }
        let body = if messages.len() == 1 {
            first.bytes().clone()
        } else {
            self.multipart(&messages, &mut headers)
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    fn status_of(&self, messages: &[Message]) -> Option<StatusCode> {
        match self.status.resolve(messages, 0) {
            Ok(text) => {
                let status = parse_status(&text);
                if status.is_none() {
                    self.complain(&format!("status `{text}`: no HTTP status"));
                }
                status
            }
            Err(error) => {
                self.complain(&format!("status: {error}"));
                None
            }
        }
    }

    fn multipart(&self, messages: &[Message], headers: &mut HeaderMap) -> Bytes {
        let custom = self.headers.iter().find(|(name, _)| name == CONTENT_TYPE);
        let mut writer = multipart::Writer::new();
        for (index, message) in messages.iter().enumerate() {
            let content_type = custom.and_then(|(_, value)| value.resolve(messages, index).ok());
            let content_type = content_type
                .filter(|it| multipart::is_header_safe(it))
                .unwrap_or("application/octet-stream".into());
            writer.part([("Content-Type", &*content_type)], message.bytes());
        }
        let (body, content_type) = writer.finish();
        self.set(headers, CONTENT_TYPE, content_type.as_bytes());
        body
    }

    fn set_metadata(&self, headers: &mut HeaderMap, message: &Message) {
        if self.metadata.is_empty() {
            return;
        }
        for (name, value) in message.metadata.iter() {
            if !self.metadata.includes(name) {
                continue;
            }
            match HeaderName::from_bytes(name.as_bytes()) {
                // The length and the encoding of the answer are its own.
                Ok(header) if is_framing(&header) => {}
                Ok(header) => self.set(headers, header, value.to_text().as_bytes()),
                Err(_) => self.complain(&format!("metadata `{name}` is no header name")),
            }
        }
    }

    fn set(&self, headers: &mut HeaderMap, name: HeaderName, value: &[u8]) {
        match HeaderValue::from_bytes(value) {
            Ok(value) => {
                headers.insert(name, value);
            }
            Err(_) => self.complain(&format!(
                "header `{name}`: the value has characters that a header cannot hold"
            )),
        }
    }

    fn complain(&self, text: &str) {
        error!(
            component = &*self.component,
            path = &*self.path,
            "answer a request: {text}"
        );
    }
}

fn status_only(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::EMPTY);
    *response.status_mut() = status;
    response
}
