//! From positions in an interpolated text back to positions in the text as written.

use std::ops::Range;

/// Says for every byte of a rewritten text where it comes from.
///
/// Offsets are bytes. A replaced region maps as a whole: its start to the start of what it
/// replaced, its end to the end.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct OffsetMap {
    /// Ascending by `out`; together they cover the rewritten text.
    segments: Vec<Segment>,
    out_len: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Segment {
    out: u32,
    source: u32,
    /// One past what was replaced; `None` for text that was copied.
    replaced_to: Option<u32>,
}

impl OffsetMap {
    /// The map of a text that was not rewritten.
    pub fn identity(len: usize) -> Self {
        let mut map = Self::default();
        map.copied(0..len);
        map
    }

    /// The map of a text that is the `len` bytes from `start` of its source.
    pub(crate) fn shifted(start: usize, len: usize) -> Self {
        let mut map = Self::default();
        map.copied(start..start + len);
        map
    }

    /// The next bytes of the rewritten text are a copy of this range.
    pub(crate) fn copied(&mut self, source: Range<usize>) {
        if !source.is_empty() {
            self.segments.push(Segment {
                out: self.out_len,
                source: narrow(source.start),
                replaced_to: None,
            });
            self.out_len += narrow(source.len());
        }
    }

    /// The next `len` bytes of the rewritten text stand in place of this range.
    pub(crate) fn replaced(&mut self, source: Range<usize>, len: usize) {
        if len > 0 {
            self.segments.push(Segment {
                out: self.out_len,
                source: narrow(source.start),
                replaced_to: Some(narrow(source.end)),
            });
            self.out_len += narrow(len);
        }
    }

    /// The map of a text that was made from this map's text by copying `ranges` one after another.
    pub(crate) fn of_copies(&self, ranges: &[Range<usize>]) -> Self {
        let mut map = Self::default();
        for range in ranges {
            let mut at = range.start;
            while at < range.end {
                let index = self.index(at);
                let next = self
                    .segments
                    .get(index + 1)
                    .map_or(self.out_len, |it| it.out);
                let end = range.end.min(next as usize).max(at + 1);
                let segment = self.segments[index];
                match segment.replaced_to {
                    Some(to) => map.replaced(segment.source as usize..to as usize, end - at),
                    None => map.copied(self.start(at)..self.start(at) + (end - at)),
                }
                at = end;
            }
        }
        map
    }

    /// Where the byte at `offset` comes from; for a replaced byte the start of what it replaced.
    pub fn start(&self, offset: usize) -> usize {
        match self.segments.get(self.index(offset)) {
            None => 0,
            Some(it) if it.replaced_to.is_some() && offset < self.out_len as usize => {
                it.source as usize
            }
            Some(Segment {
                replaced_to: Some(to),
                ..
            }) => *to as usize,
            Some(it) => it.source as usize + offset.saturating_sub(it.out as usize),
        }
    }

    /// Where the text before `offset` ends in the source.
    pub fn end(&self, offset: usize) -> usize {
        let Some(last) = offset.checked_sub(1) else {
            return self.start(0);
        };
        match self.segments.get(self.index(last)) {
            Some(Segment {
                replaced_to: Some(to),
                ..
            }) => *to as usize,
            _ => self.start(last) + 1,
        }
    }

    /// The source range of a range of the rewritten text.
    pub fn range(&self, range: Range<usize>) -> Range<usize> {
        let start = self.start(range.start);
        if range.is_empty() {
            start..start
        } else {
            start..self.end(range.end).max(start)
        }
    }

    /// Whether the byte at `offset` was copied.
    pub(crate) fn is_copied(&self, offset: usize) -> bool {
        self.segments
            .get(self.index(offset))
            .is_none_or(|it| it.replaced_to.is_none())
    }

    /// Whether `len` bytes from `offset` on were copied as a whole.
    pub(crate) fn is_copy(&self, offset: usize, len: usize) -> bool {
        let index = self.index(offset);
        let next = self.segments.get(index + 1);
        let is_within = next.is_none_or(|it| offset + len <= it.out as usize);
        is_within && self.is_copied(offset)
    }

    /// Whether a segment starts at `offset`, so that it does not continue what is before it.
    pub(crate) fn starts_segment(&self, offset: usize) -> bool {
        self.segments
            .get(self.index(offset))
            .is_some_and(|it| it.out as usize == offset)
    }

    fn index(&self, offset: usize) -> usize {
        self.segments
            .partition_point(|it| it.out as usize <= offset)
            .saturating_sub(1)
    }
}

fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
