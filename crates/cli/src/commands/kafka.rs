//! What the commands have in common that talk to a cluster.

mod client_file;
pub mod table;

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use millrace_kafka_client::{Cluster, Error, Reason, Settings};
use millrace_spec::Literal;
use millrace_spec::render::emit;

use super::{complain, misuse, print};
use crate::args::kafka::{AdminArgs, ClusterArgs};

/// How a command ends that does not do what it should.
pub enum Failure {
    /// It could not be done.
    Failed(String),
    /// The arguments cannot be meant.
    Misuse(String),
    /// What is wrong was said already, or nobody reads it.
    Told,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error.to_string())
    }
}

pub type Ended = Result<(), Failure>;

/// Runs a command to its end and says with which code to exit.
pub fn run(work: impl Future<Output = Ended>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(work);
    // A read of the standard input may never end.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Told) => ExitCode::FAILURE,
        Err(Failure::Misuse(reason)) => misuse(&reason),
        Err(Failure::Failed(reason)) => {
            complain(&format!("error: {reason}"));
            ExitCode::FAILURE
        }
    }
}

/// Connects to the cluster that the arguments mean.
pub async fn connect(args: &ClusterArgs) -> Result<Arc<Cluster>, Failure> {
    let request_timeout = Duration::from_millis(args.request_timeout_ms);
    let settings = Settings {
        request_timeout,
        connect_timeout: request_timeout.min(Settings::default().connect_timeout),
        ..Settings::for_servers(&args.bootstrap_servers)
    };
    // A variable that is empty is as good as none.
    let file = args.command_config.as_ref();
    let Some(file) = file.filter(|it| !it.as_os_str().is_empty()) else {
        return reach(settings).await;
    };
    let (settings, note) = client_file::secure(settings, file).map_err(Failure::Failed)?;
    if let Some(note) = note {
        complain(&format!("note: {note}"));
    }
    reach(settings).await
}

async fn reach(settings: Settings) -> Result<Arc<Cluster>, Failure> {
    let connected = Cluster::connect(settings).await;
    connected.map_err(|error| match error.reason() {
        Reason::Connect(_) => Failure::Failed(format!(
            "{error}; `--bootstrap-servers HOST:PORT` says where to connect"
        )),
        _ => error.into(),
    })
}

/// Prints an answer for people or for programs.
pub fn answer(admin: &AdminArgs, text: &str, json: &Literal) -> Ended {
    let printed = match admin.json {
        true => print(&(emit::json_pretty(json) + "\n")),
        false => print(text),
    };
    match printed == ExitCode::SUCCESS {
        true => Ok(()),
        false => Err(Failure::Told),
    }
}

pub fn text(text: impl Into<String>) -> Literal {
    Literal::String(text.into().into())
}

pub fn number(number: impl Into<i64>) -> Literal {
    Literal::Int(number.into())
}

/// A value that may not be there.
pub fn or_null<T>(value: Option<T>, literal: impl FnOnce(T) -> Literal) -> Literal {
    value.map_or(Literal::Null, literal)
}

pub fn numbers(numbers: &[i32]) -> Literal {
    Literal::List(numbers.iter().map(|it| number(*it)).collect())
}

pub fn object(fields: impl IntoIterator<Item = (&'static str, Literal)>) -> Literal {
    let fields = fields.into_iter().map(|(name, value)| (name.into(), value));
    Literal::Map(fields.collect())
}
