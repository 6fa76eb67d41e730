//! The list of tests that are not to pass, with their reasons: `tests/interop/expected/SUITE.txt`.
//!
//! A line is `fails TEST: REASON`, or `left-out TEST: REASON` for a test that is not run at all.
//! A `#` begins a remark, and a `*` at the end of a test stands for the rest of its name.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::outcome::{Outcome, Outcomes};

/// Whether a test of the list is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fails,
    LeftOut,
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    test: String,
}

impl Entry {
    fn names(&self, test: &str) -> bool {
        match self.test.strip_suffix('*') {
            Some(beginning) => test.starts_with(beginning),
            None => self.test == test,
        }
    }
}

/// The list of one suite.
#[derive(Debug, Default)]
pub struct Expected(Vec<Entry>);

impl Expected {
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path);
        let text = text.with_context(|| format!("read `{}`", path.display()))?;
        Self::parse(&text).with_context(|| format!("read `{}`", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().map(str::trim);
        let entries = lines.filter(|it| !it.is_empty() && !it.starts_with('#'));
        Ok(Self(entries.map(entry).collect::<Result<_>>()?))
    }

    /// Whether a test is not run.
    pub fn leaves_out(&self, test: &str) -> bool {
        let is_named = |it: &Entry| it.kind == Kind::LeftOut && it.names(test);
        self.0.iter().any(is_named)
    }

    /// The tests that are not run, each as it stands in the list.
    pub fn left_out(&self) -> impl Iterator<Item = &str> {
        let left_out = self.0.iter().filter(|it| it.kind == Kind::LeftOut);
        left_out.map(|it| it.test.as_str())
    }

    fn fails(&self, test: &str) -> bool {
        let is_named = |it: &Entry| it.kind == Kind::Fails && it.names(test);
        self.0.iter().any(is_named)
    }

    /// What is to be told of what came of the tests: what is wrong, and where the list is old.
    pub fn compare(&self, outcomes: &Outcomes) -> Comparison {
        let mut comparison = Comparison::default();
        for (test, outcome) in outcomes.iter() {
            let Outcome::Failed(why) = outcome else {
                continue;
            };
            if self.fails(test) {
                comparison.expected += 1;
            } else {
                comparison.unexpected.push(format!("{test}: {why}"));
            }
        }
        let is_old = |it: &&Entry| it.kind == Kind::Fails && !some_fails(it, outcomes);
        comparison.old = self
            .0
            .iter()
            .filter(is_old)
            .map(|it| it.test.clone())
            .collect();
        comparison
    }
}

fn some_fails(entry: &Entry, outcomes: &Outcomes) -> bool {
    let mut named = outcomes.iter().filter(|(test, _)| entry.names(test));
    named.any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)))
}

/// How the outcomes of a suite and its list differ.
#[derive(Debug, Default)]
pub struct Comparison {
    /// How many tests of the list have failed.
    pub expected: u64,
    /// The tests that fail and are not in the list, with what they said.
    pub unexpected: Vec<String>,
    /// The tests of the list that do not fail.
    pub old: Vec<String>,
}

fn entry(line: &str) -> Result<Entry> {
    let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
    let kind = match kind {
        "fails" => Kind::Fails,
        "left-out" => Kind::LeftOut,
        other => bail!("`{other}` is neither `fails` nor `left-out`"),
    };
    // The names of pytest have colons, but no blank after them.
    let (test, reason) = rest.split_once(": ").unwrap_or_default();
    if test.trim().is_empty() || reason.trim().is_empty() {
        bail!("`{line}` has no test or no reason");
    }
    Ok(Entry {
        kind,
        test: test.trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# Of one broker.\n\nfails a/b.py::c: an API is missing\nleft-out d: TLS\n";

    #[test]
    fn the_list_says_what_fails_and_what_is_left_out() {
        let list = Expected::parse(LIST).unwrap();
        assert!(list.fails("a/b.py::c") && !list.fails("a/b.py::c2") && !list.fails("d"));
        assert!(list.leaves_out("d") && !list.leaves_out("a/b.py::c"));
        assert_eq!(list.left_out().collect::<Vec<_>>(), ["d"]);
        let all = Expected::parse("fails 017*: share groups").unwrap();
        assert!(all.fails("0170_share") && !all.fails("0180_share"));
    }

    #[test]
    fn a_line_without_a_reason_is_refused() {
        for line in [
            "fails a",
            "fails a: ",
            "fails : why",
            "passes a: why",
            "fails",
        ] {
            assert!(Expected::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn what_the_list_has_not_and_what_it_has_in_vain_is_told() {
        let list = "fails a: why\nfails b: why\nfails gone: why\nleft-out d: why";
        let list = Expected::parse(list).unwrap();
        let mut outcomes = Outcomes::default();
        let failed = || Outcome::Failed("it is late".to_owned());
        outcomes.add("a", failed());
        outcomes.add("b", Outcome::Passed);
        outcomes.add("c", failed());
        let comparison = list.compare(&outcomes);
        assert_eq!(comparison.expected, 1);
        assert_eq!(comparison.unexpected, ["c: it is late"]);
        assert_eq!(comparison.old, ["b", "gone"]);
    }
}
