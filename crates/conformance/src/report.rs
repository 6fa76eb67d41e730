//! Counts, and the floor below which a run fails.

use std::fmt;

use anyhow::{Context, Result, bail};

use crate::rows::Row;
use crate::verdict::{Failure, Pass, Verdict, bounded};

/// Which part of the rows of a file must pass, in hundredths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor(u32);

const WHOLE: u32 = 10_000;

impl Floor {
    /// No floor: any number of rows may fail.
    pub const NONE: Self = Self(0);

    /// A percentage with at most two digits behind the point.
    ///
    /// # Errors
    /// It is none, or is not from 0 to 100.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.strip_suffix('%').unwrap_or(text);
        let percent: f64 = text
            .parse()
            .with_context(|| format!("`{text}` is no percentage"))?;
        if !(0.0..=100.0).contains(&percent) {
            bail!("`{text}` is not from 0 to 100 percent");
        }
        Ok(Self((percent * 100.0).round() as u32))
    }

    /// How many of `rows` may fail: the rest of the percentage, and at least one below 100.
    pub fn allows(self, rows: usize) -> usize {
        if self.0 == WHOLE {
            return 0;
        }
        let rest = (WHOLE - self.0) as usize;
        (rows * rest / WHOLE as usize).max(1)
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", f64::from(self.0) / 100.0)
    }
}

/// The floor of all files, and of those that have one of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floors {
    all: Floor,
    of_files: Vec<(String, Floor)>,
}

impl Floors {
    /// No floors.
    pub const NONE: Self = Self {
        all: Floor::NONE,
        of_files: Vec::new(),
    };

    /// Adds `PERCENT`, or `FILE=PERCENT`.
    ///
    /// # Errors
    /// It is neither.
    pub fn add(&mut self, text: &str) -> Result<()> {
        match text.split_once('=') {
            Some((file, percent)) => {
                if crate::files::find(file).is_none() {
                    bail!("`{file}` is no file of cases");
                }
                self.of_files
                    .push((file.to_owned(), Floor::parse(percent)?));
            }
            None => self.all = Floor::parse(text)?,
        }
        Ok(())
    }

    /// The floor of a file.
    pub fn of(&self, file: &str) -> Floor {
        let of_file = self.of_files.iter().find(|(name, _)| name == file);
        of_file.map_or(self.all, |(_, floor)| *floor)
    }
}

/// What became of the rows of a file.
#[derive(Debug)]
pub struct FileReport {
    name: &'static str,
    counted: Counts,
    apart: Counts,
    /// Of the rows that do not pass: what identifies it, and why.
    failed: Vec<(String, Failure)>,
}

/// How many rows passed.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    rows: usize,
    ran: usize,
    linted: usize,
    not_built: usize,
    misread: usize,
}

impl Counts {
    fn passed(self) -> usize {
        self.ran + self.linted
    }
}

impl FileReport {
    /// A report without rows.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            counted: Counts::default(),
            apart: Counts::default(),
            failed: Vec::new(),
        }
    }

    /// Counts a row.
    pub fn add(&mut self, row: &Row, verdict: Verdict) {
        let counts = if row.is_apart() {
            &mut self.apart
        } else {
            &mut self.counted
        };
        counts.rows += 1;
        match verdict {
            Ok(Pass::Ran) => counts.ran += 1,
            Ok(Pass::Linted) => counts.linted += 1,
            Err(failure) => {
                match failure {
                    Failure::NotBuilt(_) => counts.not_built += 1,
                    Failure::Misread(_) => counts.misread += 1,
                    Failure::Differs { .. } => {}
                }
                let id = format!("{} {}", row.id, row.name);
                self.failed.push((id.trim_end().to_owned(), failure));
            }
        }
    }

    /// Whether enough rows pass, and none could not be understood.
    pub fn passes(&self, floors: &Floors) -> bool {
        self.is_above(floors.of(self.name))
    }

    fn is_above(&self, floor: Floor) -> bool {
        let Counts { rows, misread, .. } = self.counted;
        let failing = rows - self.counted.passed();
        let is_high_enough = floor == Floor::NONE || failing <= floor.allows(rows);
        is_high_enough && misread + self.apart.misread == 0
    }
}

impl fmt::Display for FileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, failure) in &self.failed {
            writeln!(f, "  {id}")?;
            match failure {
                Failure::Differs { expected, actual } => {
                    writeln!(f, "    expected: {}", indented(expected))?;
                    writeln!(f, "    actual:   {}", indented(actual))?;
                }
                Failure::NotBuilt(why) => writeln!(f, "    not built: {}", indented(why))?,
                Failure::Misread(why) => writeln!(f, "    error: {}", indented(why))?,
            }
        }
        let Counts { rows, linted, .. } = self.counted;
        write!(
            f,
            "{}: passed {} of {rows}",
            self.name,
            self.counted.passed()
        )?;
        if linted > 0 {
            write!(f, ", {linted} of them by lint alone")?;
        }
        if self.apart.rows > 0 {
            let Counts { rows, .. } = self.apart;
            write!(f, "; DuckDB apart: {} of {rows}", self.apart.passed())?;
        }
        Ok(())
    }
}

