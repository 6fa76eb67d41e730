//! What librdkafka's sources say of its tests, and its runner of what came of them.

use crate::interop::suites::outcome::Outcome;

/// Those that talk to no broker, or that their authors start by hand, or that need a library which
/// breaks connections.
const NOT_OURS: &[&str] = &["TEST_F_LOCAL", "TEST_F_MANUAL", "TEST_F_SOCKEM"];

/// A test, which shares its number with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    /// The kinds of brokers that it is for, separated by commas.
    pub scenario: String,
}

impl Entry {
    pub fn number(&self) -> &str {
        self.name.split('_').next().unwrap_or(&self.name)
    }
}

/// The tests of `test.c` that talk to a broker.
pub fn entries(source: &str) -> Vec<Entry> {
    let (_, table) = source
        .split_once("struct test tests[] = {")
        .unwrap_or_default();
    let (table, _) = table.split_once("\n};").unwrap_or_default();
    table.split("_TEST(").skip(1).filter_map(entry).collect()
}

fn entry(text: &str) -> Option<Entry> {
    let mut arguments = text.split([',', ')']).map(str::trim);
    let (name, flags) = (arguments.next()?, arguments.next()?);
    let scenario = text
        .split_once(".scenario = \"")
        .unwrap_or(("", "default\""))
        .1;
    let is_ours = !NOT_OURS.iter().any(|it| flags.contains(it));
    is_ours.then(|| Entry {
        name: name.to_owned(),
        scenario: scenario.split('"').next().unwrap_or_default().to_owned(),
    })
}

/// What the runner's last table says of the test, or what it said when the test ended all.
pub fn outcome(test: &str, said: &str) -> Option<Outcome> {
    let rows = said.lines().filter_map(|it| it.strip_prefix('|'));
    let mut rows = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    let row = rows.find(|row| row.first() == Some(&test));
    match row.as_deref().and_then(|row| row.get(1)) {
        Some(&"PASSED") => Some(Outcome::Passed),
        Some(&"SKIPPED") => Some(Outcome::Skipped),
        _ => complaint(test, said).map(|it| Outcome::Failed(it.to_owned())),
    }
}

fn complaint<'a>(test: &str, said: &'a str) -> Option<&'a str> {
    let beginning = format!("### Test \"{test}");
    let mut lines = said.lines().skip_while(|it| !it.starts_with(&beginning));
    lines.nth(1).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_that_talk_to_a_broker_are_found() {
        let source = "\nstruct test tests[] = {\n    /* Special */\n    {.name = \"<MAIN>\"},\n    \
                      _TEST(0000_unittests,\n          TEST_F_LOCAL,\n          _THRES(.ucpu = 1.0)),\n    \
                      _TEST(0001_multiobj, 0),\n    _TEST(0049_slow,\n          TEST_F_SOCKEM),\n    \
                      _TEST(0028_long,\n          TEST_F_KNOWN_ISSUE,\n          \
                      .scenario = \"noautocreate\"),\n};\n_TEST(9999_else, 0)";
        let entries = entries(source);
        let found = entries
            .iter()
            .map(|it| (it.name.as_str(), it.scenario.as_str()));
        let expected = [("0001_multiobj", "default"), ("0028_long", "noautocreate")];
        assert_eq!(found.collect::<Vec<_>>(), expected);
        assert_eq!(entries[1].number(), "0028");
    }

    #[test]
    fn what_the_runner_says_of_a_test_is_read() {
        let table = "TEST 2026 (bare) SUMMARY\n#====#\n\
                     | <MAIN>        |     PASSED |   1.000s |\n\
                     | 0022_a        |     PASSED |   1.000s |\n\
                     | 0022_a_local  |    SKIPPED |   0.000s | Filtered\n#====#\n";
        assert_eq!(outcome("0022_a", table), Some(Outcome::Passed));
        assert_eq!(outcome("0022_a_local", table), Some(Outcome::Skipped));
        assert_eq!(outcome("0022_b", "Segmentation fault\n"), None);
    }

    #[test]
    fn a_test_that_ends_the_runner_says_why() {
        let said = "TEST FAILURE\n### Test \"0022_b (part:7)\" failed at b.c:7:b() at Mon: ###\n\
                    it is late\ntest-runner: Assertion `0' failed.\n";
        assert_eq!(
            outcome("0022_b", said),
            Some(Outcome::Failed("it is late".to_owned()))
        );
        assert_eq!(outcome("0022_a", said), None);
    }
}
