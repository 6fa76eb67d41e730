//! What damage means: an end that was never durable, or a log that has changed since it was.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{LogError, OnDisk};
use crate::files::File;
use crate::walk::{MANY, WalkError, Walker};

/// A segment in which damage lies, or one behind it.
pub(crate) struct Part {
    pub file: Arc<dyn File>,
    pub size: u64,
    pub path: PathBuf,
}

/// Where the last sound batch ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub position: u64,
    pub offset: i64,
    /// The file ends within the batch, by what its header says.
    pub is_short: bool,
    /// Up to this offset the log was durable.
    pub recovery_point: i64,
}

/// The next sound batch: its offset, and its position when it lies in the same file.
pub(crate) type Next = Option<(i64, Option<u64>)>;

pub(crate) enum Verdict {
    /// What a crash leaves, which may be cut off.
    Torn { had_sound_batches: bool },
    /// Nobody may cut that but an operator.
    Corrupt { next: Next },
}

/// Judges damage in the first of some segments, which are the rest of their log.
///
/// What was durable does not tear. Behind it, an end is torn when no sound batch follows, or when
/// the bytes before that are pages that never reached the disk.
pub(crate) fn judge(
    mut parts: impl Iterator<Item = Result<Part, LogError>>,
    place: &Place,
) -> Result<Verdict, LogError> {
    let first = parts.next().transpose()?;
    let first = first.expect("the damaged segment is one of them");
    let next = find_next(&first, parts, place)?;
    let is_durable = place.offset < place.recovery_point;
    let Some((_, next_position)) = next else {
        return Ok(match is_durable {
            true => Verdict::Corrupt { next },
            false => Verdict::Torn {
                had_sound_batches: false,
            },
        });
    };
    let to = next_position.unwrap_or(first.size);
    let is_lost = Walker::new(&*first.file, first.size, MANY)
        .has_lost_pages(place.position, to, place.offset)
        .on_disk("read", &first.path)?;
    let is_lost = is_lost || next_position.is_none() && place.is_short;
    Ok(match is_lost && !is_durable {
        true => Verdict::Torn {
            had_sound_batches: true,
        },
        false => Verdict::Corrupt { next },
    })
}

fn find_next(
    first: &Part,
    others: impl Iterator<Item = Result<Part, LogError>>,
    place: &Place,
) -> Result<Next, LogError> {
    if let Some((offset, position)) = sound_in(first, place.position + 1, place.offset)? {
        return Ok(Some((offset, Some(position))));
    }
    for part in others {
        if let Some((offset, _)) = sound_in(&part?, 0, place.offset)? {
            return Ok(Some((offset, None)));
        }
    }
    Ok(None)
}

fn sound_in(part: &Part, from: u64, least: i64) -> Result<Option<(i64, u64)>, LogError> {
    let mut walker = Walker::new(&*part.file, part.size, MANY);
    match walker.find_sound(from, least) {
        Ok(found) => Ok(found.map(|(position, header)| (header.base_offset, position))),
        Err(WalkError::Io(error)) => Err(error).on_disk("read", &part.path),
        Err(WalkError::Bad(_) | WalkError::Short(_)) => Ok(None),
    }
}
