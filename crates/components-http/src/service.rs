//! The HTTP server of the service: `/ping`, and whatever the rest of the process mounts on it.
//!
//! Components without an `address` of their own register their paths here; the node mounts
//! `/metrics`, `/ready` and the like. Every path is served as it is, below `root_path`, and
//! below `/millrace`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, Request, Response, StatusCode};
use millrace_component::BuildContext;
use millrace_message::Error;
use millrace_spec::diagnostics::{Diagnostics, SourceMap};
use millrace_spec::env::InterpolatedText;
use millrace_spec::{FieldType, Node, ReadContext, Spec, codes, tree};
use parking_lot::Mutex;

use crate::Body;
use crate::server::{
    BasicAuth, Cors, Handler, Hold, Limits, Params, Peer, RequestBody, Route, Routes, Server,
    ServerOptions, check_path, text,
};

mod uses;

pub use uses::check_endpoint_uses;

/// The prefix under which every path is served beside `root_path`.
const OWN_ROOT: &str = "/millrace";

/// How long the requests of a listener that is replaced have to finish.
const STALE_GRACE: Duration = Duration::from_secs(1);

/// The HTTP server of the service: the field `http` of a config.
#[derive(Clone, Debug, Spec)]
#[spec(check = check_address)]
pub struct HttpConfig {
    /// Whether the server listens at all.
    #[spec(default = true)]
    pub enabled: bool,
    /// Where it listens.
    #[spec(default = "0.0.0.0:4195")]
    pub address: String,
    /// A prefix under which every path is served as well.
    #[spec(default = "/bento")]
    pub root_path: String,
    /// Whether to serve paths that show the inside of the process; this build has none.
    #[spec(default = false, lint = warn_of_debug)]
    pub debug_endpoints: bool,
    /// A certificate in PEM; with `key_file` it enables TLS and HTTP/2.
    #[spec(default = "", advanced)]
    pub cert_file: String,
    /// The key of the certificate, in PEM.
    #[spec(default = "", advanced)]
    pub key_file: String,
    /// Pages of other origins.
    #[spec(advanced)]
    pub cors: Cors,
    /// Authentication of every request.
    #[spec(advanced)]
    pub basic_auth: BasicAuth,
}

impl HttpConfig {
    /// A server at an address, with everything else as it is by default.
    ///
    /// # Errors
    /// It is no address.
    pub fn at(address: &str) -> Result<Self, Error> {
        let sources = Arc::new(SourceMap::new());
        let text = format!("address: {address:?}");
        let source = sources.add("address", text.as_str());
        let mut found = Diagnostics::new();
        let tree = tree::parse(&InterpolatedText::verbatim(&text, source), &mut found);
        let mut cx = ReadContext::new(sources);
        let config = tree.and_then(|tree| Self::read(&tree, &mut cx));
        match (config, cx.take_diagnostics().iter().next()) {
            (Some(config), None) => Ok(config),
            (_, found) => {
                let reason = found.map_or("it is no address", |it| it.message.as_str());
                Err(Error::fatal(format!("address `{address}`: {reason}")))
            }
        }
    }
}

fn check_address(config: &mut HttpConfig, node: &Node, cx: &mut ReadContext) {
    if config.enabled {
        check_port("http.address", &config.address, node, cx);
        check_certificate(&config.cert_file, &config.key_file, node, cx);
    }
}

/// Complains of a certificate without its key, and of a key without its certificate.
fn check_certificate(cert_file: &str, key_file: &str, node: &Node, cx: &mut ReadContext) {
    if cert_file.is_empty() == key_file.is_empty() {
        return;
    }
    let (given, missing) = match key_file.is_empty() {
        true => ("cert_file", "key_file"),
        false => ("key_file", "cert_file"),
    };
    let span = node.field_span(given);
    let message = "TLS needs both `cert_file` and `key_file`, and only one is set";
    cx.error(codes::MISSING_FIELD, span, message).help =
        Some(format!("set `{missing}`, or remove `{given}`"));
}

/// Complains of an `address` without a port. Whether there is such an address shows only when the
/// server starts. `field` is what the address is called in the complaint.
fn check_port(field: &str, address: &str, node: &Node, cx: &mut ReadContext) {
    let port = address.rsplit_once(':').map(|(_, port)| port);
    if port.is_none_or(|port| port.parse::<u16>().is_err()) {
        let span = node.field_span("address");
        let message = format!("field {field}: `{address}` does not end in a port from 0 to 65535");
        cx.error(codes::INVALID_VALUE, span, message).help =
            Some("write it as `host:port`, such as `localhost:4195`".to_owned());
    }
}

