//! One connection to one broker.

mod link;
mod login;
mod versions;

use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use millrace_kafka_wire::{Request, Str, read_response, write_request};
use millrace_tls::explain_handshake;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use self::link::{Link, Ticket, Transport};
use self::versions::Versions;
use crate::Result;
use crate::error::{Error, Reason};
use crate::settings::Settings;

/// One connection to one broker; a clone is another handle on it.
///
/// Requests may follow each other without waiting: they leave in the order in which they were
/// begun, and responses come in the same order. After the first error of the connection every
/// request on it fails, with that error.
#[derive(Clone)]
pub struct Connection {
    inner: Arc<Inner>,
}

struct Inner {
    broker: Arc<str>,
    client_id: Str,
    request_timeout: Duration,
    link: Link,
    versions: Versions,
}

/// A request that was sent, whose response is waited for. Dropping it forgets the response when it
/// comes; what was asked for is done all the same.
pub struct Pending<R> {
    connection: Connection,
    ticket: Ticket,
    version: i16,
    within: Duration,
    request: PhantomData<fn() -> R>,
}

impl Connection {
    /// Connects to `HOST:PORT`, asks which versions the broker knows, and logs in if the settings say
    /// as whom.
    ///
    /// # Errors
    /// There is no such address, nobody listens within the time, who does is no broker, or one that
    /// cannot be trusted or does not let this client in.
    pub async fn open(address: &str, settings: &Settings) -> Result<Self> {
        let broker: Arc<str> = address.into();
        let connected = timeout(settings.connect_timeout, connect(address, settings)).await;
        let late = |_| {
            let text = format!(
                "nobody answered within {} ms",
                settings.connect_timeout.as_millis()
            );
            unreachable(io::Error::new(io::ErrorKind::TimedOut, text))
        };
        let stream = connected.map_err(late).and_then(|it| it);
        let stream = stream.map_err(|reason| Error::new(reason).at(&broker))?;
        let link = Link::start(stream, settings.max_response_bytes);
        let versions = Versions::ask(&link, settings).await;
        let key = millrace_kafka_wire::ApiKey::ApiVersions;
        let versions = versions.map_err(|error| error.at(&broker).during(key))?;
        let connection = Self {
            inner: Arc::new(Inner {
                broker,
                client_id: Str::from(&*settings.client_id),
                request_timeout: settings.request_timeout,
                link,
                versions,
            }),
        };
        if let Some(login) = &settings.login {
            login::log_in(&connection, login).await?;
        }
        Ok(connection)
    }

    /// The address, as it was asked for.
    pub fn broker(&self) -> &Arc<str> {
        &self.inner.broker
    }

    /// Whether it has not failed yet.
    pub fn is_open(&self) -> bool {
        self.inner.link.is_open()
    }

    /// Waits until it has failed. Cancel safe.
    pub(crate) async fn closed(&self) {
        self.inner.link.closed().await;
    }

    /// The version in which a request would be sent.
    ///
    /// # Errors
    /// There is none that both know.
    pub fn version_of<R: Request>(&self) -> Result<i16> {
        self.version_up_to::<R>(i16::MAX)
    }

    fn version_up_to<R: Request>(&self, most: i16) -> Result<i16> {
        let version = self.inner.versions.pick_up_to(R::KEY, most);
        version.map_err(|reason| self.error::<R>(reason))
    }

    /// Sends a request and waits for its response.
    ///
    /// Cancel safe as [`begin`](Self::begin) is; a request that was sent may be done.
    ///
    /// # Errors
    /// As those of `begin` and [`Pending::wait`].
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Response> {
        self.begin(request, Duration::ZERO).await?.wait().await
    }

    /// Sends a request. `patience` is how long the broker may wait on purpose before it answers.
    ///
    /// Cancel safe: the request is handed to the connection as a whole or not at all.
    ///
    /// # Errors
    /// The broker does not know it, or the connection broke.
    pub async fn begin<R: Request>(&self, request: &R, patience: Duration) -> Result<Pending<R>> {
        self.begin_up_to(i16::MAX, request, patience).await
    }

