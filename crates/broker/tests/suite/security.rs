//! TLS and logins over real connections.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use millrace_broker::BrokerConfig;
use millrace_broker::config::{Format, read};
use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::alter_user_scram_credentials::{
    AlterUserScramCredentialsRequest, ScramCredentialDeletion, ScramCredentialUpsertion,
};
use millrace_kafka_wire::api::api_versions::ApiVersionsRequest;
use millrace_kafka_wire::api::describe_user_scram_credentials::DescribeUserScramCredentialsRequest;
use millrace_kafka_wire::api::metadata::MetadataRequest;
use millrace_kafka_wire::api::sasl_authenticate::{
    SaslAuthenticateRequest, SaslAuthenticateResponse,
};
use millrace_kafka_wire::api::sasl_handshake::SaslHandshakeRequest;
use millrace_spec::env::Environment;
use millrace_testkit::kafka::{Client, batch};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use ring::{digest, hmac, pbkdf2};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::TestBroker;

const INSIDE: usize = 0;
const OUTSIDE: usize = 1;

/// A broker with a listener for everyone, and one that these settings are about.
fn config(dir: &Path, protocol: &str, settings: &str) -> Result<BrokerConfig, String> {
    let dir = dir.display();
    let text = format!(
        "node.id=1\n\
         log.dirs={dir}\n\
         listeners=INSIDE://127.0.0.1:0,OUTSIDE://127.0.0.1:0\n\
         listener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:{protocol}\n\
         connection.failed.authentication.delay.ms=0\n\
         {settings}"
    );
    let loaded = read("p", &text, Format::Properties, &Environment::default());
    let rendered = loaded.render(false);
    loaded.config.ok_or(rendered)
}

const PLAIN: &str = "sasl.enabled.mechanisms=PLAIN\n\
                     listener.name.outside.plain.sasl.jaas.config=\
                     org.apache.kafka.common.security.plain.PlainLoginModule required \
                     user_alice=\"wonderland\";\n";

fn handshake<S: Read + Write>(client: &mut Client<S>, version: i16, mechanism: &str) -> i16 {
    let request = SaslHandshakeRequest {
        mechanism: mechanism.into(),
    };
    client.ask(version, &request).error_code
}

fn authenticate<S: Read + Write>(
    client: &mut Client<S>,
    message: impl Into<Bytes>,
) -> SaslAuthenticateResponse {
    let auth_bytes = message.into();
    client.ask(2, &SaslAuthenticateRequest { auth_bytes })
}

/// Whether the broker closes the connection instead of an answer to a request.
fn is_shut<S: Read + Write>(client: &mut Client<S>) -> bool {
    let sent = client.try_send(12, &MetadataRequest::default());
    sent.is_err() || client.frame().is_none()
}

fn works<S: Read + Write>(client: &mut Client<S>, topic: &str) {
    assert_eq!(client.produce(topic, 0, batch(&[b"a"])).error_code, 0);
    assert!(!client.read_all(topic, 0, 0).is_empty());
}

#[test]
fn nothing_is_read_of_a_client_before_it_has_logged_in() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path(), "SASL_PLAINTEXT", PLAIN).unwrap());
    broker.client_of(INSIDE).create_topic("orders", 1);
    assert!(is_shut(&mut broker.client_of(OUTSIDE)));
    // What a client may ask, to learn how to go on.
    let mut client = broker.client_of(OUTSIDE);
    let request = ApiVersionsRequest {
        client_software_name: "test".into(),
        client_software_version: "1".into(),
    };
    assert_eq!(client.ask(4, &request).error_code, 0);
    assert_eq!(handshake(&mut client, 1, "PLAIN"), 0);
    assert!(is_shut(&mut client));
    let mut client = broker.client_of(OUTSIDE);
    assert_eq!(handshake(&mut client, 1, "PLAIN"), 0);
    assert_eq!(
        authenticate(&mut client, &b"\0alice\0wonderland"[..]).error_code,
        0
    );
    works(&mut client, "orders");
    // It is over.
    assert_eq!(
        authenticate(&mut client, &b"\0alice\0wonderland"[..]).error_code,
        ErrorCode::IllegalSaslState.number()
    );
    works(&mut client, "orders");
    assert!(broker.stop());
}

/// After which a client may log in again.
const RENEWABLE: Duration = Duration::from_millis(1100);