fn warn_of_debug(wanted: &bool, node: &Node, cx: &mut ReadContext) {
    if *wanted {
        let message = "debug_endpoints: this build has no such paths";
        cx.warn(codes::NOT_SUPPORTED, node.span, message);
    }
}

/// The HTTP server of the service; a service of [`millrace_component::Services`].
pub struct HttpService {
    config: HttpConfig,
    limits: Limits,
    routes: Arc<Routes>,
    server: Mutex<Option<Arc<Server>>>,
    own: Mutex<Vec<Mount>>,
    hold: Hold,
    parked: Mutex<Vec<Parked>>,
}

/// A server of a component, kept listening while the stream of the component is replaced.
struct Parked {
    endpoint: Endpoint,
    routes: Arc<Routes>,
    server: Server,
}

/// A path that is served under all its names until this is dropped.
#[must_use]
pub struct Mount {
    _routes: Vec<Route>,
}

impl HttpService {
    /// A server that does not listen yet; paths can be mounted.
    ///
    /// # Errors
    /// `root_path` is no path.
    pub fn new(config: HttpConfig) -> Result<Arc<Self>, Error> {
        Self::within(config, Limits::default())
    }

    /// As [`HttpService::new`], with limits of its own for its connections.
    ///
    /// # Errors
    /// As [`HttpService::new`].
    pub fn within(config: HttpConfig, limits: Limits) -> Result<Arc<Self>, Error> {
        let hold = Hold::default();
        let service = Self {
            config,
            limits,
            routes: Arc::new(Routes::with_hold(hold.clone())),
            server: Mutex::default(),
            own: Mutex::default(),
            hold,
            parked: Mutex::default(),
        };
        let ping =
            service.mount_fn("/ping", "Answers `pong`.", |_| text(StatusCode::OK, "pong"))?;
        service.own.lock().push(ping);
        Ok(Arc::new(service))
    }

    /// Its config.
    pub fn config(&self) -> &HttpConfig {
        &self.config
    }

    /// Serves `path` by `handler` until the mount is dropped.
    ///
    /// # Errors
    /// Fatal: the path is served already, or is no path.
    pub fn mount(
        &self,
        path: &str,
        description: &str,
        handler: &Arc<dyn Handler>,
    ) -> Result<Mount, Error> {
        let root = self.config.root_path.trim_end_matches('/');
        let mut roots = vec![String::new()];
        for prefix in [root, OWN_ROOT] {
            if !roots.iter().any(|it| it == prefix) {
                roots.push(prefix.to_owned());
            }
        }
        let add = |root: String| {
            self.routes
                .add(&format!("{root}{path}"), description, Arc::clone(handler))
        };
        Ok(Mount {
            _routes: roots.into_iter().map(add).collect::<Result<_, _>>()?,
        })
    }

    /// Serves `path` by a function that does not wait and does not look at the body.
    ///
    /// # Errors
    /// As [`HttpService::mount`].
    pub fn mount_fn<F>(&self, path: &str, description: &str, answer: F) -> Result<Mount, Error>
    where
        F: Fn(&Request<RequestBody>) -> Response<Body> + Send + Sync + 'static,
    {
        let handler: Arc<dyn Handler> = Arc::new(FnHandler(answer));
        self.mount(path, description, &handler)
    }

    /// The paths, without the prefixed names, and what they are for.
    pub fn endpoints(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let root = self.config.root_path.trim_end_matches('/');
        let is_below = |path: &str, root: &str| {
            !root.is_empty()
                && path
                    .strip_prefix(root)
                    .is_some_and(|it| it.starts_with('/'))
        };
        let mut paths = self.routes.list();
        paths.retain(|(path, _)| !is_below(path, root) && !is_below(path, OWN_ROOT));
        paths
    }

    /// Binds the address and serves; nothing happens when the server is disabled.
    ///
    /// # Errors
    /// Fatal: the address cannot be bound, or the certificate cannot be used.
    pub async fn start(&self) -> Result<Option<SocketAddr>, Error> {
        if !self.config.enabled {
            return Ok(None);
        }
        let options = ServerOptions {
            field: "http.address",
            address: &self.config.address,
            cert_file: &self.config.cert_file,
            key_file: &self.config.key_file,
            cors: self.config.cors.active(),
            access: self.config.basic_auth.active(),
            limits: self.limits,
        };
        let server = Server::start(options, Arc::clone(&self.routes)).await?;
        let address = server.address();
        *self.server.lock() = Some(Arc::new(server));
        Ok(Some(address))
    }

