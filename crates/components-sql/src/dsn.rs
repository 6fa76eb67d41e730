//! Data source names in the notation of Go's drivers, parsed into what this build connects with.

mod mysql;
mod postgres;
mod sqlite;

pub use mysql::{Address, MysqlTarget, MysqlTls};
pub use postgres::{PostgresTarget, SslMode};
pub use sqlite::SqliteTarget;

use millrace_spec::percent_decode;

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
