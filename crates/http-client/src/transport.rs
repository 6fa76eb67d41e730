//! Requests over pooled connections, each within its time.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::{HeaderValue, PROXY_AUTHORIZATION};
use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use millrace_formats::compression::DecompressError;
use millrace_message::Error;
use millrace_spec::SecretAddress;
use millrace_telemetry::metric::HttpClientMetrics;
use millrace_tls::TlsConfig;

use crate::connector::Connector;
use crate::dump::Dump;
use crate::{Body, Gzipped, Reply, TransportConfig, gzip};

/// Sends requests. Cloning copies pointers: clones share the connections.
#[derive(Clone)]
pub struct Transport {
    client: legacy::Client<Connector, Body>,
    proxy: Option<Arc<Matcher>>,
    timeout: Option<Duration>,
    response_bytes: usize,
    response_bound: &'static str,
    dump: Option<Dump>,
}

/// Why there is no response.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong.
    pub error: Error,
    /// Whether the same request can have no better fate.
    pub is_final: bool,
}

impl Failure {
    /// The same request can have no better fate.
    pub fn lasting(error: Error) -> Self {
        Self {
            error,
            is_final: true,
        }
    }

    fn passing(text: impl Into<String>) -> Self {
        Self {
            error: Error::retry(text),
            is_final: false,
        }
    }
}

/// What a transport is made of.
pub struct Settings<'a> {
    /// Encryption of `https` URLs.
    pub tls: &'a TlsConfig,
    /// How connections are made and kept.
    pub connections: &'a TransportConfig,
    /// An HTTP proxy; otherwise the variables of the environment decide.
    pub proxy_url: Option<&'a SecretAddress>,
    /// How long an exchange may take, from connecting to the end of the response.
    pub timeout: Option<Duration>,
    /// The largest response that is accepted, in bytes.
    pub response_bytes: usize,
    /// What that bound is called in errors, such as its field.
    pub response_bound: &'static str,
    /// What logs the exchanges.
    pub dump: Option<Dump>,
}

impl Transport {
    /// A transport without connections.
    ///
    /// # Errors
    /// A certificate or key of the settings cannot be used.
    pub fn new(settings: Settings<'_>) -> Result<Self, Error> {
        let matcher = || proxy_of(settings.proxy_url);
        let connections = settings.connections;
        let connector = Connector::new(settings.tls, connections, matcher())?;
        let idle = connections.idle_connection_timeout.get();
        let client = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout((!idle.is_zero()).then_some(idle))
            .pool_max_idle_per_host(connections.max_idle_connections)
            .build(connector);
        let has_proxy = settings.proxy_url.is_some()
            || std::env::var_os("HTTP_PROXY").is_some()
            || std::env::var_os("http_proxy").is_some();
        Ok(Self {
            client,
            proxy: has_proxy.then(|| Arc::new(matcher())),
            timeout: settings.timeout,
            response_bytes: settings.response_bytes,
            response_bound: settings.response_bound,
            dump: settings.dump,
        })
    }

    /// Sends a request and reads the whole response.
    ///
    /// # Errors
    /// There is no response within the time, or it is too large.
    pub async fn exchange(
        &self,
        request: Request<Bytes>,
        metrics: &HttpClientMetrics,
    ) -> Result<Reply, Failure> {
        let started = Instant::now();
        let result = self.plain_exchange(request).await;
        metrics.latency.observe(started.elapsed());
        if let Ok(reply) = &result {
            metrics.code(reply.status.as_u16());
        }
        result
    }

    /// As [`Transport::exchange`], uncounted: for what is not a request of the component.
    ///
    /// # Errors
    /// As [`Transport::exchange`].
    pub async fn plain_exchange(&self, request: Request<Bytes>) -> Result<Reply, Failure> {
        let sent = self.dump.as_ref().map(|_| Dump::request(&request));
        let exchange = async {
            let (head, body) = self.request(request).await?.into_parts();
            let body = self.read(body).await?;
            Ok(Reply {
                status: head.status,
                body: match head.extensions.get::<Gzipped>() {
                    Some(Gzipped) => self.unpacked(&body)?,
                    None => body,
                },
                headers: head.headers,
            })
        };
        let result = match self.timeout {
            None => exchange.await,
            Some(limit) => tokio::time::timeout(limit, exchange)
                .await
                .unwrap_or_else(|_| Err(timed_out(limit))),
        };
        if let (Some(dump), Some(sent)) = (&self.dump, sent) {
            dump.exchange(&sent, &result);
        }
        result
    }

