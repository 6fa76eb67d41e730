//! Modules of a Buf Schema Registry, and how they are fetched: one call of
//! `buf.reflect.v1beta1.FileDescriptorSetService` in the Connect protocol, which answers with the
//! compiled files of a module and of all that they import.
//!
//! ```text
//! request  = 1: module, 2: version
//! response = 1: google.protobuf.FileDescriptorSet, 2: version
//! ```

use bytes::{Buf, Bytes};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode, Uri};
use millrace_component::BuildContext;
use millrace_http_client::{
    AGENT, Reply, Settings, Transport, TransportConfig, parse_url, secret_value, shown,
};
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Secret, SecretAddress, Spec, codes};
use millrace_telemetry::metric::HttpClientMetrics;
use millrace_tls::TlsConfig;
use prost::encoding::{self, DecodeContext, WireType};

use crate::protobuf::Schema;
use crate::registry::{check_url, reason};

const PROCEDURE: &str = "buf.reflect.v1beta1.FileDescriptorSetService/GetFileDescriptorSet";
const PROTOBUF: &str = "application/proto";
/// The largest answer that is read.
const ANSWER_MAX: usize = 64 << 20;

/// A module of a Buf Schema Registry.
#[derive(Clone, Debug, Spec)]
#[spec(check = check)]
pub(super) struct Module {
    /// The name of the module.
    #[spec(example = "buf.build/exampleco/mymodule")]
    module: String,
    /// The address of the registry; that in the name of the module, when it is empty.
    #[spec(default = "", advanced)]
    url: SecretAddress,
    /// The key that the registry asks for.
    #[spec(default = "")]
    api_key: Secret<String>,
    /// The version of the module: a commit or a label; the latest, when it is empty.
    #[spec(default = "", advanced)]
    version: String,
}

fn check(module: &mut Module, node: &Node, cx: &mut ReadContext) {
    if !module.url.expose().is_empty() {
        check_url(module.url.expose(), node, cx);
        return;
    }
    let place = node.get("module");
    if address_of(&module.module).is_none() && !place.is_some_and(|it| cx.is_placeholder(it)) {
        let span = place.map_or(node.span, |it| it.span);
        let message = format!("module `{}` does not name its registry", module.module);
        cx.error(codes::INVALID_VALUE, span, message).help = Some(
            "name it in full, as `buf.build/exampleco/mymodule`, or the registry in `url`"
                .to_owned(),
        );
    }
}

/// The registry of a module that is named in full.
fn address_of(module: &str) -> Option<String> {
    let segments: Vec<&str> = module.split('/').collect();
    match segments[..] {
        [registry, _, _] if segments.iter().all(|it| !it.is_empty()) => {
            Some(format!("https://{registry}"))
        }
        _ => None,
    }
}

/// What fetches one module.
pub(super) struct Client {
    module: String,
    version: String,
    target: Uri,
    authorization: Option<HeaderValue>,
    transport: Transport,
    metrics: HttpClientMetrics,
}

impl Client {
    /// # Errors
    /// There is no URL.
    pub(super) fn new(of: &Module, cx: &BuildContext) -> Result<Self, Error> {
        let address = match of.url.expose() {
            "" => address_of(&of.module).unwrap_or_default(),
            url => url.to_owned(),
        };
        let wrong = |reason: String| Error::fatal(format!("`bsr.url`: {reason}"));
        let url = parse_url(&address).map_err(wrong)?;
        let base = format!("{}/", url.uri.to_string().trim_end_matches('/'));
        let target = format!("{base}{PROCEDURE}");
        let authorization = match of.api_key.expose().as_str() {
            "" => url.authorization().cloned(),
            key => Some(secret_value(format!("Bearer {key}"))),
        };
        Ok(Self {
            module: of.module.clone(),
            version: of.version.clone(),
            target: target
                .parse()
                .map_err(|error: http::uri::InvalidUri| wrong(error.to_string()))?,
            authorization,
            transport: Transport::new(Settings {
                tls: &TlsConfig::default(),
                connections: &TransportConfig::default(),
                proxy_url: None,
                // Whoever asks for types bounds the time of it.
                timeout: None,
                response_bytes: ANSWER_MAX,
                response_bound: "any module",
                dump: None,
            })?,
            metrics: HttpClientMetrics::new(cx.metrics()),
        })
    }

    /// The name of the module.
    pub(super) fn module(&self) -> &str {
        &self.module
    }

    /// Everything that the module defines, and all that it imports.
    ///
    /// # Errors
    /// There is no answer, the registry refuses, or what it answers is no schema.
    pub(super) async fn fetch(&self) -> Result<Schema, Error> {
        let fetched = async {
            let reply = self.transport.exchange(self.request(), &self.metrics).await;
            let reply = reply.map_err(|failure| failure.error)?;
            Schema::compiled(&descriptors(reply)?)
        };
        fetched.await.map_err(|error: Error| {
            let Self { module, target, .. } = self;
            error.context(format!("module `{module}` from {}", shown(target)))
        })
    }

    fn request(&self) -> Request<Bytes> {
        let mut body = Vec::new();
        for (number, text) in [(1, &self.module), (2, &self.version)] {
            if !text.is_empty() {
                encoding::string::encode(number, text, &mut body);
            }
        }
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
        headers.insert("connect-protocol-version", HeaderValue::from_static("1"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        request
    }
}

/// The file descriptors of an answer.
fn descriptors(reply: Reply) -> Result<Bytes, Error> {
    if reply.status != StatusCode::OK {
        let text = format!(
            "the registry answers {}{}",
            reply.status,
            reason(&reply.body)
        );
        let is_passing =
            reply.status.is_server_error() || matches!(reply.status.as_u16(), 408 | 425 | 429);
        return Err(match is_passing {
            true => Error::retry(text),
            false => Error::rejected(text),
        });
    }
    let kind = reply.headers.get(CONTENT_TYPE);
    if kind.is_none_or(|it| it != PROTOBUF) {
        let text = "the answer is no Protobuf: the address is none of a Buf Schema Registry";
        return Err(Error::rejected(text));
    }
    let broken =
        |error: prost::DecodeError| Error::rejected(format!("the answer is damaged: {error}"));
    descriptors_in(reply.body).map_err(broken)
}

fn descriptors_in(mut answer: Bytes) -> Result<Bytes, prost::DecodeError> {
    let mut found = Bytes::new();
    while answer.has_remaining() {
        let (number, wire_type) = encoding::decode_key(&mut answer)?;
        match (number, wire_type) {
            (1, WireType::LengthDelimited) => encoding::bytes::merge(
                wire_type,
                &mut found,
                &mut answer,
                DecodeContext::default(),
            )?,
            _ => encoding::skip_field(wire_type, number, &mut answer, DecodeContext::default())?,
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
