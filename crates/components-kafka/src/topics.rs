//! How configs name topics: `orders`, `orders,refunds`, `orders:0`, `orders:0-5`, `orders:0:100`.

use std::collections::BTreeMap;

use millrace_kafka_client::TopicPartition;

/// The most partitions that may be named.
const PARTITIONS_MAX: usize = 100_000;

/// What a list of topics names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    /// Topics as they are named, without partitions.
    pub whole: Vec<String>,
    /// Partitions that are named, with the offsets to begin at.
    pub partitions: BTreeMap<TopicPartition, Option<i64>>,
}

impl Topics {
    /// Reads a list whose items may hold several topics, separated by commas.
    ///
    /// # Errors
    /// Why an item is none.
    pub fn parse(items: &[String]) -> Result<Self, String> {
        let mut topics = Self::default();
        let items = items.iter().flat_map(|it| it.split(',')).map(str::trim);
        for item in items.filter(|it| !it.is_empty()) {
            let refused = |reason| format!("topic `{item}`: {reason}");
            topics.add(item).map_err(refused)?;
        }
        if topics.whole.is_empty() && topics.partitions.is_empty() {
            return Err("no topic is named".to_owned());
        }
        Ok(topics)
    }

    fn add(&mut self, item: &str) -> Result<(), String> {
        let parts: Vec<&str> = item.split(':').map(str::trim).collect();
        let (topic, range, offset) = match parts[..] {
            [topic] => {
                self.whole.push(topic.to_owned());
                return Ok(());
            }
            [topic, range] => (topic, range, None),
            [topic, range, offset] => (topic, range, Some(parse_offset(offset)?)),
            _ => return Err("write TOPIC:PARTITION or TOPIC:PARTITION:OFFSET".to_owned()),
        };
        if topic.is_empty() {
            return Err("its name is missing".to_owned());
        }
        for partition in parse_range(range)? {
            if self.partitions.len() >= PARTITIONS_MAX {
                return Err(format!("more than {PARTITIONS_MAX} partitions are named"));
            }
            let place = self
                .partitions
                .entry(TopicPartition::new(topic, partition))
                .or_default();
            // Who names an offset means it, wherever the partition is named once more.
            *place = offset.or(*place);
        }
        Ok(())
    }
}

fn parse_range(text: &str) -> Result<std::ops::RangeInclusive<i32>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| {
        let number = text.trim().parse::<i32>().ok().filter(|it| *it >= 0);
        number.ok_or_else(|| format!("`{text}` is no partition: write one such as 0, or 0-5"))
    };
    let (first, last) = (number(first)?, number(last)?);
    match first <= last {
        true => Ok(first..=last),
        false => Err(format!("there is no partition from {first} to {last}")),
    }
}

/// An offset; −1 and −2 stand for the newest and the oldest.
fn parse_offset(text: &str) -> Result<i64, String> {
    let offset = text.parse::<i64>().ok().filter(|it| *it >= -2);
    offset.ok_or_else(|| format!("`{text}` is no offset: write a number from 0 on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(items: &[&str]) -> Result<Topics, String> {
        let items: Vec<_> = items.iter().map(|it| (*it).to_owned()).collect();
        Topics::parse(&items)
    }

    fn partitions(items: &[&str]) -> Vec<(String, i32, Option<i64>)> {
        let partitions = parse(items).unwrap().partitions.into_iter();
        let flat = partitions.map(|(it, offset)| (it.topic.to_string(), it.partition, offset));
        flat.collect()
    }

    #[test]
    fn topics_are_named_whole_or_by_partitions_and_offsets() {
        assert_eq!(parse(&["a, b", "c"]).unwrap().whole, ["a", "b", "c"]);
        let found = partitions(&["a:1,b:0-2", "a:0:17", "c : 3 : -2"]);
        let at = |topic: &str, partition, offset| (topic.to_owned(), partition, offset);
        let expected = [
            at("a", 0, Some(17)),
            at("a", 1, None),
            at("b", 0, None),
            at("b", 1, None),
            at("b", 2, None),
            at("c", 3, Some(-2)),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_offset_that_is_named_counts_wherever_it_stands() {
        for items in [["a:0:5", "a:0-1"], ["a:0-1", "a:0:5"]] {
            let found = partitions(&items);
            assert_eq!(found[0], ("a".to_owned(), 0, Some(5)));
            assert_eq!(found[1], ("a".to_owned(), 1, None));
        }
    }

    #[test]
    fn what_names_no_topic_is_refused_with_the_reason() {
        for (items, reason) in [
            (&["", " , "][..], "no topic is named"),
            (
                &["a:0:1:2"],
                "topic `a:0:1:2`: write TOPIC:PARTITION or TOPIC:PARTITION:OFFSET",
            ),
            (&[":0"], "topic `:0`: its name is missing"),
            (
                &["a:x"],
                "topic `a:x`: `x` is no partition: write one such as 0, or 0-5",
            ),
            (
                &["a:5-1"],
                "topic `a:5-1`: there is no partition from 5 to 1",
            ),
            (
                &["a:0-2147483647"],
                "topic `a:0-2147483647`: more than 100000 partitions are named",
            ),
            (
                &["a:0:-3"],
                "topic `a:0:-3`: `-3` is no offset: write a number from 0 on",
            ),
        ] {
            assert_eq!(parse(items).unwrap_err(), reason);
        }
    }
}
