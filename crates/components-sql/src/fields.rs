//! The fields that every SQL component shares: where the database is and how connections live.

use std::time::Duration;

use millrace_component::{BuildContext, read_text_file};
use millrace_message::Error;
use millrace_spec::{Duration as ConfigDuration, Node, ReadContext, SecretAddress, Spec, codes};
use tokio::sync::Semaphore;

use crate::database::{Database, Init};
use crate::dsn::Target;

/// The largest init file.
const INIT_BYTES_MAX: usize = 16 << 20;

/// The kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
pub enum Driver {
    /// MySQL and MariaDB.
    Mysql,
    /// PostgreSQL and what speaks its protocol.
    Postgres,
    /// Not part of this build.
    Clickhouse,
    /// Not part of this build.
    Mssql,
    /// SQLite, in this process.
    Sqlite,
    /// Not part of this build.
    Oracle,
    /// Not part of this build.
    Snowflake,
    /// Not part of this build.
    Trino,
    /// Not part of this build.
    Gocosmos,
    /// Not part of this build.
    Spanner,
    /// Not part of this build.
    Duckdb,
}

impl Driver {
    fn is_built(self) -> bool {
        matches!(self, Self::Mysql | Self::Postgres | Self::Sqlite)
    }

    /// The placeholder of the argument at `index`.
    pub fn place(self, index: usize) -> String {
        match self {
            Self::Postgres => format!("${}", index + 1),
            _ => "?".to_owned(),
        }
    }
}

/// Where the database is.
#[derive(Clone, Debug, Spec)]
#[spec(check = ConnectionFields::check)]
pub struct ConnectionFields {
    /// The kind of database: `postgres`, `mysql` (MariaDB too) or `sqlite`.
    #[spec(lint = refuse_driver, example = "postgres")]
    pub driver: Driver,
    /// Where the database is, in the notation of Go's drivers.
    ///
    /// | driver | notation |
    /// |---|---|
    /// | `postgres` | `postgres://user:password@host:5432/database?sslmode=disable`, or `host=… user=… password=… dbname=… sslmode=disable` |
    /// | `mysql` | `user:password@tcp(host:3306)/database?parseTime=true` |
    /// | `sqlite` | `file:path.db?_pragma=busy_timeout(5000)`, a path, or `:memory:` |
    ///
    /// PostgreSQL demands TLS unless `sslmode=disable` is given.
    #[spec(example = "postgres://user:password@localhost:5432/my_database")]
    pub dsn: SecretAddress,
}

impl ConnectionFields {
    fn check(&mut self, node: &Node, cx: &mut ReadContext) {
        for secret in crate::dsn::secrets(self.driver, self.dsn.expose()) {
            cx.add_secret_text(secret);
        }
        if let Err(reason) = Target::parse(self.driver, self.dsn.expose()) {
            let Some(dsn) = node.get("dsn") else { return };
            // Where the password is in it is not known.
            cx.add_secret(dsn);
            if self.driver.is_built() {
                cx.error(codes::INVALID_VALUE, dsn.span, format!("dsn: {reason}"));
            }
        }
    }

    /// The database that the fields describe; nothing is opened.
    ///
    /// # Errors
    /// The DSN is not valid, or an init file cannot be read.
    pub fn database(&self, pool: &PoolFields, cx: &BuildContext) -> Result<Database, Error> {
        let target = Target::parse(self.driver, self.dsn.expose())
            .map_err(|reason| Error::fatal(format!("dsn: {reason}")))?;
        Ok(Database::new(target, pool.init()?, pool.limits(), cx))
    }
}

fn refuse_driver(driver: &Driver, node: &Node, cx: &mut ReadContext) {
    if !driver.is_built() {
        let message = format!("driver `{}` is not part of this build", driver.name());
        cx.error(codes::NOT_SUPPORTED, node.span, message).help =
            Some("one of `postgres`, `mysql`, `sqlite`".to_owned());
    }
}

