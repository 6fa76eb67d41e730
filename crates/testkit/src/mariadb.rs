//! MariaDB: an exclusive instance, a database of the shared one, and queries through `mariadb`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::data_dir::{Account, DataDir, run_as};
use crate::poll::PATIENCE;
use crate::process::Process;
use crate::{names, port, programs};

const USER: &str = "millrace";
const PASSWORD: &str = "millrace-test";

/// A running `mariadbd` with a port and a data directory of its own.
#[derive(Debug)]
pub struct MariadbServer {
    process: Option<Process>,
    port: u16,
    account: Option<Account>,
    data: PathBuf,
    /// For temporary tables: a server that starts removes all that it finds where it keeps them,
    /// those of the servers beside it too.
    scratch: PathBuf,
    durable: bool,
    dir: DataDir,
}

impl MariadbServer {
    /// Creates the system tables, starts the server and waits until it answers. Without `durable`
    /// a commit is not synced to disk.
    ///
    /// # Errors
    /// When MariaDB is not installed or does not start; the text has the end of its log.
    pub fn start(durable: bool) -> Result<Self> {
        let dir = DataDir::new("mariadb")?;
        let account = Account::unless_unprivileged("mysql")?;
        let data = dir.subdir("data", account)?;
        let scratch = dir.subdir("tmp", account)?;
        let mut install = Command::new(programs::MARIADB_INSTALL_DB.path()?);
        install
            .args([
                "--no-defaults",
                "--skip-test-db",
                "--auth-root-authentication-method=normal",
            ])
            .args([
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-flush-method=nosync",
            ])
            .arg(format!("--datadir={}", data.display()));
        install.env("TMPDIR", &scratch);
        run_as(&mut install, account, &dir);
        crate::run_to_end("mariadb-install-db", &mut install)?;
        let port = port::free_port();
        let mut server = Self {
            process: None,
            port,
            account,
            data,
            scratch,
            durable,
            dir,
        };
        server.start_again()?;
        Ok(server)
    }

    /// Starts the server on the same port and data after [`stop`](Self::stop) or
    /// [`kill`](Self::kill).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_again(&mut self) -> Result<()> {
        let users = format!(
            "CREATE USER IF NOT EXISTS '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL ON *.* TO '{USER}'@'127.0.0.1';\n"
        );
        let users = self.dir.write("users.sql", &users)?;
        let mut command = Command::new(programs::MARIADBD.path()?);
        command
            .args([
                "--no-defaults",
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
            ])
            .args([
                "--skip-log-bin",
                "--innodb-buffer-pool-size=32M",
                "--max-connections=200",
            ])
            .args(["--character-set-server=utf8mb4", "--performance-schema=OFF"])
            .arg(format!("--port={}", self.port))
            .arg(format!("--socket={}", self.data.join("socket").display()))
            .arg(format!("--init-file={}", users.display()))
            .arg(format!("--datadir={}", self.data.display()))
            .arg(format!(
                "--innodb-flush-log-at-trx-commit={}",
                if self.durable { 1 } else { 0 }
            ));
        command.env("TMPDIR", &self.scratch);
        run_as(&mut command, self.account, &self.dir);
        let log = self.dir.path().join("mariadb.log");
        let mut process = Process::spawn_logged("mariadb", &mut command, &log)?;
        let url = self.url();
        process.wait_ready(PATIENCE, || query(&url, "SELECT 1").is_ok())?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends the server with SIGTERM.
    ///
    /// # Errors
    /// When it does not end within a minute.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.terminate(PATIENCE)?;
        }
        Ok(())
    }

    /// Kills the server with SIGKILL.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `mysql://USER:PASSWORD@127.0.0.1:PORT/mysql`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mysql://{USER}:{PASSWORD}@127.0.0.1:{}/mysql", self.port)
    }

    /// A new, empty database on this server.
    ///
    /// # Errors
    /// When the server is down.
    pub fn database(&self) -> Result<MariadbDatabase> {
        MariadbDatabase::create(&self.url())
    }
}

/// A database of one test alone, dropped with this value.
#[derive(Debug)]
pub struct MariadbDatabase {
    server_url: String,
    name: String,
}

impl MariadbDatabase {
    /// Creates an empty database on the server at `server_url`, a URL that ends in `/mysql`.
    ///
    /// # Errors
    /// When the server is down.
    pub fn create(server_url: &str) -> Result<Self> {
        let name = names::unique("t");
        query(server_url, &format!("CREATE DATABASE {name}"))?;
        Ok(Self {
            server_url: server_url.to_owned(),
            name,
        })
    }

    /// `mysql://USER:PASSWORD@127.0.0.1:PORT/NAME`.
    #[must_use]
    pub fn url(&self) -> String {
        let (server, _) = self
            .server_url
            .rsplit_once('/')
            .expect("the URL names a database");
        format!("{server}/{}", self.name)
    }

    /// The form that Go's driver takes: `USER:PASSWORD@tcp(127.0.0.1:PORT)/NAME`.
    #[must_use]
    pub fn go_dsn(&self) -> String {
        let url = self.url();
        let parts = Parts::of(&url).expect("the URL was made here");
        format!(
            "{}:{}@tcp({}:{})/{}",
            parts.user, parts.password, parts.host, parts.port, self.name
        )
    }

    /// Runs SQL and returns its rows, NULL as the text `NULL`; tabs, line breaks and backslashes
    /// inside a value are escaped with a backslash.
    ///
    /// # Errors
    /// When a statement fails; the text is that of MariaDB.
    pub fn query(&self, sql: &str) -> Result<Vec<Vec<String>>> {
        query(&self.url(), sql)
    }

    /// The first field of the first row of `sql`.
    ///
    /// # Errors
    /// When the statement fails or has no row.
    pub fn value(&self, sql: &str) -> Result<String> {
        let rows = self.query(sql)?;
        let value = rows
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next());
        value.with_context(|| format!("`{sql}` has no row"))
    }
}

impl Drop for MariadbDatabase {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE {}", self.name);
        crate::report("drop a database", query(&self.server_url, &sql).map(|_| ()));
    }
}

struct Parts<'a> {
    user: &'a str,
    password: &'a str,
    host: &'a str,
    port: &'a str,
    database: &'a str,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let (user, rest) = url.strip_prefix("mysql://")?.split_once(':')?;
        let (password, rest) = rest.split_once('@')?;
        let (address, database) = rest.split_once('/')?;
        let (host, port) = address.split_once(':')?;
        Some(Self {
            user,
            password,
            host,
            port,
            database,
        })
    }
}

fn query(url: &str, sql: &str) -> Result<Vec<Vec<String>>> {
    let parts = Parts::of(url)
        .with_context(|| format!("`{url}` is not `mysql://USER:PASSWORD@HOST:PORT/DATABASE`"))?;
    let mut command = Command::new(programs::MARIADB.path()?);
    command
        .args([
            "--no-defaults",
            "--batch",
            "--skip-column-names",
            "--protocol=tcp",
        ])
        .args([
            "--default-character-set=utf8mb4",
            "--host",
            parts.host,
            "--port",
            parts.port,
        ])
        .args([
            "--user",
            parts.user,
            "--database",
            parts.database,
            "--execute",
            sql,
        ])
        .env("MYSQL_PWD", parts.password);
    let text = crate::run_to_end("mariadb", &mut command)?;
    Ok(text
        .lines()
        .map(|row| row.split('\t').map(str::to_owned).collect())
        .collect())
}
