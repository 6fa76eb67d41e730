//! How the connections of a listener are secured: `ssl.*` and `sasl.*`, for all listeners or for one
//! alone (`listener.name.NAME.…`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use millrace_sasl::{Mechanism, jaas};
use millrace_spec::{Secret, codes};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use super::complaint::Complaint;
use super::settings::Settings;
use super::{SecurityProtocol, names};

/// How the connections of a listener are secured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// With it connections are encrypted.
    pub tls: Option<TlsServer>,
    /// With it clients have to log in.
    pub sasl: Option<SaslServer>,
}

/// TLS of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsServer {
    /// Its certificate and those that lead to the root.
    pub chain: Pem,
    pub key: Pem,
    /// `ssl.client.auth`.
    pub client_auth: ClientAuth,
    /// The roots of clients' certificates.
    pub trusted: Option<Pem>,
    /// `ssl.enabled.protocols`.
    pub versions: Vec<&'static SupportedProtocolVersion>,
    /// `ssl.cipher.suites`; empty for all.
    pub cipher_suites: Vec<String>,
}

/// Whether a client must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    None,
    Requested,
    Required,
}

/// Certificates or a key in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pem {
    File(PathBuf),
    Text(Secret<String>),
}

/// SASL of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslServer {
    /// `sasl.enabled.mechanisms`.
    pub mechanisms: Vec<Mechanism>,
    /// The users of PLAIN. Those of SCRAM are in the metadata.
    pub plain_users: BTreeMap<String, Secret<String>>,
    /// `sasl.server.max.receive.size`: no request before the login is larger.
    pub max_receive_bytes: usize,
    /// `connections.max.reauth.ms`: how long a login holds, where it does not hold for ever.
    pub lasting: Vec<(Mechanism, Duration)>,
}

impl SaslServer {
    /// How long a login by this mechanism holds; `None` for ever.
    pub fn lasting(&self, mechanism: Mechanism) -> Option<Duration> {
        let mut all = self.lasting.iter();
        all.find(|(of, _)| *of == mechanism).map(|(_, it)| *it)
    }
}

const LISTENERS: &str = "listeners";
const KEYSTORE: &str = "ssl.keystore.location";
const KEYSTORE_TYPE: &str = "ssl.keystore.type";
const KEY: &str = "ssl.keystore.key";
const CHAIN: &str = "ssl.keystore.certificate.chain";
const TRUSTSTORE: &str = "ssl.truststore.location";
const TRUSTSTORE_TYPE: &str = "ssl.truststore.type";
const TRUSTED: &str = "ssl.truststore.certificates";
const CLIENT_AUTH: &str = "ssl.client.auth";
const VERSIONS: &str = "ssl.enabled.protocols";
const CIPHER_SUITES: &str = "ssl.cipher.suites";
const MECHANISMS: &str = "sasl.enabled.mechanisms";
const JAAS: &str = "sasl.jaas.config";
const RECEIVE: &str = "sasl.server.max.receive.size";
const REAUTHENTICATION: &str = "connections.max.reauth.ms";

/// What stands in the key store's place in PEM form cannot be encrypted here.
const ENCRYPTED: &str = "decrypt it, such as with `openssl pkey -in key.pem -out plain.pem`, and \
                         protect the file by its permissions";

impl Security {
    /// What is said of the security of a listener, and what is wrong with that.
    pub(super) fn read(
        settings: &Settings,
        listener: &str,
        protocol: SecurityProtocol,
        complaints: &mut Vec<Complaint>,
    ) -> Self {
        let own = Own { settings, listener };
        let (has_tls, has_sasl) = match protocol {
            SecurityProtocol::Plaintext => (false, false),
            SecurityProtocol::Ssl => (true, false),
            SecurityProtocol::SaslPlaintext => (false, true),
            SecurityProtocol::SaslSsl => (true, true),
        };
        Self {
            tls: has_tls.then(|| tls(&own, complaints)).flatten(),
            sasl: has_sasl.then(|| sasl(&own, complaints)),
        }
    }
}

