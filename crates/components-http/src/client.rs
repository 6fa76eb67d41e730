//! A client: one request for a message or a batch, with its attempts, its bounds and its breaker.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use millrace_component::{Backoff, BuildContext, BuiltRateLimit, clock};
use millrace_http_client::{Credentials, Dump, Failure, Settings, Transport, redirect, shown};
use millrace_message::{Error, ErrorClass, Message};
use millrace_telemetry::metric::HttpClientMetrics;
use tokio::time::Instant;
use tracing::warn;

mod auth;
mod breaker;
mod config;
mod oauth2;
mod request;
mod response;
mod trouble;

pub(crate) use breaker::{Breaker, BreakerConfig};
pub(crate) use config::ClientConfig;
pub(crate) use millrace_http_client::Reply;
pub(crate) use request::{BodySource, MultipartPart, RequestConfig, check_target};
pub(crate) use response::{Extract, set_status};

use request::RequestPlan;
use trouble::Trouble;

/// How many redirects in a row are followed.
const REDIRECTS_MAX: usize = 10;
/// The pause after a rate limit that could not be asked.
const RATE_LIMIT_PAUSE: Duration = Duration::from_secs(1);

/// Why no attempt was successful.
#[derive(Debug)]
pub(crate) struct SendError {
    pub(crate) error: Error,
    /// The status of the last response, when there was one.
    pub(crate) status: Option<StatusCode>,
}

impl From<Error> for SendError {
    fn from(error: Error) -> Self {
        Self {
            error,
            status: None,
        }
    }
}

/// A client of one component. Any number of requests may be under way.
pub(crate) struct Client {
    plan: RequestPlan,
    transport: Transport,
    retries: Retries,
    statuses: Statuses,
    rate_limit: Option<BuiltRateLimit>,
    breaker: Option<Arc<Breaker>>,
    metrics: HttpClientMetrics,
    extract: Extract,
    trouble: Trouble,
    component: Box<str>,
    path: Box<str>,
}

/// What the transport of a client is made of.
fn settings<'a>(config: &'a ClientConfig, cx: &BuildContext) -> Settings<'a> {
    Settings {
        tls: &config.tls,
        connections: &config.transport,
        proxy_url: config.proxy_url.as_ref(),
        timeout: config.attempt_timeout(),
        response_bytes: usize::try_from(config.max_response_size.0).unwrap_or(usize::MAX),
        response_bound: "`max_response_size`",
        dump: Dump::new(&config.dump_request_log_level, cx.component(), cx.path()),
    }
}

/// How often and how long a request is tried.
#[derive(Clone, Debug)]
struct Retries {
    max: u64,
    initial: Duration,
    max_pause: Duration,
    /// No attempt begins later than this after the first one.
    max_elapsed: Option<Duration>,
}

/// What a status means.
#[derive(Debug)]
struct Statuses {
    back_off: Vec<i64>,
    drop: Vec<i64>,
    success: Vec<i64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Success,
    /// Try again; `true` when the server asks for patience.
    Retry {
        overloaded: bool,
    },
    /// No attempt will do better.
    GiveUp,
}

impl Statuses {
    fn meaning(&self, status: StatusCode) -> Meaning {
        let code = i64::from(status.as_u16());
        if self.drop.contains(&code) {
            Meaning::GiveUp
        } else if self.back_off.contains(&code) {
            Meaning::Retry { overloaded: true }
        } else if self.success.contains(&code) || status.is_success() {
            Meaning::Success
        } else {
            Meaning::Retry { overloaded: false }
        }
    }
}

/// One attempt that was not successful.
struct Attempt {
    error: Error,
    status: Option<StatusCode>,
    retry_after: Option<Duration>,
    is_final: bool,
}

impl Client {
    /// Builds the client of a component.
    ///
    /// # Errors
    /// A file of the TLS or authentication settings cannot be used, or there is no such rate
    /// limit.
    pub(crate) fn new(
        request: &RequestConfig,
        config: &ClientConfig,
        cx: &BuildContext,
    ) -> Result<Self, Error> {
        let rate_limit = config.rate_limit.as_deref().map(|it| cx.rate_limit(it));
        let field = |error: Error| error.context(format!("`{}.{}`", cx.path(), cx.component()));
        let transport = Transport::new(settings(config, cx)).map_err(field)?;
        let plan = RequestPlan::new(request, config, &transport).map_err(field)?;
        let breaker = config.circuit_breaker.as_ref();
        Ok(Self {
            plan,
            transport,
            retries: config.retries(),
            statuses: Statuses {
                back_off: config.backoff_on.clone(),
                drop: config.drop_on.clone(),
                success: config.successful_on.clone(),
            },
            rate_limit: rate_limit.transpose()?,
            breaker: breaker.map(|it| Arc::new(Breaker::new(it, cx))),
            metrics: HttpClientMetrics::new(cx.metrics()),
            extract: Extract::new(&config.extract_headers, cx.bound(config.max_response_size)),
            trouble: Trouble::default(),
            component: cx.component().into(),
            path: cx.path().into(),
        })
    }

