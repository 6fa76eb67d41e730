//! An HTTP server: a listener, its TLS, and the routes it serves.
//!
//! HTTP/1.1 without TLS; with TLS also HTTP/2, as the client prefers. Bounds: 16,384 connections,
//! 30 seconds for the head of a request, 100 headers and about 400 kB of them; what exceeds them
//! is closed or answered with a 4xx status by hyper.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use millrace_message::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

mod access;
mod cors;
mod hold;
pub(crate) mod reply;
mod routes;
mod tls;

pub(crate) use access::Access;
pub use access::BasicAuth;
pub use cors::Cors;
pub(crate) use hold::Hold;
pub use hyper::body::Incoming as RequestBody;
pub use reply::{json, text};
pub(crate) use routes::check_path;
pub use routes::{Handler, Params, Peer, Route, Routes, TlsDetails};

use crate::Body;
use routes::Gate;

const CONNECTIONS_MAX: usize = 16_384;
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const STREAMS_MAX: u32 = 256;
const HEADER_LIST_BYTES_MAX: u32 = 64 * 1024;
/// The pause after an accept that failed for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a server listens on, and what it asks of every request.
pub(crate) struct ServerOptions<'a> {
    /// The config path of the address, for errors.
    pub(crate) field: &'a str,
    /// `host:port`, or `:port` for all interfaces.
    pub(crate) address: &'a str,
    /// Certificate and key files in PEM; both empty for plain HTTP.
    pub(crate) cert_file: &'a str,
    pub(crate) key_file: &'a str,
    pub(crate) cors: Option<Cors>,
    pub(crate) access: Option<Access>,
}

/// A listening server.
pub(crate) struct Server {
    address: SocketAddr,
    accepting: CancellationToken,
    serving: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Binds the address and serves the routes from now on.
    ///
    /// # Errors
    /// Fatal: the address cannot be bound, or the certificate cannot be used.
    pub(crate) async fn start(
        options: ServerOptions<'_>,
        routes: Arc<Routes>,
    ) -> Result<Self, Error> {
        let acceptor = tls::acceptor(options.cert_file, options.key_file, options.field)?;
        let listener = bind(options.address)
            .await
            .map_err(|error| bind_error(&options, &error))?;
        let address = listener
            .local_addr()
            .map_err(|error| bind_error(&options, &error))?;
        let server = Self {
            address,
            accepting: CancellationToken::new(),
            serving: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let gate = Arc::new(Gate {
            routes,
            cors: options.cors,
            access: options.access,
        });
        let accept = Accept {
            listener,
            acceptor,
            gate,
            serving: server.serving.clone(),
            tasks: server.tasks.clone(),
            places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        };
        let accepting = server.accepting.clone();
        server.tasks.spawn(async move {
            tokio::select! {
                () = accept.run() => {}
                () = accepting.cancelled() => {}
            }
        });
        Ok(server)
    }

    /// The address that was bound, with the port that the system chose for port 0.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets requests under way finish for at most `grace`, and closes.
    pub(crate) async fn close(&self, grace: Duration) {
        self.accepting.cancel();
        self.serving.cancel();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait())
            .await
            .is_err()
        {
            debug!(
                connections = self.tasks.len(),
                "HTTP connections are left open at the end of their time"
            );
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.cancel();
        self.serving.cancel();
    }
}

/// The longest silence within a body.
const BODY_STALL: Duration = Duration::from_secs(30);

/// Reads the body of a request whole.
///
/// # Errors
/// It has more than `limit` bytes, stalls, or breaks off; the text says which.
pub async fn read_body(mut body: RequestBody, limit: usize) -> Result<Bytes, String> {
    let mut whole = BytesMut::new();
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
        let frame = tokio::time::timeout(BODY_STALL, frame).await;
        match frame.map_err(|_elapsed| "the body does not arrive".to_owned())? {
            None => return Ok(whole.freeze()),
            Some(Err(error)) => return Err(error.to_string()),
            Some(Ok(frame)) => {
                let chunk = frame.into_data().unwrap_or_default();
                if whole.len() + chunk.len() > limit {
                    return Err(format!("the body is longer than {limit} bytes"));
                }
                whole.extend_from_slice(&chunk);
            }
        }
    }
}