/// How connections are opened and kept.
#[derive(Clone, Debug, Spec)]
#[expect(dead_code, reason = "some fields are read to be refused")]
pub struct PoolFields {
    /// Files of statements to execute when the database is first connected to, before
    /// `init_statement`. `*`, `?` and `**` are wildcards. The statements should be idempotent; one
    /// that fails is logged as a warning.
    #[spec(advanced)]
    pub init_files: Option<Vec<String>>,
    /// Statements to execute when the database is first connected to, such as
    /// `CREATE TABLE IF NOT EXISTS …`. One that fails is logged as a warning. A password in them, as
    /// `PASSWORD '…'` or `IDENTIFIED BY '…'`, is not shown by `echo` or in logs.
    #[spec(advanced)]
    pub init_statement: Option<String>,
    /// Whether the connection is tried at the start. Millrace always does: an output counts as
    /// connected only when the database has answered.
    #[spec(default = false, advanced, since = "1.2.0")]
    pub init_verify_conn: bool,
    /// How long a connection may be idle before it is closed; unset or 0 for ever.
    #[spec(advanced)]
    pub conn_max_idle_time: Option<ConfigDuration>,
    /// How old a connection may become before it is replaced; unset or 0 for ever.
    #[spec(advanced)]
    pub conn_max_life_time: Option<ConfigDuration>,
    /// How many connections are kept while idle. One above it is closed after it has been idle for
    /// a second, so that a busy output does not reconnect for every write.
    #[spec(default = 2, advanced)]
    pub conn_max_idle: i64,
    /// How many connections may be open; unset or 0 for as many as there are writes in flight.
    #[spec(advanced)]
    pub conn_max_open: Option<i64>,
    /// Credentials from AWS Secrets Manager: not supported, refused when set.
    #[spec(advanced, since = "1.3.0", lint = refuse_text)]
    pub secret_name: Option<String>,
    /// Tokens of AWS IAM: not supported, refused when true.
    #[spec(default = false, advanced, since = "1.8.0", lint = refuse_true)]
    pub iam_enabled: bool,
    /// Tokens of Azure Entra: not supported, refused when enabled.
    #[spec(advanced, since = "1.10.0")]
    pub azure: AzureFields,
    /// The AWS region: refused when set.
    #[spec(default = "", advanced, lint = refuse_set)]
    pub region: String,
    /// An AWS endpoint: refused when set.
    #[spec(default = "", advanced, lint = refuse_set)]
    pub endpoint: String,
    /// AWS credentials: refused when set.
    #[spec(advanced)]
    pub credentials: CredentialFields,
}

/// Azure Entra tokens, which this build does not fetch.
#[derive(Clone, Debug, Spec)]
#[expect(dead_code, reason = "fields that are read to be refused")]
pub struct AzureFields {
    /// Refused when true.
    #[spec(default = false, since = "1.10.0", lint = refuse_true)]
    pub entra_enabled: bool,
    /// How a token would be asked for; without effect while `entra_enabled` is false.
    pub token_request_options: TokenRequestFields,
}

/// How an Azure token is asked for.
#[derive(Clone, Debug, Spec)]
#[expect(dead_code, reason = "fields that are read to be refused")]
pub struct TokenRequestFields {
    /// Further claims.
    #[spec(default = "", since = "1.10.0", lint = refuse_set)]
    pub claims: String,
    /// Continuous access evaluation.
    #[spec(default = false, since = "1.10.0", lint = refuse_true)]
    pub enable_cae: bool,
    /// The scopes of the token.
    #[spec(default = ["https://ossrdbms-aad.database.windows.net/.default"], since = "1.10.0")]
    pub scopes: Vec<String>,
    /// The tenant.
    #[spec(default = "", since = "1.10.0", lint = refuse_set)]
    pub tenant_id: String,
}

