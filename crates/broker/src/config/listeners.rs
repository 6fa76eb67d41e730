//! Where a broker listens: `listeners`, `advertised.listeners` and what goes with them.

use std::collections::BTreeMap;
use std::fmt;

use millrace_spec::codes;

use super::complaint::Complaint;
use super::settings::Settings;
use super::{Security, names};

const LISTENERS: &str = "listeners";
const ADVERTISED: &str = "advertised.listeners";
const PROTOCOLS: &str = "listener.security.protocol.map";
const CONTROLLERS: &str = "controller.listener.names";
const INTER_BROKER: &str = "inter.broker.listener.name";
const INTER_BROKER_PROTOCOL: &str = "security.inter.broker.protocol";

/// Where a broker listens, and what it tells clients of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Such as `PLAINTEXT`.
    pub name: String,
    /// What the bytes of its connections are.
    pub protocol: SecurityProtocol,
    /// What that takes.
    pub security: Security,
    /// Address to bind, such as `0.0.0.0`.
    pub host: String,
    /// 0 takes a free port.
    pub port: u16,
    /// Host and port that clients are told; without it, the address that the client connected to.
    pub advertised: Option<(String, u16)>,
    /// `max.connections` of this listener alone.
    pub max_connections: Option<usize>,
    /// `max.connection.creation.rate` of this listener alone.
    pub max_connection_rate: Option<usize>,
}

/// How the connections of a listener are secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityProtocol {
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

impl SecurityProtocol {
    const ALL: [Self; 4] = [
        Self::Plaintext,
        Self::Ssl,
        Self::SaslPlaintext,
        Self::SaslSsl,
    ];

    /// Its number in the metadata.
    pub fn number(self) -> i16 {
        match self {
            Self::Plaintext => 0,
            Self::Ssl => 1,
            Self::SaslPlaintext => 2,
            Self::SaslSsl => 3,
        }
    }

    /// Kafka's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    fn of(name: &str) -> Option<Self> {
        let is_it = |it: &Self| it.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(is_it)
    }
}

impl fmt::Display for SecurityProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `NAME://HOST:PORT`.
#[derive(Debug)]
struct Endpoint {
    name: String,
    host: String,
    port: u16,
}

impl Endpoint {
    fn parse(text: &str) -> Option<Self> {
        let (name, address) = text.split_once("://")?;
        let (host, port) = address.rsplit_once(':')?;
        let bracketed = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let is_host = |it: char| it.is_ascii_alphanumeric() || "-._%:".contains(it);
        let host = bracketed.unwrap_or(host);
        let is_fit = !name.is_empty() && host.chars().all(is_host);
        // An address of IPv6 without brackets would take the port for a part of it.
        let is_clear = bracketed.is_some() || !host.contains(':');
        (is_fit && is_clear).then_some(Self {
            name: name.to_uppercase(),
            host: host.to_owned(),
            port: port.parse().ok()?,
        })
    }

    fn is_everywhere(&self) -> bool {
        is_everywhere(&self.host)
    }
}

fn is_everywhere(host: &str) -> bool {
    matches!(host, "" | "0.0.0.0" | "::")
}

/// The listeners for clients, and what is wrong with what is said of them.
pub(super) fn read(settings: &Settings, complaints: &mut Vec<Complaint>) -> Vec<Listener> {
    let before = complaints.len();
    let bound = endpoints(settings, LISTENERS, complaints);
    let advertised = endpoints(settings, ADVERTISED, complaints);
    let protocols = protocols(settings, complaints);
    if complaints.len() > before {
        return Vec::new();
    }
    check_places(&bound, complaints);
    check_advertised(&bound, &advertised, complaints);
    let controllers: Vec<String> = settings
        .list(CONTROLLERS)
        .iter()
        .map(|it| it.to_uppercase())
        .collect();
    let mut listeners = Vec::new();
    for endpoint in bound {
        if controllers.contains(&endpoint.name) {
            continue;
        }
        let Some(protocol) = protocols.get(&endpoint.name) else {
            complaints.push(without_protocol(&endpoint.name));
            continue;
        };
        let told = advertised.iter().find(|it| it.name == endpoint.name);
        let security = Security::read(settings, &endpoint.name, *protocol, complaints);
        listeners.push(listener(settings, endpoint, (*protocol, security), told));
    }
    if listeners.is_empty() && complaints.len() == before {
        let message = "no listener is left for clients";
        let complaint = Complaint::error(LISTENERS, codes::INVALID_VALUE, message);
        complaints.push(complaint.help("add one, such as `PLAINTEXT://:9092`"));
    }
    check_between_brokers(settings, &listeners, complaints);
    listeners
}