#[test]
fn a_client_logs_in_again_as_the_same_user_by_the_same_mechanism() {
    let dir = tempfile::tempdir().unwrap();
    let settings = "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256\n\
                    listener.name.outside.connections.max.reauth.ms=60000\n\
                    listener.name.outside.plain.sasl.jaas.config=\
                    org.apache.kafka.common.security.plain.PlainLoginModule required \
                    user_alice=\"wonderland\" user_bob=\"builder\";\n";
    let broker = TestBroker::start(config(dir.path(), "SASL_PLAINTEXT", settings).unwrap());
    broker.client_of(INSIDE).create_topic("orders", 1);
    let mut clients = [broker.client_of(OUTSIDE), broker.client_of(OUTSIDE)];
    for client in &mut clients {
        assert_eq!(handshake(client, 1, "PLAIN"), 0);
        let let_in = authenticate(client, &b"\0alice\0wonderland"[..]);
        assert_eq!((let_in.error_code, let_in.session_lifetime_ms), (0, 60_000));
        works(client, "orders");
    }
    std::thread::sleep(RENEWABLE);
    let [mut client, mut other] = clients;
    // What was sent before is answered before.
    let metadata = client.send(12, &MetadataRequest::default());
    let again = client.send(
        1,
        &SaslHandshakeRequest {
            mechanism: "PLAIN".into(),
        },
    );
    let answer = client.receive::<MetadataRequest>(12, metadata);
    assert_eq!(answer.brokers.len(), 1);
    let answer = client.receive::<SaslHandshakeRequest>(1, again);
    assert_eq!(answer.error_code, 0);
    assert!(authenticate(&mut client, &b"\0alice\0wonderland"[..]).session_lifetime_ms > 0);
    works(&mut client, "orders");
    let unsupported = ErrorCode::UnsupportedSaslMechanism.number();
    assert_eq!(handshake(&mut other, 1, "SCRAM-SHA-256"), unsupported);
    assert!(is_shut(&mut other));
    std::thread::sleep(RENEWABLE);
    assert_eq!(handshake(&mut client, 1, "PLAIN"), 0);
    let denied = authenticate(&mut client, &b"\0bob\0builder"[..]);
    let failed = ErrorCode::SaslAuthenticationFailed.number();
    assert_eq!(denied.error_code, failed);
    assert!(is_shut(&mut client));
    assert!(broker.stop());
}

#[test]
fn a_login_that_is_over_ends_the_connection_unless_it_is_renewed() {
    let dir = tempfile::tempdir().unwrap();
    let settings = format!("{PLAIN}listener.name.outside.plain.connections.max.reauth.ms=1\n");
    let broker = TestBroker::start(config(dir.path(), "SASL_PLAINTEXT", &settings).unwrap());
    for renews in [true, false] {
        let mut client = broker.client_of(OUTSIDE);
        assert_eq!(handshake(&mut client, 1, "PLAIN"), 0);
        let let_in = authenticate(&mut client, &b"\0alice\0wonderland"[..]);
        assert_eq!((let_in.error_code, let_in.session_lifetime_ms), (0, 1));
        std::thread::sleep(RENEWABLE);
        if renews {
            assert_eq!(handshake(&mut client, 1, "PLAIN"), 0);
            let let_in = authenticate(&mut client, &b"\0alice\0wonderland"[..]);
            assert_eq!(let_in.error_code, 0);
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(is_shut(&mut client));
    }
    assert!(broker.stop());
}

#[test]
fn who_does_not_know_the_password_is_told_and_shut_out() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path(), "SASL_PLAINTEXT", PLAIN).unwrap());
    for message in ["\0alice\0queen", "\0bob\0wonderland", "alice", ""] {
        let mut client = broker.client_of(OUTSIDE);
        assert_eq!(handshake(&mut client, 1, "PLAIN"), 0);
        let denied = authenticate(&mut client, message);
        assert_eq!(
            denied.error_code,
            ErrorCode::SaslAuthenticationFailed.number(),
            "{message:?}"
        );
        assert!(
            denied
                .error_message
                .is_some_and(|it| !it.contains("wonderland"))
        );
        assert!(is_shut(&mut client));
    }
    let mut client = broker.client_of(OUTSIDE);
    let unsupported = ErrorCode::UnsupportedSaslMechanism.number();
    assert_eq!(handshake(&mut client, 1, "SCRAM-SHA-256"), unsupported);
    assert!(is_shut(&mut client));
    // Nobody who is not known makes the broker read much.
    let mut client = broker.client_of(OUTSIDE);
    client.stream.write_all(&600_000_u32.to_be_bytes()).unwrap();
    assert!(client.frame().is_none());
    assert!(broker.stop());
}