    /// What a response becomes as messages.
    pub(crate) fn extract(&self) -> &Extract {
        &self.extract
    }

    /// The breaker, when there is one.
    pub(crate) fn breaker(&self) -> Option<&Arc<Breaker>> {
        self.breaker.as_ref()
    }

    /// Sends one request for the batch and tries again as configured.
    ///
    /// # Errors
    /// The error of the last attempt.
    ///
    /// # Cancel safety
    /// A request that was under way may have reached the server.
    pub(crate) async fn send(&self, batch: &[Message]) -> Result<Reply, SendError> {
        self.attempts::<Whole>(batch).await
    }

    /// As [`Client::send`], for a response whose body is read as it arrives.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub(crate) async fn open(&self, batch: &[Message]) -> Result<OpenReply, SendError> {
        self.attempts::<Opened>(batch).await
    }

    async fn attempts<M: Mode>(&self, batch: &[Message]) -> Result<M::Response, SendError> {
        let started = clock::instant();
        let mut backoff = Backoff::new(self.retries.initial, self.retries.max_pause);
        let mut made = 0;
        loop {
            let failed = match self.attempt::<M>(batch).await? {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
            let give_up = |error| {
                Err(SendError {
                    error,
                    status: failed.status,
                })
            };
            if failed.is_final || made >= self.retries.max {
                return give_up(failed.error.clone());
            }
            let mut pause = backoff.pause();
            if let Some(wanted) = failed.retry_after {
                pause = pause.max(wanted.min(self.retries.max_pause));
            }
            if let Some(max) = self.retries.max_elapsed
                && clock::instant().duration_since(started) + pause > max
            {
                let text = format!("no attempt is left within {max:?}");
                return give_up(failed.error.context(text));
            }
            self.tell_of_retry(&failed.error, pause);
            clock::sleep(pause).await;
            made += 1;
        }
    }

    /// Until the last attempt nobody else hears of those that fail, and that may take long.
    fn tell_of_retry(&self, error: &Error, pause: Duration) {
        let Some(left_out) = self.trouble.may_be_told(Instant::now()) else {
            return;
        };
        warn!(
            component = &*self.component,
            path = &*self.path,
            left_out = (left_out > 0).then_some(left_out),
            "a request failed and is tried again in {} ms: {}",
            pause.as_millis(),
            error.text()
        );
    }

    /// One attempt. The outer error means that no request could be made at all.
    async fn attempt<M: Mode>(
        &self,
        batch: &[Message],
    ) -> Result<Result<M::Response, Attempt>, SendError> {
        let request = self.plan.request(batch).await?;
        let url = request.uri().clone();
        let credentials = Credentials::of(request.headers());
        self.wait_for_rate_limit(batch).await;
        let pass = match &self.breaker {
            Some(breaker) => Some(breaker.pass()?),
            None => None,
        };
        let failed = match self.follow::<M>(request, batch).await {
            Ok(answer) => match self.statuses.meaning(answer.response.status()) {
                Meaning::Success => {
                    if let Some(pass) = pass {
                        pass.succeed();
                    }
                    return Ok(Ok(answer.response));
                }
                meaning => {
                    if let Some(pass) = pass {
                        // A refusal of this one message says nothing about the server.
                        let is_fault = answer.response.status().is_server_error()
                            || meaning == Meaning::Retry { overloaded: true };
                        if is_fault {
                            pass.fail();
                        } else {
                            pass.succeed();
                        }
                    }
                    unexpected(&answer, meaning, &credentials)
                }
            },
            Err(failure) => {
                if let Some(pass) = pass {
                    pass.fail();
                }
                Attempt {
                    error: failure.error,
                    status: None,
                    retry_after: None,
                    is_final: failure.is_final,
                }
            }
        };
        let error = credentials.scrubbed(&failed.error.context(shown(&url)));
        Ok(Err(Attempt { error, ..failed }))
    }

    /// Sends a request and follows redirects.
    async fn follow<M: Mode>(
        &self,
        request: http::Request<Bytes>,
        batch: &[Message],
    ) -> Result<Answer<M::Response>, Failure> {
        let mut redirected_to = None;
        let mut uri = request.uri().clone();
        let mut method = request.method().clone();
        let mut response = M::exchange(&self.transport, request, &self.metrics).await?;
        for _ in 0..REDIRECTS_MAX {
            let Some(next) = redirect::target(&uri, response.status(), response.headers()) else {
                return Ok(Answer {
                    response,
                    redirected_to,
                });
            };
            let next = next.map_err(|reason| Failure::lasting(Error::rejected(reason)))?;
            // The request is made anew: hardly any is ever redirected, and a copy of each one
            // would have to be kept for it.
            let mut request = self.plan.request(batch).await.map_err(Failure::lasting)?;
            method = redirect::method(&method, response.status());
            redirect::aim(&mut request, &uri, next, &method);
            uri = request.uri().clone();
            let sent = M::exchange(&self.transport, request, &self.metrics).await;
            response = sent.map_err(|failure| Failure {
                error: redirected(failure.error, &uri),
                ..failure
            })?;
            redirected_to = Some(uri.clone());
        }
        let text = format!("the server redirects more than {REDIRECTS_MAX} times");
        Err(Failure::lasting(Error::retry(text)))
    }

    async fn wait_for_rate_limit(&self, batch: &[Message]) {
        let Some(rate_limit) = &self.rate_limit else {
            return;
        };
        let bytes = batch.iter().map(|it| it.bytes().len()).sum();
        loop {
            let pause = match rate_limit.acquire(bytes).await {
                Ok(None) => return,
                Ok(Some(pause)) => pause,
                Err(error) => {
                    warn!(
                        component = &*self.component,
                        path = &*self.path,
                        "ask the rate limit: {error}"
                    );
                    RATE_LIMIT_PAUSE
                }
            };
            clock::sleep(pause).await;
        }
    }
}

