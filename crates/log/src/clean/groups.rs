//! Which segments become one.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::error::LogError;
use crate::segment::Segment;

/// What the segments of a group may have together, before they are cleaned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub segment_bytes: u64,
    pub max_index_bytes: u64,
}

/// Neighbours that are replaced by one segment.
pub(super) struct Group {
    /// Never empty.
    pub sources: Vec<Arc<Segment>>,
    /// Where the segment behind them begins.
    pub end: i64,
}

/// Puts segments together, in order, as long as the limits allow it and their offsets lie within
/// 2³¹ of the first. `end` is where the segment behind the last one begins. Those that have no
/// batch at all make no group of their own.
pub(super) fn grouped(
    segments: &[Arc<Segment>],
    end: i64,
    limits: Limits,
) -> Result<VecDeque<Group>, LogError> {
    let mut groups: VecDeque<Group> = VecDeque::new();
    let mut sizes = [0; 3];
    for (index, segment) in segments.iter().enumerate() {
        let end = segments.get(index + 1).map_or(end, |it| it.base_offset);
        let (offsets, times) = segment.with_indexes(|it| Ok(it.sizes()))?;
        let own = [segment.size(), offsets, times];
        let sums: [u64; 3] = std::array::from_fn(|at| sizes[at] + own[at]);
        let fits =
            sums[0] <= limits.segment_bytes && sums[1].max(sums[2]) <= limits.max_index_bytes;
        match groups.back_mut() {
            Some(group) if fits && is_near(group.sources[0].base_offset, end) => {
                group.sources.push(Arc::clone(segment));
                group.end = end;
                sizes = sums;
            }
            _ => {
                groups.push_back(Group {
                    sources: vec![Arc::clone(segment)],
                    end,
                });
                sizes = own;
            }
        }
    }
    groups.retain(|group| group.sources.iter().any(|it| it.size() > 0));
    Ok(groups)
}

fn is_near(base_offset: i64, end: i64) -> bool {
    i32::try_from(end.saturating_sub(1).saturating_sub(base_offset)).is_ok()
}
