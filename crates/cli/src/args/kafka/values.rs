//! Values of arguments.

use millrace_kafka_client::{Acks, Compression, Hash, OffsetAt};

/// A place in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    At(OffsetAt),
    Offset(i64),
}

/// A topic, or some of its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicArg {
    pub topic: String,
    /// Without a number, all.
    pub partitions: Vec<i32>,
}

pub fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE, such as `retention.ms=3600000`".to_owned()),
    }
}

pub fn target(text: &str) -> Result<Target, String> {
    match text {
        "earliest" => return Ok(Target::At(OffsetAt::Earliest)),
        "latest" => return Ok(Target::At(OffsetAt::Latest)),
        _ => {}
    }
    if let Ok(offset) = text.parse::<i64>() {
        return match offset >= 0 {
            true => Ok(Target::Offset(offset)),
            false => Err("an offset is at least 0".to_owned()),
        };
    }
    let time = text.parse::<jiff::Timestamp>().map_err(|_| {
        "write `earliest`, `latest`, an offset, or a time such as 2026-01-31T12:00:00Z".to_owned()
    })?;
    Ok(Target::At(OffsetAt::Time(time.as_millisecond())))
}

pub fn topic_partitions(text: &str) -> Result<TopicArg, String> {
    let (topic, numbers) = text.split_once(':').unwrap_or((text, ""));
    let numbers = numbers.split(',').filter(|it| !it.is_empty());
    let partitions = numbers.map(|it| it.parse::<i32>().ok().filter(|it| *it >= 0));
    match partitions.collect::<Option<Vec<_>>>() {
        Some(partitions) if !topic.is_empty() => Ok(TopicArg {
            topic: topic.to_owned(),
            partitions,
        }),
        _ => Err("write it as TOPIC or TOPIC:N,N, such as `orders:0,1`".to_owned()),
    }
}

pub fn acks(text: &str) -> Result<Acks, String> {
    match text.to_ascii_lowercase().as_str() {
        "0" | "none" => Ok(Acks::None),
        "1" | "leader" => Ok(Acks::Leader),
        "all" | "-1" => Ok(Acks::All),
        _ => Err("write `0`, `1` or `all`".to_owned()),
    }
}

pub fn hash(text: &str) -> Result<Hash, String> {
    let mut all = Hash::ALL.into_iter();
    let found = all.find(|it| it.mechanism().eq_ignore_ascii_case(text));
    found.ok_or_else(|| "write `SCRAM-SHA-256` or `SCRAM-SHA-512`".to_owned())
}

pub fn compression(text: &str) -> Result<Compression, String> {
    Ok(match text {
        "none" => Compression::None,
        "gzip" => Compression::Gzip,
        "snappy" => Compression::Snappy,
        "lz4" => Compression::Lz4,
        "zstd" => Compression::Zstd,
        _ => return Err("write `none`, `gzip`, `snappy`, `lz4` or `zstd`".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_word_an_offset_or_a_time() {
        assert_eq!(target("earliest"), Ok(Target::At(OffsetAt::Earliest)));
        assert_eq!(target("42"), Ok(Target::Offset(42)));
        let time = Ok(Target::At(OffsetAt::Time(1_000)));
        assert_eq!(target("1970-01-01T00:00:01Z"), time);
        assert!(target("-1").is_err());
        assert!(target("soon").unwrap_err().contains("2026-01-31T12:00:00Z"));
    }

    #[test]
    fn a_topic_may_have_partitions_behind_it() {
        let found = topic_partitions("orders:0,2").unwrap();
        assert_eq!((&*found.topic, &*found.partitions), ("orders", &[0, 2][..]));
        assert!(topic_partitions("orders").unwrap().partitions.is_empty());
        assert!(topic_partitions("orders:x").is_err());
        assert!(topic_partitions(":1").is_err());
    }
}
