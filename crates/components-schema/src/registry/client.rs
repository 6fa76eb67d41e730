//! Requests to a registry, each answered within its time and size.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode, Uri};
use millrace_component::BuildContext;
use millrace_http_client::{
    AGENT, Failure, Reply, Settings, Signer, Transport, Url, parse_url, redirect, scrubbed, shown,
};
use millrace_message::{Error, Value};
use millrace_telemetry::Redactor;
use millrace_telemetry::metric::HttpClientMetrics;
use millrace_tls::TlsConfig;

use super::RegistryConfig;

/// The largest answer that is read: a schema in JSON, with its own characters escaped.
const ANSWER_MAX: usize = 2 * crate::avro::SCHEMA_MAX;
/// How often a request is sent for which there is no answer.
const ATTEMPTS: usize = 3;
/// How many redirects in a row are followed.
const REDIRECTS_MAX: usize = 10;
/// How much of an answer that is an error is shown.
const REASON_MAX: usize = 300;

/// A client of one registry.
pub(crate) struct Client {
    transport: Transport,
    url: Url,
    signer: Signer,
    metrics: HttpClientMetrics,
}

/// A schema as the registry has it.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub id: u32,
    pub kind: SchemaKind,
    pub schema: String,
    pub references: Vec<Reference>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SchemaKind {
    Avro,
    Json,
    Protobuf,
    Other(String),
}

/// A schema that another one refers to.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub name: String,
    pub subject: String,
    pub version: i64,
}

impl Client {
    /// # Errors
    /// The URL is none, or a certificate or key cannot be used.
    pub(crate) fn new(config: &RegistryConfig, cx: &BuildContext) -> Result<Self, Error> {
        let url = parse_url(config.url.expose())
            .map_err(|reason| Error::fatal(format!("url: {reason}")))?;
        let transport = Transport::new(Settings {
            tls: &TlsConfig::of(config.tls.clone()),
            connections: &config.transport,
            proxy_url: None,
            // Whoever asks for a schema bounds the time of all requests for it.
            timeout: None,
            response_bytes: ANSWER_MAX,
            response_bound: "any schema",
            dump: None,
        })?;
        Ok(Self {
            transport,
            url,
            signer: Signer::new(&config.oauth, &config.jwt, &config.basic_auth)?,
            metrics: HttpClientMetrics::new(cx.metrics()),
        })
    }

    /// The schema of this number.
    ///
    /// # Errors
    /// There is none, or there is no answer.
    pub(crate) async fn by_id(&self, id: u32) -> Result<Registered, Error> {
        let what = format!("schema {id}");
        self.get(&format!("schemas/ids/{id}"), &what).await
    }

    /// The latest schema of a subject.
    ///
    /// # Errors
    /// There is none, or there is no answer.
    pub(crate) async fn latest(&self, subject: &str) -> Result<Registered, Error> {
        let path = format!("subjects/{}/versions/latest", escaped(subject));
        self.get(&path, &format!("the schema of subject `{subject}`"))
            .await
    }

    /// A version of the schema of a subject.
    ///
    /// # Errors
    /// There is none, or there is no answer.
    pub(crate) async fn version(&self, of: &Reference) -> Result<Registered, Error> {
        let path = format!("subjects/{}/versions/{}", escaped(&of.subject), of.version);
        let what = format!("version {} of subject `{}`", of.version, of.subject);
        self.get(&path, &what).await
    }

    async fn get(&self, path: &str, what: &str) -> Result<Registered, Error> {
        let uri = self.target(path)?;
        let context = |error: Error| scrubbed(&error.context(format!("{}: {what}", shown(&uri))));
        let reply = self.ask(&uri).await.map_err(context)?;
        match reply.status {
            StatusCode::OK => registered(reply.body)
                .map_err(|reason| context(Error::rejected(format!("the answer {reason}")))),
            StatusCode::NOT_FOUND => {
                Err(context(Error::rejected("it is not found by the registry")))
            }
            status => {
                let text = format!("the registry answers {status}{}", reason(&reply.body));
                let is_passing =
                    status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
                Err(context(match is_passing {
                    true => Error::retry(text),
                    false => Error::rejected(text),
                }))
            }
        }
    }