fn listener(
    settings: &Settings,
    endpoint: Endpoint,
    (protocol, security): (SecurityProtocol, Security),
    told: Option<&Endpoint>,
) -> Listener {
    let own = |key: &str| {
        let text = settings.text(&names::for_listener(&endpoint.name, key))?;
        text.trim().parse().ok()
    };
    let advertised = match told {
        Some(told) => Some((told.host.clone(), told.port)),
        // A name is told to clients as it stands; a free port is known only when it is bound.
        None if !endpoint.is_everywhere() && endpoint.port != 0 => {
            Some((endpoint.host.clone(), endpoint.port))
        }
        None => None,
    };
    Listener {
        max_connections: own("max.connections"),
        max_connection_rate: own("max.connection.creation.rate"),
        name: endpoint.name,
        protocol,
        security,
        host: match endpoint.host.as_str() {
            "" => "0.0.0.0".to_owned(),
            _ => endpoint.host,
        },
        port: endpoint.port,
        advertised,
    }
}

fn endpoints(
    settings: &Settings,
    key: &'static str,
    complaints: &mut Vec<Complaint>,
) -> Vec<Endpoint> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for text in settings.list(key) {
        let Some(endpoint) = Endpoint::parse(&text) else {
            let message = format!("`{text}` in `{key}` is not of the form NAME://HOST:PORT");
            let complaint = Complaint::error(key, codes::INVALID_VALUE, message);
            let help =
                "write such as `PLAINTEXT://0.0.0.0:9092`, and `[::1]` for an address of IPv6";
            complaints.push(complaint.help(help));
            continue;
        };
        if endpoints.iter().any(|it| it.name == endpoint.name) {
            let message = format!("two of `{key}` have the name `{}`", endpoint.name);
            let complaint = Complaint::error(key, codes::CONFLICT, message);
            let help = format!("give one of them another name, and a protocol in `{PROTOCOLS}`");
            complaints.push(complaint.help(help));
            continue;
        }
        endpoints.push(endpoint);
    }
    endpoints
}

/// The security protocols of names.
fn protocols(
    settings: &Settings,
    complaints: &mut Vec<Complaint>,
) -> BTreeMap<String, SecurityProtocol> {
    let mut protocols = BTreeMap::new();
    let text = settings.text(PROTOCOLS).unwrap_or_default();
    for pair in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        let found = pair.split_once(':').and_then(|(name, protocol)| {
            let protocol = SecurityProtocol::of(protocol.trim())?;
            Some((name.trim().to_uppercase(), protocol))
        });
        let Some((name, protocol)) = found else {
            let message = format!("`{pair}` in `{PROTOCOLS}` is not of the form NAME:PROTOCOL");
            let known = SecurityProtocol::ALL.map(SecurityProtocol::name).join(", ");
            let complaint = Complaint::error(PROTOCOLS, codes::INVALID_VALUE, message);
            complaints.push(complaint.help(format!("the protocols are {known}")));
            continue;
        };
        if protocols.insert(name.clone(), protocol).is_some() {
            let message = format!("`{PROTOCOLS}` has the name `{name}` twice");
            complaints.push(Complaint::error(PROTOCOLS, codes::CONFLICT, message));
        }
    }
    protocols
}

fn without_protocol(name: &str) -> Complaint {
    let message = format!("the listener `{name}` has no security protocol");
    Complaint::error(LISTENERS, codes::CONFLICT, message)
        .beside(PROTOCOLS)
        .help(format!("add `{name}:PLAINTEXT` to `{PROTOCOLS}`"))
}

/// Two listeners cannot have one place.
fn check_places(bound: &[Endpoint], complaints: &mut Vec<Complaint>) {
    for (index, one) in bound.iter().enumerate() {
        let is_in_its_place = |other: &&Endpoint| {
            one.port != 0
                && one.port == other.port
                && (one.host == other.host || one.is_everywhere() || other.is_everywhere())
        };
        if let Some(other) = bound[index + 1..].iter().find(is_in_its_place) {
            let (one, other, port) = (&one.name, &other.name, one.port);
            let message = format!("the listeners `{one}` and `{other}` both take port {port}");
            let complaint = Complaint::error(LISTENERS, codes::CONFLICT, message);
            complaints.push(complaint.help("give each its own port"));
        }
    }
}

fn check_advertised(bound: &[Endpoint], told: &[Endpoint], complaints: &mut Vec<Complaint>) {
    for endpoint in told {
        let name = &endpoint.name;
        if !bound.iter().any(|it| it.name == *name) {
            let message = format!("`{ADVERTISED}` names `{name}`, which `{LISTENERS}` does not");
            let complaint = Complaint::error(ADVERTISED, codes::CONFLICT, message);
            let help = format!("add `{name}` to `{LISTENERS}`, or remove it here");
            complaints.push(complaint.beside(LISTENERS).help(help));
        }
        if endpoint.is_everywhere() {
            let message = format!("clients cannot connect to the address of `{name}`");
            let complaint = Complaint::error(ADVERTISED, codes::INVALID_VALUE, message);
            let help = "name a host that clients can reach, or leave it out: then clients are told \
                        the address that they came to";
            complaints.push(complaint.help(help));
        }
    }
}

