//! The rules of interpolation, and the map back to the text as written.

use super::*;
use millrace_diagnostics::SourceMap;
use proptest::prelude::*;

fn environment() -> Environment {
    let mut environment = Environment::empty();
    environment.set("A", "one");
    environment.set("EMPTY", "");
    environment.set("LINES", "x\ny");
    environment
}

fn run(text: &str) -> InterpolatedText {
    let sources = SourceMap::new();
    let id = sources.add("x", text);
    interpolate(text, id, &environment())
}

#[test]
fn every_position_leads_back_to_the_text_as_written() {
    let text = "a: ${A}, b: ${{A}}, c: ${NOPE:dflt} ${LINES}!";
    let it = run(text);
    assert_eq!(it.text, "a: one, b: ${A}, c: dflt x\\ny!");
    for part in ["a: ", ", b: ", "A", ", c: ", "!"] {
        let at = it.text.find(part).unwrap();
        assert_eq!(&text[it.map.range(at..at + part.len())], part);
    }
    for (part, written) in [
        ("one", "${A}"),
        ("${A}", "${{A}"),
        ("dflt", "${NOPE:dflt}"),
        ("ne", "${A}"),
    ] {
        let at = it.text.find(part).unwrap();
        assert_eq!(&text[it.map.range(at..at + part.len())], written, "{part}");
    }
}

#[test]
fn missing_variables_are_reported_together_with_each_place() {
    let it = run("${X} ${A} ${Y} ${X}");
    assert_eq!(it.text, " one  ");
    let diagnostic = it.missing_diagnostic().unwrap();
    assert_eq!(
        diagnostic.message,
        "required environment variables were not set: [X Y]"
    );
    assert_eq!(diagnostic.related.len(), 2);
}

#[test]
fn a_default_that_is_never_closed_ends_at_its_last_inner_brace() {
    assert_eq!(run("${N:${A}").text, "${A");
    assert_eq!(run("${N:${A} x").text, "${A x");
    assert_eq!(run("${N:${} x}").text, "${ x}");
    assert_eq!(run("${N:abc").text, "${N:abc");
    assert_eq!(run("${} ${A ${A-b} $A").text, "${} ${A ${A-b} $A");
}

proptest! {
    #[test]
    fn any_text_is_interpolated_and_mapped(text in "(\\$\\{|\\{|\\}|A|EMPTY|:|\n|é|x){0,40}") {
        let it = run(&text);
        let (mut last, len) = (0, it.text.len());
        for at in 0..=len {
            let start = it.map.start(at);
            prop_assert!(start >= last && start <= text.len());
            prop_assert!(it.map.end(at) <= text.len());
            if at < len && it.map.is_copied(at) {
                prop_assert_eq!(text.as_bytes()[start], it.text.as_bytes()[at]);
            }
            last = start;
        }
    }

    #[test]
    fn any_dotenv_text_is_read_or_refused(text in "(\\PC|\n|=|\"|\\\\|#| ){0,60}") {
        if let Err(error) = parse_dotenv(&text) {
            prop_assert!(error.offset <= text.len());
        }
    }
}

#[test]
fn a_large_value_that_is_used_very_often_does_not_take_all_memory() {
    let mut environment = Environment::empty();
    environment.set("BIG", "x".repeat(1 << 20));
    let text = "a: ${BIG}\n".repeat(100_000);
    let sources = millrace_diagnostics::SourceMap::new();
    let interpolated = interpolate(&text, sources.add("c.yaml", &*text), &environment);
    assert!(interpolated.text.len() < 2 * MAX_TEXT_BYTES);
    let mut diagnostics = millrace_diagnostics::Diagnostics::new();
    assert!(crate::tree::parse(&interpolated, &mut diagnostics).is_none());
    let refused = diagnostics.iter().next().expect("a complaint");
    assert!(refused.message.contains("longer than"), "{refused:?}");
}

#[test]
fn a_file_of_variables_may_begin_with_a_byte_order_mark_and_is_no_shell_script() {
    let read = parse_dotenv("\u{feff}A=1\n").unwrap();
    assert_eq!(read, [("A".to_owned(), "1".to_owned())]);
    let error = parse_dotenv("A=1\nexport B=2\n").unwrap_err().to_string();
    assert!(error.contains("write `NAME=value` alone"), "{error}");
    assert!(parse_dotenv("export=1").is_ok());
}
