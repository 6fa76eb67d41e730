//! A TCP proxy that breaks connections on command: the network faults of a test, each at the
//! moment that the test chooses.

mod connection;

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, poll};

use crate::port;

/// Which way bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// A proxy on a port of its own in front of one server. It forwards until told otherwise; dropping
/// it resets its connections and frees the port.
///
/// Every method has taken effect for new bytes and new connections when it returns, except that
/// clients see a reset or a close when the kernel has delivered it.
#[derive(Debug)]
pub struct Proxy {
    inner: Arc<Inner>,
    acceptor: Mutex<Option<Acceptor>>,
}

#[derive(Debug)]
struct Acceptor {
    thread: JoinHandle<()>,
    stop: UnixStream,
}

#[derive(Debug)]
struct Inner {
    target: SocketAddr,
    port: u16,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    traffic: Traffic,
    /// Connections with a smaller number are to be reset.
    reset_below: u64,
    /// Connections with a smaller number are to be closed.
    close_below: u64,
    /// Bytes of a direction that may still pass before all connections are reset.
    budgets: [Option<u64>; 2],
    /// Wakes the thread of each open connection.
    wakers: HashMap<u64, UnixStream>,
    accepted: u64,
    passed: [u64; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Traffic {
    #[default]
    Forward,
    Delay(Duration),
    Hold,
}

/// Where host and port stand in a URL.
struct Place<'u> {
    /// Scheme and credentials.
    before: &'u str,
    address: &'u str,
    /// Path and query.
    after: &'u str,
}

impl<'u> Place<'u> {
    fn find(url: &'u str) -> Result<Self> {
        let scheme = url.find("://").context("the URL has no `://`")? + 3;
        let end = url[scheme..].find(['/', '?']);
        let end = end.map_or(url.len(), |at| scheme + at);
        let start = url[..end].rfind('@').map_or(scheme, |at| at + 1);
        Ok(Self {
            before: &url[..start],
            address: &url[start..end],
            after: &url[end..],
        })
    }
}

impl Proxy {
    /// Starts a proxy on a free port of 127.0.0.1 in front of `target`, `HOST:PORT` for example.
    /// The target need not run yet.
    ///
    /// # Errors
    /// When `target` is no address or no thread can be started.
    pub fn start(target: impl ToSocketAddrs) -> Result<Self> {
        let target = target
            .to_socket_addrs()
            .context("resolve the target of a proxy")?
            .next();
        let target = target.context("the target of a proxy has no address")?;
        let inner = Inner {
            target,
            port: port::free_port(),
            state: Mutex::default(),
        };
        let proxy = Self {
            inner: Arc::new(inner),
            acceptor: Mutex::new(None),
        };
        proxy.listen()?;
        Ok(proxy)
    }

    /// Starts a proxy in front of the server that `url` names.
    ///
    /// # Errors
    /// As [`start`](Self::start); or `url` is not `SCHEME://…`.
    pub fn before(url: &str) -> Result<Self> {
        Self::start(Place::find(url)?.address)
    }

