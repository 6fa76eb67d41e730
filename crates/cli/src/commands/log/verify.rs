//! `log verify`: says of each partition whether it is sound.

use std::path::Path;

use millrace_log::offline::{self, Damage, Damaged, Meaning, State, Verification};
use millrace_log::{Disk, LogDir, LogError, OffsetKind, Opening, TopicPartition};
use millrace_node::{MetadataLog, damaged_snapshots, metadata_start};
use millrace_spec::Literal;

use super::super::kafka::{Ended, Failure, number, object, or_null, text};
use super::partitions::{Found, Partition, hold, partitions};
use super::{Out, integer, path_text};

/// Checks what lies in a directory, while no broker has it.
pub fn verify(dir: &Path, out: &mut Out) -> Ended {
    let Found { logs, partitions } = partitions(dir)?;
    let logs = hold(&logs, false)?;
    let stored = Stored::read(&logs)?;
    let mut is_sound = true;
    for partition in &partitions {
        let opening = stored.opening(partition.name.as_ref());
        let found = match found(partition, &opening) {
            Ok(found) => found,
            Err(error) => {
                out.complain(&format!("{}: {error}", partition.title()))?;
                is_sound = false;
                continue;
            }
        };
        is_sound &= found.state() == State::Sound;
        tell(partition, &found, out)?;
    }
    out.finish()?;
    match is_sound {
        true => Ok(()),
        false => Err(Failure::Told),
    }
}

/// What is found in a partition; of the metadata log, in its snapshots, too.
fn found(partition: &Partition, opening: &Opening) -> Result<Verification, LogError> {
    let mut opening = *opening;
    if is_metadata(partition) {
        opening.start_offset = metadata_start(&Disk, &partition.dir)?;
    }
    let mut found = offline::verify(&Disk, &partition.dir, &opening)?;
    if is_metadata(partition) {
        for snapshot in damaged_snapshots(&Disk, &partition.dir)? {
            found.damage.push(Damaged {
                at: Damage {
                    path: snapshot.path,
                    position: 0,
                    offset: snapshot.end_offset,
                    reason: snapshot.reason,
                },
                meaning: match snapshot.is_needed {
                    true => Meaning::Corrupt { next: None },
                    false => Meaning::Derived,
                },
            });
        }
    }
    Ok(found)
}

fn is_metadata(partition: &Partition) -> bool {
    partition.name.as_ref() == Some(&MetadataLog::partition())
}

/// What the data directory knows of its partitions.
struct Stored {
    is_clean: bool,
    offsets: [std::collections::BTreeMap<TopicPartition, i64>; 3],
}

impl Stored {
    fn read(logs: &LogDir) -> Result<Self, Failure> {
        let failed = |error: LogError| Failure::Failed(error.to_string());
        let read = |kind| logs.offsets(kind).map_err(failed);
        Ok(Self {
            is_clean: logs.has_clean_mark().map_err(failed)?,
            offsets: [
                read(OffsetKind::LogStart)?,
                read(OffsetKind::RecoveryPoint)?,
                read(OffsetKind::FirstDirty)?,
            ],
        })
    }

    fn opening(&self, partition: Option<&TopicPartition>) -> Opening {
        let of = |at: usize| {
            let stored = partition.and_then(|it| self.offsets[at].get(it));
            stored.copied().unwrap_or(0)
        };
        Opening {
            start_offset: of(0),
            recovery_point: of(1),
            first_dirty_offset: of(2),
            is_clean: self.is_clean,
            now: 0,
        }
    }
}

fn tell(partition: &Partition, found: &Verification, out: &mut Out) -> Ended {
    out.say(&format!(
        "{}: {}, offsets {}..{}, {} segments, {} batches, {} bytes",
        partition.title(),
        word(found.state()),
        found.start_offset,
        found.end_offset,
        found.segments,
        found.batches,
        found.bytes
    ))?;
    for damaged in &found.damage {
        let remedy = remedy(partition, damaged);
        out.say(&format!("  {}; {remedy}", damaged.at))?;
    }
    for leftover in &found.leftovers {
        let leftover = leftover.display();
        out.say(&format!(
            "  {leftover} was left: the broker clears it away when it starts"
        ))?;
    }
    out.put(|| json(partition, found))
}

fn word(state: State) -> &'static str {
    match state {
        State::Sound => "sound",
        State::Torn => "torn at its tail",
        State::Corrupt => "corrupt",
    }
}

/// What damage means and what is to be done.
fn remedy(partition: &Partition, damaged: &Damaged) -> String {
    let offset = damaged.at.offset;
    match &damaged.meaning {
        Meaning::Torn { bytes, .. } => format!(
            "{bytes} bytes from there on were never durable: the broker cuts them off when it \
             starts"
        ),
        Meaning::Derived => "it follows from the batches: remove it, and the broker makes it anew \
                             when it starts"
            .to_owned(),
        Meaning::Corrupt { .. } if is_metadata(partition) => {
            "what topics there are stands there: restore the data directory from a backup"
                .to_owned()
        }
        Meaning::Corrupt { next } => {
            let next = match next {
                Some((next, Some(at))) => {
                    format!("a sound batch with offset {next} follows at position {at}; ")
                }
                Some((next, None)) => {
                    format!("a sound batch with offset {next} follows in a later segment; ")
                }
                None => String::new(),
            };
            format!(
                "{next}restore the file, or remove what lies from there on: millrace log repair {} \
                 --truncate-to {offset}",
                partition.dir.display()
            )
        }
    }
}

fn json(partition: &Partition, found: &Verification) -> Literal {
    let name = partition.name.as_ref();
    let state = match found.state() {
        State::Sound => "sound",
        State::Torn => "torn",
        State::Corrupt => "corrupt",
    };
    let damage = found
        .damage
        .iter()
        .map(|damaged| damage(partition, damaged));
    let leftovers = found.leftovers.iter().map(|it| path_text(it));
    object([
        ("topic", or_null(name, |it| text(it.topic.to_string()))),
        ("partition", or_null(name, |it| number(it.partition))),
        ("directory", path_text(&partition.dir)),
        ("state", text(state)),
        ("start_offset", number(found.start_offset)),
        ("end_offset", number(found.end_offset)),
        ("recovery_point", number(found.recovery_point)),
        ("segments", integer(found.segments as u64)),
        ("batches", integer(found.batches)),
        ("bytes", integer(found.bytes)),
        ("damage", Literal::List(damage.collect())),
        ("leftovers", Literal::List(leftovers.collect())),
    ])
}

fn damage(partition: &Partition, damaged: &Damaged) -> Literal {
    let at = &damaged.at;
    let (meaning, next, bytes) = match &damaged.meaning {
        Meaning::Torn { bytes, .. } => ("torn", None, Some(*bytes)),
        Meaning::Corrupt { next } => ("corrupt", *next, None),
        Meaning::Derived => ("derived", None, None),
    };
    object([
        ("meaning", text(meaning)),
        ("file", path_text(&at.path)),
        ("position", integer(at.position)),
        ("offset", number(at.offset)),
        ("reason", text(at.reason.clone())),
        ("remedy", text(remedy(partition, damaged))),
        ("torn_bytes", or_null(bytes, integer)),
        ("next_offset", or_null(next.map(|(it, _)| it), number)),
        (
            "next_position",
            or_null(next.and_then(|(_, at)| at), integer),
        ),
    ])
}
