//! "Did you mean": the candidate nearest to a misspelt name.

/// Names longer than this are compared by their first characters only, which bounds the work.
const COMPARED_CHARS: usize = 64;

/// The candidate that `name` most probably was meant to be, or `None` when none is near.
///
/// Near means: the same letters in another case or with `-` for `_`, or an edit distance of at most
/// a third of the length (swapped neighbours count once). Of equally near ones the first wins.
pub fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    Search::new(name).nearest(candidates)
}

/// The sentence for a help line: ``did you mean `x`?``.
pub fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    suggest(name, candidates).map(|it| format!("did you mean `{it}`?"))
}

/// The search for the candidate that is nearest to a name. A candidate is given up as soon as it is
/// sure to be further away than the nearest one so far.
struct Search {
    name: Vec<char>,
    /// The candidate at hand, as the name is.
    other: Vec<char>,
    /// Distances of the beginnings of the name to those of the candidate: a row for each of the
    /// former, of which the last three are kept.
    rows: [Vec<usize>; 3],
    /// How many distances were computed.
    #[cfg(test)]
    computed: usize,
}

impl Search {
    fn new(name: &str) -> Self {
        let mut folded = Vec::new();
        fold(name, &mut folded);
        Self {
            name: folded,
            other: Vec::new(),
            rows: Default::default(),
            #[cfg(test)]
            computed: 0,
        }
    }

    fn nearest<'a>(&mut self, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let mut limit = (self.name.len() / 3).max(1);
        let mut best = None;
        for candidate in candidates {
            fold(candidate, &mut self.other);
            // A candidate that has nothing in common with the name is none, however short.
            let Some(near) = self.other.len().checked_sub(1) else {
                continue;
            };
            let Some(distance) = self.distance(limit.min(near)) else {
                continue;
            };
            best = Some(candidate);
            let Some(nearer) = distance.checked_sub(1) else {
                break;
            };
            limit = nearer;
        }
        best
    }

    /// Optimal string alignment distance (insert, delete, replace, or swap two neighbours) between
    /// the name and the candidate; nothing when it is more than `limit`.
    fn distance(&mut self, limit: usize) -> Option<usize> {
        let (a, b) = (&self.name, &self.other);
        if a.len().abs_diff(b.len()) > limit {
            return None;
        }
        let beyond = limit + 1;
        let [before_last, last, row] = &mut self.rows;
        for it in [&mut *before_last, &mut *last, &mut *row] {
            it.clear();
            it.resize(b.len() + 1, beyond);
        }
        for (j, it) in row.iter_mut().enumerate().take(limit + 1) {
            *it = j;
        }
        let mut is_last_far = false;
        for (i, from) in (1_usize..).zip(a) {
            std::mem::swap(before_last, last);
            std::mem::swap(last, row);
            // What is further from the diagonal than the limit takes more changes than that.
            let (first, end) = (i.saturating_sub(limit).max(1), (i + limit).min(b.len()));
            row.fill(beyond);
            row[0] = i.min(beyond);
            let mut least = row[0];
            for j in first..=end {
                let to = &b[j - 1];
                let replaced = last[j - 1] + usize::from(from != to);
                let mut distance = replaced.min(last[j] + 1).min(row[j - 1] + 1);
                if i > 1 && j > 1 && *from == b[j - 2] && a[i - 2] == *to {
                    distance = distance.min(before_last[j - 2] + 1);
                }
                row[j] = distance.min(beyond);
                least = least.min(distance);
            }
            #[cfg(test)]
            {
                self.computed += (first..=end).count();
            }
            // A swap goes back two rows.
            if least > limit && is_last_far {
                return None;
            }
            is_last_far = least > limit;
        }
        Some(row[b.len()]).filter(|distance| *distance <= limit)
    }
}

/// Makes names comparable that differ in case or in `-` and `_` only.
fn fold(name: &str, folded: &mut Vec<char>) {
    let letters = name.chars().flat_map(char::to_lowercase);
    let letters = letters.map(|it| if it == '-' { '_' } else { it });
    folded.clear();
    folded.extend(letters.take(COMPARED_CHARS));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The distance by its definition.
    fn distance(a: &[char], b: &[char]) -> usize {
        let (Some((from, a_rest)), Some((to, b_rest))) = (a.split_last(), b.split_last()) else {
            return a.len().max(b.len());
        };
        let replaced = distance(a_rest, b_rest) + usize::from(from != to);
        let deleted = distance(a_rest, b) + 1;
        let inserted = distance(a, b_rest) + 1;
        let least = replaced.min(deleted).min(inserted);
        match (a_rest.split_last(), b_rest.split_last()) {
            (Some((from_before, a_rest)), Some((to_before, b_rest)))
                if from_before == to && from == to_before =>
            {
                least.min(distance(a_rest, b_rest) + 1)
            }
            _ => least,
        }
    }

    proptest! {
        #[test]
        fn a_bounded_distance_is_the_distance_where_it_is_within_the_bound(
            a in "[abc]{0,6}", b in "[abc]{0,6}", limit in 0_usize..5
        ) {
            let mut search = Search::new(&a);
            fold(&b, &mut search.other);
            let exact = distance(&search.name, &search.other);
            let expected = Some(exact).filter(|it| *it <= limit);
            prop_assert_eq!(search.distance(limit), expected);
        }
    }

    #[test]
    fn a_candidate_that_is_far_away_is_given_up_early() {
        let name = "n".repeat(COMPARED_CHARS);
        let far = "f".repeat(COMPARED_CHARS);
        let long = "n".repeat(COMPARED_CHARS / 2);
        let mut search = Search::new(&name);
        assert_eq!(search.nearest([&*far, &*long]), None);
        let all = COMPARED_CHARS * COMPARED_CHARS;
        assert!(search.computed < all / 4 * 3, "{}", search.computed);

        // Once a near one is found, others are compared no further than that.
        let near = format!("{}x", &name[1..]);
        let mut search = Search::new(&name);
        let others = std::iter::repeat_n(&*far, 1000);
        assert_eq!(
            search.nearest([&*near].into_iter().chain(others)),
            Some(&*near)
        );
        assert!(search.computed < all + 1000 * 10, "{}", search.computed);
    }

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
