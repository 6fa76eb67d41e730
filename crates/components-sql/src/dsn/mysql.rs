//! `user:password@tcp(host:port)/database?name=value`, as Go's `go-sql-driver/mysql` reads it.

use std::time::Duration;

use millrace_spec::percent_decode;

use super::{boolean, host_and_port, parameters};

/// Where a MySQL or MariaDB server is and how it is spoken to.
#[derive(Clone)]
pub struct MysqlTarget {
    /// The address.
    pub address: Address,
    /// The user.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// Whether and how TLS is used.
    pub tls: MysqlTls,
    /// How long connecting may take.
    pub timeout: Option<Duration>,
    /// Whether `UPDATE` counts the rows it found rather than those it changed.
    pub client_found_rows: bool,
    /// Whether dates and times are read as such, and not as text.
    pub parse_time: bool,
    /// System variables to set for the session, in order.
    pub session: Vec<(String, String)>,
}

/// A network address or a socket in the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Host and port.
    Tcp(String, u16),
    /// The path of a socket.
    Unix(String),
}

/// Whether and how TLS is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MysqlTls {
    /// Never.
    Off,
    /// Always, verified.
    Verify,
    /// Always, the certificate is not verified.
    SkipVerify,
}

impl MysqlTarget {
    /// Parses the notation.
    pub(super) fn parse(dsn: &str) -> Result<Self, String> {
        let form = "it is not `user:password@tcp(host:3306)/database`";
        let (before, after) = dsn.rsplit_once('/').ok_or(form)?;
        // A password may contain anything, an address no `@`: the last one divides them.
        let (credentials, address) = match before.rsplit_once('@') {
            Some((credentials, address)) => (Some(credentials), address),
            None => (None, before),
        };
        let (user, password) = match credentials.map(|it| it.split_once(':').ok_or(it)) {
            None => (None, None),
            Some(Ok((user, password))) => (Some(user), Some(password)),
            Some(Err(user)) => (Some(user), None),
        };
        let (database, query) = after.split_once('?').unwrap_or((after, ""));
        let mut target = Self {
            address: parse_address(address).map_err(|reason| format!("{reason}: {form}"))?,
            user: user.filter(|it| !it.is_empty()).map(str::to_owned),
            password: password.map(str::to_owned),
            database: Some(percent_decode(database)?).filter(|it| !it.is_empty()),
            tls: MysqlTls::Off,
            timeout: None,
            client_found_rows: false,
            parse_time: false,
            session: Vec::new(),
        };
        for (name, value) in parameters(query)? {
            target.set(name, value)?;
        }
        Ok(target)
    }

    fn set(&mut self, name: String, value: String) -> Result<(), String> {
        match name.as_str() {
            "tls" => {
                self.tls = match value.as_str() {
                    "false" => MysqlTls::Off,
                    "true" => MysqlTls::Verify,
                    "skip-verify" => MysqlTls::SkipVerify,
                    _ => return Err("parameter `tls` is `true`, `false` or `skip-verify`".into()),
                }
            }
            "timeout" => {
                let timeout = millrace_spec::Duration::parse(&value)?;
                self.timeout = Some(timeout.get()).filter(|it| !it.is_zero());
            }
            "clientFoundRows" => self.client_found_rows = boolean(&name, &value)?,
            "parseTime" => self.parse_time = boolean(&name, &value)?,
            "charset" => {
                // Go's driver tries them in order; the first is the one that is wanted.
                let charset = value.split(',').next().unwrap_or_default();
                self.session.push(("names".to_owned(), charset.to_owned()));
            }
            "collation" => self
                .session
                .push(("collation_connection".to_owned(), quote(&value))),
            "loc" if value == "UTC" || value.is_empty() => {}
            "loc" => return Err("parameter `loc` is `UTC`: timestamps are written in UTC".into()),
            // They say how Go's driver builds text, names columns, checks authentication or uses its
            // own buffers, which is done here in one way.
            "multiStatements"
            | "interpolateParams"
            | "columnsWithAlias"
            | "checkConnLiveness"
            | "rejectReadOnly"
            | "allowNativePasswords"
            | "maxAllowedPacket"
            | "readTimeout"
            | "writeTimeout"
            | "timeTruncate"
            | "connectionAttributes"
            | "allowFallbackToPlaintext" => {}
            "allowCleartextPasswords" | "allowAllFiles" | "allowOldPasswords" | "serverPubKey" => {
                if boolean(&name, &value) != Ok(false) {
                    return Err(format!("parameter `{name}` is not supported"));
                }
            }
            _ => self.session.push((name, value)),
        }
        Ok(())
    }
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn parse_address(text: &str) -> Result<Address, String> {
    if text.is_empty() {
        return Ok(Address::Tcp("127.0.0.1".to_owned(), 3306));
    }
    let (network, address) = match text.split_once('(') {
        None => (text, ""),
        Some((network, rest)) => (
            network,
            rest.strip_suffix(')')
                .ok_or("the address has no closing `)`")?,
        ),
    };
    match network {
        "" | "tcp" if address.is_empty() => Ok(Address::Tcp("127.0.0.1".to_owned(), 3306)),
        "" | "tcp" => {
            let (host, port) = host_and_port(address)?;
            Ok(Address::Tcp(host, port.unwrap_or(3306)))
        }
        "unix" if address.is_empty() => Ok(Address::Unix("/tmp/mysql.sock".to_owned())),
        "unix" => Ok(Address::Unix(address.to_owned())),
        _ => Err("the network is neither `tcp` nor `unix`".to_owned()),
    }
}
