//! `cargo xtask bench`: the workloads of `bench/pipelines`, verified, beside a peer if one is given.
//!
//! Fair means: one machine, the binaries interleaved, a warm-up round that does not count, medians,
//! CPU seconds beside wall time, and no figure from a run whose output was wrong.

mod child;
mod data;
mod load;
mod log;
mod measure;
mod options;
mod report;
mod sink;
mod verify;
mod workload;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use measure::Measured;
use options::{Binary, Options};
use workload::{Source, WORKLOADS, Workload};

/// Holds generated inputs and the outputs of the last runs; git ignores both.
const DATA_DIR: &str = "bench/data";
const OUT_DIR: &str = "bench/out";
const PIPELINES: &str = "bench/pipelines";

/// All measured runs of one binary on one workload with one number of threads.
pub struct Series {
    pub workload: &'static Workload,
    pub threads: u32,
    pub binary: String,
    pub messages: u64,
    pub runs: Vec<Measured>,
}

/// Runs the workloads that the arguments ask for and prints their table.
pub fn run(arguments: &[String]) -> Result<bool> {
    match arguments {
        [command, rest @ ..] if command == "verify" => verify::run(rest),
        [command, rest @ ..] if command == "load" => load::run(rest),
        [command, rest @ ..] if command == "log" => log::run(rest),
        _ => measure_all(&Options::parse(arguments)?),
    }
}

fn measure_all(options: &Options) -> Result<bool> {
    for dir in [DATA_DIR, OUT_DIR] {
        fs::create_dir_all(dir).with_context(|| format!("create `{dir}`"))?;
    }
    let mut binaries = vec![Binary {
        name: "millrace".to_owned(),
        path: crate::test::binary(options.binary.clone(), &["--release"])?,
    }];
    binaries.extend(options.peers.iter().cloned());
    let mut series = Vec::new();
    for workload in WORKLOADS.iter().filter(|it| options.wants(it.name)) {
        for &threads in &options.threads {
            let bench = Bench {
                workload,
                threads,
                options,
                messages: options.messages(workload),
            };
            let measured = bench.run(&binaries);
            series.extend(measured.with_context(|| format!("workload {}", workload.name))?);
        }
    }
    if series.is_empty() {
        bail!("`--only` names no workload");
    }
    println!("\n{}", report::table(&series));
    if let Some(path) = &options.write {
        fs::write(path, report::page(&series, options)?)
            .with_context(|| format!("write `{}`", path.display()))?;
        println!("written to {}", path.display());
    }
    Ok(true)
}

/// One workload with one number of threads.
struct Bench<'a> {
    workload: &'static Workload,
    threads: u32,
    options: &'a Options,
    messages: u64,
}

impl Bench<'_> {
    fn run(&self, binaries: &[Binary]) -> Result<Vec<Series>> {
        let input = match self.workload.source {
            Source::Generated | Source::Http => None,
            Source::Orders => Some(data::orders(Path::new(DATA_DIR), self.messages)?),
            Source::AccessLog => Some(data::access_log(Path::new(DATA_DIR), self.messages)?),
        };
        if let Some(checked) = self.workload.checked {
            for binary in binaries {
                let (_, output) = self.pipeline(binary, checked, input.as_deref())?;
                self.verify(binary, input.as_deref(), &output)?;
            }
        }
        let mut series: Vec<Series> = binaries.iter().map(|it| self.series(it)).collect();
        for round in 0..=self.options.repetitions {
            let mut order: Vec<usize> = (0..binaries.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for index in order {
                let measured = self.once(&binaries[index], input.as_deref())?;
                println!("{}", report::line(&series[index], &measured, round == 0));
                if round == 0 {
                    // The warm-up.
                    continue;
                }
                series[index].messages = measured.messages;
                series[index].runs.push(measured);
            }
        }
        Ok(series)
    }

    fn series(&self, binary: &Binary) -> Series {
        Series {
            workload: self.workload,
            threads: self.threads,
            binary: binary.name.clone(),
            messages: self.messages,
            runs: Vec::new(),
        }
    }

    /// One measured and verified run.
    fn once(&self, binary: &Binary, input: Option<&Path>) -> Result<Measured> {
        if self.workload.source == Source::Http {
            return load::measure(binary, self.workload.config, self.threads, self.options);
        }
        let (measured, output) = self.pipeline(binary, self.workload.config, input)?;
        if self.workload.checked.is_none() {
            self.verify(binary, input, &output)?;
        }
        Ok(measured)
    }

    /// Runs a pipeline that ends by itself, to its end.
    fn pipeline(
        &self,
        binary: &Binary,
        config: &str,
        input: Option<&Path>,
    ) -> Result<(Measured, PathBuf)> {
        let output = Path::new(OUT_DIR).join(format!("{}.out", self.workload.name));
        if output.exists() {
            fs::remove_file(&output).with_context(|| format!("remove `{}`", output.display()))?;
        }
        let mut command = child::command(binary, config, self.threads);
        command
            .env("COUNT", self.messages.to_string())
            .env("OUT", &output);
        if let Some(input) = input {
            command.env("IN", input);
        }
        let child = child::start(&mut command)?;
        Ok((child.wait(self.messages)?, output))
    }

    /// Verifies in a process of its own: a child's peak memory counts from the size that its parent
    /// had when it was started, so this process stays small.
    fn verify(&self, binary: &Binary, input: Option<&Path>, output: &Path) -> Result<()> {
        let mut command = child::this_program()?;
        command
            .args(["bench", "verify", self.workload.name])
            .arg(output);
        match input {
            Some(input) => command.arg(input),
            None => command.arg(self.messages.to_string()),
        };
        if !crate::step::succeeds(&mut command)? {
            bail!(
                "the output of {} is wrong, see above; its figures do not count",
                binary.name
            );
        }
        Ok(())
    }
}
