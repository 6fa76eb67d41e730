//! How the client of a registry says who it is, and who it believes.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use millrace_component::BuiltProcessor;
use millrace_message::Value;
use rcgen::PublicKeyData;
use ring::{hmac, signature};

use super::testing::{Authority, Registry, build, framed, run};

fn decoder(scheme: &str, registry: &Registry, fields: &str) -> BuiltProcessor {
    let url = format!("{scheme}://{}", registry.address);
    let yaml = format!("schema_registry_decode: {{ url: '{url}', {fields} }}");
    build(&yaml).unwrap_or_else(|error| panic!("{error}"))
}

/// The header `Authorization` of the only request for schema 3.
async fn authorization(registry: &Registry, fields: &str) -> String {
    registry.avro(3, "foo", "\"int\"");
    let decoder = decoder("http", registry, fields);
    assert_eq!(run(&decoder, framed(3, b"\x0a")).await, Ok(b"5".to_vec()));
    let requests = registry.requests();
    assert_eq!(requests.len(), 1);
    let mut lines = requests[0].lines();
    let value = lines.find_map(|it| it.strip_prefix("authorization: "));
    value.expect("the header is there").to_owned()
}

#[tokio::test]
async fn a_request_carries_name_and_password() {
    let registry = Registry::start().await;
    let fields = "basic_auth: { enabled: true, username: u, password: 'p:ss' }";
    let found = authorization(&registry, fields).await;
    assert_eq!(found, format!("Basic {}", STANDARD.encode("u:p:ss")));
}

#[tokio::test]
async fn methods_that_are_not_enabled_are_left_out() {
    let registry = Registry::start().await;
    registry.avro(3, "foo", "\"int\"");
    let fields = "basic_auth: { username: u, password: p }, jwt: { claims: { a: b } },
        oauth: { consumer_key: k, consumer_secret: s }";
    let decoder = decoder("http", &registry, fields);
    assert_eq!(run(&decoder, framed(3, b"\x0a")).await, Ok(b"5".to_vec()));
    assert!(!registry.requests()[0].contains("authorization"));
}

#[tokio::test]
async fn a_request_is_signed_by_oauth_1_for_the_url_that_it_goes_to() {
    let registry = Registry::start().await;
    let fields = "oauth: { enabled: true, consumer_key: the key, consumer_secret: s1&,
        access_token: token, access_token_secret: s2 }";
    let found = authorization(&registry, fields).await;
    let parameters = found.strip_prefix("OAuth ").unwrap().split(", ");
    let mut parameters: BTreeMap<&str, &str> = parameters
        .map(|it| it.split_once('=').unwrap())
        .map(|(name, value)| (name, value.trim_matches('"')))
        .collect();
    let signature = parameters.remove("oauth_signature").unwrap();
    assert_eq!(parameters["oauth_consumer_key"], "the%20key");
    assert_eq!(parameters["oauth_token"], "token");
    assert_eq!(parameters["oauth_signature_method"], "HMAC-SHA1");
    let escaped = |text: &str| {
        text.replace('%', "%25")
            .replace('=', "%3D")
            .replace('&', "%26")
    };
    let signed: Vec<_> = parameters.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let base = format!(
        "GET&http%3A%2F%2F127.0.0.1%3A{}%2Fschemas%2Fids%2F3&{}",
        registry.address.port(),
        escaped(&signed.join("&"))
    );
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"s1%26&s2");
    let expected = STANDARD.encode(hmac::sign(&key, base.as_bytes()));
    let expected = expected
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    assert_eq!(signature, expected);
}

