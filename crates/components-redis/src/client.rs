//! The fields that every Redis component shares, and connections made from them.

use std::sync::Arc;
use std::time::Duration;

use millrace_message::Error;
use millrace_spec::{Node, ReadContext, SecretAddress, Spec, codes};
use millrace_tls::TlsConfig;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, ConnectionInfo,
    FromRedisValue, IntoConnectionInfo, Pipeline, RedisConnectionInfo, RedisError, RedisFuture,
    RedisResult, ScriptInvocation, TlsCertificates, TlsMode, Value,
};

use crate::address::Addresses;
use crate::failure;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer may take, beyond the time that a command waits by itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Where Redis is.
#[derive(Clone, Debug, Spec)]
#[spec(check = ClientFields::check)]
pub struct ClientFields {
    /// The address: `redis://user:password@host:6379/0`, with the number of the database as path.
    /// Several, divided by commas, name the nodes of a cluster or the sentinels. `rediss` stands
    /// for TLS.
    #[spec(
        example = "redis://localhost:6379",
        example = "redis://:password@host:6379/1"
    )]
    pub url: SecretAddress,
    /// What stands behind the address.
    #[spec(default = "simple", advanced)]
    pub kind: Kind,
    /// The name of the master when `kind` is `failover`.
    #[spec(default = "", advanced)]
    pub master: String,
    /// TLS settings.
    #[spec(advanced)]
    pub tls: TlsConfig,
}

/// What stands behind the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
pub enum Kind {
    /// One server.
    Simple,
    /// A cluster.
    Cluster,
    /// Sentinels that know the master.
    Failover,
}

impl ClientFields {
    fn check(&mut self, node: &Node, cx: &mut ReadContext) {
        let place = |field: &str| node.field_span(field);
        match Addresses::parse(self.url.expose()) {
            Ok(addresses) => {
                if let Some(password) = addresses.password {
                    cx.add_secret_text(password);
                }
            }
            Err(_) if node.get("url").is_some_and(|url| cx.is_placeholder(url)) => {}
            Err(reason) => {
                if let Some(url) = node.get("url") {
                    cx.add_secret(url);
                }
                cx.error(codes::INVALID_VALUE, place("url"), format!("url: {reason}"));
            }
        }
        if self.kind == Kind::Failover && self.master.is_empty() {
            let message = "field master is required when kind is `failover`";
            cx.error(codes::MISSING_FIELD, place("kind"), message);
        }
    }

    /// What opens connections; nothing is opened yet.
    ///
    /// # Errors
    /// The fields are not valid.
    pub fn redis(&self) -> Result<Arc<Redis>, Error> {
        let addresses = Addresses::parse(self.url.expose())
            .map_err(|reason| Error::fatal(format!("url: {reason}")))?;
        Ok(Arc::new(Redis {
            addresses,
            kind: self.kind,
            master: self.master.clone(),
            tls: self.tls.clone(),
            shared: tokio::sync::Mutex::default(),
        }))
    }
}

/// Opens connections, and keeps one that commands share.
pub struct Redis {
    addresses: Addresses,
    kind: Kind,
    master: String,
    tls: TlsConfig,
    shared: tokio::sync::Mutex<Option<Link>>,
}

/// A connection, of a server or of a cluster. Clones share it.
#[derive(Clone)]
pub enum Link {
    /// To one server.
    Server(MultiplexedConnection),
    /// To the nodes of a cluster.
    Cluster(ClusterConnection),
}

impl Redis {
    /// Opens a connection of its own for commands that wait up to `wait` by themselves.
    ///
    /// # Errors
    /// `Rejected` when the server does not let this client in, else `NotConnected`, with the address
    /// and the reason.
    pub async fn connect(&self, wait: Duration) -> Result<Link, Error> {
        let link = self.open_and_ask(wait).await;
        let what = || format!("connect to {} (`url`)", self.place());
        link.map_err(|error| failure::describe_connect(&what(), &error))
    }