    /// Sends a request and leaves the body of the response to be read as it arrives; it is compressed
    /// where [`Gzipped`] stands among its extensions. Streams begin when they have something to say:
    /// there is no time limit but that of connecting.
    ///
    /// # Errors
    /// There is no response.
    pub async fn open(
        &self,
        request: Request<Bytes>,
        metrics: &HttpClientMetrics,
    ) -> Result<Response<Incoming>, Failure> {
        let started = Instant::now();
        let result = self.request(request).await;
        metrics.latency.observe(started.elapsed());
        if let Ok(response) = &result {
            metrics.code(response.status().as_u16());
        }
        result
    }

    async fn request(&self, request: Request<Bytes>) -> Result<Response<Incoming>, Failure> {
        let mut request = request.map(Body::from);
        let asks = gzip::ask(&mut request);
        if let Some(authorization) = self.proxy_authorization(&request) {
            request
                .headers_mut()
                .insert(PROXY_AUTHORIZATION, authorization);
        }
        let mut response = self
            .client
            .request(request)
            .await
            .map_err(|error| Failure {
                // A message that cannot be sent at all is no fault of the connection.
                is_final: error.source().is_some_and(is_user_error),
                error: Error::retry(chain(&error)),
            })?;
        if asks {
            gzip::mark(&mut response);
        }
        Ok(response)
    }

    /// Plain requests through a proxy carry its credentials themselves.
    fn proxy_authorization(&self, request: &Request<Body>) -> Option<HeaderValue> {
        let uri = request.uri();
        let proxy = self.proxy.as_ref()?;
        if uri.scheme_str() != Some("http") {
            return None;
        }
        proxy.intercept(uri)?.basic_auth().cloned()
    }

    async fn read(&self, mut body: Incoming) -> Result<Bytes, Failure> {
        let limit = self.response_bytes;
        if body.size_hint().lower() > limit as u64 {
            return Err(self.too_large());
        }
        let Some(first) = next_chunk(&mut body).await? else {
            return Ok(Bytes::new());
        };
        if body.is_end_stream() && first.len() <= limit {
            return Ok(first);
        }
        let mut whole = BytesMut::from(first);
        while let Some(chunk) = next_chunk(&mut body).await? {
            if whole.len() + chunk.len() > limit {
                return Err(self.too_large());
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    fn unpacked(&self, body: &Bytes) -> Result<Bytes, Failure> {
        gzip::unpack(body, self.response_bytes).map_err(|error| match error {
            DecompressError::TooLarge(_) => self.too_large(),
            DecompressError::Damaged(error) => {
                Failure::passing(format!("read the response: {error}"))
            }
        })
    }

    fn too_large(&self) -> Failure {
        let (limit, bound) = (self.response_bytes, self.response_bound);
        Failure::lasting(Error::rejected(format!(
            "the response is larger than {bound} ({limit} bytes)"
        )))
    }
}

fn timed_out(limit: Duration) -> Failure {
    Failure::passing(format!("no answer within {limit:?} (field timeout)"))
}

/// The proxy of the config, or those of the environment.
fn proxy_of(url: Option<&SecretAddress>) -> Matcher {
    match url {
        Some(url) if !url.expose().is_empty() => {
            millrace_telemetry::redact::Redactor::global().add_url(url.expose());
            Matcher::builder().all(url.expose().to_owned()).build()
        }
        _ => Matcher::from_env(),
    }
}

pub async fn next_chunk(body: &mut Incoming) -> Result<Option<Bytes>, Failure> {
    loop {
        let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut *body).poll_frame(cx));
        match frame.await {
            None => return Ok(None),
            Some(Err(error)) => {
                return Err(Failure::passing(format!(
                    "read the response: {}",
                    chain(&error)
                )));
            }
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

fn is_user_error(error: &(dyn std::error::Error + 'static)) -> bool {
    error
        .downcast_ref::<hyper::Error>()
        .is_some_and(|it| it.is_user() || it.is_parse_too_large())
}

/// The texts of an error and its causes, without those that say the same again.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
