//! A sort for orders that contradict themselves.

/// Sorts by "comes before", stably, and ends for every answer, contradictory ones included, where the
/// sorts of the standard library may panic: what others wrote need not be an order.
///
/// # Errors
/// The first one of `before`.
pub fn merge_sort<T, E>(
    mut items: Vec<T>,
    before: &mut dyn FnMut(&T, &T) -> Result<bool, E>,
) -> Result<Vec<T>, E> {
    if items.len() < 2 {
        return Ok(items);
    }
    let right = items.split_off(items.len() / 2);
    let left = merge_sort(items, before)?;
    let right = merge_sort(right, before)?;
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = match before(b, a)? {
            true => right.next(),
            false => left.next(),
        };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}
