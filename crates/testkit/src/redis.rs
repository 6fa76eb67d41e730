//! Redis: an exclusive instance, a database of the shared one, and a client to look inside.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::data_dir::DataDir;
use crate::poll::PATIENCE;
use crate::process::Process;
use crate::{port, programs};

/// How many databases an instance has; every test takes one of its own.
const DATABASES: u32 = 8192;

/// How an instance is set up.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// Password that clients must give.
    pub password: Option<String>,
    /// Writes every command to disk before it is answered, so that a restart loses nothing.
    pub durable: bool,
}

/// A running `redis-server` with a port and a data directory of its own.
#[derive(Debug)]
pub struct RedisServer {
    process: Option<Process>,
    port: u16,
    options: RedisOptions,
    dir: DataDir,
}

impl RedisServer {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// When Redis is not installed or does not start; the text has the end of its log.
    pub fn start(options: RedisOptions) -> Result<Self> {
        let dir = DataDir::new("redis")?;
        let mut server = Self {
            process: None,
            port: port::free_port(),
            options,
            dir,
        };
        server.start_again()?;
        Ok(server)
    }

    /// Starts the server on the same port and data after [`kill`](Self::kill) or
    /// [`stop`](Self::stop).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_again(&mut self) -> Result<()> {
        let mut command = Command::new(programs::REDIS_SERVER.path()?);
        command
            .args(["--bind", "127.0.0.1", "--save", "", "--daemonize", "no"])
            .args(["--port", &self.port.to_string()])
            .args(["--databases", &DATABASES.to_string()])
            .arg("--dir")
            .arg(self.dir.path())
            .current_dir(self.dir.path());
        if self.options.durable {
            command.args(["--appendonly", "yes", "--appendfsync", "always"]);
        }
        if let Some(password) = &self.options.password {
            command.args(["--requirepass", password]);
        }
        let log = self.dir.path().join("redis.log");
        let mut process = Process::spawn_logged("redis", &mut command, &log)?;
        let url = self.url();
        process.wait_ready(PATIENCE, || {
            RedisClient::connect(&url)
                .and_then(|mut it| it.command(&["PING"]))
                .is_ok()
        })?;
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

    /// `redis://[:PASSWORD@]127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        let user = self
            .options
            .password
            .as_ref()
            .map_or(String::new(), |it| format!(":{it}@"));
        format!("redis://{user}127.0.0.1:{}", self.port)
    }

    /// A client of database 0.
    ///
    /// # Errors
    /// When the server is down.
    pub fn client(&self) -> Result<RedisClient> {
        RedisClient::connect(&self.url())
    }
}

/// One database of the shared server, empty and of one test alone.
#[derive(Debug)]
pub struct RedisDatabase {
    url: String,
}

impl RedisDatabase {
    /// Takes the next unused database of the server at `server_url`.
    ///
    /// # Errors
    /// When the server is down or all its databases are taken.
    pub fn take(server_url: &str) -> Result<Self> {
        let mut client = RedisClient::connect(server_url)?;
        let Reply::Integer(number) = client.command(&["INCR", "millrace-test-databases"])? else {
            bail!("take a Redis database: the counter is no number");
        };
        if number >= i64::from(DATABASES) {
            bail!("take a Redis database: all {DATABASES} are taken");
        }
        Ok(Self {
            url: format!("{}/{number}", server_url.trim_end_matches('/')),
        })
    }

    /// `redis://127.0.0.1:PORT/NUMBER`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client of this database.
    ///
    /// # Errors
    /// When the server is down.
    pub fn client(&self) -> Result<RedisClient> {
        RedisClient::connect(&self.url)
    }
}

impl Drop for RedisDatabase {
    fn drop(&mut self) {
        let result = self
            .client()
            .and_then(|mut it| it.command(&["FLUSHDB"]))
            .map(|_| ());
        crate::report("empty a Redis database", result);
    }
}

/// An answer of Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// `OK` and the like.
    Status(String),
    /// A number.
    Integer(i64),
    /// A value.
    Bytes(Vec<u8>),
    /// No value.
    Nil,
    /// A list of answers.
    Array(Vec<Reply>),
}

impl Reply {
    /// All values in the answer as text, lists flattened.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::Status(text) => vec![text.clone()],
            Self::Integer(number) => vec![number.to_string()],
            Self::Bytes(bytes) => vec![String::from_utf8_lossy(bytes).into_owned()],
            Self::Nil => Vec::new(),
            Self::Array(items) => items.iter().flat_map(Self::texts).collect(),
        }
    }
}

/// A blocking client that sends one command at a time.
#[derive(Debug)]
pub struct RedisClient {
    stream: BufReader<TcpStream>,
}

impl RedisClient {
    /// Connects to `redis://[:PASSWORD@]HOST:PORT[/DATABASE]`.
    ///
    /// # Errors
    /// When the server is down or refuses the password.
    pub fn connect(url: &str) -> Result<Self> {
        let rest = url
            .strip_prefix("redis://")
            .context("the URL is not `redis://…`")?;
        let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        let (address, database) = rest.split_once('/').unwrap_or((rest, ""));
        let stream = TcpStream::connect(address).context("connect to Redis")?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut client = Self {
            stream: BufReader::new(stream),
        };
        if let Some((_, password)) = user.split_once(':') {
            client.command(&["AUTH", password])?;
        }
        if !database.is_empty() {
            client.command(&["SELECT", database])?;
        }
        Ok(client)
    }

    /// Sends one command and waits for its answer.
    ///
    /// # Errors
    /// When the connection breaks or Redis answers with an error.
    pub fn command(&mut self, words: &[&str]) -> Result<Reply> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            write!(request, "${}\r\n{word}\r\n", word.len())?;
        }
        self.stream.get_mut().write_all(&request)?;
        self.reply()
            .with_context(|| format!("redis command `{}`", words.join(" ")))
    }

    /// All entries of the list `key`, from left to right.
    ///
    /// # Errors
    /// As [`command`](Self::command).
    pub fn list(&mut self, key: &str) -> Result<Vec<String>> {
        Ok(self.command(&["LRANGE", key, "0", "-1"])?.texts())
    }

    fn reply(&mut self) -> Result<Reply> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let Some(line) = line.strip_suffix("\r\n") else {
            bail!("the connection is closed")
        };
        let (kind, rest) = line.split_at_checked(1).context("the answer is empty")?;
        match kind {
            "+" => Ok(Reply::Status(rest.to_owned())),
            "-" => bail!("{rest}"),
            ":" => Ok(Reply::Integer(rest.parse()?)),
            "$" | "*" if rest == "-1" => Ok(Reply::Nil),
            "$" => {
                let mut bytes = vec![0; rest.parse::<usize>()? + 2];
                self.stream.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Ok(Reply::Bytes(bytes))
            }
            "*" => {
                let count: usize = rest.parse()?;
                (0..count)
                    .map(|_| self.reply())
                    .collect::<Result<_>>()
                    .map(Reply::Array)
            }
            other => bail!("the answer starts with `{other}`"),
        }
    }
}
