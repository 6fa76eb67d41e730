//! The file of `--command-config`: how a cluster is reached that encrypts or asks who one is, in the
//! notation of Kafka's own clients.

use std::path::Path;

use millrace_kafka_client::{Login, Mechanism, Settings};
use millrace_node::{ClientTexts, client_properties};
use millrace_sasl::jaas;
use millrace_tls::{ClientCert, TlsSettings, pem};

const PROTOCOL: &str = "security.protocol";
const MECHANISM: &str = "sasl.mechanism";
const JAAS: &str = "sasl.jaas.config";
const TRUSTSTORE: &str = "ssl.truststore.location";
const TRUSTSTORE_TYPE: &str = "ssl.truststore.type";
const KEYSTORE: &str = "ssl.keystore.location";
const KEYSTORE_TYPE: &str = "ssl.keystore.type";
const NAME_CHECK: &str = "ssl.endpoint.identification.algorithm";

/// What is read of such a file. Other keys of `ssl.` and `sasl.` are refused: what they ask for would
/// be missed; the rest is for producers and consumers, which have flags for it.
const SECURITY: &[&str] = &[
    PROTOCOL,
    MECHANISM,
    JAAS,
    TRUSTSTORE,
    TRUSTSTORE_TYPE,
    KEYSTORE,
    KEYSTORE_TYPE,
    NAME_CHECK,
];

/// The settings with what a file says of security.
///
/// # Errors
/// The file cannot be read, or asks for what cannot be. The reason quotes no secret.
pub fn secure(settings: Settings, file: &Path) -> Result<Settings, String> {
    let texts = client_properties(file)?;
    secured(settings, &texts).map_err(|reason| format!("{}: {reason}", file.display()))
}

fn secured(mut settings: Settings, texts: &ClientTexts) -> Result<Settings, String> {
    let is_of_security = |name: &&String| name.starts_with("ssl.") || name.starts_with("sasl.");
    let mut names = texts.keys().filter(is_of_security);
    if let Some(unknown) = names.find(|it| !SECURITY.contains(&it.as_str())) {
        return Err(format!("`{unknown}` is not supported"));
    }
    let (has_tls, has_login) = match text(texts, PROTOCOL).unwrap_or("PLAINTEXT") {
        "PLAINTEXT" => (false, false),
        "SSL" => (true, false),
        "SASL_PLAINTEXT" => (false, true),
        "SASL_SSL" => (true, true),
        _ => {
            let known = "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL";
            return Err(format!("`{PROTOCOL}` is none of {known}"));
        }
    };
    if has_tls {
        let config = tls(texts)?.client_config();
        let own = |text: &str| text.replace("tls.client_certs", &format!("`{KEYSTORE}`"));
        settings.tls = Some(config.map_err(|error| own(error.text()))?);
    }
    if has_login {
        settings.login = Some(login(texts)?);
    }
    Ok(settings)
}

fn text<'a>(texts: &'a ClientTexts, name: &str) -> Option<&'a str> {
    let text = texts.get(name)?.trim();
    Some(text).filter(|it| !it.is_empty())
}

fn tls(texts: &ClientTexts) -> Result<TlsSettings, String> {
    if texts.get(NAME_CHECK).is_some_and(|it| it.trim().is_empty()) {
        return Err(format!(
            "`{NAME_CHECK}` is empty, and names in certificates are always checked"
        ));
    }
    let mut settings = TlsSettings::default();
    if let Some(path) = store(texts, TRUSTSTORE, TRUSTSTORE_TYPE)? {
        let read = pem::certificates_of_file(path);
        read.map_err(|reason| format!("`{TRUSTSTORE}`: {path}: {reason}"))?;
        path.clone_into(&mut settings.root_cas_file);
    }
    if let Some(path) = store(texts, KEYSTORE, KEYSTORE_TYPE)? {
        let read = pem::certificates_of_file(path).and_then(|_| pem::private_key_of_file(path));
        read.map_err(|reason| format!("`{KEYSTORE}`: {path}: {reason}"))?;
        settings.client_certs.push(ClientCert {
            cert_file: path.to_owned(),
            key_file: path.to_owned(),
            ..ClientCert::default()
        });
    }
    Ok(settings)
}