    /// Holds requests for components back, until [`HttpService::release`], and waits at most
    /// `limit` until those under way are answered. Listeners of components stay open meanwhile.
    pub async fn hold(&self, limit: Duration) {
        self.hold.begin();
        self.hold.drained(limit).await;
    }

    /// Lets requests go on, to the components that are there now, and closes the listeners that no
    /// component has taken over.
    pub async fn release(&self, grace: Duration) {
        self.hold.end();
        let parked = std::mem::take(&mut *self.parked.lock());
        for Parked { server, .. } in parked {
            server.close(grace).await;
        }
    }

    /// The listener that an earlier stream left at this address.
    fn unpark(&self, endpoint: &Endpoint) -> Option<Parked> {
        let mut parked = self.parked.lock();
        let address = &endpoint.address;
        let at = parked
            .iter()
            .position(|it| it.endpoint.address == *address)?;
        Some(parked.swap_remove(at))
    }

    /// The stream ends, and no other one follows: paths that its components leave are answered with 503.
    pub fn end_stream(&self) {
        self.routes.end();
    }

    /// Stops listening and lets requests under way finish for at most `grace`.
    pub async fn close(&self, grace: Duration) {
        let server = self.server.lock().take();
        if let Some(server) = server {
            server.close(grace).await;
        }
    }
}

struct FnHandler<F>(F);

#[async_trait]
impl<F> Handler for FnHandler<F>
where
    F: Fn(&Request<RequestBody>) -> Response<Body> + Send + Sync,
{
    async fn handle(
        &self,
        request: Request<RequestBody>,
        _: Params,
        _: &Arc<Peer>,
    ) -> Response<Body> {
        (self.0)(&request)
    }
}

/// Where a component wants to be reached.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// The config path of the address, for errors.
    pub(crate) field: String,
    /// Empty for the HTTP server of the service.
    pub(crate) address: String,
    pub(crate) cert_file: String,
    pub(crate) key_file: String,
    pub(crate) cors: Cors,
}

impl Endpoint {
    /// Whether a listener of the other one can serve this one.
    fn serves_like(&self, other: &Self) -> bool {
        let settings = |it: &Self| (it.cert_file.clone(), it.key_file.clone());
        settings(self) == settings(other) && self.cors == other.cors
    }
}

/// Checks what components that are reached have in common.
pub(crate) fn check_endpoints(
    endpoint: &Endpoint,
    paths: &[(&str, &str)],
    verbs: &[String],
    node: &Node,
    cx: &mut ReadContext,
) {
    let place = |field: &str| node.field_span(field);
    if verbs.is_empty() {
        let message = "at least one verb has to be allowed";
        cx.error(codes::INVALID_VALUE, place("allowed_verbs"), message);
    }
    for verb in verbs {
        if Method::from_bytes(verb.as_bytes()).is_err() {
            let message = format!("`{verb}` is no HTTP verb");
            cx.error(codes::INVALID_VALUE, place("allowed_verbs"), message);
        }
    }
    let paths = paths.iter().filter(|(_, path)| !path.is_empty());
    for (field, path) in paths.clone() {
        if let Err(error) = check_path(path) {
            cx.error(codes::INVALID_VALUE, place(field), error.text());
        }
    }
    let address = (&*endpoint.address, place("address"));
    let paths = paths.map(|(field, path)| ((*path).to_owned(), place(field)));
    uses::add(address, paths, cx);
    if endpoint.address.is_empty() {
        let help = "set `address`, or use the same field of the section `http`";
        let message = |field: &str| format!("field {field} has no effect without an `address`");
        let fields = [
            ("cert_file", !endpoint.cert_file.is_empty()),
            ("key_file", !endpoint.key_file.is_empty()),
        ];
        for (field, _) in fields.into_iter().filter(|(_, is_set)| *is_set) {
            cx.error(codes::CONFLICT, place(field), message(field)).help = Some(help.to_owned());
        }
        // Less is allowed than was asked for, which does no harm.
        if endpoint.cors.is_enabled() {
            cx.warn(codes::CONFLICT, place("cors"), message("cors"))
                .help = Some(help.to_owned());
        }
    } else {
        check_port("address", &endpoint.address, node, cx);
        check_certificate(&endpoint.cert_file, &endpoint.key_file, node, cx);
    }
}