    /// Opens a connection; a server that wants a password tells so with its first answer only.
    async fn open_and_ask(&self, wait: Duration) -> RedisResult<Link> {
        let mut link = self.open(wait).await?;
        match redis::cmd("PING").query_async::<()>(&mut link).await {
            Err(error) if failure::is_refused_login(&error) => Err(error),
            // What the user may not do is none of this one's business.
            _ => Ok(link),
        }
    }

    /// The address for error texts, without secrets.
    pub fn place(&self) -> String {
        if let Some(socket) = &self.addresses.socket {
            return format!("redis at {socket}");
        }
        let hosts = self.addresses.hosts.iter();
        let hosts: Vec<_> = hosts.map(|(host, port)| format!("{host}:{port}")).collect();
        format!("redis at {}", hosts.join(","))
    }

    async fn open(&self, wait: Duration) -> RedisResult<Link> {
        let certificates = self.certificates()?;
        let answer = wait + ANSWER_TIMEOUT;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(answer));
        match self.kind {
            Kind::Simple => {
                let info = self.info(0)?;
                let client = match certificates {
                    None => Client::open(info)?,
                    Some(certificates) => Client::build_with_tls(info, certificates)?,
                };
                let link = client.get_multiplexed_async_connection_with_config(&config);
                Ok(Link::Server(link.await?))
            }
            Kind::Cluster => {
                let nodes = (0..self.addresses.hosts.len()).map(|index| self.info(index));
                let nodes: Vec<_> = nodes.collect::<RedisResult<_>>()?;
                let mut builder = ClusterClientBuilder::new(nodes)
                    .connection_timeout(CONNECT_TIMEOUT)
                    .response_timeout(answer);
                if let Some(user) = &self.addresses.user {
                    builder = builder.username(user);
                }
                if let Some(password) = &self.addresses.password {
                    builder = builder.password(password);
                }
                if let Some(certificates) = certificates {
                    builder = builder.tls(self.tls_mode()).certs(certificates);
                }
                Ok(Link::Cluster(
                    builder.build()?.get_async_connection().await?,
                ))
            }
            Kind::Failover => {
                let sentinels = (0..self.addresses.hosts.len()).map(|index| self.address(index));
                let mut builder = SentinelClientBuilder::new(
                    sentinels,
                    &self.master,
                    SentinelServerType::Master,
                )?
                .set_client_to_redis_db(self.addresses.database);
                if let Some(user) = &self.addresses.user {
                    builder = builder.set_client_to_redis_username(user);
                }
                if let Some(password) = &self.addresses.password {
                    builder = builder.set_client_to_redis_password(password);
                }
                if let Some(certificates) = certificates {
                    builder = builder
                        .set_client_to_redis_tls_mode(self.tls_mode())
                        .set_client_to_redis_certificates(certificates);
                }
                let mut client = builder.build()?;
                let link = client.get_async_connection_with_config(&config);
                Ok(Link::Server(link.await?))
            }
        }
    }

    fn uses_tls(&self) -> bool {
        self.tls.enabled || self.addresses.tls
    }

    fn tls_mode(&self) -> TlsMode {
        if self.tls.enabled && self.tls.skip_cert_verify {
            TlsMode::Insecure
        } else {
            TlsMode::Secure
        }
    }

    fn address(&self, index: usize) -> ConnectionAddr {
        if let Some(socket) = &self.addresses.socket {
            return ConnectionAddr::Unix(socket.into());
        }
        let (host, port) = self.addresses.hosts[index].clone();
        if self.uses_tls() {
            ConnectionAddr::TcpTls {
                host,
                port,
                insecure: matches!(self.tls_mode(), TlsMode::Insecure),
                tls_params: None,
            }
        } else {
            ConnectionAddr::Tcp(host, port)
        }
    }

    fn info(&self, index: usize) -> RedisResult<ConnectionInfo> {
        let mut settings = RedisConnectionInfo::default().set_db(self.addresses.database);
        if let Some(user) = &self.addresses.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.addresses.password {
            settings = settings.set_password(password);
        }
        let info = self.address(index).into_connection_info()?;
        Ok(info.set_redis_settings(settings))
    }

    /// The certificates of the `tls` field; files are read each time.
    fn certificates(&self) -> RedisResult<Option<TlsCertificates>> {
        if !self.uses_tls() {
            return Ok(None);
        }
        // The client takes its algorithms from the process; a second installation changes nothing.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let tls = &self.tls;
        if !tls.enabled {
            return Ok(Some(TlsCertificates {
                client_tls: None,
                root_cert: None,
            }));
        }
        // The PEM is parsed before the client does it: that one's errors quote the key.
        let root_cert = tls.root_pem().map_err(|error| refused(&error))?;
        let client_tls = match tls.client_certs.first() {
            None => None,
            Some(cert) => {
                let (client_cert, client_key) = cert.pem().map_err(|error| refused(&error))?;
                Some(ClientTlsConfig {
                    client_cert,
                    client_key,
                })
            }
        };
        Ok(Some(TlsCertificates {
            client_tls,
            root_cert,
        }))
    }

    /// The connection that commands share, opened when there is none.
    async fn shared(&self) -> RedisResult<Link> {
        let mut shared = self.shared.lock().await;
        if let Some(link) = &*shared {
            return Ok(link.clone());
        }
        let link = self.open(Duration::ZERO).await?;
        *shared = Some(link.clone());
        Ok(link)
    }

    /// Lets go of the shared connection after an error that ends it.
    async fn notice<T>(&self, result: RedisResult<T>) -> RedisResult<T> {
        if let Err(error) = &result
            && failure::is_connection(error)
        {
            self.disconnect().await;
        }
        result
    }

    /// Closes the shared connection; the next command opens another one.
    pub async fn disconnect(&self) {
        *self.shared.lock().await = None;
    }

    /// Sends a command over the shared connection.
    ///
    /// # Errors
    /// Redis refuses it, or cannot be reached.
    pub async fn command<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        let mut link = self.shared().await?;
        self.notice(command.query_async(&mut link).await).await
    }

    /// Runs a script over the shared connection.
    ///
    /// # Errors
    /// As [`Redis::command`].
    pub async fn script<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> RedisResult<T> {
        let mut link = self.shared().await?;
        self.notice(script.invoke_async(&mut link).await).await
    }
}