#[tokio::test]
async fn a_request_carries_a_token_that_the_key_has_signed() {
    let registry = Registry::start().await;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), key.serialize_pem()).unwrap();
    let fields = format!(
        "jwt: {{ enabled: true, private_key_file: '{}', signing_method: EdDSA,
            claims: {{ iss: me, roles: [ a ], n: 5 }}, headers: {{ kid: k1 }} }}",
        file.path().display()
    );
    let found = authorization(&registry, &fields).await;
    let token = found.strip_prefix("Bearer ").unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    signature::UnparsedPublicKey::new(&signature::ED25519, key.der_bytes())
        .verify(signed.as_bytes(), &signature)
        .expect("the key has signed it");
    let parts = signed.split('.').map(|it| {
        let json = URL_SAFE_NO_PAD.decode(it).unwrap();
        Value::parse_json(json.into()).unwrap().to_json()
    });
    let parts: Vec<_> = parts.collect();
    assert_eq!(parts[0], r#"{"alg":"EdDSA","kid":"k1","typ":"JWT"}"#);
    assert_eq!(parts[1], r#"{"iss":"me","n":5,"roles":["a"]}"#);
}

#[test]
fn a_key_that_cannot_sign_is_refused_without_showing_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().display();
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    for (content, method) in [
        (key.as_str(), "EdDSA"),
        (&key, "RS256"),
        ("hunter2", "RS256"),
    ] {
        std::fs::write(file.path(), content).unwrap();
        let error = build(&format!(
            "schema_registry_decode: {{ url: 'http://localhost', jwt: {{ enabled: true,
                private_key_file: '{path}', signing_method: {method} }} }}"
        ));
        let error = error.err().expect("it is refused");
        assert!(error.contains("jwt.private_key_file"), "{error}");
        let secret = content.lines().nth(1).unwrap_or(content);
        assert!(!error.contains(secret), "{error}");
    }
}

/// A text within a config.
fn quoted(text: &str) -> String {
    let json = Value::from(text).to_json();
    String::from_utf8(json.to_vec()).unwrap()
}

#[tokio::test]
async fn a_registry_is_believed_when_a_named_authority_has_signed_for_it() {
    let authority = Authority::new();
    let registry = Registry::start_tls(authority.server(None)).await;
    registry.avro(3, "foo", "\"int\"");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, &authority.pem).unwrap();
    for fields in [
        format!("tls: {{ root_cas_file: '{}' }}", file.display()),
        format!("tls: {{ root_cas: {} }}", quoted(&authority.pem)),
        "tls: { skip_cert_verify: true }".to_owned(),
    ] {
        let decoder = decoder("https", &registry, &fields);
        assert_eq!(run(&decoder, framed(3, b"\x0a")).await, Ok(b"5".to_vec()));
    }
    let other = format!("tls: {{ root_cas: {} }}", quoted(&Authority::new().pem));
    for fields in ["", &other] {
        let decoder = decoder("https", &registry, fields);
        let error = run(&decoder, framed(3, b"\x0a")).await.unwrap_err();
        assert!(error.contains("certificate"), "{error}");
    }
    assert_eq!(registry.requests().len(), 3);
}

#[tokio::test]
async fn a_client_shows_the_certificate_that_a_registry_asks_for() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let registry = Registry::start_tls(authority.server(Some(&clients))).await;
    registry.avro(3, "foo", "\"int\"");
    let root = format!("root_cas: {}", quoted(&authority.pem));
    let client = clients.sign("client");
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (
        folder.path().join("chain.pem"),
        folder.path().join("key.pem"),
    );
    std::fs::write(&chain, &client.certificate).unwrap();
    std::fs::write(&key, &client.key).unwrap();
    let (chain, key) = (chain.display(), key.display());
    for cert in [
        format!("cert_file: '{chain}', key_file: '{key}'"),
        format!(
            "cert: {}, key: {}",
            quoted(&client.certificate),
            quoted(&client.key)
        ),
    ] {
        let fields = format!("tls: {{ {root}, client_certs: [ {{ {cert} }} ] }}");
        let decoder = decoder("https", &registry, &fields);
        assert_eq!(run(&decoder, framed(3, b"\x0a")).await, Ok(b"5".to_vec()));
    }
    let stranger = authority.sign("stranger");
    let stranger = format!(
        "client_certs: [ {{ cert: {}, key: {} }} ]",
        quoted(&stranger.certificate),
        quoted(&stranger.key)
    );
    for certs in ["client_certs: []", &stranger] {
        let decoder = decoder("https", &registry, &format!("tls: {{ {root}, {certs} }}"));
        assert!(run(&decoder, framed(3, b"\x0a")).await.is_err(), "{certs}");
    }
    assert_eq!(registry.requests().len(), 2);
}
