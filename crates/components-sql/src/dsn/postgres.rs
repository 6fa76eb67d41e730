//! `postgres://…` and `key=value …`, as Go's `lib/pq` reads them.

use std::time::Duration;

use millrace_spec::percent_decode;

use super::{host_and_port, parameters};

/// Where a PostgreSQL server is and how it is spoken to.
#[derive(Clone)]
pub struct PostgresTarget {
    /// Hosts in the order to try; one that begins with `/` is the directory of a socket.
    pub hosts: Vec<(String, u16)>,
    /// The user.
    pub user: String,
    /// The password.
    pub password: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// Whether and how TLS is used.
    pub ssl_mode: SslMode,
    /// A file of certificates to trust.
    pub ssl_root_cert: Option<String>,
    /// Client certificate and key files.
    pub ssl_client: Option<(String, String)>,
    /// How long connecting may take.
    pub connect_timeout: Option<Duration>,
    /// Parameters of the session, such as `search_path`.
    pub session: Vec<(String, String)>,
}

/// Whether and how TLS is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// Never.
    Disable,
    /// When the server offers it; nothing is verified.
    Prefer,
    /// Always; the certificate is not verified, unless `sslrootcert` is given.
    Require,
    /// Always; the certificate must be signed by a trusted authority.
    VerifyCa,
    /// Always; the certificate must be valid for the host too.
    VerifyFull,
}

impl PostgresTarget {
    /// Parses either notation.
    pub(super) fn parse(dsn: &str) -> Result<Self, String> {
        let is_url = dsn.starts_with("postgres://") || dsn.starts_with("postgresql://");
        let settings = if is_url {
            from_url(dsn)?
        } else {
            from_words(dsn)?
        };
        Self::from_settings(settings)
    }

    fn from_settings(settings: Vec<(String, String)>) -> Result<Self, String> {
        let mut hosts = Vec::new();
        let mut ports = Vec::new();
        let (mut certificate, mut key) = (None, None);
        let mut target = Self {
            hosts: Vec::new(),
            user: "postgres".to_owned(),
            password: None,
            database: None,
            ssl_mode: SslMode::Require,
            ssl_root_cert: None,
            ssl_client: None,
            connect_timeout: None,
            session: Vec::new(),
        };
        for (name, value) in settings {
            match name.as_str() {
                "host" | "hostaddr" => hosts = split(&value),
                "port" => ports = split(&value),
                "user" => target.user = value,
                "password" => target.password = Some(value),
                "dbname" => target.database = Some(value),
                "sslmode" => target.ssl_mode = ssl_mode(&value)?,
                "sslrootcert" => target.ssl_root_cert = Some(value),
                "sslcert" => certificate = Some(value),
                "sslkey" => key = Some(value),
                "connect_timeout" => {
                    let seconds: u64 = value
                        .parse()
                        .map_err(|_| "parameter `connect_timeout` is a number of seconds")?;
                    target.connect_timeout = Some(Duration::from_secs(seconds));
                }
                // Both only choose between text and binary forms in Go's driver.
                "binary_parameters" | "disable_prepared_binary_result" => {}
                "fallback_application_name" => {
                    if !target
                        .session
                        .iter()
                        .any(|(key, _)| key == "application_name")
                    {
                        target.session.push(("application_name".to_owned(), value));
                    }
                }
                "passfile" | "service" | "krbspn" | "krbsrvname" | "sslinline" | "sslpassword" => {
                    return Err(format!("parameter `{name}` is not supported"));
                }
                "application_name" => {
                    target.session.retain(|(key, _)| key != "application_name");
                    target.session.push((name, value));
                }
                _ => target.session.push((name, value)),
            }
        }
        target.ssl_client = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err("`sslcert` and `sslkey` go together".to_owned()),
        };
        target.hosts = pair(&hosts, &ports)?;
        Ok(target)
    }
}

fn split(list: &str) -> Vec<String> {
    list.split(',').map(|it| it.trim().to_owned()).collect()
}

fn pair(hosts: &[String], ports: &[String]) -> Result<Vec<(String, u16)>, String> {
    let port = |index: usize| match ports.get(index).or(ports.first()).map(String::as_str) {
        None | Some("") => Ok(5432),
        Some(port) => port
            .parse()
            .map_err(|_| format!("port `{port}` is not a number up to 65535")),
    };
    if hosts.is_empty() {
        return Ok(vec![("localhost".to_owned(), port(0)?)]);
    }
    let host = |(index, host): (usize, &String)| {
        let host = if host.is_empty() { "localhost" } else { host };
        Ok((host.to_owned(), port(index)?))
    };
    hosts.iter().enumerate().map(host).collect()
}

fn ssl_mode(value: &str) -> Result<SslMode, String> {
    match value {
        "disable" => Ok(SslMode::Disable),
        "allow" | "prefer" => Ok(SslMode::Prefer),
        "require" | "" => Ok(SslMode::Require),
        "verify-ca" => Ok(SslMode::VerifyCa),
        "verify-full" => Ok(SslMode::VerifyFull),
        _ => Err(format!(
            "sslmode `{value}` is none of disable, prefer, require, verify-ca, verify-full"
        )),
    }
}

/// `postgres://user:password@host:port,host/database?name=value`
fn from_url(dsn: &str) -> Result<Vec<(String, String)>, String> {
    let (_, rest) = dsn.split_once("://").unwrap_or(("", dsn));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (credentials, hosts) = match authority.rsplit_once('@') {
        Some((credentials, hosts)) => (Some(credentials), hosts),
        None => (None, authority),
    };
    let mut settings = Vec::new();
    let mut set = |name: &str, value: String| settings.push((name.to_owned(), value));
    if let Some(credentials) = credentials {
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (credentials, None),
        };
        if !user.is_empty() {
            set("user", percent_decode(user)?);
        }
        if let Some(password) = password {
            set("password", percent_decode(password)?);
        }
    }
    if !hosts.is_empty() {
        let mut names = Vec::new();
        let mut ports = Vec::new();
        for host in hosts.split(',') {
            let (name, port) = host_and_port(host)?;
            names.push(percent_decode(&name)?);
            ports.push(port.map_or_else(String::new, |port| port.to_string()));
        }
        set("host", names.join(","));
        set("port", ports.join(","));
    }
    if !path.is_empty() {
        set("dbname", percent_decode(path)?);
    }
    settings.extend(parameters(query)?);
    Ok(settings)
}

/// `host=… user='with a blank' password=with\ a\ blank`
fn from_words(dsn: &str) -> Result<Vec<(String, String)>, String> {
    let mut settings = Vec::new();
    let mut rest = dsn.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or(
            "it is neither `postgres://user:password@host/database` nor a list of `name=value`",
        )?;
        let (value, after) = word(after.trim_start())?;
        settings.push((name.trim().to_owned(), value));
        rest = after.trim_start();
    }
    Ok(settings)
}

/// A value, in single quotes or up to the next white space, with `\` before any character.
fn word(text: &str) -> Result<(String, &str), String> {
    let quoted = text.strip_prefix('\'');
    let mut value = String::new();
    let text = quoted.unwrap_or(text);
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                let (_, escaped) = characters.next().ok_or("it ends with a `\\`")?;
                value.push(escaped);
            }
            '\'' if quoted.is_some() => return Ok((value, &text[at + 1..])),
            it if quoted.is_none() && it.is_whitespace() => return Ok((value, &text[at..])),
            it => value.push(it),
        }
    }
    if quoted.is_some() {
        return Err("a quote is not closed".to_owned());
    }
    Ok((value, ""))
}
