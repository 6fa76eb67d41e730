//! The batches of a segment, each checked.

use std::ops::ControlFlow;

use millrace_kafka_wire::batch::{BatchHeader, HEADER_SIZE};

use super::pass::Ended;
use crate::error::{LogError, OnDisk};
use crate::names;
use crate::segment::Segment;
use crate::walk::{MANY, WalkError, Walker};

/// A batch that was found sound.
pub(super) struct Found<'a> {
    pub header: BatchHeader,
    /// All of it.
    pub bytes: &'a [u8],
    segment: &'a Segment,
    position: u64,
}

impl Found<'_> {
    /// What is behind its header.
    pub fn records(&self) -> &[u8] {
        &self.bytes[HEADER_SIZE..]
    }

    /// Whether it is the last one of its segment.
    pub fn is_last(&self) -> bool {
        self.position + self.header.size() as u64 == self.segment.size()
    }

    pub fn damaged(&self, reason: &str) -> LogError {
        let path = self.segment.path(names::LOG);
        self.segment
            .damaged(&path, self.position, self.header.base_offset, reason)
    }
}

/// Calls `act` with each batch from a position on. `end` is where the segment behind begins.
pub(super) fn each_batch(
    segment: &Segment,
    mut position: u64,
    end: i64,
    mut act: impl FnMut(&Found<'_>) -> Result<ControlFlow<()>, Ended>,
) -> Result<ControlFlow<()>, Ended> {
    let file = segment.log()?;
    let path = segment.path(names::LOG);
    let mut walker = Walker::new(&*file, segment.size(), MANY);
    let mut least = segment.base_offset;
    loop {
        let header = match walker.sound(position) {
            Ok(Some(header)) => header,
            Ok(None) => return Ok(ControlFlow::Continue(())),
            Err(WalkError::Io(error)) => return Err(error).on_disk("read", &path)?,
            Err(WalkError::Bad(reason) | WalkError::Short(reason)) => {
                return Err(segment.damaged(&path, position, least, &reason).into());
            }
        };
        if header.base_offset < least || header.next_offset() > end {
            let reason = format!("its offset {} is out of order", header.base_offset);
            return Err(segment.damaged(&path, position, least, &reason).into());
        }
        let bytes = walker.bytes(position, header.size());
        let bytes = bytes.on_disk("read", &path)?;
        let found = Found {
            header,
            bytes: bytes.get(..header.size()).unwrap_or_default(),
            segment,
            position,
        };
        if found.bytes.len() < header.size() {
            return Err(LogError::Gone { path }.into());
        }
        if act(&found)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        least = header.next_offset();
        position += header.size() as u64;
    }
}