#[test]
fn the_first_version_of_the_handshake_has_messages_without_requests() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path(), "SASL_PLAINTEXT", PLAIN).unwrap());
    broker.client_of(INSIDE).create_topic("orders", 1);
    let mut client = broker.client_of(OUTSIDE);
    assert_eq!(handshake(&mut client, 0, "PLAIN"), 0);
    let message = b"\0alice\0wonderland";
    let size = u32::try_from(message.len()).unwrap().to_be_bytes();
    client
        .stream
        .write_all(&[&size[..], message].concat())
        .unwrap();
    assert_eq!(client.frame(), Some(Bytes::new()));
    works(&mut client, "orders");
    let mut client = broker.client_of(OUTSIDE);
    assert_eq!(handshake(&mut client, 0, "PLAIN"), 0);
    client.stream.write_all(b"\0\0\0\x05\0bob\0").unwrap();
    assert_eq!(client.frame(), None);
    assert!(broker.stop());
}

/// SHA-256, or SHA-512.
#[derive(Clone, Copy)]
enum Sha {
    S256,
    S512,
}

impl Sha {
    fn number(self) -> i8 {
        match self {
            Self::S256 => 1,
            Self::S512 => 2,
        }
    }

    fn mechanism(self) -> &'static str {
        match self {
            Self::S256 => "SCRAM-SHA-256",
            Self::S512 => "SCRAM-SHA-512",
        }
    }

    fn salted(self, password: &str, salt: &[u8], iterations: u32) -> Vec<u8> {
        let (algorithm, size) = match self {
            Self::S256 => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
            Self::S512 => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
        };
        let mut salted = vec![0; size];
        let iterations = iterations.try_into().unwrap();
        pbkdf2::derive(
            algorithm,
            iterations,
            salt,
            password.as_bytes(),
            &mut salted,
        );
        salted
    }

    fn sign(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::S256 => hmac::HMAC_SHA256,
            Self::S512 => hmac::HMAC_SHA512,
        };
        let key = hmac::Key::new(algorithm, key);
        hmac::sign(&key, message).as_ref().to_vec()
    }

    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::S256 => &digest::SHA256,
            Self::S512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }
}

/// Logs in as RFC 5802 says, and checks that the broker knows the user, too.
fn scram<S: Read + Write>(client: &mut Client<S>, sha: Sha, user: &str, password: &str) -> i16 {
    assert_eq!(handshake(client, 1, sha.mechanism()), 0);
    let bare = format!("n={user},r=fyko+d2lbbFgONRv9qkxdawL");
    let challenge = authenticate(client, format!("n,,{bare}"));
    assert_eq!(challenge.error_code, 0);
    let challenge = String::from_utf8(challenge.auth_bytes.to_vec()).unwrap();
    let field = |name: &str| {
        challenge
            .split(',')
            .find_map(|it| it.strip_prefix(name))
            .unwrap()
    };
    let salt = BASE64.decode(field("s=")).unwrap();
    let salted = sha.salted(password, &salt, field("i=").parse().unwrap());
    let without_proof = format!("c=biws,r={}", field("r="));
    let signed = format!("{bare},{challenge},{without_proof}");
    let client_key = sha.sign(&salted, b"Client Key");
    let signature = sha.sign(&sha.digest(&client_key), signed.as_bytes());
    let pairs = client_key.iter().zip(&signature);
    let proof = BASE64.encode(pairs.map(|(one, other)| one ^ other).collect::<Vec<_>>());
    let done = authenticate(client, format!("{without_proof},p={proof}"));
    if done.error_code == 0 {
        let server = sha.sign(&sha.sign(&salted, b"Server Key"), signed.as_bytes());
        let expected = format!("v={}", BASE64.encode(server));
        assert_eq!(done.auth_bytes, expected.as_bytes());
    }
    done.error_code
}

fn set_password(client: &mut Client, sha: Sha, user: &str, password: &str) -> i16 {
    let salt = Bytes::from_static(b"a salt of its own");
    let upsertion = ScramCredentialUpsertion {
        name: user.into(),
        mechanism: sha.number(),
        iterations: 4096,
        salted_password: sha.salted(password, &salt, 4096).into(),
        salt,
    };
    let request = AlterUserScramCredentialsRequest {
        upsertions: vec![upsertion],
        ..AlterUserScramCredentialsRequest::default()
    };
    client.ask(0, &request).results[0].error_code
}

fn users(client: &mut Client) -> Vec<(String, Vec<i8>)> {
    let described = client.ask(0, &DescribeUserScramCredentialsRequest { users: None });
    let of = described.results.into_iter().map(|it| {
        let infos = it.credential_infos.iter();
        (it.user.to_string(), infos.map(|it| it.mechanism).collect())
    });
    of.collect()
}

