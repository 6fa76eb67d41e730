//! Opening a connection: the brokers are tried in turn, each for a limited time.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use lapin::auth::AuthProvider;
use lapin::tcp::{AMQPUriTcpExt, RustlsConnector};
use lapin::types::ShortString;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties, Event};
use millrace_component::Identity;
use millrace_message::{Error, ErrorClass};
use millrace_tls::TlsConfig;
use tracing::{info, warn};

use crate::fault;
use crate::urls::Server;

/// How long one broker may take to answer when its URL does not say so.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a broker may take to confirm that a connection is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is needed to connect, again and again.
pub struct Dialer {
    servers: Vec<Server>,
    tls: TlsConfig,
    identity: Arc<Identity>,
}

impl Dialer {
    /// Tries `servers` in this order.
    pub fn new(servers: Vec<Server>, tls: TlsConfig, identity: &Arc<Identity>) -> Self {
        Self {
            servers,
            tls,
            identity: Arc::clone(identity),
        }
    }

    /// Connects to the first broker that lets it.
    ///
    /// # Errors
    /// `Rejected` when every broker refuses this client, else `NotConnected`, with the reason of every
    /// broker that was tried.
    pub async fn dial(&self) -> Result<Connection, Error> {
        let mut reasons = Vec::new();
        for server in &self.servers {
            match self.dial_one(server).await {
                Ok(connection) => {
                    self.watch(&connection);
                    return Ok(connection);
                }
                Err(error) => reasons.push(error.context(format!("connect to {server}"))),
            }
        }
        let texts: Vec<_> = reasons.iter().map(Error::text).collect();
        let is_refused = reasons.iter().all(|it| it.class() == ErrorClass::Rejected);
        let class = match is_refused {
            true => ErrorClass::Rejected,
            false => ErrorClass::NotConnected,
        };
        Err(Error::new(class, texts.join("; ")))
    }

    async fn dial_one(&self, server: &Server) -> Result<Connection, Error> {
        let limit = server.uri().query.connection_timeout;
        let limit = limit.map_or(CONNECT_TIMEOUT, Duration::from_millis);
        match tokio::time::timeout(limit, self.handshake(server)).await {
            Ok(result) => result,
            Err(_) => Err(Error::not_connected(format!("no answer within {limit:?}"))),
        }
    }

    async fn handshake(&self, server: &Server) -> Result<Connection, Error> {
        let tls = match server.is_tls() {
            true => Some(RustlsConnector::from(self.tls.client_config()?)),
            false => None,
        };
        let runtime = lapin::runtime::default_runtime().map_err(|error| fault::of(&error))?;
        let open = async move |uri: AMQPUri, runtime| {
            let plain = AMQPUri {
                scheme: AMQPScheme::AMQP,
                ..uri.clone()
            };
            let stream = plain.connect_async(&runtime).await?;
            match &tls {
                None => Ok(stream),
                Some(tls) => Ok(stream.into_rustls(tls, &uri.authority.host).await?),
            }
        };
        let name = format!("millrace {}", self.identity.path);
        let mut properties = ConnectionProperties::default().with_connection_name(name.into());
        let mechanism = server.uri().query.auth_mechanism;
        if server.is_tls() && !self.tls.client_certs.is_empty() && self.tls.enabled {
            // As Bento does: a client certificate without a user stands for the user.
            if !server.has_credentials() && mechanism.is_none() {
                properties = properties.with_auth_provider(ByCertificate);
            }
        }
        Connection::connector(server.uri().clone(), runtime, open, properties)
            .await
            .map_err(|error| fault::of_login(&error))
    }

    /// Says when the broker stops taking messages, and when it takes them again.
    fn watch(&self, connection: &Connection) {
        let mut events = Box::pin(connection.events_listener());
        let identity = Arc::clone(&self.identity);
        tokio::spawn(async move {
            let (component, path) = (&*identity.component, &*identity.path);
            let label = &*identity.label;
            while let Some(event) = events.next().await {
                match event {
                    Event::ConnectionBlocked(reason) => warn!(
                        component,
                        path, label, "the broker takes no messages for now: {reason}"
                    ),
                    Event::ConnectionUnblocked => {
                        info!(component, path, label, "the broker takes messages again");
                    }
                    _ => {}
                }
            }
        });
    }
}

/// Leaves it to the client certificate to say who connects.
struct ByCertificate;

impl AuthProvider for ByCertificate {}

/// Closes a connection in order.
///
/// # Errors
/// The broker does not confirm it in time: what it was told last may not have arrived.
pub async fn close(connection: &Connection) -> Result<(), Error> {
    if !connection.status().connected() {
        // It was lost: there is nothing left to close.
        return Ok(());
    }
    let text = ShortString::from("closed");
    match tokio::time::timeout(CLOSE_TIMEOUT, connection.close(200, text)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(fault::of(&error).context("close the connection")),
        Err(_) => Err(Error::not_connected(format!(
            "close the connection: no answer within {CLOSE_TIMEOUT:?}"
        ))),
    }
}