fn indented(text: &str) -> String {
    bounded(text).replace('\n', "\n      ")
}

/// All files in one table.
pub fn table(reports: &[FileReport], floors: &Floors) -> String {
    let mut lines = vec![format!(
        "\n{:<26} {:>6} {:>6} {:>8} {:>8} {:>10} {:>7} {:>7}",
        "file", "passed", "of", "percent", "by lint", "not built", "DuckDB", "floor"
    )];
    for report in reports {
        let Counts {
            rows,
            linted,
            not_built,
            ..
        } = report.counted;
        let passed = report.counted.passed();
        let percent = 100.0 * passed as f64 / rows.max(1) as f64;
        let apart = match report.apart.rows {
            0 => String::new(),
            rows => format!("{}/{rows}", report.apart.passed()),
        };
        let floor = floors.of(report.name);
        let verdict = if report.is_above(floor) {
            ""
        } else if report.counted.misread + report.apart.misread > 0 {
            "  has rows that cannot be understood"
        } else {
            "  below the floor"
        };
        lines.push(format!(
            "{:<26} {passed:>6} {rows:>6} {percent:>8.2} {linted:>8} {not_built:>10} {apart:>7} {:>7}{verdict}",
            report.name,
            floor.to_string()
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(config: &str) -> Row {
        Row {
            id: "a:1".to_owned(),
            name: String::new(),
            fields: Ok(serde_json::json!({ "config": config })),
        }
    }

    fn report(passed: usize, failed: usize) -> FileReport {
        let mut report = FileReport::new("x.jsonl");
        for _ in 0..passed {
            report.add(&row(""), Ok(Pass::Ran));
        }
        for _ in 0..failed {
            report.add(&row(""), Err(Failure::differs("1", "2")));
        }
        report
    }

    #[test]
    fn one_row_or_the_rest_of_the_percentage_may_fail() {
        let floor = Floor::parse("99").expect("a percentage");
        for (rows, allowed) in [
            (0, 1),
            (1, 1),
            (28, 1),
            (138, 1),
            (199, 1),
            (200, 2),
            (796, 7),
        ] {
            assert_eq!(floor.allows(rows), allowed, "{rows}");
        }
        assert_eq!(Floor::parse("100").expect("a percentage").allows(1000), 0);
        assert_eq!(Floor::parse("99.5%").expect("a percentage").allows(1000), 5);
        for text in ["", "x", "-1", "100.5", "NaN"] {
            assert!(Floor::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_may_have_a_floor_of_its_own() {
        let mut floors = Floors::NONE;
        floors.add("99").expect("a percentage");
        floors
            .add("scanner_tests.jsonl=50")
            .expect("a file and a percentage");
        assert_eq!(floors.of("config_cases.jsonl").to_string(), "99 %");
        assert_eq!(floors.of("scanner_tests.jsonl").to_string(), "50 %");
        for text in ["other.jsonl=50", "scanner_tests.jsonl=x", "x"] {
            assert!(floors.add(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_below_the_floor_fails() {
        let floor = Floor::parse("99").expect("a percentage");
        assert!(report(99, 1).is_above(floor) && report(1, 1).is_above(floor));
        assert!(!report(98, 2).is_above(floor) && !report(1, 2).is_above(floor));
        assert!(report(0, 5).is_above(Floor::NONE));
        assert!(!report(9, 1).is_above(Floor::parse("100").expect("a percentage")));
    }

    #[test]
    fn a_row_that_cannot_be_understood_fails_every_run() {
        let mut report = report(1000, 0);
        report.add(&row(""), Err(Failure::misread("`op` is not known")));
        assert!(!report.is_above(Floor::NONE));
        assert!(report.to_string().contains("error: `op` is not known"));
    }

    #[test]
    fn rows_about_duckdb_are_counted_apart() {
        let mut report = report(3, 0);
        report.add(&row("driver: duckdb"), Err(Failure::NotBuilt("x".into())));
        assert!(report.is_above(Floor::parse("100").expect("a percentage")));
        let text = report.to_string();
        assert!(
            text.ends_with("passed 3 of 3; DuckDB apart: 0 of 1"),
            "{text}"
        );
    }

    #[test]
    fn a_failing_row_is_listed_with_what_was_expected() {
        let text = report(1, 1).to_string();
        assert_eq!(
            text,
            "  a:1\n    expected: 1\n    actual:   2\nx.jsonl: passed 1 of 2"
        );
    }
}
