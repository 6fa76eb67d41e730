//! The brokers that are measured.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use millrace_testkit::port::free_port;
use millrace_testkit::process::Process;
use millrace_testkit::run_to_end;

const START: Duration = Duration::from_secs(180);
const STOP: Duration = Duration::from_secs(60);

/// A broker on a port of its own, which is started and stopped.
pub struct Broker {
    pub name: &'static str,
    /// Which of the settings of [`super::workload::Durability`] are its own.
    pub kind: usize,
    port: u16,
    program: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    process: Option<Process>,
}

impl Broker {
    /// The broker under test; its data are in `folder`.
    pub fn millrace(binary: PathBuf, folder: &Path) -> Self {
        let port = free_port();
        let data = folder.join("millrace");
        let arguments = [
            "broker",
            "1",
            &port.to_string(),
            "--host",
            "127.0.0.1",
            "--data",
        ];
        let arguments = arguments.map(str::to_owned).into_iter();
        Self {
            name: "Millrace",
            kind: 0,
            port,
            program: binary,
            arguments: arguments.chain([data.display().to_string()]).collect(),
            log: folder.join("millrace.log"),
            process: None,
        }
    }

    /// Apache Kafka as a broker and controller in one, with a heap of 1 GB.
    pub fn kafka(jars: &Path, folder: &Path) -> Result<Self> {
        let (port, controller) = (free_port(), free_port());
        let data = folder.join("kafka");
        let settings = folder.join("kafka.properties");
        let text = format!(
            "process.roles=broker,controller\nnode.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
             controller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             log.dirs={}\noffsets.topic.replication.factor=1\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n",
            data.display()
        );
        fs::write(&settings, text).context("write Kafka's settings")?;
        let classes = jars.join("*").display().to_string();
        let settings = settings.display().to_string();
        let java = |arguments: &[&str]| {
            let all = ["-cp", &classes]
                .into_iter()
                .chain(arguments.iter().copied());
            all.map(str::to_owned).collect::<Vec<_>>()
        };
        let id = "MkU3OEVBNTcwNTJENDM2Qg";
        let format = java(&[
            "kafka.tools.StorageTool",
            "format",
            "-t",
            id,
            "-c",
            &settings,
        ]);
        run_to_end("java", Command::new("java").args(&format))?;
        let mut arguments = java(&["kafka.Kafka", &settings]);
        arguments.insert(0, "-Xmx1G".to_owned());
        Ok(Self {
            name: "Kafka",
            kind: 1,
            port,
            program: "java".into(),
            arguments,
            log: folder.join("kafka.log"),
            process: None,
        })
    }

    /// Whether it is the broker under test.
    pub fn is_ours(&self) -> bool {
        self.kind == 0
    }

    pub fn address(&self) -> String {
        self.socket().to_string()
    }

    pub fn socket(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The program of this project, whose commands make topics.
    pub fn millrace_binary(&self) -> &Path {
        &self.program
    }

    /// Starts it; how long it takes until it takes connections.
    pub fn start(&mut self) -> Result<Duration> {
        let log = fs::File::create(&self.log).context("make a file for its log")?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        let since = Instant::now();
        let mut process = Process::spawn(self.name, &mut command)?;
        while TcpStream::connect(self.socket()).is_err() {
            if since.elapsed() > START || process.try_wait()?.is_some() {
                let said = fs::read_to_string(&self.log).unwrap_or_default();
                bail!("{} does not start:\n{said}", self.name);
            }
            sleep(Duration::from_millis(1));
        }
        self.process = Some(process);
        Ok(since.elapsed())
    }

    /// Stops it in order.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.terminate(STOP)?;
        }
        Ok(())
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
        }
        Ok(())
    }

    fn file_of_process(&self, name: &str) -> Result<String> {
        let process = self.process.as_ref().context("it does not run")?;
        let path = format!("/proc/{}/{name}", process.id());
        fs::read_to_string(&path).with_context(|| format!("read {path}"))
    }

    /// The CPU time that it has taken so far.
    pub fn cpu(&self) -> Result<Duration> {
        let stat = self.file_of_process("stat")?;
        // The name of the program, in brackets, may hold anything.
        let (_, rest) = stat
            .rsplit_once(')')
            .context("no process has such a state")?;
        let ticks = rest.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|it| it.parse::<u64>().ok()).sum();
        let per_second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_secs_f64(ticks as f64 / per_second as f64))
    }

    /// The memory that it has, in bytes.
    pub fn memory(&self) -> Result<u64> {
        let status = self.file_of_process("status")?;
        let mut lines = status.lines();
        let line = lines.find_map(|it| it.strip_prefix("VmRSS:"));
        let size = line.and_then(|it| it.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(size.context("the system does not say how much memory it has")? << 10)
    }
}
