//! Adds up the `test result:` lines that the test programs of one run print.

use std::fmt;

/// How many tests passed, failed and were skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TestCounts {
    /// Tests that ran and passed.
    pub passed: u64,
    /// Tests that ran and failed.
    pub failed: u64,
    /// Tests that were not run although they were asked for.
    pub skipped: u64,
}

impl TestCounts {
    /// Adds the counts of one line of output; other lines change nothing.
    pub fn add_line(&mut self, line: &str) {
        let line = without_escapes(line);
        // Unit tests of a harness may print such a line too, but not at the start of a line.
        let Some(rest) = line.strip_prefix("test result: ") else {
            return;
        };
        let Some((_, counts)) = rest.split_once(". ") else {
            return;
        };
        for part in counts.split(';') {
            let Some((number, word)) = part.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for TestCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// Removes the colour sequences of a terminal.
pub fn without_escapes(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        text.push_str(before);
        let end = after
            .find(|c: char| c.is_ascii_alphabetic())
            .map_or(after.len(), |at| at + 1);
        rest = &after[end..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(lines: &[&str]) -> TestCounts {
        let mut counts = TestCounts::default();
        for line in lines {
            counts.add_line(line);
        }
        counts
    }

    #[test]
    fn the_counts_of_all_test_programs_are_added_up() {
        let counts = count(&[
            "running 5 tests",
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.00s",
            "test result: FAILED. 2 passed; 4 failed; 0 ignored; 7 measured; 0 filtered out; finished in 1.30s",
        ]);
        assert_eq!(
            counts,
            TestCounts {
                passed: 7,
                failed: 4,
                skipped: 1
            }
        );
        assert_eq!(counts.to_string(), "7 passed, 4 failed, 1 skipped");
    }

    #[test]
    fn colours_do_not_hide_a_result() {
        let line = "test result: \u{1b}[32mok\u{1b}[m. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(count(&[line]).passed, 3);
    }

    #[test]
    fn output_that_only_looks_like_a_result_is_not_counted() {
        let counts = count(&[
            "said: test result: ok. 5 passed; 0 failed",
            "test result: odd",
            "",
        ]);
        assert_eq!(counts, TestCounts::default());
    }
}