/// The settings of one listener: its own, else those of all.
struct Own<'a> {
    settings: &'a Settings,
    listener: &'a str,
}

impl Own<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        let own = names::for_listener(self.listener, key);
        let text = self.settings.text(&own);
        let text = text.or_else(|| self.settings.text(key))?.trim();
        Some(text).filter(|it| !it.is_empty())
    }

    fn list(&self, key: &str) -> Vec<&str> {
        let items = self.text(key).unwrap_or_default().split(',');
        items.map(str::trim).filter(|it| !it.is_empty()).collect()
    }

    fn file(&self, key: &str) -> Option<Pem> {
        self.text(key).map(|path| Pem::File(path.into()))
    }

    fn pem(&self, key: &str) -> Option<Pem> {
        let text = self.text(key)?;
        // A file of properties has one line for it, in which `\n` is written out.
        let text = text.replace("\\n", "\n");
        Some(Pem::Text(Secret::new(text)))
    }

    fn error(&self, key: &'static str, message: impl std::fmt::Display) -> Complaint {
        let message = format!("the listener `{}`: {message}", self.listener);
        Complaint::error(key, codes::INVALID_VALUE, message).beside(LISTENERS)
    }
}

fn tls(own: &Own, complaints: &mut Vec<Complaint>) -> Option<TlsServer> {
    let before = complaints.len();
    for (store, kind) in [(KEYSTORE, KEYSTORE_TYPE), (TRUSTSTORE, TRUSTSTORE_TYPE)] {
        complaints.extend(refuse_java(own, store, kind));
    }
    if own.text("ssl.key.password").is_some() {
        let message = "`ssl.key.password` is set, and encrypted keys are not supported";
        complaints.push(own.error("ssl.key.password", message).help(ENCRYPTED));
    }
    let identity = match (own.pem(KEY), own.pem(CHAIN), own.file(KEYSTORE)) {
        (Some(key), Some(chain), None) => Some((key, chain)),
        (None, None, Some(file)) => Some((file.clone(), file)),
        (None, None, None) => {
            let message = format!("TLS needs a certificate: `{KEYSTORE}` is not set");
            let help = "name a PEM file with the private key and the certificates, and set \
                        `ssl.keystore.type=PEM`";
            complaints.push(own.error(KEYSTORE, message).help(help));
            None
        }
        _ => {
            let message = format!("give either `{KEYSTORE}`, or both `{KEY}` and `{CHAIN}`");
            complaints.push(own.error(KEYSTORE, message).beside(KEY));
            None
        }
    };
    let trusted = own.pem(TRUSTED).or_else(|| own.file(TRUSTSTORE));
    let client_auth = match own.text(CLIENT_AUTH) {
        Some("required") => ClientAuth::Required,
        Some("requested") => ClientAuth::Requested,
        _ => ClientAuth::None,
    };
    if client_auth != ClientAuth::None && trusted.is_none() {
        let message = format!("`{CLIENT_AUTH}` needs `{TRUSTSTORE}`, which is not set");
        let help = "name a PEM file with the certificates of the authorities that sign those of \
                    clients, and set `ssl.truststore.type=PEM`";
        complaints.push(own.error(CLIENT_AUTH, message).help(help));
    }
    let versions = versions(own, complaints);
    let (key, chain) = identity.filter(|_| complaints.len() == before)?;
    Some(TlsServer {
        chain,
        key,
        client_auth,
        trusted,
        versions,
        cipher_suites: own
            .list(CIPHER_SUITES)
            .into_iter()
            .map(Into::into)
            .collect(),
    })
}

