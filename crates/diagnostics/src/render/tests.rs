//! What diagnostics look like.

use super::*;
use crate::Code;
use proptest::prelude::*;

fn unknown(span: Span) -> Diagnostic {
    Diagnostic::error(Code("unknown-field"), "field huh not recognised")
        .at(span)
        .label("no such field")
        .help("did you mean `hug`?")
}

fn one(text: &str) -> (SourceMap, SourceId) {
    let map = SourceMap::new();
    let id = map.add("foo.yaml", text);
    (map, id)
}

#[test]
fn the_line_is_quoted_with_a_caret_label_and_help() {
    let (map, id) = one("input:\n  huh: what\n");
    let text = Renderer::new(&map).render(&unknown(Span::new(id, 9, 12)));
    assert_eq!(
        text,
        "error[unknown-field]: field huh not recognised\n --> foo.yaml:2:3\n  |\n2 |   huh: what\n  |   ^^^ no such field\n  = help: did you mean `hug`?\n"
    );
}

#[test]
fn of_very_many_complaints_the_first_are_shown_and_the_others_counted() {
    let (map, id) = one("input:\n  huh: what\n");
    let several = |count: usize| {
        let mut diagnostics = Diagnostics::new();
        for _ in 0..count {
            diagnostics.push(unknown(Span::new(id, 9, 12)));
        }
        let renderer = Renderer::new(&map);
        let lines = renderer.lines(diagnostics.iter());
        (renderer.render_all(&diagnostics), lines)
    };
    let (text, lines) = several(50);
    assert_eq!((text.matches("error[").count(), lines.len()), (50, 50));
    assert!(!text.contains("more complaints"));
    let (text, lines) = several(12_489);
    assert_eq!((text.matches("error[").count(), lines.len()), (50, 51));
    for last in [text.trim_end(), &lines[50]] {
        assert!(last.ends_with("and 12439 more complaints"), "{last}");
    }
}

#[test]
fn the_form_of_one_line_has_path_line_and_column() {
    let (map, id) = one("input:\n  huh: what\n");
    let renderer = Renderer::new(&map);
    let diagnostic = unknown(Span::new(id, 9, 12));
    assert_eq!(
        renderer.one_line(&diagnostic),
        "foo.yaml(2,3) field huh not recognised (did you mean `hug`?)"
    );
    assert_eq!(
        renderer.api_line(&diagnostic),
        "(2,1) field huh not recognised"
    );
}

#[test]
fn wide_characters_move_the_caret_by_their_columns() {
    let (map, id) = one("日本: x");
    let text =
        Renderer::new(&map).render(&Diagnostic::error(Code("c"), "m").at(Span::new(id, 8, 9)));
    assert!(text.contains("1 | 日本: x\n  |       ^\n"), "{text}");
}

#[test]
fn a_very_long_line_is_quoted_as_a_window() {
    let (map, id) = one(&format!(
        "{}HERE{}",
        "a".repeat(100_000),
        "b".repeat(100_000)
    ));
    let span = Span::new(id, 100_000, 100_004);
    let text = Renderer::new(&map).render(&Diagnostic::error(Code("c"), "m").at(span));
    assert!(text.len() < 500, "{text}");
    let lines: Vec<_> = text.lines().collect();
    let column = lines[3].chars().position(|it| it == 'H');
    assert_eq!(lines[4].chars().position(|it| it == '^'), column);
    assert!(lines[4].ends_with("^^^^"), "{text}");
}

#[test]
fn a_span_over_several_lines_marks_its_first_line_only() {
    let (map, id) = one("a: [1,\n2]");
    let text =
        Renderer::new(&map).render(&Diagnostic::error(Code("c"), "m").at(Span::new(id, 3, 9)));
    assert!(text.ends_with("1 | a: [1,\n  |    ^^^\n"), "{text}");
}

#[test]
fn secrets_are_masked_in_message_line_label_and_help() {
    let (map, id) = one("url: amqp://u:hunter2@h x");
    let mut redactor = Redactor::new();
    redactor.add("hunter2");
    let diagnostic = Diagnostic::error(Code("c"), "cannot parse hunter2")
        .at(Span::new(id, 24, 25))
        .label("hunter2")
        .help("not hunter2");
    let renderer = Renderer::new(&map).redact(redactor);
    let text = renderer.render(&diagnostic) + &renderer.one_line(&diagnostic);
    assert!(!text.contains("hunter2"), "{text}");
    assert!(
        text.contains("1 | url: amqp://u:*******@h x\n  |                         ^ ***\n"),
        "{text}"
    );
}

#[test]
fn colours_wrap_the_word_and_the_caret() {
    let (map, id) = one("a");
    let text = Renderer::new(&map)
        .colour(true)
        .render(&Diagnostic::warning(Code("c"), "m").at(Span::new(id, 0, 1)));
    assert!(text.starts_with("\x1b[1;33mwarning[c]\x1b[0m"), "{text:?}");
    assert!(text.contains("\x1b[1;33m^\x1b[0m"), "{text:?}");
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let map = SourceMap::new();
    let id = map.add("f\x1b[2J\n\r.yaml", "a\x1b[2J\u{202e}b");
    let complaint = Diagnostic::error(Code("c"), "m\x07").at(Span::new(id, 0, 1));
    let complaint = complaint.help("\u{9b}h\u{202e}");
    let renderer = Renderer::new(&map);
    assert_eq!(
        renderer.render(&complaint),
        "error[c]: m\\u{7}
 --> f\\u{1b}[2J\\n\\r.yaml:1:1
  |
1 | a·[2J·b
  | ^
  = help: \\u{9b}h\\u{202e}
"
    );
    assert_eq!(
        renderer.one_line(&complaint),
        "f\\u{1b}[2J\\n\\r.yaml(1,1) m\\u{7} (\\u{9b}h\\u{202e})"
    );
}

proptest! {
    #[test]
    fn any_span_of_any_text_renders(text in "(.|\n|\t){0,300}", start in 0usize..400, len in 0usize..400) {
        let (map, id) = one(&text);
        let diagnostic = Diagnostic::error(Code("c"), "m").at(Span::new(id, start, start + len));
        let rendered = Renderer::new(&map).render(&diagnostic);
        prop_assert!(rendered.contains('^'));
    }
}

#[test]
fn many_complaints_about_one_long_line_prepare_it_once() {
    let (map, id) = one(&format!("{}\nshort", "key: 1, ".repeat(50_000)));
    let source = map.get(id).unwrap();
    let renderer = Renderer::new(&map);
    let first = renderer.quoted(&source, id, 1).unwrap();
    for at in (0..400_000).step_by(4000) {
        let text = renderer.render(&unknown(Span::new(id, at, at + 3)));
        assert!(text.contains("key: 1, "), "{text}");
    }
    assert!(Rc::ptr_eq(
        &first,
        &renderer.quoted(&source, id, 1).unwrap()
    ));
    let text = renderer.render(&unknown(Span::new(id, 400_001, 400_006)));
    assert!(
        text.contains("2 | short\n  | ^^^^^ no such field\n"),
        "{text}"
    );
}
