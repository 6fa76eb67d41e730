//! What came of the tests of a suite.

use std::collections::BTreeMap;

use crate::test_counts::TestCounts;

/// What came of one test; a worse one is greater.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Passed,
    /// The suite itself has left it out.
    Skipped,
    /// With what it said, in one line.
    Failed(String),
}

/// What came of each test, by its name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcomes(BTreeMap<String, Outcome>);

impl Outcomes {
    /// Adds what came of a test; of a test that is added twice the worse outcome stays.
    pub fn add(&mut self, test: &str, outcome: Outcome) {
        match self.0.get_mut(test) {
            Some(known) if *known >= outcome => {}
            Some(known) => *known = outcome,
            None => {
                self.0.insert(test.to_owned(), outcome);
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Outcome)> {
        self.0
            .iter()
            .map(|(test, outcome)| (test.as_str(), outcome))
    }

    pub fn get(&self, test: &str) -> Option<&Outcome> {
        self.0.get(test)
    }

    /// Of two rounds: only what passed in both has passed, and what is in one alone has failed.
    pub fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (test, outcome) in other.iter() {
            both.add(test, outcome.clone());
        }
        let is_in_both = |test| self.get(test).is_some() && other.get(test).is_some();
        for (test, outcome) in &mut both.0 {
            if !is_in_both(test) {
                *outcome = Outcome::Failed("it ran in one round only".to_owned());
            }
        }
        both
    }

    pub fn counts(&self) -> TestCounts {
        let mut counts = TestCounts::default();
        for (_, outcome) in self.iter() {
            *match outcome {
                Outcome::Passed => &mut counts.passed,
                Outcome::Skipped => &mut counts.skipped,
                Outcome::Failed(_) => &mut counts.failed,
            } += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(list: &[(&str, Outcome)]) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for (test, outcome) in list {
            outcomes.add(test, outcome.clone());
        }
        outcomes
    }

    #[test]
    fn a_test_that_passes_once_has_failed() {
        let failed = || Outcome::Failed("it is late".to_owned());
        let first = outcomes(&[("a", Outcome::Passed), ("b", failed())]);
        let second = outcomes(&[("a", Outcome::Passed), ("b", Outcome::Passed)]);
        for both in [first.and(&second), second.and(&first)] {
            assert_eq!(both.get("a"), Some(&Outcome::Passed));
            assert_eq!(both.get("b"), Some(&failed()));
        }
    }

    #[test]
    fn a_test_that_one_round_has_not_reached_has_failed() {
        let whole = outcomes(&[("a", Outcome::Passed), ("b", Outcome::Passed)]);
        let both = whole.and(&outcomes(&[("a", Outcome::Passed)]));
        assert_eq!(both.get("a"), Some(&Outcome::Passed));
        assert!(matches!(both.get("b"), Some(Outcome::Failed(_))));
        let counts = both.counts();
        assert_eq!((counts.passed, counts.failed, counts.skipped), (1, 1, 0));
    }

    #[test]
    fn an_end_that_fails_is_not_hidden_by_a_test_that_passed() {
        let failed = Outcome::Failed("a file is left open".to_owned());
        let added = outcomes(&[("a", Outcome::Passed), ("a", failed.clone())]);
        assert_eq!(added.get("a"), Some(&failed));
        let added = outcomes(&[("a", failed.clone()), ("a", Outcome::Passed)]);
        assert_eq!(added.get("a"), Some(&failed));
    }
}
