//! Addresses of brokers: read, checked, and shown without their credentials.

use std::fmt;

use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use millrace_spec::{FieldKind, FieldType, Node, ReadContext, codes};
use millrace_tls::TlsConfig;
use url::Url;

/// Seconds between heartbeats when the URL names none; a peer that is silent for twice as long is
/// taken for dead.
const HEARTBEAT_SECONDS: u16 = 10;

/// One broker's address.
#[derive(Clone)]
pub struct Server {
    uri: AMQPUri,
    has_credentials: bool,
}

impl Server {
    /// Reads `amqp://user:password@host:port/vhost?heartbeat=30`.
    ///
    /// The scheme is `amqp` or `amqps`; host, port and virtual host default to `localhost`, 5672
    /// (5671 with TLS) and `/`, user and password to `guest`. An empty virtual host is `/` too.
    /// Queries: `heartbeat` in seconds, `connection_timeout` in milliseconds, `channel_max`,
    /// `frame_max`, `auth_mechanism` (`plain`, `amqplain`, `external`, `anonymous`).
    ///
    /// # Errors
    /// What is wrong, without quoting the text: it holds a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
        let scheme = match url.scheme() {
            "amqp" => AMQPScheme::AMQP,
            "amqps" => AMQPScheme::AMQPS,
            other => return Err(format!("the scheme is `{other}`, not amqp or amqps")),
        };
        if url.cannot_be_a_base() {
            return Err("`//` is missing after the scheme".to_owned());
        }
        let userinfo = AMQPUserInfo {
            username: or_guest(decoded(url.username())?),
            password: url.password().map_or(Ok("guest".to_owned()), decoded)?,
        };
        let host = match url.host_str() {
            None | Some("") => "localhost".to_owned(),
            Some(host) => decoded(host.trim_start_matches('[').trim_end_matches(']'))?,
        };
        let vhost = decoded(url.path().trim_start_matches('/'))?;
        Ok(Self {
            has_credentials: !url.username().is_empty(),
            uri: AMQPUri {
                authority: AMQPAuthority {
                    userinfo,
                    host,
                    port: url.port().unwrap_or_else(|| scheme.default_port()),
                },
                scheme,
                vhost: if vhost.is_empty() {
                    "/".to_owned()
                } else {
                    vhost
                },
                query: query(&url)?,
            },
        })
    }

    /// Everything that is needed to connect, credentials included.
    pub fn uri(&self) -> &AMQPUri {
        &self.uri
    }

    /// Whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.uri.scheme == AMQPScheme::AMQPS
    }

    /// Whether the URL names a user.
    pub fn has_credentials(&self) -> bool {
        self.has_credentials
    }
}

/// Without user and password.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AMQPUri {
            scheme,
            authority,
            vhost,
            ..
        } = &self.uri;
        let (host, port) = (&authority.host, authority.port);
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")?;
        } else {
            write!(f, "{scheme}://{host}:{port}")?;
        }
        let path = if vhost == "/" { "" } else { vhost.as_str() };
        write!(f, "/{path}")
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn or_guest(user: String) -> String {
    if user.is_empty() {
        "guest".to_owned()
    } else {
        user
    }
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| "percent-encoded text is not UTF-8")?;
    Ok(decoded.into_owned())
}

fn query(url: &Url) -> Result<AMQPQueryString, String> {
    let mut found = AMQPQueryString {
        heartbeat: Some(HEARTBEAT_SECONDS),
        ..AMQPQueryString::default()
    };
    for (key, value) in url.query_pairs() {
        let wrong = || format!("the value of `{key}` is not valid");
        match &*key {
            "heartbeat" => found.heartbeat = Some(value.parse().map_err(|_| wrong())?),
            "frame_max" => found.frame_max = Some(value.parse().map_err(|_| wrong())?),
            "channel_max" => found.channel_max = Some(value.parse().map_err(|_| wrong())?),
            "connection_timeout" => {
                found.connection_timeout = Some(value.parse().map_err(|_| wrong())?);
            }
            "auth_mechanism" => found.auth_mechanism = Some(value.parse().map_err(|_| wrong())?),
            // Other clients have other parameters, which are theirs alone.
            _ => {}
        }
    }
    Ok(found)
}

