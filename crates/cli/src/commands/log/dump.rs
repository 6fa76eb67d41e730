//! `log dump`: prints what lies in files of partitions.

use std::path::{Path, PathBuf};

use millrace_log::Disk;
use millrace_log::offline::{
    Damage, Entries, FileKind, FoundBatch, ReadError, SegmentFile, kind_of, read_offset_index,
    read_producers, read_time_index, read_txn_index,
};
use millrace_log::{AbortedTxn, LogError, Producer};
use millrace_node::SnapshotId;
use millrace_spec::Literal;
use millrace_spec::render::emit;

use super::super::kafka::{Ended, Failure, number, object, or_null, text};
use super::partitions::{Found, hold, partitions};
use super::{Out, batches, integer, path_text, records};

/// A dump, and whether all that it met was sound.
struct Dump<'a> {
    out: &'a mut Out,
    with_records: bool,
    is_damaged: bool,
}

/// Prints files, and the segments in directories.
pub fn dump(paths: &[PathBuf], with_records: bool, out: &mut Out) -> Ended {
    let mut dump = Dump {
        out,
        with_records,
        is_damaged: false,
    };
    for path in paths {
        if let Err(Failure::Failed(reason)) = dump.path(path) {
            dump.out.complain(&reason)?;
            dump.is_damaged = true;
        }
    }
    dump.out.finish()?;
    match dump.is_damaged {
        true => Err(Failure::Told),
        false => Ok(()),
    }
}

