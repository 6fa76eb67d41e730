//! RabbitMQ: an exclusive instance, and a virtual host of one test.
//!
//! The server gets a node name, an Erlang cookie, an `epmd` and ports of its own, so that any
//! number of instances run beside each other and beside the package's own service. What tests do
//! to it (virtual hosts, queues, depths) goes through its management API, which answers in
//! milliseconds where `rabbitmqctl` starts an Erlang machine for every call.

mod vhost;

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::data_dir::DataDir;
use crate::process::Process;
use crate::{http, names, port, programs};

pub use vhost::{QueueDepth, Vhost};

const USER: &str = "millrace";
const PASSWORD: &str = "millrace-test";

/// A cold start takes 5 seconds on an idle machine with two cores.
const START: Duration = Duration::from_secs(120);

/// A running RabbitMQ with a node name, ports and a data directory of its own.
#[derive(Debug)]
pub struct RabbitmqServer {
    node: Option<Process>,
    /// Maps the node name to its port; one for each instance, so that none outlives it.
    epmd: Process,
    ports: Ports,
    name: String,
    dir: DataDir,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    amqp: u16,
    management: u16,
    distribution: u16,
    epmd: u16,
}

impl RabbitmqServer {
    /// Starts a broker and waits until it accepts AMQP and management requests.
    ///
    /// # Errors
    /// When RabbitMQ is not installed or does not start; the text has the end of its log.
    pub fn start() -> Result<Self> {
        let dir = DataDir::new("rabbitmq")?;
        dir.subdir("home", None)?;
        let ports = Ports {
            amqp: port::free_port(),
            management: port::free_port(),
            distribution: port::free_port(),
            epmd: port::free_port(),
        };
        dir.write("rabbitmq.conf", &config(ports))?;
        dir.write("enabled_plugins", "[rabbitmq_management].\n")?;

        let mut epmd = Command::new(programs::EPMD.path()?);
        epmd.args(["-port", &ports.epmd.to_string(), "-address", "127.0.0.1"])
            .current_dir(dir.path());
        let epmd = Process::spawn_logged("epmd", &mut epmd, &dir.path().join("epmd.log"))?;
        let name = format!("{}@localhost", names::unique("millrace"));
        let mut server = Self {
            node: None,
            epmd,
            ports,
            name,
            dir,
        };
        server.start_again()?;
        Ok(server)
    }

    /// Starts the broker on the same ports and data after [`stop`](Self::stop) or
    /// [`kill`](Self::kill).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_again(&mut self) -> Result<()> {
        let dir = self.dir.path();
        self.epmd.wait_ready(START, || is_open(self.ports.epmd))?;
        let mut command = Command::new(programs::RABBITMQ_SERVER.path()?);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .env("HOME", dir.join("home"))
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.ports.epmd.to_string())
            .env("RABBITMQ_NODENAME", &self.name)
            .env("RABBITMQ_DIST_PORT", self.ports.distribution.to_string())
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_CONFIG_FILE", dir.join("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", dir.join("enabled_plugins"))
            .env("RABBITMQ_FEATURE_FLAGS_FILE", dir.join("feature_flags"))
            .env("RABBITMQ_MNESIA_BASE", dir.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", dir.join("log"))
            .env("RABBITMQ_PID_FILE", dir.join("pid"))
            // Makes the start script become the broker instead of waiting for it, so that the end
            // of the process is the end of the broker.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            // Without this its scheduler threads spin while they are idle.
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "+sbwt none +sbwtdcpu none +sbwtdio none",
            )
            .current_dir(dir);
        let mut node = Process::spawn_logged("rabbitmq", &mut command, &dir.join("rabbitmq.log"))?;
        let url = format!(
            "{}/api/health/checks/port-listener/{}",
            self.management(),
            self.ports.amqp
        );
        let auth = http::basic_auth(USER, PASSWORD);
        node.wait_ready(START, || {
            let answer = http::request("GET", &url, &[("authorization", &auth)], b"");
            answer.is_ok_and(|it| it.status == 200)
        })?;
        self.node = Some(node);
        Ok(())
    }

    /// Ends the broker in order: durable queues and persistent messages are on disk.
    ///
    /// # Errors
    /// When it does not end within two minutes.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(mut node) = self.node.take() {
            node.terminate(START)?;
        }
        Ok(())
    }

    /// Kills the broker with SIGKILL.
    pub fn kill(&mut self) {
        self.node = None;
    }

    /// [`stop`](Self::stop) and [`start_again`](Self::start_again).
    ///
    /// # Errors
    /// As these two.
    pub fn restart(&mut self) -> Result<()> {
        self.stop().context("stop RabbitMQ")?;
        self.start_again()
    }

    /// The AMQP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// `amqp://USER:PASSWORD@127.0.0.1:PORT/`: the default virtual host.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://{USER}:{PASSWORD}@127.0.0.1:{}/", self.ports.amqp)
    }

    /// `http://127.0.0.1:PORT`, where the management API answers under `/api`.
    #[must_use]
    pub fn management(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.management)
    }

    /// A new, empty virtual host on this broker.
    ///
    /// # Errors
    /// When the broker is down.
    pub fn vhost(&self) -> Result<Vhost> {
        Vhost::create(&self.url(), &self.management())
    }
}

fn is_open(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn config(ports: Ports) -> String {
    let Ports {
        amqp, management, ..
    } = ports;
    format!(
        "listeners.tcp.default = 127.0.0.1:{amqp}\n\
         management.tcp.ip = 127.0.0.1\n\
         management.tcp.port = {management}\n\
         management.rates_mode = none\n\
         collect_statistics_interval = 100\n\
         disk_free_limit.absolute = 10MB\n\
         vm_memory_high_watermark.absolute = 2GB\n\
         log.file = false\n\
         log.console = true\n\
         log.console.level = warning\n\
         default_user = {USER}\n\
         default_pass = {PASSWORD}\n\
         loopback_users = none\n"
    )
}
