//! Makes connections: TCP, through a proxy where there is one, and TLS for `https`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use millrace_tls::TlsConfig;
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::TransportConfig;

/// The longest answer of a proxy to `CONNECT`.
const PROXY_ANSWER_MAX: usize = 8 * 1024;

/// Makes the connections of one client. Cloning copies a pointer.
#[derive(Clone)]
pub(crate) struct Connector {
    shared: Arc<Shared>,
}

struct Shared {
    tls: TlsConfig,
    /// Made when it is first needed: reading the system's certificates takes a while.
    tls_connector: Mutex<Option<TlsConnector>>,
    offer_http2: bool,
    proxy: Matcher,
    dial_timeout: Option<Duration>,
    handshake_timeout: Option<Duration>,
    keep_alive: Option<Duration>,
}

impl Connector {
    /// # Errors
    /// A certificate or key of the settings cannot be used.
    pub(crate) fn new(
        tls: &TlsConfig,
        transport: &TransportConfig,
        proxy: Matcher,
    ) -> Result<Self, millrace_message::Error> {
        let get = |it: &millrace_spec::Duration| Some(it.get()).filter(|it| !it.is_zero());
        let connector = Self {
            shared: Arc::new(Shared {
                tls: tls.clone(),
                tls_connector: Mutex::default(),
                offer_http2: transport.force_http2,
                proxy,
                dial_timeout: get(&transport.dial_context.timeout),
                handshake_timeout: get(&transport.tls_handshake_timeout),
                keep_alive: get(&transport.dial_context.keep_alive),
            }),
        };
        if tls.enabled {
            connector.shared.tls_connector()?;
        }
        Ok(connector)
    }

    /// One without settings: HTTP/1.1, the system's certificates, ten seconds for each step.
    pub(crate) fn plain(proxy: Matcher) -> Self {
        const STEP: Duration = Duration::from_secs(10);
        Self {
            shared: Arc::new(Shared {
                tls: TlsConfig::default(),
                tls_connector: Mutex::default(),
                offer_http2: false,
                proxy,
                dial_timeout: Some(STEP),
                handshake_timeout: Some(STEP),
                keep_alive: None,
            }),
        }
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Stream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.connect(&uri).await.map(TokioIo::new) })
    }
}

impl Shared {
    async fn connect(&self, uri: &Uri) -> io::Result<Stream> {
        let is_https = uri.scheme_str() == Some("https");
        let proxy = self.proxy.intercept(uri);
        let target = proxy.as_ref().map_or(uri, |it| it.uri());
        let mut tcp = bounded(self.dial_timeout, "connect", self.dial(target)).await?;
        if let Some(proxy) = proxy.as_ref().filter(|_| is_https) {
            let tunnel = open_tunnel(&mut tcp, uri, proxy.basic_auth());
            bounded(self.dial_timeout, "ask the proxy for a tunnel", tunnel).await?;
        }
        if !is_https {
            return Ok(Stream::Plain {
                stream: tcp,
                through_proxy: proxy.is_some(),
            });
        }
        let connector = self
            .tls_connector()
            .map_err(|error| io::Error::other(error.text().to_owned()))?;
        let host = uri.host().unwrap_or_default();
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(host)
            .map_err(|_| io::Error::other("the host is no name that a certificate can hold"))?;
        let handshake = connector.connect(name, tcp);
        let stream = bounded(self.handshake_timeout, "TLS handshake", handshake).await?;
        Ok(Stream::Tls(Box::new(stream)))
    }

    async fn dial(&self, uri: &Uri) -> io::Result<TcpStream> {
        let host = uri
            .host()
            .ok_or_else(|| io::Error::other("the URL has no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let usual = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        let port = uri.port_u16().unwrap_or(usual);
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        if let Some(time) = self.keep_alive {
            let keep_alive = socket2::TcpKeepalive::new()
                .with_time(time)
                .with_interval(time);
            socket2::SockRef::from(&stream).set_tcp_keepalive(&keep_alive)?;
        }
        Ok(stream)
    }

    fn tls_connector(&self) -> Result<TlsConnector, millrace_message::Error> {
        let mut connector = self.tls_connector.lock();
        if let Some(connector) = &*connector {
            return Ok(connector.clone());
        }
        let mut config = self.tls.client_config()?;
        if self.offer_http2 {
            Arc::make_mut(&mut config).alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        let made = TlsConnector::from(config);
        *connector = Some(made.clone());
        Ok(made)
    }
}

async fn bounded<T>(
    limit: Option<Duration>,
    what: &str,
    step: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let result = match limit {
        None => step.await,
        Some(limit) => tokio::time::timeout(limit, step).await.unwrap_or_else(|_| {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no answer within {limit:?}"),
            ))
        }),
    };
    result.map_err(|error| io::Error::new(error.kind(), format!("{what}: {error}")))
}

/// Asks an HTTP proxy for a connection to the host of `uri`.
async fn open_tunnel(
    stream: &mut TcpStream,
    uri: &Uri,
    authorization: Option<&http::HeaderValue>,
) -> io::Result<()> {
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(443);
    let mut request =
        format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n").into_bytes();
    if let Some(authorization) = authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= PROXY_ANSWER_MAX {
            return Err(io::Error::other("the answer of the proxy is too long"));
        }
        // Byte by byte: what follows the answer belongs to the server behind the proxy.
        answer.push(stream.read_u8().await?);
    }
    let status = answer.split(|&it| it == b' ').nth(1).unwrap_or_default();
    if status != b"200" {
        let status = String::from_utf8_lossy(status);
        return Err(io::Error::other(format!("the proxy answers {status}")));
    }
    Ok(())
}

/// A connection to a server.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain {
        stream: TcpStream,
        through_proxy: bool,
    },
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        match self {
            Self::Plain { through_proxy, .. } => Connected::new().proxy(*through_proxy),
            Self::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                Connected::new().negotiated_h2()
            }
            Self::Tls(_) => Connected::new(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain { stream, .. } => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain { stream, .. } => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain { stream, .. } => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain { stream, .. } => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain { stream, .. } => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain { stream, .. } => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
