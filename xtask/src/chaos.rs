//! `cargo xtask chaos cities`: the main job of the examples on real servers, with everything that
//! goes wrong in production happening on purpose, and a proof that no city is lost; and
//! `cargo xtask chaos broker`, the same for the broker and its clients.

mod broker;
mod cast;
pub mod cities;
mod plan;
mod rabbitmq;
mod redis;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::packages;

/// How often a worker is killed with SIGKILL, at least.
const KILLS: u32 = 20;
const WORKERS: u32 = 3;
const CI_SEED: &str = "1";
/// How often the broker is killed, and how often in CI.
const BROKER_KILLS: u32 = 100;
const CI_BROKER_KILLS: &str = "15";

/// What a run is told.
#[derive(Debug)]
pub struct Options {
    /// The binary under test.
    pub binary: PathBuf,
    /// Repeats the same plan; timing still differs.
    pub seed: u64,
    pub kills: u32,
    pub workers: u32,
    /// Where the logs of all processes are kept.
    pub logs: Option<PathBuf>,
}

/// What came out of a run.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub sent: usize,
    /// Cities whose answer is there and right.
    pub right: usize,
    /// Answers with a wrong content. No variant may have one.
    pub wrong: usize,
    pub duplicates: u64,
    /// Duplicates that the kills, the restart and the cut explain.
    pub most_duplicates: u64,
    /// From the first city to the last answer.
    pub took: Duration,
}

/// One way to run the story.
struct Variant {
    name: &'static str,
    run: fn(&Options) -> Result<Outcome>,
    /// Whether the guarantee of this variant is that nothing is lost.
    lossless: bool,
}

/// RabbitMQ comes last: its line is the verdict that people look for.
const VARIANTS: &[Variant] = &[
    Variant {
        name: "redis-kill",
        run: redis::killed,
        lossless: false,
    },
    Variant {
        name: "redis-term",
        run: redis::terminated,
        lossless: true,
    },
    Variant {
        name: "redis-reliable",
        run: redis::reliable,
        lossless: true,
    },
    Variant {
        name: "rabbitmq",
        run: rabbitmq::run,
        lossless: true,
    },
];

/// Runs the variants that the arguments name; true when each kept its promise.
pub fn run(arguments: &[String]) -> Result<bool> {
    let split = arguments.split_first();
    match split.map(|(story, rest)| (story.as_str(), rest)) {
        Some(("cities", rest)) => cities(rest),
        Some(("broker", rest)) => {
            let (chosen, options) = parse(rest, BROKER_KILLS)?;
            if !chosen.is_empty() {
                bail!("`chaos broker` has no variants");
            }
            broker::run(&options)
                .with_context(|| format!("seed {}", options.seed))
                .map(|()| true)
        }
        _ => {
            bail!("usage: cargo xtask chaos STORY [OPTIONS]; the stories are `cities` and `broker`")
        }
    }
}

fn cities(arguments: &[String]) -> Result<bool> {
    let (chosen, options) = parse(arguments, KILLS)?;
    packages::install_missing()?;
    if let Some(logs) = &options.logs {
        fs::create_dir_all(logs).with_context(|| format!("create `{}`", logs.display()))?;
    }
    println!("seed {}", options.seed);
    let mut kept = true;
    for variant in VARIANTS
        .iter()
        .filter(|it| chosen.is_empty() || chosen.contains(&it.name))
    {
        println!("== {}", variant.name);
        let outcome = (variant.run)(&options)
            .with_context(|| format!("{} with seed {}", variant.name, options.seed))?;
        kept &= judge(variant, &outcome);
    }
    Ok(kept)
}

/// Runs the RabbitMQ variant with one seed, always the same; true when nothing was lost.
pub fn rabbitmq_once() -> Result<bool> {
    let arguments = ["cities", "--variant", "rabbitmq", "--seed", CI_SEED];
    run(&arguments.map(str::to_owned))
}

/// Kills the broker a few times, always at the same moments; true when nothing was lost.
pub fn broker_in_ci() -> Result<bool> {
    let arguments = ["broker", "--kills", CI_BROKER_KILLS, "--seed", CI_SEED];
    run(&arguments.map(str::to_owned))
}

