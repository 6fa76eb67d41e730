//! What the fields accept and refuse.

use millrace_message::Error;

use super::*;

fn error_of(config: &TlsConfig) -> Error {
    config
        .client_config()
        .expect_err("the settings cannot work")
}

#[test]
fn a_missing_file_is_named_with_its_field() {
    let config = TlsConfig::of(TlsSettings {
        root_cas_file: "/nowhere/ca.pem".to_owned(),
        ..TlsSettings::default()
    });
    let text = error_of(&config).to_string();
    assert!(
        text.starts_with("tls.root_cas_file: read `/nowhere/ca.pem`"),
        "{text}"
    );
}

#[test]
fn a_text_without_certificates_is_refused() {
    let config = TlsConfig::of(TlsSettings {
        root_cas: "not a certificate".to_owned(),
        ..TlsSettings::default()
    });
    assert_eq!(
        error_of(&config).to_string(),
        "tls.root_cas: no certificate in PEM form"
    );
}

#[test]
fn a_bad_private_key_is_refused_without_quoting_it() {
    let dir = tempfile::tempdir().unwrap();
    let chain = dir.path().join("chain.pem");
    std::fs::write(
        &chain,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let key = dir.path().join("key.pem");
    std::fs::write(&key, "planted-secret").unwrap();
    let cert = ClientCert {
        cert_file: chain.to_string_lossy().into_owned(),
        key_file: key.to_string_lossy().into_owned(),
        ..ClientCert::default()
    };
    let config = TlsConfig::of(TlsSettings {
        skip_cert_verify: true,
        client_certs: vec![cert],
        ..TlsSettings::default()
    });
    let text = error_of(&config).to_string();
    assert!(text.starts_with("tls.client_certs.key_file: "), "{text}");
    assert!(!text.contains("planted-secret"), "{text}");
}

#[test]
fn settings_that_are_not_enabled_are_left_out() {
    let settings = TlsSettings {
        root_cas_file: "/nowhere/ca.pem".to_owned(),
        ..TlsSettings::default()
    };
    let config = TlsConfig {
        enabled: false,
        settings,
    };
    assert!(config.client_config().is_ok());
}