#[test]
fn a_user_of_scram_is_there_from_its_creation_to_its_end_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let settings = "sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512\n";
    let start = || TestBroker::start(config(dir.path(), "SASL_PLAINTEXT", settings).unwrap());
    let denied = ErrorCode::SaslAuthenticationFailed.number();
    let broker = start();
    let mut admin = broker.client_of(INSIDE);
    admin.create_topic("orders", 1);
    let login = |broker: &TestBroker, sha, user, password| {
        let mut client = broker.client_of(OUTSIDE);
        let code = scram(&mut client, sha, user, password);
        match code {
            0 => works(&mut client, "orders"),
            _ => assert!(is_shut(&mut client)),
        }
        code
    };
    assert_eq!(login(&broker, Sha::S256, "alice", "rabbit"), denied);
    assert_eq!(set_password(&mut admin, Sha::S256, "alice", "rabbit"), 0);
    assert_eq!(set_password(&mut admin, Sha::S512, "alice", "hatter"), 0);
    assert_eq!(login(&broker, Sha::S256, "alice", "rabbit"), 0);
    assert_eq!(login(&broker, Sha::S512, "alice", "hatter"), 0);
    assert_eq!(login(&broker, Sha::S512, "alice", "rabbit"), denied);
    assert_eq!(login(&broker, Sha::S256, "bob", "rabbit"), denied);
    assert!(broker.stop());
    let broker = start();
    let mut admin = broker.client_of(INSIDE);
    assert_eq!(users(&mut admin), [("alice".to_owned(), vec![1, 2])]);
    assert_eq!(login(&broker, Sha::S256, "alice", "rabbit"), 0);
    let delete = AlterUserScramCredentialsRequest {
        deletions: vec![ScramCredentialDeletion {
            name: "alice".into(),
            mechanism: 1,
        }],
        ..AlterUserScramCredentialsRequest::default()
    };
    assert_eq!(admin.ask(0, &delete).results[0].error_code, 0);
    assert_eq!(login(&broker, Sha::S256, "alice", "rabbit"), denied);
    assert_eq!(login(&broker, Sha::S512, "alice", "hatter"), 0);
    let missing = ErrorCode::ResourceNotFound.number();
    assert_eq!(admin.ask(0, &delete).results[0].error_code, missing);
    assert!(broker.stop());
}

#[test]
fn credentials_that_cannot_be_are_refused_and_nothing_of_that_user_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(crate::support::config(dir.path()));
    let mut admin = broker.client();
    let fit = ScramCredentialUpsertion {
        name: "alice".into(),
        mechanism: 1,
        iterations: 4096,
        salt: Bytes::from_static(b"salt"),
        salted_password: Bytes::from(vec![1; 32]),
    };
    let unacceptable = ErrorCode::UnacceptableCredential;
    for (upsertion, code) in [
        (
            ScramCredentialUpsertion {
                name: "".into(),
                ..fit.clone()
            },
            unacceptable,
        ),
        (
            ScramCredentialUpsertion {
                iterations: 4095,
                ..fit.clone()
            },
            unacceptable,
        ),
        (
            ScramCredentialUpsertion {
                iterations: 16385,
                ..fit.clone()
            },
            unacceptable,
        ),
        (
            ScramCredentialUpsertion {
                salt: Bytes::new(),
                ..fit.clone()
            },
            unacceptable,
        ),
        (
            ScramCredentialUpsertion {
                mechanism: 2,
                ..fit.clone()
            },
            unacceptable,
        ),
        (
            ScramCredentialUpsertion {
                mechanism: 3,
                ..fit.clone()
            },
            ErrorCode::UnsupportedSaslMechanism,
        ),
        (fit.clone(), ErrorCode::DuplicateResource),
    ] {
        let mut upsertions = vec![upsertion];
        if code == ErrorCode::DuplicateResource {
            upsertions.push(fit.clone());
        }
        let request = AlterUserScramCredentialsRequest {
            upsertions,
            ..AlterUserScramCredentialsRequest::default()
        };
        let results = admin.ask(0, &request).results;
        assert_eq!(results.len(), 1);
        assert_eq!(
            results[0].error_code,
            code.number(),
            "{:?}",
            results[0].error_message
        );
    }
    assert!(users(&mut admin).is_empty());
    assert!(broker.stop());
}

/// Who signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// A key and a certificate for this name, in one PEM text.
    fn sign(&self, name: &str) -> String {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        format!("{}{}", key.serialize_pem(), certificate.pem())
    }
}

type Encrypted = Client<StreamOwned<ClientConnection, TcpStream>>;

