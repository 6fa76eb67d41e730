//! Which handler answers which path.
//!
//! A path is literal segments and parameters `{name}`; one that ends in `/` matches everything
//! below it. Among those that match, the one with the longest literal beginning wins.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::{Request, Response, StatusCode};
use millrace_message::Error;
use parking_lot::Mutex;

use super::{Access, Cors, Hold, RequestBody, reply};
use crate::Body;

/// The values of a path's parameters, in the order of the path.
pub type Params = Vec<(Arc<str>, String)>;

/// Answers the requests of one path.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Answers one request.
    ///
    /// # Cancel safety
    /// The future is dropped when the client goes away.
    async fn handle(
        &self,
        request: Request<RequestBody>,
        params: Params,
        peer: &Arc<Peer>,
    ) -> Response<Body>;

    /// Whether requests wait for the next stream while this one is replaced.
    fn is_of_stream(&self) -> bool {
        false
    }
}

/// Who is at the other end of a connection.
#[derive(Debug)]
pub struct Peer {
    address: SocketAddr,
    ip: Box<str>,
    tls: Option<TlsDetails>,
}

/// What was agreed on for an encrypted connection.
#[derive(Debug)]
pub struct TlsDetails {
    /// Such as `TLSv1.3`.
    pub version: &'static str,
    /// Such as `TLS_AES_128_GCM_SHA256`.
    pub cipher_suite: String,
}

impl Peer {
    pub(super) fn plain(address: SocketAddr) -> Self {
        // A client of IPv4 on a dual socket is named by its IPv4 address.
        let ip = match address.ip() {
            IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4),
            ip => ip,
        };
        Self {
            address,
            ip: ip.to_string().into(),
            tls: None,
        }
    }

    pub(super) fn tls(address: SocketAddr, session: &rustls::ServerConnection) -> Self {
        let version = match session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        };
        let cipher_suite = session
            .negotiated_cipher_suite()
            .map(|it| format!("{:?}", it.suite()).replace("TLS13_", "TLS_"));
        Self {
            tls: Some(TlsDetails {
                version,
                cipher_suite: cipher_suite.unwrap_or_default(),
            }),
            ..Self::plain(address)
        }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its IP address as text.
    pub fn ip(&self) -> &str {
        &self.ip
    }

    /// What was agreed on, when the connection is encrypted.
    pub fn tls_details(&self) -> Option<&TlsDetails> {
        self.tls.as_ref()
    }
}

/// The routes of one server; they may come and go while it serves.
#[derive(Default)]
pub struct Routes {
    table: ArcSwap<Table>,
    hold: Hold,
    /// Whether routes go for good: who asks for one that has gone asked the right one.
    is_ending: AtomicBool,
    writing: Mutex<()>,
}

#[derive(Clone, Default)]
struct Table {
    exact: BTreeMap<Arc<str>, Arc<Entry>>,
    patterns: Vec<Arc<Entry>>,
}

struct Entry {
    path: Arc<str>,
    description: Arc<str>,
    segments: Vec<Segment>,
    is_prefix: bool,
    handler: Arc<dyn Handler>,
}

enum Segment {
    Literal(Box<str>),
    Parameter(Arc<str>),
}

/// A registered path; it is served until this is dropped.
#[must_use]
pub struct Route {
    routes: Arc<Routes>,
    path: Arc<str>,
}

impl Drop for Route {
    fn drop(&mut self) {
        self.routes.remove(&self.path);
    }
}

impl Routes {
    /// Routes whose requests wait while `hold` is held.
    pub(crate) fn with_hold(hold: Hold) -> Self {
        Self {
            hold,
            ..Self::default()
        }
    }

    /// From now on what is not served is not served any more, and not unknown.
    pub(crate) fn end(&self) {
        self.is_ending.store(true, Ordering::Release);
    }

    /// Serves `path` by `handler` from now on.
    ///
    /// # Errors
    /// Fatal: the path is served already, or is no path.
    pub fn add(
        self: &Arc<Self>,
        path: &str,
        description: &str,
        handler: Arc<dyn Handler>,
    ) -> Result<Route, Error> {
        let entry = Arc::new(Entry::new(path, description, handler)?);
        let _writing = self.writing.lock();
        let mut table = Table::clone(&self.table.load());
        if table.entries().any(|it| *it.path == *path) {
            return Err(Error::fatal(format!(
                "path `{path}` is served by another component already; choose another one"
            )));
        }
        let route = Route {
            routes: Arc::clone(self),
            path: Arc::clone(&entry.path),
        };
        if entry.is_exact() {
            table.exact.insert(Arc::clone(&entry.path), entry);
        } else {
            table.patterns.push(entry);
            table
                .patterns
                .sort_by_key(|it| std::cmp::Reverse(it.literal_prefix()));
        }
        self.table.store(Arc::new(table));
        Ok(route)
    }