async fn bind(address: &str) -> io::Result<TcpListener> {
    let Some(port) = address.strip_prefix(':') else {
        return TcpListener::bind(address).await;
    };
    match TcpListener::bind(format!("[::]:{port}")).await {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind(format!("0.0.0.0:{port}")).await
        }
        bound => bound,
    }
}

fn bind_error(options: &ServerOptions<'_>, error: &io::Error) -> Error {
    let ServerOptions { field, address, .. } = options;
    let (reason, remedy) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            "another program, or another component, listens there".to_owned(),
            "choose another port, or stop the other one",
        ),
        io::ErrorKind::PermissionDenied => (
            "permission denied".to_owned(),
            "ports below 1024 need a privilege; choose a higher one",
        ),
        io::ErrorKind::AddrNotAvailable => (
            "this machine has no such address".to_owned(),
            "use `0.0.0.0:PORT` for all interfaces",
        ),
        _ => (error.to_string(), "write it as `host:port`"),
    };
    Error::fatal(format!(
        "`{field}`: listen on `{address}`: {reason}; {remedy}"
    ))
}

/// Accepts connections until it is dropped.
struct Accept {
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    gate: Arc<Gate>,
    serving: CancellationToken,
    tasks: TaskTracker,
    places: Arc<Semaphore>,
}

impl Accept {
    async fn run(self) {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                return;
            };
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    let serve = self.serve(stream, address);
                    self.tasks.spawn(async move {
                        serve.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    warn!("accept an HTTP connection: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn serve(&self, stream: TcpStream, address: SocketAddr) -> impl Future<Output = ()> + use<> {
        let gate = Arc::clone(&self.gate);
        let serving = self.serving.clone();
        let acceptor = self.acceptor.clone();
        async move {
            // Without it small answers wait for the acknowledgement of the one before.
            if let Err(error) = stream.set_nodelay(true) {
                debug!("set TCP_NODELAY: {error}");
            }
            let Some(acceptor) = acceptor else {
                let peer = Arc::new(Peer::plain(address));
                return serve_http1(stream, gate, peer, &serving).await;
            };
            let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream));
            match handshake.await {
                Ok(Ok(stream)) => serve_tls(stream, gate, address, &serving).await,
                Ok(Err(error)) => debug!(%address, "TLS handshake: {error}"),
                Err(_elapsed) => debug!(%address, "TLS handshake: no answer in time"),
            }
        }
    }
}

async fn serve_tls(
    stream: tokio_rustls::server::TlsStream<TcpStream>,
    gate: Arc<Gate>,
    address: SocketAddr,
    serving: &CancellationToken,
) {
    let session = stream.get_ref().1;
    let is_http2 = session.alpn_protocol() == Some(b"h2");
    let peer = Arc::new(Peer::tls(address, session));
    if !is_http2 {
        return serve_http1(stream, gate, peer, serving).await;
    }
    let service = service_fn(move |request| answer(Arc::clone(&gate), request, Arc::clone(&peer)));
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = serving.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        debug!(%address, "HTTP/2 connection ends: {error}");
    }
}

async fn serve_http1<S>(stream: S, gate: Arc<Gate>, peer: Arc<Peer>, serving: &CancellationToken)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let address = peer.address();
    let service = service_fn(move |request| answer(Arc::clone(&gate), request, Arc::clone(&peer)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = serving.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        debug!(%address, "HTTP connection ends: {error}");
    }
}

async fn answer(
    gate: Arc<Gate>,
    request: Request<Incoming>,
    peer: Arc<Peer>,
) -> Result<Response<Body>, std::convert::Infallible> {
    Ok(gate.answer(request, &peer).await)
}
