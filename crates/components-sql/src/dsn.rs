//! Data source names in the notation of Go's drivers, parsed into what this build connects with.

mod mysql;
mod postgres;
mod sqlite;

pub use mysql::{Address, MysqlTarget, MysqlTls};
pub use postgres::{PostgresTarget, SslMode};
pub use sqlite::SqliteTarget;

use crate::fields::Driver;

/// A parsed data source name.
#[derive(Clone)]
pub enum Target {
    /// PostgreSQL.
    Postgres(PostgresTarget),
    /// MySQL or MariaDB.
    Mysql(MysqlTarget),
    /// SQLite.
    Sqlite(SqliteTarget),
}

impl Target {
    /// Parses the notation of a driver.
    ///
    /// # Errors
    /// What is wrong, without quoting a secret.
    pub fn parse(driver: Driver, dsn: &str) -> Result<Self, String> {
        match driver {
            Driver::Postgres => PostgresTarget::parse(dsn).map(Self::Postgres),
            Driver::Mysql => MysqlTarget::parse(dsn).map(Self::Mysql),
            Driver::Sqlite => SqliteTarget::parse(dsn).map(Self::Sqlite),
            other => Err(format!(
                "driver `{}` is not part of this build",
                other.name()
            )),
        }
    }
}

/// The passwords in a data source name, as written and decoded.
pub fn secrets(driver: Driver, dsn: &str) -> Vec<String> {
    let password = match Target::parse(driver, dsn) {
        Ok(Target::Postgres(target)) => target.password,
        Ok(Target::Mysql(target)) => target.password,
        _ => None,
    };
    password.into_iter().filter(|it| !it.is_empty()).collect()
}

/// Replaces `%41` by what it stands for.
fn percent_decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = rest
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or("a `%` is not followed by two hexadecimal digits: write `%25`")?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 after percent decoding".to_owned())
}

/// The parameters after `?`, decoded, in order.
fn parameters(query: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let decode = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((
            percent_decode(key)?,
            percent_decode(&value.replace('+', " "))?,
        ))
    };
    pairs.map(decode).collect()
}

/// A host with an optional port; IPv6 addresses stand in brackets.
fn host_and_port(text: &str) -> Result<(String, Option<u16>), String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or("`[` without `]` in the host")?;
            (host, after.strip_prefix(':'))
        }
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port.filter(|port| !port.is_empty()) {
        None => None,
        Some(port) => Some(
            port.parse()
                .map_err(|_| format!("port `{port}` is not a number up to 65535"))?,
        ),
    };
    Ok((host.to_owned(), port))
}

/// A boolean parameter as Go reads it.
fn boolean(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "1" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("parameter `{key}` is `true` or `false`")),
    }
}

#[cfg(test)]
mod tests;
