use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::meter::Limits;
use crate::records::{RecordSplitter, Records};

const MEGABYTE: usize = 1 << 20;

fn meter(steps: u64, time: Duration) -> Rc<Meter> {
    Meter::new(Limits {
        steps,
        time,
        bytes: 256 << 20,
        ..Limits::default()
    })
}

fn patient() -> Rc<Meter> {
    meter(u64::MAX / 2, Duration::from_secs(600))
}

fn pattern(source: &str) -> Pattern {
    Pattern::compile(source).unwrap()
}

#[test]
fn one_search_of_a_long_text_ends_where_its_steps_do() {
    let text = vec![b'a'; MEGABYTE];
    let costly = pattern("[a-z]{900}!");
    let all = patient();
    assert_eq!(costly.find(&text, &all), Ok(None));
    let most = all.steps();
    assert!(most > MEGABYTE as u64, "{most}");
    for steps in [most / 2, most / 10] {
        let some = meter(steps, Duration::from_secs(600));
        let error = costly.find(&text, &some).unwrap_err();
        assert!(error.to_string().contains("steps"), "{error}");
        // It was not searched further than it was paid for.
        assert!(some.steps() < steps + most / 100, "{}", some.steps());
    }
}

#[test]
fn one_search_of_a_long_text_reads_the_clock_between_its_pieces() {
    let text = vec![b'a'; MEGABYTE];
    // The first reading is where the time begins, the second one is too late.
    for found in [
        pattern("[bc]")
            .find(&text, &meter(u64::MAX / 2, Duration::ZERO))
            .map(drop),
        pattern("[bc]")
            .is_match(&text, &meter(u64::MAX / 2, Duration::ZERO))
            .map(drop),
        pattern("[bc]").find_all(&text, &meter(u64::MAX / 2, Duration::ZERO), |_| Ok(true)),
    ] {
        let error = found.unwrap_err().to_string();
        assert!(error.contains("runs for more than 0 s"), "{error}");
    }
}

#[test]
fn the_way_back_to_the_begin_of_a_match_is_paid_for_too() {
    let mut text = vec![b'a'; MEGABYTE];
    text.push(b'b');
    let (there, both) = (patient(), patient());
    assert_eq!(
        pattern("b").find(&text, &there),
        Ok(Some(MEGABYTE..MEGABYTE + 1))
    );
    assert_eq!(pattern("a+b").find(&text, &both), Ok(Some(0..MEGABYTE + 1)));
    assert!(
        both.steps() > there.steps() * 3 / 2,
        "{} {}",
        there.steps(),
        both.steps()
    );
}

#[test]
fn a_match_near_the_begin_of_a_long_text_costs_what_lies_before_it() {
    let mut text = vec![b'a'; MEGABYTE];
    text[10] = b'b';
    let meter = patient();
    assert_eq!(pattern("[bc]").find(&text, &meter), Ok(Some(10..11)));
    assert!(meter.steps() < 500, "{}", meter.steps());
}

#[test]
fn records_that_an_expression_separates_cost_as_much_as_the_input_is_long() {
    let input = b"some text;;".repeat(MEGABYTE / 11);
    let meter = patient();
    let splitter = RecordSplitter::Pattern(Rc::new(pattern(";+")));
    let mut records = Records::new(&input);
    let mut count = 0;
    while let Some(found) = records.next(&splitter, &meter).unwrap() {
        assert_eq!(&*found.record, b"some text");
        count += 1;
    }
    assert_eq!(count, MEGABYTE / 11);
    // A piece for each record at most.
    let most = count as u64 * 400;
    assert!(meter.steps() < most, "{} {most}", meter.steps());
}

#[test]
fn many_matches_in_a_long_text_share_what_a_piece_costs() {
    let text = vec![b'a'; MEGABYTE];
    let meter = patient();
    let mut count = 0;
    let found = pattern("a").find_all(&text, &meter, |_| {
        count += 1;
        Ok(true)
    });
    assert_eq!((found, count), (Ok(()), MEGABYTE));
    assert!(meter.steps() < 2 * MEGABYTE as u64, "{}", meter.steps());
}

#[test]
fn an_expression_that_is_kept_twice_is_counted_with_what_long_texts_need() {
    let mut patterns = Patterns::default();
    for number in 0..200 {
        let source = format!("[a-z]{{{}}}", number + 1);
        patterns.compile(source.as_bytes(), &patient()).unwrap();
        let held: usize = patterns.kept.values().map(|it| it.held()).sum();
        assert!(held <= KEPT_SIZE_MAX && patterns.kept.len() <= KEPT_MAX);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Piece by piece the same is found as at once, from any place on.
    #[test]
    fn a_long_search_finds_what_a_short_one_finds(
        source in r"(\^|\\b|\\B)?([ab.é]|\[ab\]|\[\^a\]|\(a\|ab\)|\(b\|\)|\\w|\\s)([*+?]|\{1,2\}|\*\?)?([ab.é]|\(a\|ab\)|\\b|\\B)?[*+?]?(\$)?",
        text in "[abé \n]{0,12}",
        from in 0..12_usize,
    ) {
        let Ok(pattern) = Pattern::compile(&source) else {
            return Ok(());
        };
        let text = text.as_bytes();
        let from = from.min(text.len());
        let expected = pattern.regex.find(Input::new(text).range(from..)).map(|it| it.range());
        let found = pattern.find_long(text, from, &mut Purse::new(&|_| Ok(())), &patient());
        prop_assert_eq!(found, Ok(expected));
        prop_assert!(matches!(pattern.stepper.get(), Some(Some(_))), "it is searched in pieces");
    }
}
