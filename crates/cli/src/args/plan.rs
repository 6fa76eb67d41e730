//! The arguments of `plan`.

use millrace_spec::ByteSize;

pub const AFTER_PLAN: &str = "\
What is given says what is planned: storage needs --daily-messages and
--message-size, brokers --throughput and --broker-throughput, partitions
--throughput and --consumer-throughput. Sizes are `1KB` (1000 bytes), `1KiB`
(1024), `1.5GB`; throughputs are sizes in a second; counts may end with k, M, G
or B (10^9), or T.";

/// The arguments of `plan`.
#[derive(clap::Args, Clone, Debug)]
pub struct PlanArgs {
    /// How many messages come in a day, such as 1B
    #[arg(long, value_name = "COUNT", value_parser = count, allow_hyphen_values = true)]
    pub daily_messages: Option<u64>,
    /// How large a message is on average, such as 1KB
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    pub message_size: Option<u64>,
    /// How long messages are kept: hours as in 12h, days as in 7d, weeks as in 2w
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = hours, allow_hyphen_values = true)]
    pub retention: u64,
    /// How many brokers hold each message
    #[arg(short, long, value_name = "N", default_value = "3", value_parser = replicas, allow_hyphen_values = true)]
    pub replication_factor: u64,
    /// What is added to the storage, in percent
    #[arg(long, value_name = "PERCENT", default_value = "20", value_parser = percent, allow_hyphen_values = true)]
    pub overhead: u64,
    /// What producers send in a second, such as 500MB
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    pub throughput: Option<u64>,
    /// What one broker takes in a second, such as 50MB
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    pub broker_throughput: Option<u64>,
    /// What one consumer reads in a second, such as 10MB
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    pub consumer_throughput: Option<u64>,
    /// Print JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// Bytes, or bytes in a second.
fn size(text: &str) -> Result<u64, String> {
    let plain = text.strip_suffix("/s").unwrap_or(text);
    match ByteSize::parse(plain) {
        Some(ByteSize(bytes)) if bytes > 0 => Ok(bytes),
        _ => Err("write more than 0 bytes and less than 16 EiB, such as `500MB`".to_owned()),
    }
}

fn count(text: &str) -> Result<u64, String> {
    counted(text)
        .filter(|count| *count > 0)
        .ok_or_else(|| "write a number from 1 to 10^18, such as `1000000` or `1M`".to_owned())
}

fn counted(text: &str) -> Option<u64> {
    const MOST: u64 = 1_000_000_000_000_000_000;
    let unit = text.find(|it: char| it.is_ascii_alphabetic());
    let (number, unit) = text.split_at(unit.unwrap_or(text.len()));
    let scale: u64 = match unit {
        "" => 1,
        "k" | "K" => 1000,
        "m" | "M" => 1_000_000,
        "g" | "G" | "b" | "B" => 1_000_000_000,
        "t" | "T" => 1_000_000_000_000,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(part) || part.len() > 12 {
        return None;
    }
    let mut count = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    if !part.is_empty() {
        let shift = 10_u64.pow(u32::try_from(part.len()).ok()?);
        let part = u128::from(part.parse::<u64>().ok()?) * u128::from(scale) / u128::from(shift);
        count = count.checked_add(u64::try_from(part).ok()?)?;
    }
    (count <= MOST).then_some(count)
}

/// Hours; storage is planned for no shorter time.
fn hours(text: &str) -> Result<u64, String> {
    let number = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let unit = match &text[number.len()..] {
        "h" => Some(1),
        "d" | "" => Some(24),
        "w" => Some(24 * 7),
        _ => None,
    };
    let hours = number
        .parse::<u64>()
        .ok()
        .zip(unit)
        .and_then(|(number, unit)| number.checked_mul(unit));
    hours
        .filter(|hours| *hours > 0)
        .ok_or_else(|| "write a time of at least an hour, such as `12h`, `7d` or `2w`".to_owned())
}

fn replicas(text: &str) -> Result<u64, String> {
    let replicas = text.parse::<u64>().ok();
    replicas
        .filter(|replicas| (1..=1000).contains(replicas))
        .ok_or_else(|| "write a number from 1 to 1000, such as `3`".to_owned())
}

fn percent(text: &str) -> Result<u64, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    let percent = number.parse::<u64>().ok();
    percent
        .filter(|percent| *percent <= 1000)
        .ok_or_else(|| "write a number from 0 to 1000, such as `20`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_sizes_and_times_are_read_with_their_units() {
        assert_eq!(count("1B"), Ok(1_000_000_000));
        assert_eq!(count("1.5k"), Ok(1500));
        assert_eq!(count("1000000000000000000"), Ok(1_000_000_000_000_000_000));
        assert_eq!(size("500MB/s"), Ok(500_000_000));
        assert_eq!(size("1KiB"), Ok(1024));
        assert_eq!(
            (hours("7d"), hours("7"), hours("2w")),
            (Ok(168), Ok(168), Ok(336))
        );
        assert_eq!((replicas("1"), percent("20%")), (Ok(1), Ok(20)));
    }

    #[test]
    fn what_is_zero_negative_no_number_or_too_large_is_refused() {
        for text in [
            "0",
            "-1",
            "",
            "x",
            "1X",
            "1e9",
            "18446744073709551615",
            "999999999999T",
        ] {
            assert!(count(text).is_err(), "{text}");
        }
        for text in [
            "0",
            "0KB",
            "-5MB",
            "MB",
            "99999999999999999999",
            "20000PB",
            "18446744073709551615KB",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
        for text in ["0", "-7", "0.5d", "7y", "d", "18446744073709551615w"] {
            assert!(hours(text).is_err(), "{text}");
        }
        for text in ["0", "-3", "1001", ""] {
            assert!(replicas(text).is_err(), "{text}");
        }
        for text in ["-1", "1001", "x%"] {
            assert!(percent(text).is_err(), "{text}");
        }
    }
}
