//! The `switch` scanner.

use std::io::Read;
use std::sync::Arc;

use millrace_component::{
    BuildContext, Descriptor, Pattern, Scanner, ScannerChild, ScannerConfig, ScannerFactory,
    SourceDetails,
};
use millrace_message::Error;
use millrace_spec::Spec;

/// Reads each stream by the scanner of the first case that its name matches.
///
/// The name is that of the file, with its path; the standard input is called `stdin`. A case without
/// `re_match_name` takes every stream. One that no case takes is an error.
///
/// ```yaml
/// input:
///   file:
///     paths: [ ./data/* ]
///     scanner:
///       switch:
///         - re_match_name: '\.csv$'
///           scanner: { csv: {} }
///         - re_match_name: '\.tar\.gz$'
///           scanner: { decompress: { algorithm: gzip, into: { tar: {} } } }
///         - scanner: { to_the_end: {} }
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(scanner = "switch")]
pub struct Config(Vec<CaseConfig>);

/// A case of the switch.
#[derive(Clone, Debug, Spec)]
struct CaseConfig {
    /// A regular expression that the name of the stream has to match somewhere.
    re_match_name: Option<Pattern>,
    /// The scanner of the case.
    scanner: ScannerChild,
}

impl ScannerConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<Arc<dyn ScannerFactory>, Error> {
        let case = |(index, case): (usize, &CaseConfig)| {
            Ok(Case {
                name: case.re_match_name.clone(),
                scanner: cx.scanner(&case.scanner, &format!("{index}.scanner"))?,
            })
        };
        let cases = self.0.iter().enumerate().map(case);
        Ok(Arc::new(Switch {
            cases: cases.collect::<Result<_, Error>>()?,
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::scanner::<Config>();

struct Switch {
    cases: Vec<Case>,
}

struct Case {
    name: Option<Pattern>,
    scanner: Arc<dyn ScannerFactory>,
}

impl Case {
    fn takes(&self, name: &str) -> bool {
        let pattern = self.name.as_ref();
        pattern.is_none_or(|pattern| pattern.regex().is_match(name))
    }
}

impl ScannerFactory for Switch {
    fn open(
        &self,
        stream: Box<dyn Read + Send>,
        details: &SourceDetails,
    ) -> Result<Box<dyn Scanner>, Error> {
        let case = self.cases.iter().find(|case| case.takes(&details.name));
        let case = case.ok_or_else(|| {
            Error::fatal(format!(
                "no case of the switch scanner takes `{}`; a last case without `re_match_name` \
                 takes whatever is left",
                details.name
            ))
        })?;
        case.scanner.open(stream, details)
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, Workbench};

    use super::*;
    use crate::testing::until_error;

    const CASES: &str = r"switch:
        - re_match_name: '\.csv$'
          scanner: { csv: {} }
        - re_match_name: '^a/.*\.chunks$'
          scanner: { chunker: { size: 2 } }
        - re_match_name: '\.txt$'
          scanner: { lines: {} }";

    fn open(name: &str, text: &str) -> Result<Box<dyn Scanner>, Error> {
        let factory = Workbench::new([crate::SCANNERS]).scanner(CASES);
        let details = SourceDetails {
            name: name.to_owned(),
        };
        factory.open(Box::new(std::io::Cursor::new(text.to_owned())), &details)
    }

    #[test]
    fn it_keeps_the_promises_of_a_scanner() {
        let yaml = "switch: [{ re_match_name: nothing, scanner: { to_the_end: {} } }, \
                    { scanner: { lines: {} } }]";
        let factory = Workbench::new([crate::SCANNERS]).scanner(yaml);
        conformance::scanner(&*factory, b"one\ntwo", &["one", "two"]);
    }

    #[test]
    fn the_first_case_that_the_name_matches_reads_the_stream() {
        for (name, expected) in [
            ("a/b.csv", vec![r#"{"x":"y"}"#]),
            ("a/b.chunks", vec!["x\n", "y"]),
            ("b.txt", vec!["x", "y"]),
        ] {
            let mut scanner = open(name, "x\ny").expect("a case takes it");
            assert_eq!(until_error(&mut *scanner).0, expected, "{name}");
        }
    }

    #[test]
    fn a_stream_that_no_case_takes_is_an_error_that_names_it() {
        let error = open("b.chunks", "x").err().expect("it is in no folder");
        assert!(error.text().contains("`b.chunks`"), "{error}");
    }

    #[test]
    fn a_pattern_that_is_none_is_refused_when_the_config_is_read() {
        let yaml = "switch: [{ re_match_name: '(', scanner: { lines: {} } }]";
        let error = Workbench::new([crate::SCANNERS])
            .read::<ScannerChild>(yaml)
            .expect_err("the group is not closed");
        assert!(error.contains("unclosed group"), "{error}");
    }
}