    /// As [`begin`](Self::begin), in no version above this one.
    pub(crate) async fn begin_up_to<R: Request>(
        &self,
        most: i16,
        request: &R,
        patience: Duration,
    ) -> Result<Pending<R>> {
        let version = self.version_up_to::<R>(most)?;
        let ticket = self.send(request, version, true).await?;
        Ok(Pending {
            connection: self.clone(),
            ticket,
            version,
            within: self.inner.request_timeout + patience,
            request: PhantomData,
        })
    }

    /// Sends a request that is not answered, and waits until it is handed to the system.
    ///
    /// # Errors
    /// As those of [`begin`](Self::begin).
    pub async fn tell<R: Request>(&self, request: &R) -> Result<()> {
        let version = self.version_of::<R>()?;
        let ticket = self.send(request, version, false).await?;
        let within = self.inner.request_timeout;
        let written = self.inner.link.wait(ticket, within).await;
        written.map(drop).map_err(|it| self.error::<R>(it))
    }

    async fn send<R: Request>(
        &self,
        request: &R,
        version: i16,
        is_answered: bool,
    ) -> Result<Ticket> {
        let link = &self.inner.link;
        let correlation = link.next_correlation();
        let client_id = Some(self.inner.client_id.clone());
        let frame = write_request(version, correlation, client_id, request)
            .map_err(|error| self.error::<R>(Reason::Unwritable(error)))?;
        let ticket = link.send(correlation, frame, is_answered).await;
        ticket.map_err(|it| self.error::<R>(it))
    }

    pub(crate) fn error<R: Request>(&self, reason: Reason) -> Error {
        self.explain::<R>(Error::new(reason))
    }

    /// Says of an error which broker it is of, and what was asked.
    pub(crate) fn explain<R: Request>(&self, error: Error) -> Error {
        error.at(&self.inner.broker).during(R::KEY)
    }
}

impl<R: Request> Pending<R> {
    /// Waits so long, whatever the settings say.
    #[must_use]
    pub fn within(self, within: Duration) -> Self {
        Self { within, ..self }
    }

    /// Waits for the response. Not cancel safe: the response is lost.
    ///
    /// # Errors
    /// The connection broke, none came in time, or it cannot be read; each ends the connection.
    pub async fn wait(self) -> Result<R::Response> {
        let Self {
            connection,
            ticket,
            version,
            within,
            ..
        } = self;
        let link = &connection.inner.link;
        let frame = link.wait(ticket, within).await;
        let frame = frame.map_err(|it| connection.error::<R>(it))?;
        match read_response::<R>(frame, version) {
            Ok((_, response)) => Ok(response),
            Err(error) => {
                let reason = Reason::Malformed(error);
                link.fail(reason.clone());
                Err(connection.error::<R>(reason))
            }
        }
    }
}

async fn connect(
    address: &str,
    settings: &Settings,
) -> std::result::Result<Box<dyn Transport>, Reason> {
    if let Some(in_process) = &settings.in_process {
        return Ok(Box::new(in_process.connect()));
    }
    let stream = TcpStream::connect(address).await.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    let Some(tls) = &settings.tls else {
        return Ok(Box::new(stream));
    };
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let name = ServerName::try_from(host).map_err(|error| Reason::Tls(error.to_string()))?;
    let agreed = TlsConnector::from(Arc::clone(tls))
        .connect(name, stream)
        .await;
    let stream = agreed.map_err(|error| match explain_handshake(&error) {
        Some(reason) => Reason::Tls(reason),
        None => {
            let text = format!("{error}; does this port speak TLS?");
            unreachable(io::Error::new(error.kind(), text))
        }
    })?;
    Ok(Box::new(stream))
}

fn unreachable(error: io::Error) -> Reason {
    Reason::Connect(Arc::new(error))
}
