//! An HTTP server: a listener, its TLS, and the routes it serves.
//!
//! HTTP/1.1 without TLS; with TLS also HTTP/2, as the client prefers. Bounds: 16,384 connections
//! unless [`Limits`] say otherwise, 30 seconds for the head of a request, 100 headers and about 400 kB
//! of them; what exceeds them is closed or answered with a 4xx status by hyper.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
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
mod lingering;
pub(crate) mod reply;
mod request_body;
mod routes;
mod tls;
mod unread;

pub(crate) use access::Access;
pub use access::BasicAuth;
pub use cors::Cors;
pub(crate) use hold::Hold;
pub use reply::{json, text};
pub use request_body::{RequestBody, read_body};
pub(crate) use routes::check_path;
pub use routes::{Handler, Params, Peer, Route, Routes, TlsDetails};

use lingering::{Cut, Lingering};
use routes::Gate;
use unread::{Answer, Unread};

const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const STREAMS_MAX: u32 = 256;
const HEADER_LIST_BYTES_MAX: u32 = 64 * 1024;
/// The pause after an accept that failed for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the connections of a server may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many there may be; others wait until one of them is closed.
    pub connections: usize,
    /// How long one takes requests; one that is under way then has as long again, before the connection
    /// is closed whatever it waits for. Without it, a client may stay.
    pub age: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            age: None,
        }
    }
}

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
    pub(crate) limits: Limits,
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
            life: Life {
                serving: server.serving.clone(),
                age: options.limits.age,
            },
            tasks: server.tasks.clone(),
            places: Arc::new(Semaphore::new(options.limits.connections)),
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
    life: Life,
    tasks: TaskTracker,
    places: Arc<Semaphore>,
}

/// How long a connection is served.
#[derive(Clone)]
struct Life {
    serving: CancellationToken,
    age: Option<Duration>,
}

impl Life {
    /// Runs a connection to its end; `finish` makes it take no further request. `None` when it is
    /// dropped at its age.
    async fn run<C: Future>(
        &self,
        mut connection: Pin<&mut C>,
        finish: fn(Pin<&mut C>),
    ) -> Option<C::Output> {
        tokio::select! {
            // What has arrived in time is read.
            biased;
            result = connection.as_mut() => return Some(result),
            () = self.serving.cancelled() => {}
            () = grown_old(self.age) => {}
        }
        finish(connection.as_mut());
        tokio::select! {
            result = connection => Some(result),
            () = grown_old(self.age) => None,
        }
    }
}

/// Waits for a time; without one, for ever.
async fn grown_old(age: Option<Duration>) {
    match age {
        Some(age) => tokio::time::sleep(age).await,
        None => std::future::pending().await,
    }
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
        let life = self.life.clone();
        let acceptor = self.acceptor.clone();
        async move {
            // Without it small answers wait for the acknowledgement of the one before.
            if let Err(error) = stream.set_nodelay(true) {
                debug!("set TCP_NODELAY: {error}");
            }
            let Some(acceptor) = acceptor else {
                let peer = Arc::new(Peer::plain(address));
                return serve_http1(stream, gate, peer, &life).await;
            };
            let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream));
            match handshake.await {
                Ok(Ok(stream)) => serve_tls(stream, gate, address, &life).await,
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
    life: &Life,
) {
    let session = stream.get_ref().1;
    let is_http2 = session.alpn_protocol() == Some(b"h2");
    let peer = Arc::new(Peer::tls(address, session));
    match is_http2 {
        true => serve_http2(stream, gate, peer, life).await,
        false => serve_http1(stream, gate, peer, life).await,
    }
}

async fn serve_http2<S>(stream: S, gate: Arc<Gate>, peer: Arc<Peer>, life: &Life)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let address = peer.address();
    let service = service_fn(move |request| {
        let answering = answer(Arc::clone(&gate), request, Arc::clone(&peer));
        // Its streams end without the connection.
        async { Ok::<_, Infallible>(answering.await.0) }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    match life.run(connection, |it| it.graceful_shutdown()).await {
        Some(Ok(())) => {}
        Some(Err(error)) => debug!(%address, "HTTP/2 connection ends: {error}"),
        None => debug!(%address, "HTTP/2 connection is closed at its age"),
    }
}

async fn serve_http1<S>(stream: S, gate: Arc<Gate>, peer: Arc<Peer>, life: &Life)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let address = peer.address();
    let cut = Cut::default();
    let stream = TokioIo::new(Lingering::new(stream, cut.clone(), life.serving.clone()));
    let service = service_fn(move |request| {
        let answering = answer(Arc::clone(&gate), request, Arc::clone(&peer));
        let cut = cut.clone();
        async move {
            let (answer, is_cut) = answering.await;
            if is_cut {
                cut.set();
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(stream, service)
        .with_upgrades();
    tokio::pin!(connection);
    match life.run(connection, |it| it.graceful_shutdown()).await {
        Some(Ok(())) => {}
        Some(Err(error)) => debug!(%address, "HTTP connection ends: {error}"),
        None => debug!(%address, "HTTP connection is closed at its age"),
    }
}

/// The answer to a request, and whether a part of the request is then still in the way of its
/// connection.
async fn answer(
    gate: Arc<Gate>,
    request: Request<Incoming>,
    peer: Arc<Peer>,
) -> (Response<Answer>, bool) {
    let (request, unread) = Unread::watch(request);
    let response = gate.answer(request, &peer).await;
    unread.settle(response).await
}

#[cfg(test)]
mod tests;
