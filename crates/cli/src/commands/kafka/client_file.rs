//! The file of `--command-config`: how a cluster is reached that encrypts or asks who one is, in the
//! notation of Kafka's own clients.

use std::path::Path;

use millrace_diagnostics::{did_you_mean, suggest};
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

/// What is read of such a file. Other keys of security are refused, and those that only a misspelling
/// can be: what they ask for would be missed. The rest is for producers and consumers, which have flags
/// for it; it is passed over, and named.
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

const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

/// The settings with what a file says of security, and a note of what it says beside that.
///
/// # Errors
/// The file cannot be read, or asks for what cannot be. The reason quotes no secret.
pub fn secure(settings: Settings, file: &Path) -> Result<(Settings, Option<String>), String> {
    let texts = client_properties(file)?;
    let name = file.display();
    let secured = secured(settings, &texts).map_err(|reason| format!("{name}: {reason}"))?;
    let note = passed_over(&texts).map(|note| format!("{name}: {note}"));
    Ok((secured, note))
}

/// Names keys that have no effect.
fn passed_over(texts: &ClientTexts) -> Option<String> {
    let others = texts.keys().filter(|it| !SECURITY.contains(&it.as_str()));
    let quoted: Vec<_> = others.map(|it| format!("`{it}`")).collect();
    (!quoted.is_empty()).then(|| {
        let keys = quoted.join(", ");
        format!("{keys}: no effect here, the flags of the command say how it works")
    })
}

fn secured(mut settings: Settings, texts: &ClientTexts) -> Result<Settings, String> {
    if let Some(unknown) = texts.keys().find(|it| is_missed(it)) {
        let help = did_you_mean(unknown, SECURITY.iter().copied());
        let help = help.unwrap_or_else(|| format!("of security there are {}", listed(SECURITY)));
        return Err(format!("`{unknown}` is not supported ({help})"));
    }
    let (has_tls, has_login) = match text(texts, PROTOCOL).unwrap_or("PLAINTEXT") {
        "PLAINTEXT" => (false, false),
        "SSL" => (true, false),
        "SASL_PLAINTEXT" => (false, true),
        "SASL_SSL" => (true, true),
        other => return Err(no_option(PROTOCOL, other, &PROTOCOLS)),
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

/// Whether a key asks for something of security that would be missed.
fn is_missed(name: &str) -> bool {
    let is_of_security = ["ssl.", "sasl.", "security."]
        .iter()
        .any(|it| name.starts_with(it));
    let is_known = SECURITY.contains(&name);
    !is_known && (is_of_security || suggest(name, SECURITY.iter().copied()).is_some())
}

/// Says which options a key has, and not what it is set to, which may be anything.
fn no_option(key: &str, given: &str, options: &[&str]) -> String {
    let near = did_you_mean(given, options.iter().copied());
    let near = near.map_or_else(String::new, |it| format!(" ({it})"));
    format!("`{key}` must be one of {}{near}", listed(options))
}

fn listed(names: &[&str]) -> String {
    names.join(", ")
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
    let given = text(texts, MECHANISM).unwrap_or_default();
    let known = Mechanism::ALL.map(Mechanism::name);
    let mechanism = Mechanism::of(given).ok_or_else(|| no_option(MECHANISM, given, &known))?;
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
        let told = |name: &str| {
            let texts = ClientTexts::from([(name.to_owned(), "secret".to_owned())]);
            passed_over(&texts)
        };
        let note = "`acks`: no effect here, the flags of the command say how it works";
        assert_eq!(told("acks").as_deref(), Some(note));
        assert_eq!(told(PROTOCOL), None);
    }

    #[test]
    fn what_cannot_be_done_is_refused_without_a_secret() {
        let plain = format!("{} required username=a password=hunter2;", jaas::PLAIN);
        let sasl = (PROTOCOL, "SASL_SSL");
        for (pairs, said) in [
            (vec![(PROTOCOL, "TLS")], "must be one of PLAINTEXT, SSL"),
            (vec![(PROTOCOL, "sasl-ssl")], "did you mean `SASL_SSL`?"),
            (
                vec![sasl, (MECHANISM, "SCRAM-SHA512")],
                "did you mean `SCRAM-SHA-512`?",
            ),
            (
                vec![("sasl.mechanisms", "PLAIN")],
                "`sasl.mechanisms` is not supported (did you mean `sasl.mechanism`?)",
            ),
            (
                vec![("security.protocl", "SSL")],
                "did you mean `security.protocol`?",
            ),
            (
                vec![("sals.mechanism", "PLAIN")],
                "did you mean `sasl.mechanism`?",
            ),
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
                "`ssl.key.password` is not supported (of security there are security.protocol",
            ),
        ] {
            let refused = read(&pairs).unwrap_err();
            assert!(refused.contains(said), "{refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }
}