/// The brokers to try in turn, as the field `urls` lists them: an item may hold several, separated
/// by commas.
#[derive(Clone, Debug)]
pub struct Urls(pub Vec<Server>);

impl FieldType for Urls {
    fn kind() -> FieldKind {
        FieldKind::List(Box::new(FieldKind::String))
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let items = Vec::<String>::read(node, cx)?;
        let nodes = node.as_sequence().unwrap_or_default();
        let mut servers = Vec::with_capacity(items.len());
        let mut failed = false;
        for (item, node) in items.iter().zip(nodes) {
            for text in item.split(',').map(str::trim).filter(|it| !it.is_empty()) {
                match read_server(text, node, cx) {
                    Some(server) => servers.push(server),
                    None => failed = true,
                }
            }
        }
        if failed {
            return None;
        }
        if servers.is_empty() {
            cx.error(
                codes::INVALID_VALUE,
                node.span,
                "at least one URL is needed",
            )
            .help = Some("such as `amqp://guest:guest@localhost:5672/`".to_owned());
            return None;
        }
        Some(Self(servers))
    }
}

/// One broker, as a field `url`.
impl FieldType for Server {
    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let text = String::read(node, cx)?;
        read_server(text.trim(), node, cx)
    }
}

fn read_server(text: &str, node: &Node, cx: &mut ReadContext) -> Option<Server> {
    match Server::parse(text) {
        Ok(server) => {
            cx.add_secret_text(server.uri.authority.userinfo.password.clone());
            Some(server)
        }
        Err(reason) => {
            let message = format!("not the address of a broker: {reason}");
            cx.error(codes::INVALID_VALUE, node.span, message).help =
                Some("such as `amqp://guest:guest@localhost:5672/`".to_owned());
            None
        }
    }
}

/// Warns of TLS settings that no URL uses.
pub fn check_tls(servers: &[Server], tls: &TlsConfig, node: &Node, cx: &mut ReadContext) {
    if tls.enabled && !servers.iter().any(Server::is_tls) {
        let span = node.get("tls").unwrap_or(node).span;
        let message = "tls is enabled, but connections to `amqp:` URLs are not encrypted";
        cx.warn(codes::SHOULD_OMIT, span, message).help =
            Some("write `amqps:` in the URL".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, u16, String, String, String) {
        let server = Server::parse(text).unwrap();
        let AMQPUri {
            authority, vhost, ..
        } = server.uri;
        let AMQPUserInfo { username, password } = authority.userinfo;
        (authority.host, authority.port, vhost, username, password)
    }

    #[test]
    fn the_parts_of_a_url_have_the_usual_defaults() {
        let all = |host: &str, port, vhost: &str, user: &str, password: &str| {
            (
                host.into(),
                port,
                vhost.into(),
                user.into(),
                password.into(),
            )
        };
        for (text, expected) in [
            ("amqp://", all("localhost", 5672, "/", "guest", "guest")),
            ("amqp://h", all("h", 5672, "/", "guest", "guest")),
            (
                "amqp://127.0.0.1:5673/",
                all("127.0.0.1", 5673, "/", "guest", "guest"),
            ),
            ("amqps://u:p%40@h/%2F", all("h", 5671, "/", "u", "p@")),
            ("amqp://u:p@h/v%2Fw", all("h", 5672, "v/w", "u", "p")),
            ("amqp://[::1]:1/v", all("::1", 1, "v", "guest", "guest")),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_address_is_refused_without_being_quoted() {
        for text in [
            "planted",
            "http://u:planted@h/",
            "amqp:planted",
            "amqp://h?heartbeat=planted",
        ] {
            let error = Server::parse(text).unwrap_err();
            assert!(!error.contains("planted"), "{error}");
        }
    }

    #[test]
    fn what_is_shown_has_no_credentials() {
        let server = Server::parse("amqp://planted-user:planted-password@[::1]:5673/v").unwrap();
        assert_eq!(
            format!("{server} {server:?}"),
            "amqp://[::1]:5673/v amqp://[::1]:5673/v"
        );
    }
}