/// Where the paths of a component are served.
pub(crate) enum Place {
    /// By the HTTP server of the service, from the building of the component on.
    Service { _mounts: Vec<Mount> },
    /// By a server of its own, while it listens.
    Own {
        endpoint: Box<Endpoint>,
        routes: Arc<Routes>,
        held: Vec<Route>,
        server: Option<Server>,
        /// A listener of an earlier stream at the same address, with other settings.
        stale: Option<Server>,
        service: Option<Arc<HttpService>>,
    },
}

impl Place {
    /// Registers handlers with their paths and descriptions; empty paths are left out.
    ///
    /// # Errors
    /// Fatal: a path is taken or none, or the HTTP server of the service is disabled.
    pub(crate) fn new(
        endpoint: Endpoint,
        handlers: &[(&str, &str, Arc<dyn Handler>)],
        cx: &BuildContext,
    ) -> Result<Self, Error> {
        let handlers = handlers.iter().filter(|(path, ..)| !path.is_empty());
        if !endpoint.address.is_empty() {
            let service = cx.service::<HttpService>();
            let parked = service.as_ref().and_then(|it| it.unpark(&endpoint));
            let (routes, server, stale) = match parked {
                Some(parked) if parked.endpoint.serves_like(&endpoint) => {
                    (parked.routes, Some(parked.server), None)
                }
                parked => {
                    let hold = service.as_ref().map(|it| it.hold.clone());
                    let routes = Routes::with_hold(hold.unwrap_or_default());
                    (Arc::new(routes), None, parked.map(|it| it.server))
                }
            };
            let held = handlers
                .map(|(path, description, handler)| {
                    routes.add(path, description, Arc::clone(handler))
                })
                .collect::<Result<_, _>>()?;
            return Ok(Self::Own {
                endpoint: Box::new(endpoint),
                routes,
                held,
                server,
                stale,
                service,
            });
        }
        let service = cx.service::<HttpService>();
        let service = service.filter(|it| it.config().enabled).ok_or_else(|| {
            Error::fatal(format!(
                "`{}` is empty, and the HTTP server of the service is disabled; set an address, \
                 or `http.enabled: true`",
                endpoint.field
            ))
        })?;
        let mounts = handlers
            .map(|(path, description, handler)| service.mount(path, description, handler))
            .collect::<Result<_, _>>()?;
        Ok(Self::Service { _mounts: mounts })
    }

    /// Listens, when it has an address of its own and does not listen yet.
    ///
    /// # Errors
    /// Fatal: the address cannot be bound, or the certificate cannot be used.
    pub(crate) async fn listen(&mut self) -> Result<(), Error> {
        let Self::Own {
            endpoint,
            routes,
            server,
            stale,
            ..
        } = self
        else {
            return Ok(());
        };
        if server.is_some() {
            return Ok(());
        }
        if let Some(stale) = stale.take() {
            stale.close(STALE_GRACE).await;
        }
        let options = ServerOptions {
            field: &endpoint.field,
            address: &endpoint.address,
            cert_file: &endpoint.cert_file,
            key_file: &endpoint.key_file,
            cors: endpoint.cors.active(),
            access: None,
            limits: Limits::default(),
        };
        let started = Server::start(options, Arc::clone(routes)).await?;
        // The field is `path.component.address`.
        let mut place = endpoint.field.rsplitn(3, '.').skip(1);
        let component = place.next().unwrap_or_default();
        let path = place.next().unwrap_or_default();
        let address = started.address();
        tracing::info!(%component, %path, %address, "listening for HTTP requests");
        *server = Some(started);
        Ok(())
    }

    /// Stops listening and lets requests under way finish for at most `grace`. While requests are
    /// held back for another stream, the listener is left to it instead.
    pub(crate) async fn close(&mut self, grace: Duration) {
        let Self::Own {
            server,
            service,
            routes,
            endpoint,
            held,
            ..
        } = self
        else {
            return;
        };
        let Some(server) = server.take() else { return };
        match service.as_ref().filter(|it| it.hold.is_held()) {
            Some(service) => {
                held.clear();
                service.parked.lock().push(Parked {
                    endpoint: Endpoint::clone(endpoint),
                    routes: Arc::clone(routes),
                    server,
                });
            }
            None => server.close(grace).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{free_address, send};

    #[tokio::test]
    async fn a_path_that_is_left_at_the_end_is_closing_and_not_unknown() {
        let address = free_address();
        let service = HttpService::new(HttpConfig::at(&address).unwrap()).unwrap();
        service.start().await.unwrap();
        let request = format!("GET /x HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        let answer = send(&address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        service.end_stream();
        let answer = send(&address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        service.close(Duration::ZERO).await;
    }
}