/// Stores in a format of Java are refused, as a file that is not PEM would be, but with the way out.
fn refuse_java(own: &Own, store: &'static str, kind: &'static str) -> Option<Complaint> {
    own.text(store)?;
    let found = own.text(kind).unwrap_or("JKS");
    if found.eq_ignore_ascii_case("PEM") {
        return None;
    }
    let message = format!("`{store}` is of the type {found}; only PEM is supported");
    let help = format!(
        "convert it (`keytool -importkeystore -deststoretype pkcs12 …`, then `openssl pkcs12 -in … \
         -out … -nodes`), and set `{kind}=PEM`"
    );
    Some(own.error(kind, message).beside(store).help(help))
}

fn versions(own: &Own, complaints: &mut Vec<Complaint>) -> Vec<&'static SupportedProtocolVersion> {
    let mut versions = Vec::new();
    for name in own.list(VERSIONS) {
        match name {
            "TLSv1.2" => versions.push(&TLS12),
            "TLSv1.3" => versions.push(&TLS13),
            _ => {
                let message = format!("`{VERSIONS}` names `{name}`, which is not supported");
                let help = "the versions are TLSv1.2 and TLSv1.3";
                complaints.push(own.error(VERSIONS, message).help(help));
            }
        }
    }
    versions
}

fn sasl(own: &Own, complaints: &mut Vec<Complaint>) -> SaslServer {
    let mut mechanisms = Vec::new();
    for name in own.list(MECHANISMS) {
        match Mechanism::of(name) {
            Some(mechanism) => mechanisms.push(mechanism),
            None => {
                let known = Mechanism::ALL.map(Mechanism::name).join(", ");
                let message = match own.settings.is_set(MECHANISMS) {
                    true => format!("the mechanism {name} is not built"),
                    false => format!("the mechanism {name}, Kafka's default, is not built"),
                };
                let help = format!("set `{MECHANISMS}` to some of {known}");
                complaints.push(own.error(MECHANISMS, message).help(help));
            }
        }
    }
    let mut plain_users = BTreeMap::new();
    if mechanisms.contains(&Mechanism::Plain) {
        match plain(own) {
            Ok(users) => plain_users = users,
            Err(complaint) => complaints.push(complaint),
        }
    }
    let largest = own.text(RECEIVE).and_then(|it| it.parse().ok());
    SaslServer {
        lasting: lasting(own, &mechanisms),
        mechanisms,
        plain_users,
        max_receive_bytes: largest.unwrap_or(0),
    }
}

/// How long logins hold: as the mechanism says, else the listener, else the broker.
fn lasting(own: &Own, mechanisms: &[Mechanism]) -> Vec<(Mechanism, Duration)> {
    let of = |mechanism: &Mechanism| {
        let name = mechanism.name().to_ascii_lowercase();
        let text = own.text(&format!("{name}.{REAUTHENTICATION}"));
        let text = text.or_else(|| own.text(REAUTHENTICATION))?;
        let millis = text.parse().ok().filter(|it| *it > 0)?;
        Some((*mechanism, Duration::from_millis(millis)))
    };
    mechanisms.iter().filter_map(of).collect()
}

/// The users of PLAIN, as the notation of JAAS has them: those of this mechanism and listener, else
/// those of all (which Kafka does not have).
fn plain(own: &Own) -> Result<BTreeMap<String, Secret<String>>, Complaint> {
    let key = names::for_listener(own.listener, &format!("plain.{JAAS}"));
    let example = format!(
        "set `{key}` to `{} required user_alice=\"the password of alice\";`",
        jaas::PLAIN
    );
    let text = own.settings.text(&key).or_else(|| own.text(JAAS));
    let Some(text) = text else {
        let message = format!("PLAIN is offered and has no users: `{key}` is not set");
        return Err(own.error(JAAS, message).help(example));
    };
    let users = jaas::plain_users(text);
    let users = users.map(|it| {
        let users = it.into_iter();
        users
            .map(|(name, password)| (name, Secret::new(password)))
            .collect()
    });
    users.map_err(|reason| own.error(JAAS, format!("`{key}`: {reason}")).help(example))
}
