//! `plan`: how much storage, how many brokers and partitions a load needs, by the formulas of the
//! operations guide.

use std::process::ExitCode;

use millrace_spec::Literal;
use millrace_spec::render::emit;

use super::kafka::table::table;
use super::kafka::{object, or_null, text};
use super::{misuse, print};
use crate::args::plan::PlanArgs;

/// One figure and how it comes about.
struct Planned<T> {
    value: T,
    formula: String,
}

struct Storage {
    /// Of all replicas.
    stored: Planned<u64>,
    with_overhead: Planned<u64>,
}

/// Prints what a load needs.
pub fn plan(args: &PlanArgs) -> ExitCode {
    match planned(args) {
        Ok(text) => print(&text),
        Err(reason) => misuse(&reason),
    }
}

fn planned(args: &PlanArgs) -> Result<String, String> {
    check(args)?;
    let storage = match args.daily_messages.zip(args.message_size) {
        Some((messages, size)) => Some(storage(args, messages, size)?),
        None => None,
    };
    let brokers = match args.throughput.zip(args.broker_throughput) {
        Some((throughput, broker)) => Some(brokers(args, throughput, broker)?),
        None => None,
    };
    let partitions = args.throughput.zip(args.consumer_throughput);
    let partitions = partitions.map(|(throughput, consumer)| partitions_of(throughput, consumer));
    Ok(match args.json {
        true => emit::json_pretty(&json(args, storage, brokers, partitions)) + "\n",
        false => page(storage, brokers, partitions),
    })
}

/// Half of what a figure needs is a mistake, and so is nothing.
fn check(args: &PlanArgs) -> Result<(), String> {
    let is_given = |what: Option<u64>| what.is_some();
    let (messages, size) = (is_given(args.daily_messages), is_given(args.message_size));
    let throughput = is_given(args.throughput);
    let (broker, consumer) = (
        is_given(args.broker_throughput),
        is_given(args.consumer_throughput),
    );
    let missing = if messages && !size {
        "storage needs `--message-size`, too, such as `1KB`"
    } else if size && !messages {
        "storage needs `--daily-messages`, too, such as `1B`"
    } else if (broker || consumer) && !throughput {
        "brokers and partitions need `--throughput`, such as `500MB`"
    } else if throughput && !broker && !consumer {
        "with `--throughput` give `--broker-throughput` for brokers or \
         `--consumer-throughput` for partitions"
    } else if !messages && !throughput {
        "say what is to be planned: `--daily-messages` with `--message-size` for storage, \
         `--throughput` with `--broker-throughput` for brokers or with \
         `--consumer-throughput` for partitions"
    } else {
        return Ok(());
    };
    Err(missing.to_owned())
}

fn storage(args: &PlanArgs, messages: u64, size: u64) -> Result<Storage, String> {
    const TOO_MUCH: &str = "the storage is more than 16 EiB: give fewer `--daily-messages`, a \
                            smaller `--message-size`, a shorter `--retention` or a smaller \
                            `--replication-factor`";
    let (retention, replicas) = (args.retention, args.replication_factor);
    let bytes = u128::from(messages)
        .checked_mul(u128::from(size))
        .and_then(|it| it.checked_mul(u128::from(retention)))
        .and_then(|it| it.checked_mul(u128::from(replicas)));
    let bytes = bytes.ok_or(TOO_MUCH)?.div_ceil(24);
    let percent = u128::from(100 + args.overhead);
    let all = bytes.checked_mul(percent).ok_or(TOO_MUCH)?.div_ceil(100);
    let (bytes, all) = (u64::try_from(bytes), u64::try_from(all));
    let (Ok(bytes), Ok(all)) = (bytes, all) else {
        return Err(TOO_MUCH.to_owned());
    };
    let kept = match retention % 24 {
        0 => format!("{} days", retention / 24),
        _ => format!("{retention}/24 days"),
    };
    Ok(Storage {
        stored: Planned {
            value: bytes,
            formula: format!(
                "{messages} messages a day × {} × {kept} × {replicas} replicas",
                sized(size)
            ),
        },
        with_overhead: Planned {
            value: all,
            formula: format!("{} + {} % overhead", sized(bytes), args.overhead),
        },
    })
}

