//! When the broker opens compressed batches and compresses them anew, and the bound for that.

use std::io;

use millrace_kafka_wire::batch::{self, BatchHeader, Compression, HEADER_SIZE, RECORDS_BYTES_MAX};
use millrace_log::{Batch, Invalid, InvalidKind, Rules, check_records};

use crate::config::{TopicConfig, Validation};

/// The records of a batch.
///
/// # Errors
/// The bytes are not of this codec, or become more than 64 MiB.
pub fn decompress(codec: Compression, bytes: &[u8]) -> io::Result<Vec<u8>> {
    batch::decompress(codec, bytes, RECORDS_BYTES_MAX)
}

/// A batch that a client sent, as its topic stores it: with the codec of the topic, if that has one
/// (`compression.type`). A compressed batch is opened for that, and where each record is to be looked
/// at: where the topic is compacted, which needs keys, or asks for it.
///
/// # Errors
/// It cannot be opened, a record in it is refused, or it is too large with the other codec.
pub fn as_stored(
    batch: Batch,
    config: &TopicConfig,
    rules: &Rules,
    now: i64,
) -> Result<Batch, Invalid> {
    let header = batch.header();
    let codec = header.attributes.compression().unwrap_or(Compression::None);
    let target = config.compression.unwrap_or(codec);
    let is_opened = target != codec || rules.needs_keys || config.validation == Validation::Full;
    if !is_opened || (codec, target) == (Compression::None, Compression::None) {
        return Ok(batch);
    }
    let payload = &batch.bytes()[HEADER_SIZE..];
    let (opened, max_timestamp);
    let records = match codec {
        // They were looked at already.
        Compression::None => {
            max_timestamp = header.max_timestamp;
            payload
        }
        codec => {
            opened = decompress(codec, payload).map_err(|error| unopened(&error))?;
            max_timestamp = check_records(header, &opened, rules, now)?;
            &opened
        }
    };
    if target == codec {
        return Ok(batch);
    }
    let header = BatchHeader {
        max_timestamp,
        ..*header
    };
    let stored = batch::batch_of(header, target, records)
        .ok()
        .and_then(|it| Batch::own(it.into()).ok())
        .ok_or_else(|| {
            invalid(
                InvalidKind::Corrupt,
                "cannot be compressed as its topic asks",
            )
        })?;
    match stored.bytes().len() > rules.max_batch_bytes {
        true => Err(invalid(
            InvalidKind::TooLarge,
            "is larger than `max.message.bytes` with the `compression.type` of its topic",
        )),
        false => Ok(stored),
    }
}

/// What is told of a batch that does not open.
fn unopened(error: &io::Error) -> Invalid {
    match error.kind() {
        io::ErrorKind::FileTooLarge => invalid(
            InvalidKind::TooLarge,
            "becomes more than 64 MiB when it is decompressed",
        ),
        _ => invalid(InvalidKind::Corrupt, "cannot be decompressed"),
    }
}

fn invalid(kind: InvalidKind, reason: &'static str) -> Invalid {
    Invalid {
        kind,
        records: Vec::new(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use millrace_kafka_wire::batch::BatchBuilder;
    use millrace_log::validate;

    use super::*;

    fn sent(codec: Compression, rules: &Rules) -> Batch {
        let mut builder = BatchBuilder::new(0).producer(7, 0, 3);
        for time in [1, 5, 3] {
            builder.add(time, Some(b"key"), Some(&[b'x'; 2000]), &[]);
        }
        let bytes = batch::compress_batch(codec, builder.finish()).expect("it is a batch");
        validate(bytes.into(), rules, 10).expect("it is sound")
    }

    fn topic(compression: Option<Compression>) -> TopicConfig {
        TopicConfig {
            compression,
            ..TopicConfig::default()
        }
    }

    #[test]
    fn a_topic_with_a_codec_has_it_in_every_batch_and_the_records_as_they_were() {
        let rules = topic(None).rules;
        let plain = sent(Compression::None, &rules);
        for from in Compression::ALL {
            for to in Compression::ALL {
                let batch = sent(from, &rules);
                let stored = as_stored(batch, &topic(Some(to)), &rules, 10).expect("it is stored");
                let header = stored.header();
                assert_eq!(
                    header.attributes.compression(),
                    Some(to),
                    "{from:?} as {to:?}"
                );
                assert_eq!((header.max_timestamp, header.base_sequence), (5, 3));
                let records = decompress(to, &stored.bytes()[HEADER_SIZE..]).expect("it opens");
                assert_eq!(records, plain.bytes()[HEADER_SIZE..], "{from:?} as {to:?}");
            }
        }
    }

    #[test]
    fn a_topic_without_a_codec_stores_what_was_sent() {
        let rules = topic(None).rules;
        for codec in Compression::ALL {
            let batch = sent(codec, &rules);
            let bytes = batch.bytes().clone();
            let stored = as_stored(batch, &topic(None), &rules, 10).expect("it is stored");
            assert_eq!(stored.bytes(), &bytes);
        }
    }

    #[test]
    fn a_batch_that_is_too_large_with_the_codec_of_the_topic_is_refused() {
        let rules = Rules {
            max_batch_bytes: 3000,
            ..topic(None).rules
        };
        let batch = sent(Compression::Gzip, &rules);
        let refused = as_stored(batch, &topic(Some(Compression::None)), &rules, 10);
        let refused = refused.expect_err("6,000 bytes are too many");
        assert_eq!(refused.kind, InvalidKind::TooLarge);
    }

    #[test]
    fn records_that_only_opening_shows_to_be_wrong_are_refused_where_they_are_opened() {
        let rules = Rules {
            timestamp_before_max_ms: 2,
            ..topic(None).rules
        };
        // The header has the times of the first and the last record, within the bounds.
        let mut builder = BatchBuilder::new(0);
        for time in [9, 5, 10] {
            builder.add(time, None, Some(b"x"), &[]);
        }
        let bytes = batch::compress_batch(Compression::Lz4, builder.finish()).expect("a batch");
        let batch = || validate(bytes.clone().into(), &rules, 10).expect("its header is sound");
        assert!(as_stored(batch(), &topic(None), &rules, 10).is_ok());
        let refused = as_stored(batch(), &topic(Some(Compression::Zstd)), &rules, 10);
        assert_eq!(refused.expect_err("it is opened").records, [1]);
    }
}
