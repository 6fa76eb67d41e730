//! The inputs of the file workloads, the same on every machine: nested JSON orders of about 650
//! bytes, and lines of an access log.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::random::Random;

const SEED: u64 = 42;
const STATUS: &[&str] = &["paid", "open", "shipped"];
const COUNTRY: &[&str] = &["\"DE\"", "\"FR\"", "\"US\"", "null"];
const TAGS: &[&str] = &[" New ", "sale", "SALE", "vip", "Gift ", "eu", "bulk"];
const AGENTS: &[&str] = &[
    "Mozilla/5.0 (X11; Linux x86_64)",
    "curl/8.5.0",
    "okhttp/4.12.0",
    "Go-http-client/2.0",
    "python-requests/2.31",
];

/// The file with `count` orders in `dir`; it is written if it is not there.
pub fn orders(dir: &Path, count: u64) -> Result<PathBuf> {
    let mut orders = Orders::new();
    file(dir.join(format!("orders-{count}.ndjson")), count, || {
        orders.next_order()
    })
}

/// The access log with `count` lines in `dir`; it is written if it is not there.
pub fn access_log(dir: &Path, count: u64) -> Result<PathBuf> {
    let mut random = Random::new(SEED);
    let mut index = 0;
    file(dir.join(format!("access-{count}.log")), count, || {
        index += 1;
        access_line(&mut random, index - 1)
    })
}

fn file(path: PathBuf, count: u64, mut line: impl FnMut() -> String) -> Result<PathBuf> {
    if !path.exists() {
        // Under its name the file is complete, whenever this is interrupted.
        let partial = path.with_extension("partial");
        println!("generating {}", path.display());
        write_lines(&partial, count, &mut line)
            .with_context(|| format!("write `{}`", partial.display()))?;
        fs::rename(&partial, &path)?;
    }
    Ok(path)
}

fn write_lines(path: &Path, count: u64, line: &mut impl FnMut() -> String) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for _ in 0..count {
        writeln!(file, "{}", line())?;
    }
    file.flush()?;
    Ok(())
}

fn access_line(random: &mut Random, i: u64) -> String {
    let [year, month, day, clock] = date(i * 3);
    format!(
        "10.{}.{}.{} - user{} [{day:02}/{}/{year}:{:02}:{:02}:{:02} +0000] \
         \"{} /p/{}?q={i} HTTP/1.1\" {} {}",
        i >> 16 & 255,
        i >> 8 & 255,
        i & 255,
        random.below(1000),
        MONTHS[usize::try_from(month - 1).expect("a month is small")],
        clock / 3600,
        clock / 60 % 60,
        clock % 60,
        random.pick(&["GET", "POST"]),
        random.below(999),
        random.pick(&[200, 200, 200, 304, 404, 500]),
        random.below(100_000),
    )
}

/// The start of 2026 in seconds since 1970.
pub const START: u64 = 1_767_225_600;
pub const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// An endless source of orders.
pub struct Orders {
    random: Random,
    index: u64,
}

impl Orders {
    /// The same orders every time.
    pub fn new() -> Self {
        Self {
            random: Random::new(SEED),
            index: 0,
        }
    }

    /// The next order as one line of JSON. One in a hundred has the id of an earlier one, one in
    /// twenty the status `test`.
    pub fn next_order(&mut self) -> String {
        let Self { random, index } = self;
        let i = *index;
        *index += 1;
        let id = if i < 100 || random.below(100) > 0 {
            i
        } else {
            random.below(i)
        };
        let status = if i.is_multiple_of(20) {
            "test"
        } else {
            random.pick(STATUS)
        };
        let customer = random.below(1000);
        let mut json = format!(
            "{{\"id\":{id},\"status\":\"{status}\",\"created_at\":\"{}\",\
             \"customer\":{{\"id\":{customer},\"name\":\"  Customer {customer} \",\
             \"email\":\"c{customer}@host{}.example\"}},\
             \"address\":{{\"country\":{},\"zip\":\"{:05}\"}},\"items\":[",
            time(i * 3),
            customer % 37,
            random.pick(COUNTRY),
            random.below(99_999),
        );
        for item in 0..2 + random.below(12) {
            let comma = if item > 0 { "," } else { "" };
            let least = u64::from(item == 0);
            write!(
                json,
                "{comma}{{\"sku\":\"SKU-{:04}\",\"qty\":{},\"price_cents\":{}}}",
                random.below(5000),
                least + random.below(5 - least),
                100 + random.below(29_900),
            )
            .expect("a String takes all");
        }
        json.push_str("],\"tags\":[");
        for tag in 0..1 + random.below(5) {
            let comma = if tag > 0 { "," } else { "" };
            write!(json, "{comma}\"{}\"", random.pick(TAGS)).expect("a String takes all");
        }
        write!(json, "],\"user_agent\":\"{}\"", random.pick(AGENTS)).expect("a String takes all");
        if !i.is_multiple_of(3) {
            let note = format!("lorem ipsum é中 {i} ").repeat(3);
            write!(json, ",\"note\":\"{note}\"").expect("a String takes all");
        }
        json.push('}');
        json
    }
}

/// The time so many seconds after the start of 2026, as RFC 3339 writes it.
fn time(seconds: u64) -> String {
    let [year, month, day, clock] = date(seconds);
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month, day and second of the day, so many seconds after the start of 2026. After a year,
/// which has no leap day, the same days come again.
fn date(seconds: u64) -> [u64; 4] {
    const DAYS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let (mut day, clock) = (seconds / 86_400 % 365, seconds % 86_400);
    let mut month = 1;
    for days in DAYS {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    [2026, month, day + 1, clock]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;

    fn some(count: usize) -> Vec<Value> {
        let mut orders = Orders::new();
        (0..count)
            .map(|_| serde_json::from_str(&orders.next_order()).unwrap())
            .collect()
    }

    #[test]
    fn the_orders_are_the_same_every_time_and_have_the_promised_shape() {
        let orders = some(5000);
        assert_eq!(orders, some(5000));
        let ids: HashSet<u64> = orders.iter().map(|it| it["id"].as_u64().unwrap()).collect();
        assert!(
            (4900..4990).contains(&ids.len()),
            "{} distinct ids",
            ids.len()
        );
        let test = orders.iter().filter(|it| it["status"] == "test").count();
        assert_eq!(test, 250);
        let bytes: usize = orders.iter().map(|it| it.to_string().len()).sum();
        assert!(
            (550..750).contains(&(bytes / orders.len())),
            "{}",
            bytes / orders.len()
        );
        for order in &orders {
            assert!(order["items"].as_array().unwrap().len() >= 2);
            assert!(order["items"][0]["qty"].as_u64().unwrap() > 0);
        }
        assert!(orders.iter().any(|it| it["address"]["country"].is_null()));
    }

    #[test]
    fn times_carry_over_months() {
        assert_eq!(time(0), "2026-01-01T00:00:00Z");
        assert_eq!(time(59 * 86_400 + 3661), "2026-03-01T01:01:01Z");
        assert_eq!(time(364 * 86_400 + 86_399), "2026-12-31T23:59:59Z");
    }

    #[test]
    fn a_log_line_has_the_combined_format() {
        assert_eq!(
            access_line(&mut Random::new(SEED), 70_000),
            "10.1.17.112 - user741 [03/Jan/2026:10:20:00 +0000] \"GET /p/278?q=70000 HTTP/1.1\" 200 3803"
        );
    }
}