fn check_between_brokers(
    settings: &Settings,
    listeners: &[Listener],
    complaints: &mut Vec<Complaint>,
) {
    let Some(name) = settings.text(INTER_BROKER) else {
        return;
    };
    if settings.is_set(INTER_BROKER_PROTOCOL) {
        let message = format!("`{INTER_BROKER}` and `{INTER_BROKER_PROTOCOL}` say the same");
        let complaint = Complaint::error(INTER_BROKER, codes::CONFLICT, message);
        complaints.push(complaint.beside(INTER_BROKER_PROTOCOL).help("remove one"));
    }
    let is_it = |it: &Listener| it.name.eq_ignore_ascii_case(name.trim());
    if !listeners.is_empty() && !listeners.iter().any(is_it) {
        let message = format!("`{INTER_BROKER}` names `{name}`, which no listener has");
        let complaint = Complaint::error(INTER_BROKER, codes::CONFLICT, message);
        complaints.push(complaint.beside(LISTENERS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(pairs: &[(&str, &str)]) -> Result<Vec<Listener>, Vec<String>> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let settings = Settings::of_file(pairs.iter().map(owned).collect());
        let mut complaints = Vec::new();
        let listeners = read(&settings, &mut complaints);
        match complaints.is_empty() {
            true => Ok(listeners),
            false => Err(complaints.into_iter().map(|it| it.message).collect()),
        }
    }

    #[test]
    fn without_advertised_listeners_a_named_host_is_told_and_everywhere_is_not() {
        for (listener, expected) in [
            ("PLAINTEXT://:9092", ("0.0.0.0", 9092, None)),
            ("plaintext://0.0.0.0:9092", ("0.0.0.0", 9092, None)),
            ("PLAINTEXT://kafka1:9092", ("kafka1", 9092, Some("kafka1"))),
            ("PLAINTEXT://[::1]:9092", ("::1", 9092, Some("::1"))),
            ("PLAINTEXT://127.0.0.1:0", ("127.0.0.1", 0, None)),
        ] {
            let listeners = read_with(&[("listeners", listener)]).expect("fit");
            let (host, port, name) = expected;
            let name = name.map(|it| (it.to_owned(), port));
            let found = &listeners[0];
            assert_eq!((found.host.as_str(), found.port), (host, port));
            assert_eq!(found.advertised, name);
        }
    }

    #[test]
    fn the_listener_of_controllers_is_not_one_for_clients() {
        let listeners = read_with(&[
            ("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"),
            (
                "advertised.listeners",
                "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
            ),
            ("controller.listener.names", "CONTROLLER"),
        ])
        .expect("fit");
        assert_eq!(listeners.len(), 1);
        assert_eq!(
            listeners[0].advertised,
            Some(("localhost".to_owned(), 9092))
        );
    }

    #[test]
    fn listeners_that_contradict_each_other_are_refused() {
        for (pairs, reason) in [
            (
                vec![("listeners", "PLAINTEXT://:9092,PLAINTEXT://:9093")],
                "two of `listeners` have the name `PLAINTEXT`",
            ),
            (
                vec![
                    ("listeners", "A://:9092,B://10.0.0.1:9092"),
                    ("listener.security.protocol.map", "A:PLAINTEXT,B:PLAINTEXT"),
                ],
                "the listeners `A` and `B` both take port 9092",
            ),
            (
                vec![("listeners", "INSIDE://:9092")],
                "the listener `INSIDE` has no security protocol",
            ),
            (
                vec![("advertised.listeners", "OUTSIDE://host:9092")],
                "`advertised.listeners` names `OUTSIDE`, which `listeners` does not",
            ),
            (
                vec![("advertised.listeners", "PLAINTEXT://0.0.0.0:9092")],
                "clients cannot connect to the address of `PLAINTEXT`",
            ),
            (
                vec![("listeners", "SSL://:9093")],
                "the listener `SSL`: TLS needs a certificate: `ssl.keystore.location` is not set",
            ),
            (
                vec![("listeners", "localhost:9092")],
                "`localhost:9092` in `listeners` is not of the form NAME://HOST:PORT",
            ),
            (
                vec![("listeners", "PLAINTEXT://::1:9092")],
                "`PLAINTEXT://::1:9092` in `listeners` is not of the form NAME://HOST:PORT",
            ),
            (
                vec![
                    ("inter.broker.listener.name", "PLAINTEXT"),
                    ("security.inter.broker.protocol", "PLAINTEXT"),
                ],
                "`inter.broker.listener.name` and `security.inter.broker.protocol` say the same",
            ),
            (
                vec![("controller.listener.names", "PLAINTEXT")],
                "no listener is left for clients",
            ),
        ] {
            let refused = read_with(&pairs).expect_err(reason);
            assert_eq!(refused, [reason]);
        }
    }

    #[test]
    fn a_listener_has_bounds_of_its_own() {
        let pairs = [("listener.name.plaintext.max.connections", "7")];
        let listeners = read_with(&pairs).expect("fit");
        assert_eq!(listeners[0].max_connections, Some(7));
    }
}
