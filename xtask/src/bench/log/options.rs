//! The arguments of `cargo xtask bench log`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::scenarios::SCENARIOS;
use super::workload::{WORKLOADS, Workload};
use crate::bench::options::names;

/// The name of what an idle broker takes.
pub const IDLE: &str = "idle";

/// What to measure.
pub struct Options {
    /// librdkafka's `rdkafka_performance`.
    pub client: PathBuf,
    /// The broker under test; without one a release build of this tree.
    pub binary: Option<PathBuf>,
    /// The folder of Apache Kafka's jars.
    pub kafka: Option<PathBuf>,
    /// Names of workloads and scenarios, or [`IDLE`]; empty means all.
    only: Vec<String>,
    /// Measured runs after the warm-up.
    pub runs: u32,
    /// Messages of a run; without it those of the workload.
    count: Option<u64>,
}

impl Options {
    /// Reads the arguments.
    pub fn parse(arguments: &[String]) -> Result<Self> {
        let (mut client, mut binary, mut kafka) = (None, None, None);
        let (mut only, mut runs, mut count) = (Vec::new(), 5, None);
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            let value = rest
                .next()
                .with_context(|| format!("`{flag}` needs a value"))?;
            let number = || {
                let number = value.parse::<u64>().ok().filter(|it| *it > 0);
                number.with_context(|| format!("`{flag} {value}` is no number above 0"))
            };
            match flag.as_str() {
                "--client" => client = Some(PathBuf::from(value)),
                "--binary" => binary = Some(PathBuf::from(value)),
                "--kafka" => kafka = Some(PathBuf::from(value)),
                "--only" => only = names(value, known())?,
                "--runs" => runs = u32::try_from(number()?)?,
                "--count" => count = Some(number()?),
                other => bail!("`{other}` is no option of `cargo xtask bench log`"),
            }
        }
        let client = client.context(
            "`--client PATH` is missing: the program `rdkafka_performance`, from the folder \
             `examples` of librdkafka's sources",
        )?;
        Ok(Self {
            client,
            binary,
            kafka,
            only,
            runs,
            count,
        })
    }

    /// Whether the workload of that name was asked for.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|it| it == name)
    }

    /// How many messages a run of the workload has.
    pub fn messages(&self, workload: &Workload) -> u64 {
        self.count.unwrap_or(workload.messages)
    }
}

/// Everything that can be asked for.
fn known() -> impl Iterator<Item = &'static str> {
    let workloads = WORKLOADS.iter().map(|it| it.name);
    let scenarios = SCENARIOS.iter().map(|it| it.name);
    [IDLE].into_iter().chain(workloads).chain(scenarios)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Options> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn the_client_has_to_be_named_and_workloads_have_to_be_known() {
        let error = |words| parse(words).err().map(|it| it.to_string());
        assert!(error("").is_some_and(|it| it.contains("rdkafka_performance")));
        assert!(error("--client x --only b9").is_some_and(|it| it.contains("b3a")));
        let options = parse("--client x --only B1,c2,b7a --runs 3 --count 10").unwrap();
        assert!(options.wants("b1") && !options.wants("b2"));
        assert!(options.wants("b7a") && !options.wants(IDLE));
        assert_eq!((options.runs, options.messages(&WORKLOADS[0])), (3, 10));
    }
}