fn refused(error: &Error) -> RedisError {
    let text = error.text().to_owned();
    RedisError::from((redis::ErrorKind::InvalidClientConfig, "TLS", text))
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(link) => link.req_packed_command(cmd),
            Self::Cluster(link) => link.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(link) => link.req_packed_commands(pipeline, offset, count),
            Self::Cluster(link) => link.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(link) => link.get_db(),
            Self::Cluster(link) => link.get_db(),
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::Workbench;
    use millrace_testkit::pem::KeyWithoutBreaks;

    use super::*;

    fn client(fields: &str) -> Arc<Redis> {
        let yaml = format!("url: rediss://127.0.0.1:1\ntls: {{ enabled: true, {fields} }}");
        let fields: ClientFields = Workbench::new([]).read(&yaml).unwrap();
        fields.redis().unwrap()
    }

    #[test]
    fn a_private_key_whose_line_breaks_are_lost_is_not_quoted() {
        let files = KeyWithoutBreaks::write().unwrap();
        let KeyWithoutBreaks { chain, key, .. } = &files;
        let fields = format!("client_certs: [ {{ cert_file: {chain}, key_file: {key} }} ]");
        let error = client(&fields).certificates().err().unwrap().to_string();
        assert!(error.contains("tls.client_certs.key_file: "), "{error}");
        assert!(!files.is_quoted_in(&error), "{error}");
    }
}