/// How much of a response an attempt waits for.
trait Mode {
    type Response: HasStatus + Send;

    fn exchange(
        transport: &Transport,
        request: http::Request<Bytes>,
        metrics: &HttpClientMetrics,
    ) -> impl Future<Output = Result<Self::Response, Failure>> + Send;
}

/// All of it.
struct Whole;

impl Mode for Whole {
    type Response = Reply;

    async fn exchange(
        transport: &Transport,
        request: http::Request<Bytes>,
        metrics: &HttpClientMetrics,
    ) -> Result<Reply, Failure> {
        transport.exchange(request, metrics).await
    }
}

/// A response whose body is still to come.
pub(crate) struct OpenReply {
    pub(crate) response: http::Response<hyper::body::Incoming>,
    /// What may be shown of the URL that it comes from, for errors of the body.
    pub(crate) url: String,
    /// What may not be shown in them.
    pub(crate) credentials: Credentials,
}

/// Its head.
struct Opened;

impl Mode for Opened {
    type Response = OpenReply;

    async fn exchange(
        transport: &Transport,
        request: http::Request<Bytes>,
        metrics: &HttpClientMetrics,
    ) -> Result<OpenReply, Failure> {
        let url = shown(request.uri());
        let credentials = Credentials::of(request.headers());
        let response = transport.open(request, metrics).await?;
        Ok(OpenReply {
            response,
            url,
            credentials,
        })
    }
}

/// What the attempts have to know of a response.
trait HasStatus {
    fn status(&self) -> StatusCode;
    fn headers(&self) -> &HeaderMap;
    /// The beginning of the body as `: text`, for the error.
    fn reason(&self, credentials: &Credentials) -> String;

    /// How long the server asks to wait, in seconds or until a date.
    fn retry_after(&self) -> Option<Duration> {
        let text = self.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
        if let Ok(seconds) = text.trim().parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = jiff::fmt::rfc2822::parse(text).ok()?;
        let wait = date.timestamp().duration_since(jiff::Timestamp::now());
        Duration::try_from(wait).ok()
    }
}

/// How much of the body of an unexpected response its error shows.
const REASON_CHARS: usize = 512;

impl HasStatus for Reply {
    fn status(&self) -> StatusCode {
        self.status
    }

    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn reason(&self, credentials: &Credentials) -> String {
        // Cut first: the body may be large.
        let start = &self.body[..self.body.len().min(4 * REASON_CHARS)];
        // A cut secret is not recognised as one: it is masked before.
        let text = credentials.mask(&String::from_utf8_lossy(start));
        let text: String = text
            .chars()
            .map(|it| if it.is_control() { ' ' } else { it })
            .take(REASON_CHARS)
            .collect();
        match text.trim() {
            "" => String::new(),
            text => format!(": {text}"),
        }
    }
}

impl HasStatus for OpenReply {
    fn status(&self) -> StatusCode {
        self.response.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    fn reason(&self, _: &Credentials) -> String {
        String::new()
    }
}

/// What a server answered, and where it had sent the request on to.
struct Answer<R> {
    response: R,
    redirected_to: Option<http::Uri>,
}

fn unexpected<R: HasStatus>(
    answer: &Answer<R>,
    meaning: Meaning,
    credentials: &Credentials,
) -> Attempt {
    let response = &answer.response;
    let status = response.status();
    let text = format!(
        "the server answers {status}{}",
        response.reason(credentials)
    );
    let is_refusal = meaning == Meaning::GiveUp || status.is_client_error();
    let passing = matches!(status.as_u16(), 408 | 425 | 429);
    let class = if is_refusal && !passing {
        ErrorClass::Rejected
    } else {
        ErrorClass::Retry
    };
    let error = Error::new(class, text);
    Attempt {
        error: match &answer.redirected_to {
            Some(to) => redirected(error, to),
            None => error,
        },
        status: Some(status),
        retry_after: response.retry_after(),
        is_final: meaning == Meaning::GiveUp,
    }
}

/// An error of the place that the server has sent the request on to.
fn redirected(error: Error, to: &http::Uri) -> Error {
    error.context(format!("redirected to {}", shown(to)))
}

#[cfg(test)]
mod tests;