/// A client that trusts an authority, and shows a certificate if it has one.
fn encrypted(broker: &TestBroker, authority: &Authority, identity: Option<&str>) -> Encrypted {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap();
    roots.add(root).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let chain = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![chain], key).unwrap()
        }
    };
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = broker.client_of(OUTSIDE).stream;
    Client::over(StreamOwned::new(connection, stream))
}

/// Writes a PEM file, and says its path.
fn file(dir: &Path, name: &str, pem: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, pem).unwrap();
    path.display().to_string()
}

#[test]
fn a_listener_of_tls_serves_who_trusts_it_and_asks_for_a_login_over_it() {
    let dir = tempfile::tempdir().unwrap();
    let files = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let store = file(files.path(), "broker.pem", &authority.sign("127.0.0.1"));
    let tls = format!("ssl.keystore.type=PEM\nssl.keystore.location={store}\n");
    let broker = TestBroker::start(config(dir.path(), "SSL", &tls).unwrap());
    broker.client_of(INSIDE).create_topic("orders", 1);
    works(&mut encrypted(&broker, &authority, None), "orders");
    // Who does not encrypt is not served.
    assert!(is_shut(&mut broker.client_of(OUTSIDE)));
    assert!(broker.stop());
    let broker = TestBroker::start(config(dir.path(), "SASL_SSL", &(tls + PLAIN)).unwrap());
    assert!(is_shut(&mut encrypted(&broker, &authority, None)));
    let mut client = encrypted(&broker, &authority, None);
    assert_eq!(handshake(&mut client, 1, "PLAIN"), 0);
    assert_eq!(
        authenticate(&mut client, &b"\0alice\0wonderland"[..]).error_code,
        0
    );
    works(&mut client, "orders");
    assert!(broker.stop());
}

#[test]
fn a_client_must_show_a_certificate_that_is_trusted_where_that_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let files = tempfile::tempdir().unwrap();
    let (own, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let store = file(files.path(), "broker.pem", &own.sign("127.0.0.1"));
    let trusted = file(files.path(), "clients.pem", &clients.pem);
    let settings = format!(
        "ssl.keystore.type=PEM\nssl.keystore.location={store}\n\
         ssl.truststore.type=PEM\nssl.truststore.location={trusted}\n"
    );
    for (auth, without, foreign) in [("required", false, false), ("requested", true, false)] {
        let settings = format!("{settings}ssl.client.auth={auth}\n");
        let broker = TestBroker::start(config(dir.path(), "SSL", &settings).unwrap());
        let (known, stranger) = (clients.sign("alice"), others.sign("alice"));
        assert!(!is_shut(&mut encrypted(&broker, &own, Some(&known))));
        assert_eq!(
            !is_shut(&mut encrypted(&broker, &own, Some(&stranger))),
            foreign
        );
        assert_eq!(!is_shut(&mut encrypted(&broker, &own, None)), without);
        assert!(broker.stop());
    }
}

#[test]
fn what_cannot_be_secured_as_it_is_said_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    for (protocol, settings, said) in [
        (
            "SASL_PLAINTEXT",
            "",
            "the mechanism GSSAPI, Kafka's default, is not built",
        ),
        (
            "SASL_PLAINTEXT",
            "sasl.enabled.mechanisms=PLAIN\n",
            "PLAIN is offered and has no users",
        ),
        ("SSL", "", "`ssl.keystore.location` is not set"),
        (
            "SSL",
            "ssl.keystore.location=/a.jks\n",
            "is of the type JKS; only PEM is supported",
        ),
        (
            "SSL",
            "ssl.keystore.type=PEM\nssl.keystore.location=/a\nssl.client.auth=required\n",
            "needs `ssl.truststore.location`",
        ),
        (
            "SSL",
            "ssl.keystore.type=PEM\nssl.keystore.location=/a\nssl.enabled.protocols=TLSv1\n",
            "names `TLSv1`, which is not supported",
        ),
        (
            "SSL",
            "ssl.keystore.type=PEM\nssl.keystore.location=/a\nssl.key.password=hunter2\n",
            "encrypted keys are not supported",
        ),
    ] {
        let refused = config(dir.path(), protocol, settings).unwrap_err();
        assert!(refused.contains(said), "{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
    }
    let settings = "ssl.keystore.type=PEM\nssl.keystore.location=/no/such/file\n";
    let broken = TestBroker::try_start(config(dir.path(), "SSL", settings).unwrap());
    let said = broken.err().unwrap().to_string();
    assert!(
        said.contains("OUTSIDE") && said.contains("/no/such/file"),
        "{said}"
    );
}