fn brokers(args: &PlanArgs, throughput: u64, broker: u64) -> Result<Planned<u64>, String> {
    let replicas = args.replication_factor;
    let written = u128::from(throughput) * u128::from(replicas);
    let count = u64::try_from(written.div_ceil(u128::from(broker)));
    let count = count.map_err(|_| {
        "the brokers are more than can be counted: give a smaller `--throughput` or a larger \
         `--broker-throughput`"
    })?;
    Ok(Planned {
        // Each replica of a partition has a broker of its own.
        value: count.max(replicas),
        formula: format!(
            "{}/s ÷ {}/s a broker × {replicas} replicas, rounded up, at least {replicas}",
            sized(throughput),
            sized(broker)
        ),
    })
}

fn partitions_of(throughput: u64, consumer: u64) -> Planned<u64> {
    Planned {
        value: throughput.div_ceil(consumer),
        formula: format!(
            "{}/s ÷ {}/s a consumer, rounded up",
            sized(throughput),
            sized(consumer)
        ),
    }
}

fn page(
    storage: Option<Storage>,
    brokers: Option<Planned<u64>>,
    partitions: Option<Planned<u64>>,
) -> String {
    let mut rows = Vec::new();
    if let Some(storage) = storage {
        for (name, planned) in [
            ("storage", storage.stored),
            ("with overhead", storage.with_overhead),
        ] {
            rows.push(vec![name.to_owned(), sized(planned.value), planned.formula]);
        }
    }
    for (name, planned) in [("brokers", brokers), ("partitions", partitions)] {
        let row = planned.map(|it| vec![name.to_owned(), it.value.to_string(), it.formula]);
        rows.extend(row);
    }
    table(&["NEEDED", "RESULT", "FORMULA"], &rows)
}

fn json(
    args: &PlanArgs,
    storage: Option<Storage>,
    brokers: Option<Planned<u64>>,
    partitions: Option<Planned<u64>>,
) -> Literal {
    let given = |value: Option<u64>| or_null(value, integer);
    let count = |planned: Planned<u64>| {
        object([
            ("count", integer(planned.value)),
            ("formula", text(planned.formula)),
        ])
    };
    object([
        (
            "given",
            object([
                ("daily_messages", given(args.daily_messages)),
                ("message_bytes", given(args.message_size)),
                ("retention_hours", integer(args.retention)),
                ("replication_factor", integer(args.replication_factor)),
                ("overhead_percent", integer(args.overhead)),
                ("bytes_per_second", given(args.throughput)),
                ("broker_bytes_per_second", given(args.broker_throughput)),
                ("consumer_bytes_per_second", given(args.consumer_throughput)),
            ]),
        ),
        (
            "storage",
            or_null(storage, |it| {
                object([
                    ("bytes", integer(it.stored.value)),
                    ("formula", text(it.stored.formula)),
                    ("bytes_with_overhead", integer(it.with_overhead.value)),
                    ("formula_with_overhead", text(it.with_overhead.formula)),
                ])
            }),
        ),
        ("brokers", or_null(brokers, count)),
        ("partitions", or_null(partitions, count)),
    ])
}

fn integer(value: u64) -> Literal {
    i64::try_from(value).map_or(Literal::UInt(value), Literal::Int)
}

/// Bytes in the largest unit of which there is one, with at most two digits behind the point.
fn sized(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["bytes", "KB", "MB", "GB", "TB", "PB", "EB"];
    let (mut unit, mut scale) = (0, 1_u64);
    while unit + 1 < UNITS.len() && bytes / scale >= 1000 {
        scale *= 1000;
        unit += 1;
    }
    let hundredths = u128::from(bytes) * 100 / u128::from(scale);
    let (whole, part) = (hundredths / 100, hundredths % 100);
    let fraction = match part {
        0 => String::new(),
        part if part % 10 == 0 => format!(".{}", part / 10),
        part => format!(".{part:02}"),
    };
    format!("{whole}{fraction} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_printed_in_their_unit() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1 KB"),
            (1024, "1.02 KB"),
            (25_200_000_000_000, "25.2 TB"),
            (u64::MAX, "18.44 EB"),
        ] {
            assert_eq!(sized(bytes), text);
        }
    }
}
