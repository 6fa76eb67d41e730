//! The shared servers of a test run, and any command beside them.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use millrace_testkit::shared::{Kind, SharedServers};

use crate::packages;

/// `cargo xtask servers`: runs a command that finds the servers in its environment.
pub fn run(arguments: &[String]) -> Result<bool> {
    let (kinds, command) = split_kinds(arguments)?;
    let (program, rest) = command.split_first().context(
        "no command to run beside the servers; `cargo xtask servers bash` opens a shell there",
    )?;
    let servers = start(&kinds)?;
    let mut command = Command::new(program);
    let status = command.args(rest).envs(servers.env()).status();
    Ok(status
        .with_context(|| format!("start `{program}`"))?
        .success())
}

/// Installs what is missing and starts the servers. They stop when the value is dropped and when
/// this process ends in any way, Ctrl-C included.
pub fn start(kinds: &[Kind]) -> Result<SharedServers> {
    packages::install_missing()?;
    let start = Instant::now();
    let servers = SharedServers::start(kinds).context("start the servers of the tests")?;
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    println!(
        "servers ready after {:.1} s: {}",
        start.elapsed().as_secs_f32(),
        names.join(", ")
    );
    Ok(servers)
}

/// Takes `--servers LIST` off the front of the arguments; without it all servers are meant.
pub fn split_kinds(arguments: &[String]) -> Result<(Vec<Kind>, &[String])> {
    match arguments {
        [flag, list, rest @ ..] if flag == "--servers" => {
            let names = list.split(',').filter(|name| !name.is_empty());
            Ok((names.map(Kind::parse).collect::<Result<_>>()?, rest))
        }
        _ => Ok((Kind::ALL.to_vec(), arguments)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(words: &[&str]) -> Result<(Vec<Kind>, Vec<String>)> {
        let words: Vec<String> = words.iter().map(|&it| it.to_owned()).collect();
        split_kinds(&words).map(|(kinds, rest)| (kinds, rest.to_vec()))
    }

    #[test]
    fn the_list_of_servers_is_taken_off_the_arguments() {
        let (kinds, rest) = split(&["--servers", "redis,postgres", "-p", "x"]).unwrap();
        assert_eq!(kinds, [Kind::Redis, Kind::Postgres]);
        assert_eq!(rest, ["-p", "x"]);
        assert_eq!(split(&["-p", "x"]).unwrap().0, Kind::ALL);
        assert_eq!(split(&["--servers", ""]).unwrap().0, []);
    }

    #[test]
    fn an_unknown_server_is_refused() {
        assert!(split(&["--servers", "oracle"]).is_err());
    }
}
