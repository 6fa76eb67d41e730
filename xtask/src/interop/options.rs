//! The arguments of `cargo xtask interop`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::SUITE;
use super::clients::{CLIENTS, Client};
use super::suites::{SUITES, Suite};

/// What is to be run, and with what.
pub struct Options {
    pub clients: Vec<&'static Client>,
    pub suites: Vec<&'static Suite>,
    /// Whether Kafka's own reader reads what the broker has left.
    pub reads_files: bool,
    pub binary: Option<PathBuf>,
    /// Where the checkouts of the suites are.
    pub checkouts: PathBuf,
    /// Where what the tests of suites say is left.
    pub logs: PathBuf,
}

/// What `cargo xtask ci` runs: the clients that Debian and PyPI have. The others need Go's, npm's and
/// Maven's registries, and Kafka's reader of files Java.
pub fn in_ci() -> Options {
    let is_chosen = |it: &&Client| IN_CI.contains(&it.name);
    Options {
        clients: CLIENTS.iter().filter(is_chosen).collect(),
        suites: Vec::new(),
        reads_files: false,
        binary: None,
        checkouts: PathBuf::new(),
        logs: PathBuf::from(LOGS),
    }
}

const IN_CI: &[&str] = &["kcat", "confluent-kafka", "kafka-python", "aiokafka"];
const LOGS: &str = "target/interop";

pub fn parse(arguments: &[String]) -> Result<Options> {
    let (mut only, mut is_full, mut checkouts) = (Vec::new(), false, None);
    let (mut binary, mut logs) = (None, PathBuf::from(LOGS));
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        if flag == "--full" {
            is_full = true;
            continue;
        }
        let value = rest.next();
        let value = value.with_context(|| format!("`{flag}` needs a value"))?;
        match flag.as_str() {
            "--only" => only.extend(value.split(',')),
            "--binary" => binary = Some(PathBuf::from(value)),
            "--suites" => checkouts = Some(PathBuf::from(value)),
            "--logs" => logs = PathBuf::from(value),
            other => bail!("`{other}` is no option of `cargo xtask interop`"),
        }
    }
    if is_full != checkouts.is_some() {
        bail!("`--full` needs `--suites DIR`, the directory of the checkouts, and the other way");
    }
    let suites: &[Suite] = if is_full { SUITES } else { &[] };
    let suite_name = |it: &Suite| format!("{SUITE}{}", it.name);
    for name in &only {
        let is_known = CLIENTS.iter().any(|it| it.name == *name)
            || suites.iter().any(|it| suite_name(it) == *name);
        if !is_known {
            let clients = CLIENTS.iter().map(|it| it.name.to_owned());
            let names: Vec<_> = clients.chain(suites.iter().map(suite_name)).collect();
            bail!("`{name}` is no client or suite: use {}", names.join(", "));
        }
    }
    let is_chosen = |name: &str| only.is_empty() || only.contains(&name);
    Ok(Options {
        clients: CLIENTS.iter().filter(|it| is_chosen(it.name)).collect(),
        suites: suites
            .iter()
            .filter(|it| is_chosen(&suite_name(it)))
            .collect(),
        reads_files: true,
        binary,
        checkouts: checkouts.unwrap_or_default(),
        logs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options> {
        let words: Vec<_> = words.iter().map(|it| (*it).to_owned()).collect();
        super::parse(&words)
    }

    #[test]
    fn every_client_of_the_change_check_is_one() {
        assert_eq!(in_ci().clients.len(), IN_CI.len());
    }

    #[test]
    fn an_unknown_client_is_refused() {
        assert!(parse(&["--only", "kcat,nobody"]).is_err());
        assert!(parse(&["--only", "suite:librdkafka"]).is_err());
    }

    #[test]
    fn a_subset_is_clients_or_suites() {
        let all = parse(&[]).unwrap();
        assert_eq!((all.clients.len(), all.suites.len()), (CLIENTS.len(), 0));
        let full = ["--full", "--suites", "dir", "--only", "kcat,suite:aiokafka"];
        let some = parse(&full).unwrap();
        assert_eq!((some.clients.len(), some.suites.len()), (1, 1));
        let full = parse(&full[..3]).unwrap();
        assert_eq!(full.suites.len(), SUITES.len());
        assert!(parse(&["--full"]).is_err() && parse(&["--suites", "dir"]).is_err());
    }
}
