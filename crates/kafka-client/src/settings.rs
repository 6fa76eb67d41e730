//! How a cluster is reached.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use millrace_sasl::Mechanism;
use rustls::ClientConfig;
use tokio::io::DuplexStream;

use crate::error::Error;

/// How a cluster is reached, and how long it is waited for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Addresses to begin with, each `HOST:PORT`; those of the cluster are learnt from them.
    pub bootstrap: Vec<String>,
    /// What brokers call this client in their logs.
    pub client_id: String,
    pub connect_timeout: Duration,
    /// How long a response is waited for; where the broker is asked to wait itself, that comes on
    /// top.
    pub request_timeout: Duration,
    /// The largest response, in bytes.
    pub max_response_bytes: usize,
    /// For how long what may be tried again is tried again.
    pub retry_for: Duration,
    /// The first pause before that; it doubles up to a second.
    pub retry_backoff: Duration,
    /// How long what is known of a topic is believed; without it, until a broker denies it.
    pub metadata_max_age: Option<Duration>,
    /// What encrypts; without it nothing is.
    pub tls: Option<Arc<ClientConfig>>,
    /// Who this client is; without it nobody is told.
    pub login: Option<Login>,
    /// What connects to a broker within this process, whatever the address; without it sockets do.
    pub in_process: Option<InProcess>,
}

/// Connects to a broker that runs in this process: the same protocol without a socket.
#[derive(Clone)]
pub struct InProcess(Arc<dyn Fn() -> DuplexStream + Send + Sync>);

impl InProcess {
    /// `connect` gives one end of a pipe whose other end the broker serves.
    pub fn new(connect: impl Fn() -> DuplexStream + Send + Sync + 'static) -> Self {
        Self(Arc::new(connect))
    }

    pub(crate) fn connect(&self) -> DuplexStream {
        (self.0)()
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

/// Who a client is, and how it proves it.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub mechanism: Mechanism,
    pub user: String,
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Login");
        shown.field("user", &self.user).finish_non_exhaustive()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bootstrap: vec!["localhost:9092".into()],
            client_id: "millrace".into(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            max_response_bytes: 128 << 20,
            retry_for: Duration::from_secs(20),
            retry_backoff: Duration::from_millis(50),
            metadata_max_age: None,
            tls: None,
            login: None,
            in_process: None,
        }
    }
}

impl Settings {
    /// Those for these addresses, separated by commas.
    pub fn for_servers(servers: &str) -> Self {
        let addresses = servers.split(',').map(str::trim);
        let bootstrap = addresses.filter(|it| !it.is_empty()).map(Into::into);
        Self {
            bootstrap: bootstrap.collect(),
            ..Self::default()
        }
    }
}

/// Pauses that double up to a second, until the time is over.
#[derive(Debug)]
pub(crate) struct Backoff {
    pause: Duration,
    /// Whether somebody was told that it takes long.
    is_told: bool,
    until: tokio::time::Instant,
}

/// The longest pause.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Backoff {
    pub fn new(settings: &Settings) -> Self {
        Self {
            pause: settings.retry_backoff,
            is_told: false,
            until: tokio::time::Instant::now() + settings.retry_for,
        }
    }

    /// As [`pause`](Self::pause); who waits for long hears once why.
    pub async fn pause_after(&mut self, error: &Error) -> bool {
        if self.pause >= LONGEST_PAUSE && !self.is_told {
            self.is_told = true;
            tracing::warn!(%error, "what is asked of the cluster does not work yet, and is tried again");
        }
        self.pause().await
    }

    /// Waits; or says that it is over.
    pub async fn pause(&mut self) -> bool {
        if tokio::time::Instant::now() + self.pause > self.until {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}