    fn remove(&self, path: &str) {
        let _writing = self.writing.lock();
        let mut table = Table::clone(&self.table.load());
        table.exact.remove(path);
        table.patterns.retain(|it| *it.path != *path);
        self.table.store(Arc::new(table));
    }

    /// The paths with their descriptions.
    pub fn list(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let table = self.table.load();
        let pair = |it: &Arc<Entry>| (Arc::clone(&it.path), Arc::clone(&it.description));
        table.entries().map(pair).collect()
    }

    fn find(&self, path: &str) -> Option<(Arc<dyn Handler>, Params)> {
        let table = self.table.load();
        if let Some(entry) = table.exact.get(path) {
            return Some((Arc::clone(&entry.handler), Params::new()));
        }
        let found = |entry: &Arc<Entry>| Some((Arc::clone(&entry.handler), entry.matches(path)?));
        table.patterns.iter().find_map(found)
    }
}

/// Whether a text is a path that can be served.
///
/// # Errors
/// Fatal, with what is wrong.
pub(crate) fn check_path(path: &str) -> Result<(), Error> {
    parse(path).map(drop)
}

impl Table {
    fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.exact.values().chain(&self.patterns)
    }
}

impl Entry {
    fn new(path: &str, description: &str, handler: Arc<dyn Handler>) -> Result<Self, Error> {
        let (segments, is_prefix) = parse(path)?;
        Ok(Self {
            path: path.into(),
            description: description.into(),
            segments,
            is_prefix,
            handler,
        })
    }

    fn is_exact(&self) -> bool {
        !self.is_prefix
            && self
                .segments
                .iter()
                .all(|it| matches!(it, Segment::Literal(_)))
    }

    /// How many bytes of literal segments the path begins with.
    fn literal_prefix(&self) -> usize {
        let literal = |it: &Segment| match it {
            Segment::Literal(text) => Some(text.len() + 1),
            Segment::Parameter(_) => None,
        };
        self.segments.iter().map_while(literal).sum()
    }

    fn matches(&self, path: &str) -> Option<Params> {
        let mut rest = path.strip_prefix('/')?;
        let mut params = Params::new();
        for (index, segment) in self.segments.iter().enumerate() {
            let is_last = index + 1 == self.segments.len();
            let (here, after) = match rest.split_once('/') {
                Some((here, after)) => (here, Some(after)),
                None => (rest, None),
            };
            match segment {
                Segment::Literal(text) if **text == *here => {}
                Segment::Parameter(name) if !here.is_empty() => {
                    params.push((Arc::clone(name), here.to_owned()));
                }
                _ => return None,
            }
            match (is_last, after) {
                (true, None) => return (!self.is_prefix).then_some(params),
                (true, Some(_)) => return self.is_prefix.then_some(params),
                (false, after) => rest = after?,
            }
        }
        self.is_prefix.then_some(params)
    }
}

/// The segments of a path, and whether it stands for everything below it.
fn parse(path: &str) -> Result<(Vec<Segment>, bool), Error> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(Error::fatal(format!(
            "path `{path}` does not begin with `/`"
        )));
    };
    let is_prefix = rest.is_empty() || rest.ends_with('/');
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let segments = rest
        .split('/')
        .filter(|it| !(rest.is_empty() && it.is_empty()));
    let segments = segments.map(segment).collect::<Result<_, _>>()?;
    Ok((segments, is_prefix))
}

fn segment(text: &str) -> Result<Segment, Error> {
    if !text.contains(['{', '}']) {
        return Ok(Segment::Literal(text.into()));
    }
    let name = text.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
    match name {
        Some(name) if !name.is_empty() && !name.contains(['{', '}', ':']) => {
            Ok(Segment::Parameter(name.into()))
        }
        _ => Err(Error::fatal(format!(
            "path segment `{text}` is neither text nor one parameter such as `{{name}}`"
        ))),
    }
}

/// What every request passes before its handler.
pub(super) struct Gate {
    pub(super) routes: Arc<Routes>,
    pub(super) cors: Option<Cors>,
    pub(super) access: Option<Access>,
}

