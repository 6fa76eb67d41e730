//! What the server answers.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use millrace_components_http::Body;
use millrace_components_http::server::{Handler, Params, Peer, RequestBody, read_body, text};
use millrace_message::Value;

use super::Texts;
use super::process::Evaluator;
use super::room::{Room, Share, busy};
use crate::args::ServerArgs;
use crate::commands::blobl::evaluate::{BODY_MAX, mapping_of, texts};

const PAGE: &str = include_str!("../page/page.html");
const STYLE: &str = include_str!("../page/page.css");
const SCRIPT: &str = include_str!("../page/page.js");
const ICON: &str = include_str!("../page/icon.svg");

/// The page loads what this server serves, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) struct Playground {
    texts: Texts,
    evaluator: Evaluator,
    room: Room,
    host: String,
}

impl Playground {
    pub(super) fn new(args: &ServerArgs, texts: Texts) -> Self {
        let directory = args.mapping_file.as_ref().and_then(|it| it.parent());
        Self {
            texts,
            evaluator: Evaluator::new(args.trust_mappings, directory),
            room: Room::new(),
            host: args.host.clone(),
        }
    }

    async fn answer(&self, request: Request<RequestBody>) -> Response<Body> {
        if !is_meant(&request, &self.host) {
            let reason = "this host is not the one that the playground is served for: use the \
                          address that it has printed";
            return text(StatusCode::FORBIDDEN, reason);
        }
        let path = request.uri().path().to_owned();
        match (request.method(), &*path) {
            (&Method::GET, "/") => file("text/html; charset=utf-8", PAGE),
            (&Method::GET, "/page.css") => file("text/css; charset=utf-8", STYLE),
            (&Method::GET, "/page.js") => file("text/javascript; charset=utf-8", SCRIPT),
            (&Method::GET, "/icon.svg") => file("image/svg+xml", ICON),
            (&Method::GET, "/state") => self.state().await,
            (&Method::POST, "/execute" | "/format") => match self.question(request).await {
                Ok((question, share)) if path == "/format" => self.format(&question, share).await,
                Ok((question, share)) => self.execute(question, share).await,
                Err(refusal) => refusal,
            },
            (
                _,
                "/" | "/page.css" | "/page.js" | "/icon.svg" | "/state" | "/execute" | "/format",
            ) => text(
                StatusCode::METHOD_NOT_ALLOWED,
                "this is asked for in another way",
            ),
            _ => text(StatusCode::NOT_FOUND, "there is nothing here"),
        }
    }

    fn saves(&self) -> bool {
        self.texts.mapping.saved_to.is_some() || self.texts.input.saved_to.is_some()
    }

    async fn state(&self) -> Response<Body> {
        let Some(share) = self.room.share(self.texts.len()).await else {
            return busy();
        };
        let members = [
            ("mapping", self.texts.mapping.value()),
            ("input", self.texts.input.value()),
            ("saves", Value::Bool(self.saves())),
        ];
        let state = Value::Object(members.into_iter().collect()).to_json();
        self.room.answer(state, share)
    }

    /// The body of a request of the page, which those of other pages cannot send, with its share of
    /// memory; else why it is refused.
    async fn question(
        &self,
        request: Request<RequestBody>,
    ) -> Result<(Bytes, Share), Response<Body>> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let content_type = content_type
            .and_then(|it| it.to_str().ok())
            .unwrap_or_default();
        if content_type.split(';').next().map(str::trim) != Some("application/json") {
            let reason = "a question has the content type `application/json`";
            return Err(text(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
        }
        let announced = request.headers().get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|it| it.to_str().ok()?.parse().ok());
        // One that does not say its length may have the longest.
        let length = announced.map_or(BODY_MAX, |it: usize| it.min(BODY_MAX));
        let Some(share) = self.room.share(length).await else {
            return Err(busy());
        };
        match read_body(request.into_body(), length).await {
            Ok(body) => Ok((body, share)),
            Err(reason) => Err(text(StatusCode::PAYLOAD_TOO_LARGE, reason)),
        }
    }

    async fn format(&self, question: &Bytes, share: Share) -> Response<Body> {
        if let Err(reason) = mapping_of(question.clone()) {
            return text(StatusCode::BAD_REQUEST, reason);
        }
        match self.evaluator.format(question).await {
            Ok(answer) => self.room.answer(answer, share),
            Err(reason) => text(StatusCode::UNPROCESSABLE_ENTITY, reason),
        }
    }

    async fn execute(&self, question: Bytes, share: Share) -> Response<Body> {
        let (mapping, input) = match texts(question.clone()) {
            Ok(texts) => texts,
            Err(reason) => return text(StatusCode::BAD_REQUEST, reason),
        };
        let edited = Value::parse_json(question.clone());
        let edited = edited
            .ok()
            .and_then(|it| it.get("edited")?.as_i64())
            .unwrap_or(i64::MAX);
        // A file is written while nobody waits for another one.
        let error = tokio::task::block_in_place(|| {
            self.texts
                .update(&mapping, &input, edited.max(0).cast_unsigned())
        });
        drop((mapping, input));
        let answer = self.evaluator.evaluate(&question).await;
        drop(question);
        let answer = match error {
            Some(error) => with_save_error(answer, error),
            None => answer,
        };
        self.room.answer(answer, share)
    }
}

/// An answer that also says what could not be saved.
fn with_save_error(answer: Bytes, error: String) -> Bytes {
    match Value::parse_json(answer.clone()) {
        Ok(Value::Object(mut members)) => {
            members.insert("save_error", Value::from(error));
            Value::Object(members).to_json()
        }
        _ => answer,
    }
}

#[async_trait]
impl Handler for Playground {
    async fn handle(
        &self,
        request: Request<RequestBody>,
        _: Params,
        _: &Arc<Peer>,
    ) -> Response<Body> {
        let mut response = self.answer(request).await;
        for (name, value) in [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-store"),
        ] {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// Whether the browser has meant this server: a page elsewhere can point a name of its own at this
/// address, and would then see what is written here.
fn is_meant(request: &Request<RequestBody>, host: &str) -> bool {
    let named = request
        .headers()
        .get(header::HOST)
        .and_then(|it| it.to_str().ok());
    let Some(authority) = named.and_then(|it| it.parse::<http::uri::Authority>().ok()) else {
        return false;
    };
    let named = authority.host().trim_matches(['[', ']']);
    let is_address = named.parse::<std::net::IpAddr>().is_ok();
    is_address || named.eq_ignore_ascii_case("localhost") || named.eq_ignore_ascii_case(host)
}

fn file(content_type: &'static str, content: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(content));
    let content_type = HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}