/// AWS credentials, which no driver of this build uses.
#[derive(Clone, Debug, Spec)]
#[expect(dead_code, reason = "fields that are read to be refused")]
pub struct CredentialFields {
    /// A profile of `~/.aws/credentials`.
    #[spec(default = "", advanced, lint = refuse_set)]
    pub profile: String,
    /// The access key id.
    #[spec(default = "", advanced, lint = refuse_set)]
    pub id: String,
    /// The secret access key.
    #[spec(default = "", advanced, secret, lint = refuse_set)]
    pub secret: String,
    /// The token of temporary credentials.
    #[spec(default = "", advanced, lint = refuse_set)]
    pub token: String,
    /// The role of the EC2 instance.
    #[spec(default = false, advanced, lint = refuse_true)]
    pub from_ec2_role: bool,
    /// A role to assume.
    #[spec(default = "", advanced, lint = refuse_set)]
    pub role: String,
    /// The external id of that role.
    #[spec(default = "", advanced, lint = refuse_set)]
    pub role_external_id: String,
    /// How long before their end credentials are renewed.
    #[spec(default = "", advanced, lint = refuse_set)]
    pub expiry_window: String,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature of a field lint"
)]
fn refuse_true(value: &bool, node: &Node, cx: &mut ReadContext) {
    if *value {
        refuse(node, cx);
    }
}

#[allow(clippy::ptr_arg, reason = "the signature of a field lint")]
fn refuse_set(value: &String, node: &Node, cx: &mut ReadContext) {
    if !value.is_empty() {
        refuse(node, cx);
    }
}

fn refuse_text(value: &Option<String>, node: &Node, cx: &mut ReadContext) {
    if value.as_ref().is_some_and(|text| !text.is_empty()) {
        refuse(node, cx);
    }
}

fn refuse(node: &Node, cx: &mut ReadContext) {
    let field = cx.path_segments().last().cloned().unwrap_or_default();
    let message =
        format!("field {field} is not supported: cloud credentials are not part of this build");
    cx.error(codes::NOT_SUPPORTED, node.span, message).help =
        Some("put user and password into `dsn`".to_owned());
}

/// How many connections live how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections open at a time.
    pub open_max: Option<usize>,
    /// Connections kept while idle.
    pub idle_max: usize,
    /// How long a connection may be idle.
    pub idle_time_max: Option<Duration>,
    /// How old a connection may become.
    pub life_time_max: Option<Duration>,
}

impl PoolFields {
    fn limits(&self) -> Limits {
        let some = |duration: &Option<ConfigDuration>| {
            duration
                .as_ref()
                .map(ConfigDuration::get)
                .filter(|it| !it.is_zero())
        };
        let open_max = self.conn_max_open.and_then(|it| usize::try_from(it).ok());
        let open_max = open_max.filter(|it| (1..=Semaphore::MAX_PERMITS).contains(it));
        let idle_max = usize::try_from(self.conn_max_idle).unwrap_or(0);
        Limits {
            open_max,
            idle_max: idle_max.min(open_max.unwrap_or(usize::MAX)),
            idle_time_max: some(&self.conn_max_idle_time),
            life_time_max: some(&self.conn_max_life_time),
        }
    }

    /// Reads the init files, so that a missing one is an error at the start.
    fn init(&self) -> Result<Init, Error> {
        let mut statements = Vec::new();
        for pattern in self.init_files.iter().flatten() {
            for path in crate::database::expand(pattern)? {
                let text = read_text_file(&path, INIT_BYTES_MAX).map_err(|error| {
                    Error::fatal(format!("init_files: read `{}`: {error}", path.display()))
                })?;
                statements.push((format!("init file `{}`", path.display()), text));
            }
        }
        if let Some(text) = self.init_statement.as_ref().filter(|text| !text.is_empty()) {
            statements.push(("init_statement".to_owned(), text.clone()));
        }
        Ok(Init::new(statements))
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::Workbench;

    use super::*;

    #[test]
    fn more_connections_than_can_be_counted_are_no_bound() {
        for (max, expected) in [("0", None), ("7", Some(7)), ("9223372036854775807", None)] {
            let fields = format!("{{ conn_max_open: {max} }}");
            let fields: PoolFields = Workbench::new([]).read(&fields).expect("they are fields");
            assert_eq!(fields.limits().open_max, expected);
        }
    }
}