    /// The port on 127.0.0.1, the same for the proxy's whole life.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.inner.port
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.inner.port)
    }

    /// `url` with the proxy's address in the place of its host and port. Credentials, path and
    /// query stay.
    ///
    /// # Errors
    /// When `url` is not `SCHEME://…`.
    pub fn url(&self, url: &str) -> Result<String> {
        let Place { before, after, .. } = Place::find(url)?;
        Ok(format!("{before}{}{after}", self.address()))
    }

    /// Resets every open connection: both sides see ECONNRESET, bytes on their way are lost. New
    /// connections are served.
    pub fn cut(&self) {
        let mut state = self.inner.lock();
        state.reset_below = state.accepted;
        state.wake_all();
    }

    /// Closes every open connection in order: both sides see the end of the stream.
    pub fn close(&self) {
        let mut state = self.inner.lock();
        state.close_below = state.accepted;
        state.wake_all();
    }

    /// Ends every connection as soon as `bytes` more bytes have gone in `direction`, over all
    /// connections together. Where the last of them went the receiver sees exactly these bytes and
    /// the end of the stream, the sender a reset; the other connections are reset. Happens once.
    pub fn cut_after(&self, direction: Direction, bytes: u64) {
        self.inner.lock().budgets[direction as usize] = Some(bytes);
    }

    /// Hands on every byte this much later, in both directions.
    pub fn delay(&self, by: Duration) {
        self.inner.set_traffic(Traffic::Delay(by));
    }

    /// Keeps every byte and the connections open: packets vanish, nobody is told. Connecting still
    /// works. What was kept arrives after [`heal`](Self::heal), as after a repaired route.
    pub fn black_hole(&self) {
        self.inner.set_traffic(Traffic::Hold);
    }

    /// Refuses new connections (ECONNREFUSED), open ones stay.
    ///
    /// # Errors
    /// When the listening thread has died.
    pub fn refuse(&self) -> Result<()> {
        let acceptor = self
            .acceptor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        acceptor.map_or(Ok(()), Acceptor::stop)
    }

    /// The server is gone: open connections are reset and new ones refused.
    ///
    /// # Errors
    /// As [`refuse`](Self::refuse).
    pub fn down(&self) -> Result<()> {
        self.refuse()?;
        self.cut();
        Ok(())
    }

    /// Ends delays, the black hole, refusal and a cut that was still to come.
    ///
    /// # Errors
    /// When the port cannot be bound again.
    pub fn heal(&self) -> Result<()> {
        self.inner.lock().budgets = [None; 2];
        self.inner.set_traffic(Traffic::Forward);
        self.listen()
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.inner.lock().wakers.len()
    }

    /// How many connections there have been.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.inner.lock().accepted
    }

    /// How many bytes have been handed on in `direction`.
    #[must_use]
    pub fn passed(&self, direction: Direction) -> u64 {
        self.inner.lock().passed[direction as usize]
    }

    fn listen(&self) -> Result<()> {
        let mut acceptor = self.acceptor.lock().unwrap_or_else(PoisonError::into_inner);
        if acceptor.is_some() {
            return Ok(());
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.inner.port));
        let listener = listener.with_context(|| format!("bind {}", self.address()))?;
        listener.set_nonblocking(true)?;
        let (stop, stopped) = UnixStream::pair()?;
        let inner = Arc::clone(&self.inner);
        let thread = thread::Builder::new()
            .name("proxy-accept".into())
            .spawn(move || accept_until_stopped(&inner, &listener, &stopped))?;
        *acceptor = Some(Acceptor { thread, stop });
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        crate::report("stop a proxy", self.down());
    }
}

impl Acceptor {
    fn stop(self) -> Result<()> {
        drop(self.stop);
        self.thread
            .join()
            .map_err(|_| anyhow::anyhow!("the listening thread of a proxy died"))
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_traffic(&self, traffic: Traffic) {
        let mut state = self.lock();
        state.traffic = traffic;
        state.wake_all();
    }
}

impl State {
    fn wake_all(&mut self) {
        for waker in self.wakers.values_mut() {
            // A full pipe holds a wake-up already; a closed one belongs to a finished connection.
            let _ = waker.write(&[1]);
        }
    }
}

fn accept_until_stopped(inner: &Arc<Inner>, listener: &TcpListener, stopped: &UnixStream) {
    loop {
        let mut fds = [
            PollFd::new(listener, PollFlags::IN),
            PollFd::new(stopped, PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("a proxy waits for connections: {error}"),
        }
        if !fds[1].revents().is_empty() {
            return;
        }
        match listener.accept() {
            Ok((client, _)) => serve(inner, client),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => crate::report("accept a connection in a proxy", Err(error.into())),
        }
    }
}

fn serve(inner: &Arc<Inner>, client: TcpStream) {
    let started = UnixStream::pair().and_then(|(waker, wake)| {
        waker.set_nonblocking(true)?;
        wake.set_nonblocking(true)?;
        let number = {
            let mut state = inner.lock();
            let number = state.accepted;
            state.accepted += 1;
            state.wakers.insert(number, waker);
            number
        };
        let inner = Arc::clone(inner);
        thread::Builder::new()
            .name("proxy-connection".into())
            .spawn(move || {
                connection::run(&inner, number, &client, &wake);
                // The close, or reset, comes before the connection is no longer counted.
                drop(client);
                inner.lock().wakers.remove(&number);
            })
    });
    if let Err(error) = started {
        crate::report("serve a connection in a proxy", Err(error.into()));
    }
}

#[cfg(test)]
mod tests;
