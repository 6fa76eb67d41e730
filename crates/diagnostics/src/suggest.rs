//! "Did you mean": the candidate nearest to a misspelt name.

/// Names longer than this are compared by their first characters only, which bounds the work.
const COMPARED_CHARS: usize = 64;

/// The candidate that `name` most probably was meant to be, or `None` when none is near.
///
/// Near means: the same letters in another case or with `-` for `_`, or an edit distance of at most
/// a third of the length (swapped neighbours count once). Of equally near ones the first wins.
pub fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(name);
    let limit = (folded.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other = fold(candidate);
        if folded.len().abs_diff(other.len()) > limit {
            continue;
        }
        let distance = edit_distance(&folded, &other);
        if distance <= limit
            && distance < other.len()
            && best.is_none_or(|(least, _)| distance < least)
        {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The sentence for a help line: ``did you mean `x`?``.
pub fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    suggest(name, candidates).map(|it| format!("did you mean `{it}`?"))
}

fn fold(name: &str) -> Vec<char> {
    let letters = name.chars().flat_map(char::to_lowercase);
    letters
        .map(|it| if it == '-' { '_' } else { it })
        .take(COMPARED_CHARS)
        .collect()
}

/// Optimal string alignment distance: insert, delete, replace, or swap two neighbours.
fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let replace = last[j] + usize::from(from != to);
            let mut least = replace.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *from == b[j - 1] && a[i - 1] == *to {
                least = least.min(before_last[j - 1] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_proposed_and_a_far_one_is_not() {
        let names = ["mapping", "max_in_flight", "http_client", "drop"];
        for (given, meant) in [
            ("maping", Some("mapping")),
            ("max-in-flight", Some("max_in_flight")),
            ("MaxInFlight", Some("max_in_flight")),
            ("htpt_client", Some("http_client")),
            ("dorp", Some("drop")),
            ("kafka", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(suggest(given, names), meant, "{given}");
        }
    }
}
