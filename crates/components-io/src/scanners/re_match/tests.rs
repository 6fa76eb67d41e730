use millrace_component::ScannerChild;
use millrace_component::conformance::Workbench;
use proptest::prelude::*;

use super::*;

fn scanner(pattern: &str, max: usize) -> Arc<dyn ScannerFactory> {
    let yaml = format!("re_match: {{ pattern: '{pattern}', max_buffer_size: {max} }}");
    Workbench::new([crate::SCANNERS]).scanner(&yaml)
}

/// A stream that hands out so many bytes at a time.
struct Slow(std::io::Cursor<Vec<u8>>, usize);

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(buffer.len());
        self.0.read(&mut buffer[..count])
    }
}

fn scan(pattern: &str, max: usize, text: &str, step: usize) -> (Vec<String>, Vec<Error>) {
    let stream = Slow(std::io::Cursor::new(text.into()), step);
    crate::testing::scan(&*scanner(pattern, max), stream)
}

#[test]
fn messages_begin_where_the_pattern_matches() {
    for (pattern, text, expected) in [
        ("(?m)^", "a\nb\n\nc\n", vec!["a\n", "b\n", "\n", "c\n"]),
        (r"\n\d", "1a\nb\n2c\n3", vec!["1a\nb", "\n2c", "\n3"]),
        (r"\d+", "12a345", vec!["12a", "345"]),
        ("$", "ab", vec!["ab"]),
        ("^", "ab", vec!["ab"]),
        (r"\bx", "ax x.x", vec!["ax ", "x.", "x"]),
        ("x*", "é", vec!["é"]),
        ("none", "text", vec!["text"]),
    ] {
        for step in [1, 3, 1000] {
            let (messages, errors) = scan(pattern, 200, text, step);
            assert_eq!(messages, expected, "{pattern}, {step} bytes at a time");
            assert!(errors.is_empty(), "{errors:?}");
        }
    }
}

#[test]
fn a_match_that_more_bytes_could_change_is_waited_for() {
    // With `b` to come, the match begins at the first byte.
    let (messages, _) = scan("a[^-]*b|c", 200, "xaycb-c", 1);
    assert_eq!(messages, ["x", "aycb-", "c"]);
}

#[test]
fn a_segment_that_is_too_long_is_skipped_and_named() {
    let long = "x".repeat(100_000);
    for (text, place) in [
        (format!("-1-{long}-2-3"), "byte 2"),
        (format!("{long}-2-3"), "byte 0"),
        (format!("-1-{}-2-3", &long[..12]), "byte 2"),
    ] {
        for step in [1, 7, 1 << 20] {
            let (messages, errors) = scan("-", 10, &text, step);
            let last: Vec<_> = messages.iter().rev().take(2).collect();
            assert_eq!(last, ["-3", "-2"], "{step}");
            assert_eq!(errors.len(), 1, "{step}");
            assert!(errors[0].text().contains(place), "{}", errors[0]);
        }
    }
    let (messages, errors) = scan("-", 10, &format!("-1-{long}"), 1 << 20);
    assert_eq!((messages, errors.len()), (vec!["-1".to_owned()], 1));
}

#[test]
fn a_pattern_that_is_none_is_refused_when_the_config_is_read() {
    for (pattern, reason) in [
        ("(", "unclosed group"),
        (r"\pL{1000}", "larger than"),
        (r"(\pL{1000}){1000}", "may multiply to 1000"),
    ] {
        let error = Workbench::new([crate::SCANNERS])
            .read::<ScannerChild>(&format!("re_match: {{ pattern: '{pattern}' }}"))
            .expect_err("it cannot be run");
        assert!(error.contains(reason), "{error}");
    }
}

proptest! {
    #[test]
    fn messages_are_all_of_the_stream_however_it_is_cut(
        text in "[a-c\n]{0,60}",
        pattern in "(\\(\\?m\\)\\^|a|b\\+c|a\\*|ab\\?|\\\\b|c\\$|\\[ab\\]\\+c)",
        step in 1_usize..9,
    ) {
        let (messages, errors) = scan(&pattern, 200, &text, step);
        prop_assert!(errors.is_empty());
        prop_assert_eq!(&messages.concat(), &text);
        prop_assert_eq!(&messages, &scan(&pattern, 200, &text, 1 << 20).0);
    }
}