impl Gate {
    pub(super) async fn answer(
        &self,
        request: Request<RequestBody>,
        peer: &Arc<Peer>,
    ) -> Response<Body> {
        if let Some(cors) = &self.cors {
            let origin = request.headers().get(http::header::ORIGIN).cloned();
            if let Some(preflight) = cors.preflight(&request) {
                return preflight;
            }
            let mut response = self.route(request, peer).await;
            cors.annotate(origin.as_ref(), response.headers_mut());
            return response;
        }
        self.route(request, peer).await
    }

    async fn route(&self, request: Request<RequestBody>, peer: &Arc<Peer>) -> Response<Body> {
        if let Some(access) = &self.access
            && !access.allows(request.headers()).await
        {
            return access.refusal();
        }
        let found = self.routes.find(request.uri().path());
        let may_wait = match &found {
            Some((handler, _)) => handler.is_of_stream(),
            None => self.routes.hold.is_held(),
        };
        if may_wait {
            return self.enter(found, request, peer).await;
        }
        if found.is_none() && self.routes.is_ending.load(Ordering::Acquire) {
            return closing();
        }
        dispatch(found, request, peer).await
    }

    /// Answers a request of a component: by the component that is there when it may go on.
    async fn enter(
        &self,
        found: Option<(Arc<dyn Handler>, Params)>,
        request: Request<RequestBody>,
        peer: &Arc<Peer>,
    ) -> Response<Body> {
        let Some(entered) = self.routes.hold.enter().await else {
            return closing();
        };
        let found = match entered.has_waited {
            true => self.routes.find(request.uri().path()),
            false => found,
        };
        dispatch(found, request, peer).await
    }
}

fn closing() -> Response<Body> {
    reply::error(StatusCode::SERVICE_UNAVAILABLE, "Server closing")
}

async fn dispatch(
    found: Option<(Arc<dyn Handler>, Params)>,
    request: Request<RequestBody>,
    peer: &Arc<Peer>,
) -> Response<Body> {
    match found {
        Some((handler, params)) => handler.handle(request, params, peer).await,
        None => reply::error(StatusCode::NOT_FOUND, "404 page not found"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    #[async_trait]
    impl Handler for Nothing {
        async fn handle(
            &self,
            _: Request<RequestBody>,
            _: Params,
            _: &Arc<Peer>,
        ) -> Response<Body> {
            Response::new(Body::EMPTY)
        }
    }

    fn matched(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
        let entry = Entry::new(pattern, "", Arc::new(Nothing)).unwrap();
        let params = entry.matches(path)?;
        Some(
            params
                .into_iter()
                .map(|(k, v)| (k.to_string(), v))
                .collect(),
        )
    }

    #[test]
    fn parameters_are_one_segment_and_a_trailing_slash_matches_everything_below() {
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(matched("/a/{b}/c", "/a/1/c").unwrap(), [pair("b", "1")]);
        for (pattern, path, is_match) in [
            ("/a/{b}/c", "/a//c", false),
            ("/a/{b}", "/a/1/c", false),
            ("/a/{b}", "/a", false),
            ("/a", "/a", true),
            ("/a", "/a/", false),
            ("/a/", "/a/x/y", true),
            ("/a/", "/a/", true),
            ("/a/", "/a", false),
            ("/a/", "/ab", false),
            ("/", "/", true),
            ("/", "/any/thing", true),
        ] {
            assert_eq!(
                matched(pattern, path).is_some(),
                is_match,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn a_path_has_one_owner_until_it_is_dropped() {
        let routes = Arc::new(Routes::default());
        let route = routes.add("/a", "one", Arc::new(Nothing)).unwrap();
        let error = routes.add("/a", "two", Arc::new(Nothing)).err().unwrap();
        assert!(error.text().contains("`/a`"), "{error}");
        assert!(routes.find("/a").is_some());
        drop(route);
        assert!(routes.find("/a").is_none());
    }

    #[test]
    fn the_longest_literal_beginning_wins() {
        let routes = Arc::new(Routes::default());
        let all = routes.add("/", "", Arc::new(Nothing)).unwrap();
        let below = routes.add("/a/{x}", "", Arc::new(Nothing)).unwrap();
        assert_eq!(routes.find("/a/b").unwrap().1.len(), 1);
        assert!(routes.find("/b").unwrap().1.is_empty());
        drop((all, below));
    }

    #[test]
    fn a_path_that_cannot_be_served_is_refused() {
        for path in ["", "a", "/{a", "/{}", "/x{a}", "/{a:[0-9]+}"] {
            assert!(Entry::new(path, "", Arc::new(Nothing)).is_err(), "{path}");
        }
    }
}