/// The file of a store, which must be PEM.
fn store<'a>(texts: &'a ClientTexts, file: &str, kind: &str) -> Result<Option<&'a str>, String> {
    let Some(path) = text(texts, file) else {
        return Ok(None);
    };
    match text(texts, kind) {
        Some(it) if it.eq_ignore_ascii_case("PEM") => Ok(Some(path)),
        _ => Err(format!(
            "`{file}` must be a file of PEM: convert it, and set `{kind}=PEM`"
        )),
    }
}

fn login(texts: &ClientTexts) -> Result<Login, String> {
    let known = || Mechanism::ALL.map(Mechanism::name).join(", ");
    let mechanism = text(texts, MECHANISM).and_then(Mechanism::of);
    let mechanism = mechanism.ok_or_else(|| format!("`{MECHANISM}` must be one of {}", known()))?;
    let module = match mechanism {
        Mechanism::Plain => jaas::PLAIN,
        Mechanism::Scram(_) => jaas::SCRAM,
    };
    let wrong = |reason: &str| {
        format!("`{JAAS}`: {reason}; write `{module} required username=\"…\" password=\"…\";`")
    };
    let told = text(texts, JAAS).ok_or_else(|| wrong("it is not set"))?;
    let mut told = jaas::Login::parse(told).map_err(|reason| wrong(&reason))?;
    if told.module != module {
        return Err(wrong("its module is not that of the mechanism"));
    }
    let mut option = |name: &str| told.options.remove(name).filter(|it| !it.is_empty());
    match (option("username"), option("password")) {
        (Some(user), Some(password)) => Ok(Login {
            mechanism,
            user,
            password,
        }),
        _ => Err(wrong("it must have a `username` and a `password`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        secured(Settings::default(), &pairs.iter().map(owned).collect())
    }

    #[test]
    fn a_login_is_read_and_other_keys_are_passed_over() {
        let jaas = format!(
            "{} required username=\"alice\" password=\"it;\";",
            jaas::SCRAM
        );
        let settings = read(&[
            (PROTOCOL, "SASL_PLAINTEXT"),
            (MECHANISM, "SCRAM-SHA-512"),
            (JAAS, &jaas),
            ("acks", "all"),
        ]);
        let login = settings.unwrap().login.unwrap();
        assert_eq!((&*login.user, &*login.password), ("alice", "it;"));
        assert_eq!(login.mechanism.name(), "SCRAM-SHA-512");
        assert!(read(&[]).unwrap().login.is_none());
    }

    #[test]
    fn what_cannot_be_done_is_refused_without_a_secret() {
        let plain = format!("{} required username=a password=hunter2;", jaas::PLAIN);
        let sasl = (PROTOCOL, "SASL_SSL");
        for (pairs, said) in [
            (vec![(PROTOCOL, "TLS")], "is none of"),
            (vec![sasl], "must be one of PLAIN"),
            (vec![sasl, (MECHANISM, "GSSAPI")], "must be one of PLAIN"),
            (vec![sasl, (MECHANISM, "PLAIN")], "it is not set"),
            (
                vec![sasl, (MECHANISM, "PLAIN"), (JAAS, "hunter2")],
                "it is no module",
            ),
            (
                vec![sasl, (MECHANISM, "SCRAM-SHA-256"), (JAAS, &plain)],
                "not that of",
            ),
            (
                vec![(PROTOCOL, "SSL"), (TRUSTSTORE, "a.jks")],
                "must be a file of PEM",
            ),
            (vec![(PROTOCOL, "SSL"), (NAME_CHECK, "")], "always checked"),
            (
                vec![("ssl.key.password", "hunter2")],
                "`ssl.key.password` is not supported",
            ),
        ] {
            let refused = read(&pairs).unwrap_err();
            assert!(refused.contains(said), "{refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }
}
