//! The product as a process.

use std::process::{Command, Output};
use std::time::Duration;

use millrace_testkit::millrace::{self, Millrace};
use millrace_testkit::port;
use serde_json::{Value as Json, json};

use crate::verdict::Failure;

/// How long the product may take for a row.
pub const TIME_MAX: Duration = Duration::from_secs(20);

/// What the command line says of a command that it has not.
const NO_COMMAND: &str = "unrecognized subcommand";

/// A command that runs the product. Rows about `bento` and its variables mean this program.
///
/// # Errors
/// There is no binary.
pub fn command() -> Result<Command, Failure> {
    millrace::command().map_err(|error| Failure::misread(format!("{error:#}")))
}

/// The arguments of a row behind the name of the program.
///
/// # Errors
/// They are no texts, or begin with another name.
pub fn arguments(arguments: &[Json]) -> Result<Vec<&str>, Failure> {
    let words: Option<Vec<&str>> = arguments.iter().map(Json::as_str).collect();
    match words.as_deref() {
        Some(["bento" | "millrace", rest @ ..]) => Ok(rest.to_vec()),
        _ => Err(Failure::misread("the arguments are not those of `bento`")),
    }
}

/// Runs the product to its end; a command that it has not is not built.
///
/// # Errors
/// It cannot be run.
pub fn run(mut command: Command) -> Result<Output, Failure> {
    let output = command
        .output()
        .map_err(|error| Failure::misread(format!("run the binary: {error}")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains(NO_COMMAND) {
        let first = said.lines().next().unwrap_or_default();
        return Err(Failure::NotBuilt(first.to_owned()));
    }
    Ok(output)
}

/// All that a process said.
pub fn said(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    format!("{stdout}{}", String::from_utf8_lossy(&output.stderr))
}

/// A product that does nothing but serve its own paths, with the settings that a row asks for, and
/// where it listens; or what it said instead of serving.
///
/// # Errors
/// It cannot be started.
pub fn serve(mut http: Json) -> Result<Result<(Millrace, String), String>, Failure> {
    let address = format!("127.0.0.1:{}", port::free_port());
    http["address"] = json!(address);
    let config = json!({
        "http": http,
        "input": {"generate": {"mapping": "root = \"\"", "interval": "1h"}},
        "output": {"drop": {}},
    });
    let mut command = command()?;
    command.env("BENTO_CONFIG", config.to_string());
    let started = Millrace::start(&mut command);
    let mut running = started.map_err(|error| Failure::misread(format!("{error:#}")))?;
    let url = format!("http://{address}");
    let answers = |_: &Millrace| std::net::TcpStream::connect(&address).ok();
    match running.wait_for("the server", TIME_MAX, answers) {
        Ok(_) => Ok(Ok((running, url))),
        Err(error) => Ok(Err(format!("{error:#}"))),
    }
}
