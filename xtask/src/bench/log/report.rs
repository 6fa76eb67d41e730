//! The tables of a run.

use std::fmt::Write as _;
use std::time::Duration;

use super::scenarios::{Figure, Outcome};
use super::{Idle, Run, Series};
use crate::bench::measure::median;

const MIB: f64 = 1024.0 * 1024.0;

/// One run, as it is printed when it has ended.
pub fn line(series: &Series, run: &Run, is_warm_up: bool) -> String {
    format!(
        "{:<8} {:<9} wall {:6.2} s  {:7.1} MB/s  broker CPU {:6.2} s  client CPU {:6.2} s{}",
        series.workload.name,
        series.broker,
        run.wall.as_secs_f64(),
        bytes(series) / 1e6 / run.wall.as_secs_f64(),
        run.broker_cpu.as_secs_f64(),
        run.client_cpu.as_secs_f64(),
        if is_warm_up { "  (warm-up)" } else { "" },
    )
}

/// Prints what was measured of an idle broker.
pub fn told(idle: Idle) -> Idle {
    println!(
        "{:<9} start {:.0} ms  memory {:.0} MiB, with 1000 partitions {:.0} MiB and {:.1} % of a core",
        idle.broker,
        millis(&idle.starts),
        idle.memory as f64 / MIB,
        idle.memory_with_partitions as f64 / MIB,
        idle.cpu_with_partitions * 100.0,
    );
    idle
}

/// Prints one run of a scenario when it has ended.
pub fn tell(scenario: &str, broker: &str, figures: &[Figure], is_warm_up: bool) {
    let figures = figures
        .iter()
        .map(|it| format!("{} {}", it.name, shown(it.value)));
    println!(
        "{scenario:<8} {broker:<9} {}{}",
        figures.collect::<Vec<_>>().join(", "),
        if is_warm_up { "  (warm-up)" } else { "" },
    );
}

/// The medians of the scenarios, each a Markdown table.
pub fn scenarios(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    let mut before = "";
    for outcome in outcomes {
        let Some(first) = outcome.runs.first() else {
            continue;
        };
        let scenario = outcome.scenario;
        if scenario.name != before {
            before = scenario.name;
            let names: Vec<&str> = first.iter().map(|it| it.name).collect();
            let heading = format!("{} {}", scenario.name.to_uppercase(), scenario.title);
            writeln!(
                text,
                "\n| {heading} | {} |\n|---{}|",
                names.join(" | "),
                "|---".repeat(names.len())
            )
            .expect("a String takes all");
        }
        let cells = (0..first.len()).map(|index| {
            let values = outcome.runs.iter().filter_map(|it| it.get(index));
            cell(values.map(|it| it.value))
        });
        let cells: Vec<String> = cells.collect();
        writeln!(text, "| {} | {} |", outcome.broker, cells.join(" | "))
            .expect("a String takes all");
    }
    text
}

/// The median, with the smallest and the largest value.
fn cell(values: impl Iterator<Item = f64> + Clone) -> String {
    let smallest = values.clone().fold(f64::INFINITY, f64::min);
    let largest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    let middle = shown(median(values.collect()));
    match smallest < largest {
        true => format!("{middle} ({}–{})", shown(smallest), shown(largest)),
        false => middle,
    }
}

/// With the digits that mean something.
fn shown(value: f64) -> String {
    let digits = match value.abs() {
        0.0..1.0 => 3,
        1.0..100.0 => 2,
        _ => 0,
    };
    format!("{value:.digits$}")
}

/// The medians of the workloads as a Markdown table.
pub fn workloads(all: &[Series]) -> String {
    let mut text = String::from(
        "| workload | broker | wall s (min–max) | MB/s | messages/s | broker CPU s per GB | broker \
         CPU s per million | client CPU s |\n|---|---|---|---|---|---|---|---|\n",
    );
    for one in all {
        let of = |value: fn(&Run) -> Duration| {
            median(one.runs.iter().map(|it| value(it).as_secs_f64()).collect())
        };
        let walls = one.runs.iter().map(|it| it.wall.as_secs_f64());
        let (wall, broker) = (of(|it| it.wall), of(|it| it.broker_cpu));
        writeln!(
            text,
            "| {} {} | {} | {wall:.2} ({:.2}–{:.2}) | {:.0} | {:.0} | {:.2} | {:.2} | {:.2} |",
            one.workload.name.to_uppercase(),
            one.workload.title,
            one.broker,
            walls.clone().fold(f64::INFINITY, f64::min),
            walls.fold(0.0, f64::max),
            bytes(one) / 1e6 / wall,
            one.messages as f64 / wall,
            broker / (bytes(one) / 1e9),
            broker / (one.messages as f64 / 1e6),
            of(|it| it.client_cpu),
        )
        .expect("a String takes all");
    }
    text
}

/// What idle brokers take, as a Markdown table.
pub fn idle(idle: &[Idle], memory: &[(&str, u64)]) -> String {
    let mut text = String::from(
        "| broker | start ms | memory MiB: idle | with 1000 partitions | after the load | CPU with \
         1000 partitions |\n|---|---|---|---|---|---|\n",
    );
    for one in idle {
        let after = memory.iter().find(|(name, _)| *name == one.broker);
        writeln!(
            text,
            "| {} | {:.0} | {:.0} | {:.0} | {:.0} | {:.1} % |",
            one.broker,
            millis(&one.starts),
            one.memory as f64 / MIB,
            one.memory_with_partitions as f64 / MIB,
            after.map_or(0.0, |(_, it)| *it as f64 / MIB),
            one.cpu_with_partitions * 100.0,
        )
        .expect("a String takes all");
    }
    text
}

/// The bytes of the values of a run.
fn bytes(series: &Series) -> f64 {
    (series.messages * series.workload.size) as f64
}

fn millis(times: &[Duration]) -> f64 {
    median(times.iter().map(|it| it.as_secs_f64() * 1e3).collect())
}

#[cfg(test)]
mod tests {
    use super::super::scenarios::SCENARIOS;
    use super::*;

    #[test]
    fn a_scenario_has_one_table_with_a_row_for_each_broker() {
        let outcome = |broker, runs: [f64; 3]| Outcome {
            scenario: &SCENARIOS[0],
            broker,
            runs: runs
                .map(|value| vec![Figure { name: "ms", value }])
                .to_vec(),
        };
        let text = scenarios(&[
            outcome("one", [2.0, 1.0, 3.0]),
            outcome("two", [5.0, 5.0, 5.0]),
        ]);
        let (heading, rows) = text.trim().split_once(" | ms |\n").unwrap();
        assert!(heading.starts_with("| B7A latency"), "{heading}");
        assert_eq!(
            rows,
            "|---|---|\n| one | 2.00 (1.00–3.00) |\n| two | 5.00 |"
        );
    }

    #[test]
    fn a_cell_is_a_median_with_its_bounds() {
        let values = |all: &'static [f64]| cell(all.iter().copied());
        assert_eq!(values(&[3.0, 0.25, 1234.5]), "3.00 (0.250–1234)");
        assert_eq!(values(&[7.0]), "7.00");
        assert_eq!(values(&[2.0, 2.0]), "2.00");
    }
}