    /// The base URL with a path behind its own.
    fn target(&self, path: &str) -> Result<Uri, Error> {
        let base = &self.url.uri;
        let query = base.query().map(|it| format!("?{it}")).unwrap_or_default();
        let scheme = base.scheme_str().unwrap_or("http");
        let authority = base.authority().map_or("", |it| it.as_str());
        let folder = base.path().trim_end_matches('/');
        format!("{scheme}://{authority}{folder}/{path}{query}")
            .parse()
            .map_err(|error| Error::rejected(format!("the URL of a schema is none: {error}")))
    }

    async fn ask(&self, uri: &Uri) -> Result<Reply, Error> {
        let mut attempts = 1;
        loop {
            let failure = match self.follow(uri).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            if failure.is_final || attempts == ATTEMPTS {
                return Err(failure.error);
            }
            attempts += 1;
        }
    }

    /// Sends a request and follows redirects.
    async fn follow(&self, target: &Uri) -> Result<Reply, Failure> {
        let mut uri = target.clone();
        let mut reply = self
            .transport
            .exchange(self.request(&uri), &self.metrics)
            .await?;
        for _ in 0..REDIRECTS_MAX {
            let Some(next) = redirect::target(&uri, reply.status, &reply.headers) else {
                return Ok(reply);
            };
            let next = next.map_err(|reason| Failure::lasting(Error::rejected(reason)))?;
            let mut request = self.request(target);
            redirect::aim(&mut request, &uri, next, &Method::GET);
            uri = request.uri().clone();
            reply = self.transport.exchange(request, &self.metrics).await?;
        }
        let text = format!("the registry redirects more than {REDIRECTS_MAX} times");
        Err(Failure::lasting(Error::retry(text)))
    }

    fn request(&self, uri: &Uri) -> Request<Bytes> {
        let mut headers = HeaderMap::with_capacity(3);
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/vnd.schemaregistry.v1+json"),
        );
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if let Some(authorization) = self.url.authorization() {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        self.signer.sign(&Method::GET, uri, &mut headers);
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers;
        request
    }
}

/// A subject as one segment of a path.
fn escaped(subject: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~')
        .remove(b'$')
        .remove(b'&')
        .remove(b'+')
        .remove(b'=')
        .remove(b':')
        .remove(b'@');
    percent_encoding::utf8_percent_encode(subject, KEPT).to_string()
}

/// What the registry says of an error: its `message`. Other answers may repeat what they were sent,
/// and are not shown.
pub(crate) fn reason(body: &Bytes) -> String {
    let answer = Value::parse_json(body.clone()).ok();
    let message = answer.as_ref().and_then(|it| it.get("message"));
    match message.as_deref().and_then(Value::as_str) {
        Some(message) => {
            // A cut secret is not recognised as one: it is masked before.
            let message = Redactor::global().redact(message);
            let message: String = message.chars().take(REASON_MAX).collect();
            format!(": {message}")
        }
        None => String::new(),
    }
}

fn registered(body: Bytes) -> Result<Registered, String> {
    let answer = Value::parse_json(body).map_err(|error| format!("is no JSON: {error}"))?;
    let text = |key: &str| {
        let value = answer.get(key);
        value.and_then(|it| it.as_str().map(str::to_owned))
    };
    let id = answer.get("id").and_then(|it| it.as_i64()).unwrap_or(0);
    let references = answer.get("references");
    let references = references.as_deref().and_then(Value::as_array);
    let references = references.into_iter().flat_map(|it| it.iter());
    Ok(Registered {
        id: u32::try_from(id).map_err(|_| format!("has the number {id}"))?,
        kind: match text("schemaType").as_deref() {
            None | Some("" | "AVRO") => SchemaKind::Avro,
            Some("JSON") => SchemaKind::Json,
            Some("PROTOBUF") => SchemaKind::Protobuf,
            Some(other) => SchemaKind::Other(other.chars().take(40).collect()),
        },
        schema: text("schema").ok_or("has no `schema`")?,
        references: references
            .map(|it| reference(&it))
            .collect::<Option<_>>()
            .ok_or("has a reference without name, subject or version")?,
    })
}

fn reference(value: &Value) -> Option<Reference> {
    let text = |key: &str| value.get(key)?.as_str().map(str::to_owned);
    Some(Reference {
        name: text("name")?,
        subject: text("subject")?,
        version: value.get("version")?.as_i64()?,
    })
}
