//! OAuth 2 with the client credentials flow: a token is fetched, used until it is about to
//! expire, and fetched again.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Uri};
use millrace_http_client::{Transport, parse_url, secret_value, shown};
use millrace_message::{Error, Value};
use millrace_spec::{Node, OrderedMap, ReadContext, Secret, Spec, codes};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// A token this close to its end is not used any more.
const EXPIRY_MARGIN: Duration = Duration::from_secs(10);

/// OAuth 2 with the client credentials flow.
#[derive(Clone, Debug, Spec)]
#[spec(check = check)]
pub(crate) struct OAuth2 {
    /// Whether to authenticate by it.
    #[spec(default = false)]
    enabled: bool,
    /// Identifies the client.
    #[spec(default = "")]
    client_key: String,
    /// The secret of the client.
    #[spec(default = "")]
    client_secret: Secret<String>,
    /// Where tokens are fetched.
    #[spec(default = "")]
    token_url: String,
    /// What the token is to allow.
    #[spec(default = [], advanced)]
    scopes: Vec<String>,
    /// Further parameters of the request for a token, each a list of texts.
    #[spec(default = {}, optional, advanced)]
    endpoint_params: OrderedMap<Vec<String>>,
}

fn check(oauth2: &mut OAuth2, node: &Node, cx: &mut ReadContext) {
    if oauth2.enabled && parse_url(&oauth2.token_url).is_err() {
        let span = node.field_span("token_url");
        cx.error(codes::INVALID_VALUE, span, "token_url is no URL");
    }
}

/// The token of a client, fetched when it is first needed.
pub(super) struct TokenSource {
    config: OAuth2,
    url: Uri,
    transport: Transport,
    token: Mutex<Option<Token>>,
}

struct Token {
    authorization: HeaderValue,
    expires: Option<Instant>,
}

impl TokenSource {
    /// # Errors
    /// The token URL is none.
    pub(super) fn new(config: &OAuth2, transport: &Transport) -> Result<Option<Self>, Error> {
        if !config.enabled {
            return Ok(None);
        }
        let url = parse_url(&config.token_url)
            .map_err(|reason| Error::fatal(format!("oauth2.token_url: {reason}")))?;
        Ok(Some(Self {
            config: config.clone(),
            url: url.uri,
            transport: transport.clone(),
            token: Mutex::default(),
        }))
    }

    /// The value of `Authorization`.
    ///
    /// # Errors
    /// The token cannot be fetched.
    pub(super) async fn authorization(&self) -> Result<HeaderValue, Error> {
        let mut token = self.token.lock().await;
        if let Some(known) = &*token
            && known
                .expires
                .is_none_or(|it| it > Instant::now() + EXPIRY_MARGIN)
        {
            return Ok(known.authorization.clone());
        }
        let fetched = self.fetch().await.map_err(|error| {
            error.context(format!("fetch an OAuth 2 token from {}", shown(&self.url)))
        })?;
        let authorization = fetched.authorization.clone();
        *token = Some(fetched);
        Ok(authorization)
    }

    async fn fetch(&self) -> Result<Token, Error> {
        let config = &self.config;
        // RFC 6749, section 2.3.1: both are form-encoded before they become basic credentials.
        let encode = |it: &str| form_urlencoded::byte_serialize(it.as_bytes()).collect::<String>();
        let credentials = format!(
            "{}:{}",
            encode(&config.client_key),
            encode(config.client_secret.expose())
        );
        let basic = secret_value(format!("Basic {}", STANDARD.encode(credentials)));
        let mut request = Request::new(Bytes::from(config.form()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, basic);
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        let reply = self
            .transport
            .plain_exchange(request)
            .await
            .map_err(|failure| failure.error)?;
        if !reply.status.is_success() {
            // The body of a token endpoint may repeat what it was sent: it is not shown.
            return Err(Error::retry(format!("the server answers {}", reply.status)));
        }
        token_of(reply.body)
    }
}

impl OAuth2 {
    /// The body of the request for a token.
    fn form(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if !self.scopes.is_empty() {
            form.append_pair("scope", &self.scopes.join(" "));
        }
        for (name, values) in &self.endpoint_params.0 {
            for value in values {
                form.append_pair(name, value);
            }
        }
        form.finish()
    }
}

fn token_of(body: Bytes) -> Result<Token, Error> {
    let missing = || Error::retry("the answer holds no `access_token`");
    let answer = Value::parse_json(body).map_err(|_| Error::retry("the answer is not JSON"))?;
    let text = answer.get("access_token").ok_or_else(missing)?;
    let text = text
        .as_str()
        .filter(|it| !it.is_empty())
        .ok_or_else(missing)?;
    millrace_telemetry::redact::Redactor::global().add(text);
    let seconds = answer.get("expires_in").and_then(|it| it.as_f64());
    let expires = seconds
        .filter(|it| *it > 0.0 && *it < 1e9)
        .map(|it| Instant::now() + Duration::from_secs_f64(it));
    Ok(Token {
        authorization: secret_value(format!("Bearer {text}")),
        expires,
    })
}
