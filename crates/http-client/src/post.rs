//! Posts whole bodies for the process itself: exporters, not components.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use millrace_message::Error;

use crate::connector::Connector;
use crate::transport::{chain, next_chunk};
use crate::{AGENT, Body};

/// How much of an answer is read, so that its connection can be used again.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Posts bodies over kept connections, through the proxies that the environment names. Cloning
/// shares the connections.
#[derive(Clone)]
pub struct Poster {
    client: legacy::Client<Connector, Body>,
    timeout: Duration,
}

impl Poster {
    /// One whose requests take at most `timeout` each, connecting included.
    pub fn new(timeout: Duration) -> Self {
        let client = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .build(Connector::plain(Matcher::from_env()));
        Self { client, timeout }
    }

    /// Whether a text is the URL of a server.
    pub fn takes(url: &str) -> bool {
        let uri = url.parse::<Uri>();
        uri.is_ok_and(|uri| {
            uri.authority().is_some_and(|it| {
                // What follows the host is a port, or the parser has taken a password for it.
                let is_whole = it.as_str().ends_with(it.host()) || it.port_u16().is_some();
                !it.host().is_empty() && is_whole
            })
        })
    }

    /// Posts a body and returns the status of the answer.
    ///
    /// # Errors
    /// Rejected: the URL is none. Retry: there is no answer within the time.
    ///
    /// # Cancel safety
    /// A dropped future may have sent the body.
    pub async fn post(
        &self,
        url: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<StatusCode, Error> {
        let uri: Uri = url
            .parse()
            .map_err(|error| Error::rejected(format!("the URL is none: {error}")))?;
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let exchange = async {
            let answer = self.client.request(request).await;
            let (head, mut body) = answer
                .map_err(|error| Error::retry(chain(&error)))?
                .into_parts();
            let mut read = 0;
            while read < ANSWER_BYTES_MAX
                && let Ok(Some(chunk)) = next_chunk(&mut body).await
            {
                read += chunk.len();
            }
            Ok(head.status)
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(status) => status,
            Err(_) => Err(Error::retry(format!("no answer within {:?}", self.timeout))),
        }
    }
}
