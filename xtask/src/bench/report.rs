//! The table of a benchmark run.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::Series;
use super::measure::{Measured, median};
use super::options::Options;

const MIB: f64 = 1024.0 * 1024.0;

/// One run, as it is printed when it has ended.
pub fn line(series: &Series, run: &Measured, warm_up: bool) -> String {
    format!(
        "{:<4} threads={} {:<10} wall {:7.2} s  cpu {:7.2} s  {:>9.0} msg/s  {:>9.0} msg/cpu-s  \
         peak {:5.0} MiB{}{}",
        series.workload.name,
        series.threads,
        series.binary,
        run.wall.as_secs_f64(),
        run.cpu.as_secs_f64(),
        run.per_second(),
        run.per_cpu_second(),
        run.peak_memory as f64 / MIB,
        latency(run).map_or(String::new(), |it| format!("  p50/p99 {it} ms")),
        if warm_up { "  (warm-up)" } else { "" },
    )
}

/// The medians of all series as a Markdown table. The last column divides the messages per
/// CPU-second by those of the first other binary on the same workload and threads.
pub fn table(series: &[Series]) -> String {
    let mut text = String::from(
        "| workload | threads | binary | wall s (min–max) | CPU s | messages/s | messages per \
         CPU-second | peak RSS MiB | p50 / p99 ms | ratio |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for one in series {
        let of = |value: fn(&Measured) -> f64| median(one.runs.iter().map(value).collect());
        let walls = one.runs.iter().map(|run| run.wall.as_secs_f64());
        writeln!(
            text,
            "| {} {} | {} | {} | {:.2} ({:.2}–{:.2}) | {:.2} | {:.0} | {:.0} | {:.0} | {} | {} |",
            one.workload.name.to_uppercase(),
            one.workload.title,
            one.threads,
            one.binary,
            of(|run| run.wall.as_secs_f64()),
            walls.clone().fold(f64::INFINITY, f64::min),
            walls.fold(0.0, f64::max),
            of(|run| run.cpu.as_secs_f64()),
            of(Measured::per_second),
            of(Measured::per_cpu_second),
            of(|run| run.peak_memory as f64 / MIB),
            one.runs.last().and_then(latency).unwrap_or_default(),
            ratio(one, series),
        )
        .expect("a String takes all");
    }
    text
}

/// The table with what is needed to read it: commit, machine, command.
pub fn page(series: &[Series], options: &Options) -> Result<String> {
    let commit = output("git", &["rev-parse", "--short=12", "HEAD"])?;
    let changed = output("git", &["status", "--porcelain", "--untracked-files=no"])?;
    let changed = if changed.is_empty() {
        ""
    } else {
        ", with changes that are not committed"
    };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let mut messages: Vec<String> = Vec::new();
    for one in series {
        let count = format!("{} {}", one.workload.name.to_uppercase(), one.messages);
        if one.runs.iter().all(|run| run.latency.is_none()) && !messages.contains(&count) {
            messages.push(count);
        }
    }
    Ok(format!(
        "# Pipelines, measured\n\n\
         Command: `cargo xtask bench {}`, commit {commit}{changed}, {}.\n\
         Machine: {}, {cores} cores, Linux {}.\n\
         Messages of a run: {}.\n\
         The binaries ran in turn, a warm-up round does not count, the figures are medians of {} \
         runs, and the output of every run was verified; CPU seconds are those of the whole life \
         of the process, start included.\n\
         The ratio is of messages per CPU-second, to the other binary.\n\n{}",
        options.given,
        output("date", &["+%F"])?,
        processor()?,
        output("uname", &["-r"])?,
        if messages.is_empty() {
            "as many as fit into the time".into()
        } else {
            messages.join(", ")
        },
        options.repetitions,
        table(series),
    ))
}

fn latency(run: &Measured) -> Option<String> {
    let (median, tail) = run.latency?;
    Some(format!(
        "{:.1} / {:.1}",
        median.as_secs_f64() * 1e3,
        tail.as_secs_f64() * 1e3
    ))
}

fn ratio(one: &Series, all: &[Series]) -> String {
    let other = all.iter().find(|it| {
        it.workload.name == one.workload.name
            && it.threads == one.threads
            && it.binary != one.binary
    });
    let speed = |it: &Series| median(it.runs.iter().map(Measured::per_cpu_second).collect());
    other.map_or(String::new(), |other| {
        format!("{:.1}×", speed(one) / speed(other))
    })
}

fn processor() -> Result<String> {
    let text = fs::read_to_string("/proc/cpuinfo").context("read `/proc/cpuinfo`")?;
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    Ok(name
        .map_or("unknown processor", |it| {
            it.trim_start_matches([':', '\t', ' '])
        })
        .to_owned())
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("start {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::workload::WORKLOADS;
    use super::*;

    fn series(binary: &str, cpu_seconds: &[u64]) -> Series {
        let run = |cpu: &u64| Measured {
            messages: 1000,
            wall: Duration::from_secs(2 * cpu),
            cpu: Duration::from_secs(*cpu),
            peak_memory: 10 << 20,
            latency: None,
        };
        Series {
            workload: &WORKLOADS[0],
            threads: 1,
            binary: binary.to_owned(),
            messages: 1000,
            runs: cpu_seconds.iter().map(run).collect(),
        }
    }

    #[test]
    fn the_table_has_medians_and_the_ratio_to_the_other_binary() {
        let table = table(&[
            series("millrace", &[1, 2, 50]),
            series("peer", &[20, 10, 30]),
        ]);
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            rows[0],
            "| B1 generate → map → drop | 1 | millrace | 4.00 (2.00–100.00) | 2.00 | 250 | 500 | 10 |  | 10.0× |"
        );
        assert!(rows[1].ends_with("| 0.1× |"), "{}", rows[1]);
    }
}