impl Dump<'_> {
    fn path(&mut self, path: &Path) -> Ended {
        let failed =
            |error: std::io::Error| Failure::Failed(format!("read {}: {error}", path.display()));
        let metadata = std::fs::metadata(path).map_err(failed)?;
        if metadata.is_dir() {
            return self.dir(path);
        }
        if !metadata.is_file() {
            let path = path.display();
            return Err(Failure::Failed(format!("{path} is no regular file")));
        }
        self.file(path)
    }

    fn dir(&mut self, dir: &Path) -> Ended {
        let Found { logs, partitions } = partitions(dir)?;
        let was_damaged = std::mem::take(&mut self.is_damaged);
        for partition in &partitions {
            let names = millrace_log::Files::list(&Disk, &partition.dir);
            let names = names.map_err(|error| {
                Failure::Failed(format!("read {}: {error}", partition.dir.display()))
            })?;
            let is_segment = |name: &&String| name.ends_with(".log") && kind_of(name).is_some();
            for name in names.iter().filter(is_segment) {
                self.file(&partition.dir.join(name))?;
            }
        }
        // Only where it matters: a broker that starts just now must find the directory free.
        if self.is_damaged && hold(&logs, false).is_err() {
            let note = "a broker may be running there: what it is writing looks torn";
            self.out.complain(&format!("{}: {note}", logs.display()))?;
        }
        self.is_damaged |= was_damaged;
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Ended {
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(snapshot) = name.and_then(SnapshotId::of_file_name) {
            self.title(path, "snapshot of the metadata", snapshot.end_offset)?;
            return self.segment(path);
        }
        let Some((kind, offset)) = name.and_then(kind_of) else {
            return Err(Failure::Failed(format!(
                "{} is none of the files that can be printed: their names have twenty digits and \
                 .log, .index, .timeindex, .txnindex or .snapshot, or are those of snapshots of the \
                 metadata",
                path.display()
            )));
        };
        let title = match kind {
            FileKind::Segment => "segment",
            FileKind::OffsetIndex => "index",
            FileKind::TimeIndex => "time index",
            FileKind::TxnIndex => "aborted transactions",
            FileKind::Producers => "producers",
        };
        self.title(path, title, offset)?;
        match kind {
            FileKind::Segment => self.segment(path),
            FileKind::OffsetIndex => {
                let read = read_offset_index(&Disk, path);
                self.entries(path, read, "offset_index_entry", |it| {
                    [
                        ("offset", number(it.offset)),
                        ("position", integer(it.position)),
                    ]
                    .into()
                })
            }
            FileKind::TimeIndex => {
                let read = read_time_index(&Disk, path);
                self.entries(path, read, "time_index_entry", |it| {
                    [
                        ("timestamp", number(it.timestamp)),
                        ("offset", number(it.offset)),
                    ]
                    .into()
                })
            }
            FileKind::TxnIndex => {
                let read = read_txn_index(&Disk, path);
                self.entries(path, read, "aborted_transaction", aborted)
            }
            FileKind::Producers => {
                let read = read_producers(&Disk, path);
                self.entries(path, read, "producer", producer)
            }
        }
    }

    /// Says which file is printed.
    fn title(&mut self, path: &Path, title: &str, offset: i64) -> Ended {
        let size = std::fs::metadata(path).map_or(0, |it| it.len());
        self.out.line(
            || {
                format!(
                    "{}: {title} at offset {offset}, {size} bytes",
                    path.display()
                )
            },
            || {
                object([
                    ("kind", text("file")),
                    ("file", path_text(path)),
                    ("holds", text(title)),
                    ("offset", number(offset)),
                    ("size", integer(size)),
                ])
            },
        )
    }

    fn segment(&mut self, path: &Path) -> Ended {
        let segment = SegmentFile::open(&Disk, path).map_err(failed)?;
        if let Err(damage) = segment.check_size() {
            return self.damage(&damage, None);
        }
        let mut batches = segment.batches();
        loop {
            match batches.next_found() {
                Ok(Some(found)) => {
                    let header = &found.header;
                    // The bytes of a damaged batch mean nothing.
                    let is_read =
                        found.is_sound() && (self.with_records || header.attributes.is_control());
                    let read = is_read.then(|| records::read(&mut batches, &found));
                    self.batch(path, &found, read)?;
                }
                Ok(None) => return Ok(()),
                Err(ReadError::Log(error)) => return Err(failed(error)),
                Err(ReadError::Damaged(damage)) => {
                    let is_more = batches.skip_damage().map_err(failed)?;
                    let next = is_more.then(|| batches.position());
                    self.damage(&damage, next)?;
                    if !is_more {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn batch(
        &mut self,
        path: &Path,
        found: &FoundBatch,
        read: Option<Result<Vec<u8>, String>>,
    ) -> Ended {
        let header = &found.header;
        let bytes = read.as_ref().and_then(|it| it.as_ref().ok());
        let is_control = header.attributes.is_control();
        let marker = bytes
            .filter(|_| is_control)
            .and_then(|it| records::marker(header, it));
        self.out.line(
            || batches::line(found, marker.as_ref()),
            || batches::json(path, found, marker.as_ref()),
        )?;
        let reason = match read {
            None if found.is_sound() => None,
            None => Some(format!(
                "the checksum of the batch is {:08x}, that of its bytes {:08x}",
                header.crc, found.checksum
            )),
            Some(Err(reason)) => Some(reason),
            Some(Ok(bytes)) if self.with_records => {
                records::print(path, header, &bytes, self.out)?.err()
            }
            Some(Ok(_)) => None,
        };
        let Some(reason) = reason else { return Ok(()) };
        let damage = Damage {
            path: path.to_owned(),
            position: found.position,
            offset: header.base_offset,
            reason,
        };
        self.damage(&damage, Some(found.end()))
    }

    fn entries<T>(
        &mut self,
        path: &Path,
        read: Result<Entries<T>, LogError>,
        kind: &'static str,
        fields: impl Fn(&T) -> Vec<(&'static str, Literal)>,
    ) -> Ended {
        let Entries { entries, damage } = read.map_err(failed)?;
        for entry in &entries {
            let human = || human(&fields(entry));
            let json = || {
                let head = [("kind", text(kind)), ("file", path_text(path))];
                object(head.into_iter().chain(fields(entry)))
            };
            self.out.line(human, json)?;
        }
        match damage {
            Some(damage) => self.damage(&damage, None),
            None => Ok(()),
        }
    }

    /// Tells of damage, and where it goes on behind it.
    fn damage(&mut self, damage: &Damage, next: Option<u64>) -> Ended {
        self.is_damaged = true;
        self.out.put(|| {
            object([
                ("kind", text("damage")),
                ("file", path_text(&damage.path)),
                ("position", integer(damage.position)),
                ("offset", number(damage.offset)),
                ("reason", text(damage.reason.clone())),
                ("next_position", or_null(next, integer)),
            ])
        })?;
        let next = match next {
            Some(next) => format!("; it goes on at position {next}"),
            None => "; nothing behind it can be read".to_owned(),
        };
        self.out.complain(&format!("{damage}{next}"))
    }
}

fn failed(error: LogError) -> Failure {
    Failure::Failed(error.to_string())
}

/// The fields of an entry for people: names and numbers.
fn human(fields: &[(&'static str, Literal)]) -> String {
    let words = fields.iter().map(|(name, value)| {
        let value = match value {
            Literal::Null => "none".to_owned(),
            other => emit::json(other),
        };
        format!(" {} {value}", name.replace('_', " "))
    });
    format!(" {}", words.collect::<String>())
}

fn aborted(txn: &AbortedTxn) -> Vec<(&'static str, Literal)> {
    vec![
        ("producer_id", number(txn.producer_id)),
        ("first_offset", number(txn.first_offset)),
        ("last_offset", number(txn.last_offset)),
        ("last_stable_offset", number(txn.last_stable_offset)),
    ]
}

fn producer((id, it): &(i64, Producer)) -> Vec<(&'static str, Literal)> {
    let last = it.batches.last();
    vec![
        ("producer_id", number(*id)),
        ("epoch", number(it.epoch)),
        ("last_sequence", number(it.last_sequence())),
        (
            "last_offset",
            or_null(last.map(|it| it.last_offset), number),
        ),
        ("last_timestamp", number(it.last_timestamp)),
        ("coordinator_epoch", number(it.coordinator_epoch)),
        (
            "transaction_first_offset",
            or_null(it.txn_first_offset, number),
        ),
    ]
}
