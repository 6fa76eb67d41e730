//! What the fields accept and refuse.

use millrace_message::Error;

use std::sync::Arc;

use millrace_spec::FieldType;

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
fn a_text_that_is_no_pem_is_complained_of_when_the_config_is_read() {
    let complaints = |yaml: &str| {
        let sources = Arc::new(millrace_spec::diagnostics::SourceMap::new());
        let source = sources.add("test.yaml", yaml);
        let mut diagnostics = millrace_spec::diagnostics::Diagnostics::new();
        let text = millrace_spec::env::InterpolatedText::verbatim(yaml, source);
        let node = millrace_spec::tree::parse(&text, &mut diagnostics).unwrap();
        let mut cx = ReadContext::new(sources);
        let _config = TlsConfig::read(&node, &mut cx);
        let told = cx.diagnostics().iter();
        told.map(|it| it.message.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        complaints("{ enabled: true, root_cas: abc }"),
        ["field root_cas: no certificate in PEM form"]
    );
    let certs = "client_certs: [ { cert: abc, key: planted } ]";
    assert_eq!(
        complaints(&format!("{{ enabled: true, {certs} }}")),
        [
            "field cert: no certificate in PEM form",
            "field key: not an unencrypted private key in PEM form"
        ]
    );
    // Settings that are switched off are left out.
    assert!(complaints("{ root_cas: abc }").is_empty());
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
