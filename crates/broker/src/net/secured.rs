//! What stands between a socket and the requests of a client: TLS and the login.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use millrace_tls::explain_handshake;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};
use tokio_rustls::TlsAcceptor;

use super::connection::{Peer, serve};
use super::frames::Frames;
use super::login::{Renewing, log_in};
use crate::broker::Broker;
use crate::config::{Listener, SaslServer};
use crate::stop::Stop;
use crate::tls;

/// A client that has not shown who it is in this time is cut off: it holds memory and one of the
/// connections that there may be.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the end of an encrypted connection may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a client must pass before its requests are read.
#[derive(Clone)]
pub struct Door {
    /// Which of the listeners it is of.
    listener: usize,
    tls: Option<TlsAcceptor>,
    sasl: Option<Arc<SaslServer>>,
}

impl Door {
    /// That of a listener. Reads the files of its certificates.
    ///
    /// # Errors
    /// TLS cannot be set up as it is said.
    pub fn new(index: usize, listener: &Listener) -> Result<Self, String> {
        let security = &listener.security;
        Ok(Self {
            listener: index,
            tls: security.tls.as_ref().map(tls::acceptor).transpose()?,
            sasl: security.sasl.clone().map(Arc::new),
        })
    }

    /// Lets a client in, and serves it until the connection ends.
    ///
    /// # Errors
    /// The connection broke, or the client was not let in.
    pub async fn pass(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        broker: &Arc<Broker>,
        stopping: Stop,
    ) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let peer = Arc::new(Peer {
            address,
            local: stream.local_addr()?,
            listener: self.listener,
        });
        let Some(acceptor) = &self.tls else {
            let mut stream = stream;
            return self.log_in(&mut stream, broker, &peer, stopping).await;
        };
        let accepted = before_the_end(acceptor.accept(stream), stopping.clone()).await;
        let accepted = accepted.inspect_err(|reason| refused(address, reason));
        let Some(mut stream) = accepted? else {
            return Ok(());
        };
        let served = self.log_in(&mut stream, broker, &peer, stopping).await;
        // The client learns that the end is no cut; one that does not take it is gone.
        let _ = timeout(FAREWELL, stream.shutdown()).await;
        served
    }

    async fn log_in<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        broker: &Arc<Broker>,
        peer: &Arc<Peer>,
        stopping: Stop,
    ) -> io::Result<()> {
        let largest = broker.config().max_request_bytes;
        let mut frames = Frames::new(largest, broker.request_budget().clone());
        let Some(sasl) = &self.sasl else {
            let served = serve(stream, &mut frames, broker, peer, stopping, None).await;
            return served.map(drop);
        };
        let mut renewing = None;
        loop {
            frames.set_largest(sasl.max_receive_bytes.min(largest));
            let login = log_in(stream, &mut frames, broker, peer, sasl, renewing.take());
            let login = before_the_end(login, stopping.clone()).await;
            let login = login.inspect_err(|reason| refused(peer.address, reason));
            let Some(session) = login?.flatten() else {
                return Ok(());
            };
            tracing::debug!(client = %peer.address, session.user, "a client has logged in");
            frames.set_largest(largest);
            let stopping = stopping.clone();
            let served = serve(stream, &mut frames, broker, peer, stopping, Some(&session));
            match served.await? {
                Some(first) => renewing = Some(Renewing { session, first }),
                None => return Ok(()),
            }
        }
    }
}

/// Says why a client did not get as far as a request: nobody else could tell it.
fn refused(client: SocketAddr, reason: &io::Error) {
    let reason = explain_handshake(reason).unwrap_or_else(|| reason.to_string());
    tracing::info!(%client, reason, "a client is not let in");
}

/// What comes of something that a stranger may not drag out; `None` when the broker stops.
async fn before_the_end<T>(
    stranger: impl Future<Output = io::Result<T>>,
    stopping: Stop,
) -> io::Result<Option<T>> {
    tokio::select! {
        done = timeout(PATIENCE, stranger) => {
            let late = || io::Error::other("the client has not shown in time who it is");
            done.unwrap_or_else(|_| Err(late())).map(Some)
        }
        () = stopping.told() => Ok(None),
    }
}