/// Prints the verdict; true when the variant kept its promise.
fn judge(variant: &Variant, outcome: &Outcome) -> bool {
    let Outcome {
        sent,
        right,
        wrong,
        duplicates,
        most_duplicates,
        took,
    } = *outcome;
    let complete = right == sent;
    let explained = duplicates <= most_duplicates;
    if wrong > 0 {
        println!("{}: {wrong} answers are wrong", variant.name);
    }
    if variant.lossless && !complete {
        println!(
            "{}: {} cities have no right answer",
            variant.name,
            sent - right
        );
    }
    if !variant.lossless {
        println!(
            "{}: a list has no acknowledgements, {} cities went down with their worker",
            variant.name,
            sent - right
        );
    }
    println!(
        "{}: {:.1} s, at most {most_duplicates} duplicates are explained",
        variant.name,
        took.as_secs_f32()
    );
    if !explained {
        println!("{}: there are {duplicates}", variant.name);
    }
    println!("{sent} in, {right} out, {duplicates} duplicates");
    wrong == 0 && (complete || !variant.lossless) && explained
}

fn parse(arguments: &[String], kills: u32) -> Result<(Vec<&'static str>, Options)> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |it| it.as_secs());
    let (mut variants, mut binary) = (Vec::new(), None);
    let mut options = Options {
        binary: PathBuf::new(),
        seed: now,
        kills,
        workers: WORKERS,
        logs: None,
    };
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let value = rest
            .next()
            .with_context(|| format!("`{flag}` needs a value"))?;
        let number = || {
            value
                .parse()
                .with_context(|| format!("`{flag} {value}` is no number"))
        };
        match flag.as_str() {
            "--variant" => {
                let known = VARIANTS.iter().map(|it| it.name).find(|it| it == value);
                let names: Vec<&str> = VARIANTS.iter().map(|it| it.name).collect();
                variants.push(known.with_context(|| {
                    format!("`{value}` is no variant: use {}", names.join(", "))
                })?);
            }
            "--seed" => options.seed = number()?,
            "--kills" => options.kills = u32::try_from(number()?)?,
            "--workers" => options.workers = u32::try_from(number()?)?.max(1),
            "--binary" => binary = Some(PathBuf::from(value)),
            "--logs" => options.logs = Some(PathBuf::from(value)),
            other => bail!("`{other}` is no option of `cargo xtask chaos`"),
        }
    }
    options.binary = crate::test::binary(binary, &[])?;
    Ok((variants, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(lossless: bool, right: usize, wrong: usize, duplicates: u64) -> bool {
        let variant = Variant {
            name: "unit",
            run: |_| bail!("not run"),
            lossless,
        };
        let outcome = Outcome {
            sent: 1000,
            right,
            wrong,
            duplicates,
            most_duplicates: 10,
            took: Duration::from_secs(20),
        };
        judge(&variant, &outcome)
    }

    #[test]
    fn a_lost_city_or_an_unexplained_duplicate_breaks_the_promise() {
        assert!(judged(true, 1000, 0, 0) && judged(true, 1000, 0, 10));
        assert!(!judged(true, 999, 0, 0) && !judged(true, 1000, 0, 11));
    }

    #[test]
    fn a_variant_without_the_promise_may_lose_and_not_multiply() {
        assert!(judged(false, 938, 0, 0));
        assert!(!judged(false, 938, 0, 11));
    }

    #[test]
    fn a_wrong_answer_breaks_the_promise_of_every_variant() {
        assert!(!judged(true, 1000, 1, 1) && !judged(false, 938, 1, 0));
    }

    #[test]
    fn options_are_read_and_nonsense_is_refused() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let words_of_all = words("--variant rabbitmq --seed 7 --kills 3 --binary /bin/sh");
        let (variants, options) = parse(&words_of_all, KILLS).unwrap();
        assert_eq!(
            (variants, options.seed, options.kills),
            (vec!["rabbitmq"], 7, 3)
        );
        assert!(parse(&words("--variant kafka"), KILLS).is_err());
        assert!(parse(&words("--binary /no/such/file"), KILLS).is_err());
        assert!(run(&words("towns")).is_err());
    }
}
