//! PostgreSQL: an exclusive instance, a database of the shared one, and queries through `psql`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::data_dir::{Account, DataDir, run_as};
use crate::poll::PATIENCE;
use crate::process::{Process, Signal};
use crate::{names, port, programs};

const USER: &str = "millrace";
const PASSWORD: &str = "millrace-test";

/// A running `postgres` with a port and a data directory of its own.
#[derive(Debug)]
pub struct PostgresServer {
    process: Option<Process>,
    port: u16,
    account: Option<Account>,
    data: PathBuf,
    durable: bool,
    dir: DataDir,
}

impl PostgresServer {
    /// Creates a cluster, starts it and waits until it answers. Without `durable` nothing is
    /// synced to disk: fast, and safe as long as the machine does not crash.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start; the text has the end of its log.
    pub fn start(durable: bool) -> Result<Self> {
        let dir = DataDir::new("postgres")?;
        let account = Account::unless_unprivileged("postgres")?;
        let data = dir.subdir("data", account)?;
        let password = dir.write("password", PASSWORD)?;
        let mut initdb = Command::new(programs::INITDB.path()?);
        initdb
            .args([
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ])
            .args(["--username", USER, "--pwfile"])
            .arg(&password)
            .arg("--pgdata")
            .arg(&data);
        run_as(&mut initdb, account, &dir);
        crate::run_to_end("initdb", &mut initdb)?;
        let port = port::free_port();
        let mut server = Self {
            process: None,
            port,
            account,
            data,
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
        let mut command = Command::new(programs::POSTGRES.path()?);
        let sync = if self.durable { "on" } else { "off" };
        command
            .arg("-D")
            .arg(&self.data)
            .args(["-p", &self.port.to_string()])
            .args([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
            ])
            .args(["-c", "max_connections=200", "-c", "shared_buffers=64MB"])
            .args([
                "-c",
                &format!("fsync={sync}"),
                "-c",
                &format!("full_page_writes={sync}"),
            ])
            .args(["-c", &format!("synchronous_commit={sync}")]);
        run_as(&mut command, self.account, &self.dir);
        let log = self.dir.path().join("postgres.log");
        let mut process = Process::spawn_logged("postgres", &mut command, &log)?;
        let url = self.url();
        process.wait_ready(PATIENCE, || query(&url, "SELECT 1").is_ok())?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends the server as an administrator would: connections are cut, data is flushed.
    ///
    /// # Errors
    /// When it does not end within a minute.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::INT)?;
            process.wait(PATIENCE)?;
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

    /// `postgres://USER:PASSWORD@127.0.0.1:PORT/postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        format!(
            "postgres://{USER}:{PASSWORD}@127.0.0.1:{}/postgres",
            self.port
        )
    }

    /// A new, empty database on this server.
    ///
    /// # Errors
    /// When the server is down.
    pub fn database(&self) -> Result<PostgresDatabase> {
        PostgresDatabase::create(&self.url())
    }
}

/// A database of one test alone, dropped with this value.
#[derive(Debug)]
pub struct PostgresDatabase {
    server_url: String,
    name: String,
}

impl PostgresDatabase {
    /// Creates an empty database on the server at `server_url`, a URL that ends in `/postgres`.
    ///
    /// # Errors
    /// When the server is down.
    pub fn create(server_url: &str) -> Result<Self> {
        let name = names::unique("t");
        query(
            server_url,
            &format!("CREATE DATABASE {name} TEMPLATE template0"),
        )?;
        Ok(Self {
            server_url: server_url.to_owned(),
            name,
        })
    }

    /// `postgres://USER:PASSWORD@127.0.0.1:PORT/NAME`.
    #[must_use]
    pub fn url(&self) -> String {
        let (server, _) = self
            .server_url
            .rsplit_once('/')
            .expect("the URL names a database");
        format!("{server}/{}", self.name)
    }

    /// Runs SQL and returns its rows, NULL as an empty text. Several statements are allowed.
    ///
    /// # Errors
    /// When a statement fails; the text is that of PostgreSQL.
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

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        crate::report("drop a database", query(&self.server_url, &sql).map(|_| ()));
    }
}

fn query(url: &str, sql: &str) -> Result<Vec<Vec<String>>> {
    const FIELD: char = '\u{1f}';
    const ROW: char = '\u{1e}';
    let mut command = Command::new(programs::PSQL.path()?);
    command
        .args([
            "--no-psqlrc",
            "--quiet",
            "--no-align",
            "--tuples-only",
            "--no-password",
        ])
        .args(["--set", "ON_ERROR_STOP=1", "--dbname", url])
        .args([
            format!("--field-separator={FIELD}"),
            format!("--record-separator={ROW}"),
        ])
        .args(["--command", sql]);
    let text = crate::run_to_end("psql", &mut command)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    if text.is_empty() {
        return Ok(Vec::new());
    }
    Ok(text
        .split(ROW)
        .map(|row| row.split(FIELD).map(str::to_owned).collect())
        .collect())
}
