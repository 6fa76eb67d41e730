//! From messages to requests.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use http::{Method, Request};
use millrace_component::{Interpolated, NameFilter};
use millrace_http_client::{
    AGENT, Signer, Transport, Url, hide, is_framing, is_secret_header, parse_url,
};
use millrace_message::{Error, Message};
use millrace_spec::{Node, ReadContext, Spec, codes};

use super::config::ClientConfig;
use super::oauth2::TokenSource;
use crate::multipart;

const OCTETS: &str = "application/octet-stream";

/// What a component asks of its requests.
pub(crate) struct RequestConfig<'a> {
    pub(crate) url: &'a Interpolated,
    pub(crate) verb: &'a str,
    pub(crate) body: BodySource<'a>,
}

/// Where the body of a request comes from.
pub(crate) enum BodySource<'a> {
    /// The messages: one as it is, several as multipart.
    Messages,
    /// A text, the same for a whole batch.
    Payload(&'a Interpolated),
    /// Parts that are written for each batch.
    Parts(&'a [MultipartPart]),
    /// There is none.
    Nothing,
}

/// One part of a multipart body.
#[derive(Clone, Debug, Spec)]
pub(crate) struct MultipartPart {
    /// The type of the part.
    #[spec(default = "")]
    content_type: Interpolated,
    /// The disposition of the part, such as `form-data; name="x"`.
    #[spec(default = "")]
    content_disposition: Interpolated,
    /// The content of the part.
    #[spec(default = "")]
    body: Interpolated,
}

/// Checks a URL and a verb while the config is read.
pub(crate) fn check_target(url: &Interpolated, verb: &str, node: &Node, cx: &mut ReadContext) {
    let place = |field: &str| node.field_span(field);
    if Method::from_bytes(verb.as_bytes()).is_err() {
        let message = format!("`{verb}` is no HTTP verb");
        cx.error(codes::INVALID_VALUE, place("verb"), message);
    }
    let Some(text) = url.as_static() else {
        return;
    };
    match parse_url(&text) {
        Err(_) if node.get("url").is_some_and(|url| cx.is_placeholder(url)) => {}
        Err(reason) => {
            cx.error(codes::INVALID_VALUE, place("url"), format!("url: {reason}"));
        }
        Ok(url) => {
            if let Some(password) = url.password() {
                cx.add_secret_text(password);
            }
        }
    }
}

/// How the requests of a client are made.
pub(super) struct RequestPlan {
    url: Target,
    method: Method,
    headers: Vec<(HeaderName, HeaderPlan)>,
    metadata: NameFilter,
    body: BodyPlan,
    signer: Signer,
    tokens: Option<TokenSource>,
    has_agent: bool,
    has_trace_parent: bool,
}

enum Target {
    Fixed(Url),
    Interpolated(Interpolated),
}

enum HeaderPlan {
    Fixed(HeaderValue),
    Interpolated(Interpolated),
}

enum BodyPlan {
    Messages,
    Payload(Interpolated),
    Parts(Vec<MultipartPart>),
    Nothing,
}

impl RequestPlan {
    /// # Errors
    /// The URL is none, a header cannot be sent, or a private key cannot be read.
    pub(super) fn new(
        request: &RequestConfig<'_>,
        config: &ClientConfig,
        transport: &Transport,
    ) -> Result<Self, Error> {
        let url = match request.url.as_static() {
            Some(text) => Target::Fixed(
                parse_url(&text).map_err(|reason| Error::fatal(format!("url: {reason}")))?,
            ),
            None => Target::Interpolated(request.url.clone()),
        };
        if let Target::Fixed(url) = &url
            && let Some(authorization) = url.authorization()
        {
            hide(authorization);
        }
        let headers = config.headers.0.iter();
        let headers = headers
            .map(|(name, value)| header_plan(name, value))
            .collect::<Result<Vec<_>, _>>()?;
        let has = |name: &str| headers.iter().any(|(known, _)| known == name);
        Ok(Self {
            method: Method::from_bytes(request.verb.as_bytes())
                .map_err(|_| Error::fatal(format!("`{}` is no HTTP verb", request.verb)))?,
            metadata: config.metadata.compile(),
            body: match &request.body {
                BodySource::Messages => BodyPlan::Messages,
                BodySource::Payload(payload) => BodyPlan::Payload((*payload).clone()),
                BodySource::Parts(parts) => BodyPlan::Parts(parts.to_vec()),
                BodySource::Nothing => BodyPlan::Nothing,
            },
            signer: Signer::new(&config.oauth, &config.jwt, &config.basic_auth)?,
            tokens: TokenSource::new(&config.oauth2, transport)?,
            has_agent: has("user-agent"),
            has_trace_parent: has("traceparent"),
            url,
            headers,
        })
    }

    /// The request for a batch.
    ///
    /// # Errors
    /// An interpolation fails, or what it gives cannot be sent: the message is rejected.
    pub(super) async fn request(&self, batch: &[Message]) -> Result<Request<Bytes>, Error> {
        let url = match &self.url {
            Target::Fixed(url) => Cow::Borrowed(url),
            Target::Interpolated(text) => Cow::Owned(interpolated_url(text, batch)?),
        };
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 4);
        for (name, plan) in &self.headers {
            let value = match plan {
                HeaderPlan::Fixed(value) => value.clone(),
                HeaderPlan::Interpolated(text) => header_value(name, &text.resolve(batch, 0)?)?,
            };
            headers.append(name.clone(), value);
        }
        self.add_metadata(batch, &mut headers)?;
        self.add_trace_parent(batch, &mut headers);
        if !self.has_agent {
            headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        }
        let body = self.body(batch, &mut headers)?;
        if let Some(authorization) = url.authorization() {
            headers
                .entry(AUTHORIZATION)
                .or_insert(authorization.clone());
        }
        self.signer.sign(&self.method, &url.uri, &mut headers);
        if let Some(tokens) = &self.tokens {
            headers.insert(AUTHORIZATION, tokens.authorization().await?);
        }
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = url.uri.clone();
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn add_metadata(&self, batch: &[Message], headers: &mut HeaderMap) -> Result<(), Error> {
        let Some(message) = batch.first().filter(|_| !self.metadata.is_empty()) else {
            return Ok(());
        };
        for (key, value) in message.metadata.iter() {
            if self.metadata.includes(key) {
                let name = HeaderName::from_bytes(key.as_bytes())
                    .map_err(|_| Error::rejected(format!("metadata `{key}` is no header name")))?;
                // They are those of the request that the message came from, or of an answer.
                if is_framing(&name) || name == HOST {
                    continue;
                }
                let value = header_value(&name, &value.to_text())?;
                headers.append(name, value);
            }
        }
        Ok(())
    }

    /// The trace of the message goes on in the server.
    fn add_trace_parent(&self, batch: &[Message], headers: &mut HeaderMap) {
        let context = batch.first().and_then(Message::context);
        if let Some(parent) = context.and_then(|it| it.trace_parent.as_deref())
            && !self.has_trace_parent
            && let Ok(value) = HeaderValue::from_str(parent)
        {
            headers.insert("traceparent", value);
        }
    }

    fn body(&self, batch: &[Message], headers: &mut HeaderMap) -> Result<Bytes, Error> {
        match &self.body {
            BodyPlan::Nothing => Ok(Bytes::new()),
            BodyPlan::Payload(text) => {
                default_type(headers);
                let text = text
                    .resolve(batch, 0)
                    .map_err(|error| error.context("payload"))?;
                Ok(Bytes::from(text.into_owned()))
            }
            BodyPlan::Parts(parts) => {
                let mut writer = multipart::Writer::new();
                for part in parts {
                    part.write(batch, &mut writer)?;
                }
                finish(writer, headers)
            }
            BodyPlan::Messages => match batch {
                [] => Ok(Bytes::new()),
                [message] => {
                    default_type(headers);
                    Ok(message.bytes().clone())
                }
                batch => self.batch_body(batch, headers),
            },
        }
    }

    fn batch_body(&self, batch: &[Message], headers: &mut HeaderMap) -> Result<Bytes, Error> {
        let content_type = self.headers.iter().find(|(name, _)| name == CONTENT_TYPE);
        let mut writer = multipart::Writer::new();
        for (index, message) in batch.iter().enumerate() {
            let content_type = match content_type.map(|(_, plan)| plan) {
                None => OCTETS.to_owned(),
                Some(HeaderPlan::Fixed(value)) => {
                    String::from_utf8_lossy(value.as_bytes()).into_owned()
                }
                Some(HeaderPlan::Interpolated(text)) => text.resolve(batch, index)?.into_owned(),
            };
            let mut part = vec![("Content-Type".to_owned(), content_type)];
            if !self.metadata.is_empty() {
                let metadata = message.metadata.iter();
                part.extend(
                    metadata
                        .filter(|(key, _)| self.metadata.includes(key))
                        .map(|(key, value)| (key.to_string(), value.to_text().to_string())),
                );
            }
            write_part(&mut writer, &part, message.bytes())?;
        }
        finish(writer, headers)
    }
}

impl MultipartPart {
    fn write(&self, batch: &[Message], writer: &mut multipart::Writer) -> Result<(), Error> {
        let get = |text: &Interpolated, what: &str| {
            text.resolve(batch, 0)
                .map(Cow::into_owned)
                .map_err(|error| error.context(format!("multipart {what}")))
        };
        let headers = [
            (
                "Content-Disposition".to_owned(),
                get(&self.content_disposition, "content_disposition")?,
            ),
            (
                "Content-Type".to_owned(),
                get(&self.content_type, "content_type")?,
            ),
        ];
        write_part(writer, &headers, get(&self.body, "body")?.as_bytes())
    }
}

fn write_part(
    writer: &mut multipart::Writer,
    headers: &[(String, String)],
    content: &[u8],
) -> Result<(), Error> {
    for (name, value) in headers {
        if !multipart::is_header_safe(name) || !multipart::is_header_safe(value) {
            return Err(Error::rejected(format!(
                "the header `{}` of a part has a line break",
                name.escape_debug()
            )));
        }
    }
    let headers = headers.iter().map(|(name, value)| (&**name, &**value));
    writer.part(headers, content);
    Ok(())
}

fn finish(writer: multipart::Writer, headers: &mut HeaderMap) -> Result<Bytes, Error> {
    let (body, content_type) = writer.finish();
    headers.insert(CONTENT_TYPE, header_value(&CONTENT_TYPE, &content_type)?);
    Ok(body)
}

fn default_type(headers: &mut HeaderMap) {
    headers
        .entry(CONTENT_TYPE)
        .or_insert(HeaderValue::from_static(OCTETS));
}

fn header_plan(name: &str, value: &Interpolated) -> Result<(HeaderName, HeaderPlan), Error> {
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Error::fatal(format!("`{name}` is no header name")))?;
    let plan = match value.as_static() {
        Some(text) => HeaderPlan::Fixed(header_value(&name, &text)?),
        None => HeaderPlan::Interpolated(value.clone()),
    };
    Ok((name, plan))
}

fn header_value(name: &HeaderName, text: &str) -> Result<HeaderValue, Error> {
    // The value may be a credential: only the name is shown.
    let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        Error::rejected(format!(
            "header `{name}`: the value has characters that a header cannot hold"
        ))
    })?;
    value.set_sensitive(is_secret_header(name.as_str()));
    Ok(value)
}

fn interpolated_url(text: &Interpolated, batch: &[Message]) -> Result<Url, Error> {
    let url = text
        .resolve(batch, 0)
        .map_err(|error| error.context("url"))?;
    parse_url(&url).map_err(|reason| Error::rejected(format!("url: {reason}")))
}
