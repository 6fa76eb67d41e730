//! Methods on text with HTML in it.

use std::borrow::Cow;
use std::collections::HashSet;

use millrace_message::Value;

use super::{strings, target};
use crate::arguments::Call;
use crate::eval_error::EvalError;
use crate::registry::{Category, Example, Method, Parameter};

pub(super) const METHODS: &[Method] = &[
    Method::value("unescape_html", "The text with its entities as the characters they stand for.", |target, _| {
        target::to_string(&target, |text| {
            Ok(match htmlize::unescape(&**text) {
                Cow::Borrowed(_) => Value::String(text.clone()),
                Cow::Owned(new) => Value::from(new),
            })
        })
    })
    .category(Category::Strings)
    .examples(&[Example::new(
        "root.text = this.value.unescape_html()",
        &[(r#"{"value":"foo &amp; b&aacute;r&#225;"}"#, r#"{"text":"foo & bárá"}"#)],
    )]),
    Method::value(
        "strip_html",
        "The text without HTML elements; the content of scripts, styles and frames goes with them.",
        strip_html,
    )
    .category(Category::Strings)
    .parameters(&[Parameter::array("preserve", "Names of elements to keep, without attributes.")
        .optional()])
    .examples(&[
        Example::new(
            "root.stripped = this.value.strip_html()",
            &[(
                r#"{"value":"<p>the plain <strong>old text</strong><script>x < y</script></p>"}"#,
                r#"{"stripped":"the plain old text"}"#,
            )],
        ),
        Example::new(
            r#"root.stripped = this.value.strip_html(["article"])"#,
            &[(
                r#"{"value":"<article class=\"a\"><p>the plain <strong>old text</strong></p></article>"}"#,
                r#"{"stripped":"<article>the plain old text</article>"}"#,
            )],
        ),
    ]),
];

/// Elements whose content is dropped with them.
const SKIPPED: &[&str] = &[
    "frame", "frameset", "iframe", "noembed", "noframes", "noscript", "nostyle", "object",
    "script", "style", "title",
];

/// Elements whose content is no markup.
const RAW: &[&str] = &[
    "iframe", "noembed", "noframes", "noscript", "script", "style", "textarea", "title", "xmp",
];

/// Elements that mean something without attributes; of the others the content alone is kept.
const PLAIN: &[&str] = &[
    "abbr",
    "acronym",
    "address",
    "article",
    "aside",
    "audio",
    "b",
    "bdi",
    "blockquote",
    "body",
    "br",
    "button",
    "canvas",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "datalist",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hgroup",
    "hr",
    "html",
    "i",
    "ins",
    "kbd",
    "li",
    "mark",
    "marquee",
    "nav",
    "ol",
    "optgroup",
    "option",
    "p",
    "picture",
    "pre",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "section",
    "select",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "svg",
    "table",
    "tbody",
    "td",
    "textarea",
    "tfoot",
    "th",
    "thead",
    "time",
    "title",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "video",
    "wbr",
];

/// Elements that go whatever is asked for: what they hold is code.
const UNSAFE: &[&str] = &["script", "style"];

fn strip_html(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let mut kept = Vec::new();
    if call.arguments.get(0).is_some() {
        for (index, name) in call.arguments.array(0)?.iter().enumerate() {
            let Value::String(name) = &*name else {
                return Err(EvalError::wrong_type(&name, &["string"])
                    .context(format_args!("invalid arg at index {index}")));
            };
            kept.push(name.to_ascii_lowercase());
        }
    }
    target::map_characters(target, |text| Stripper::keeping(kept).strip(text))
}

struct Stripper {
    kept: HashSet<String>,
    out: String,
}

/// A start or end tag.
struct Tag<'t> {
    name: &'t str,
    is_end: bool,
    is_self_closing: bool,
    /// Bytes from `<` to `>`.
    length: usize,
}

impl Stripper {
    fn keeping(elements: Vec<String>) -> Stripper {
        let is_safe = |name: &String| !UNSAFE.contains(&&**name);
        Stripper {
            kept: elements.into_iter().filter(is_safe).collect(),
            out: String::new(),
        }
    }

    fn strip(mut self, text: &str) -> String {
        let mut rest = text;
        // The skipped element that is open, and how often it is nested in itself.
        let mut skipping: Option<(String, usize)> = None;
        while !rest.is_empty() {
            let length = rest.find('<').unwrap_or(rest.len());
            if skipping.is_none() {
                self.push_text(&rest[..length]);
            }
            rest = &rest[length..];
            if rest.is_empty() {
                break;
            }
            if let Some(length) = comment_length(rest) {
                rest = &rest[length..];
                continue;
            }
            let Some(tag) = tag_at(rest) else {
                if tag_begins(rest) {
                    // A tag without an end takes the rest of the text with it.
                    break;
                }
                if skipping.is_none() {
                    self.push_text("<");
                }
                rest = &rest[1..];
                continue;
            };
            rest = &rest[tag.length..];
            let name = tag.name.to_ascii_lowercase();
            match &mut skipping {
                Some((open, depth)) if *open == name && !tag.is_self_closing => {
                    *depth = if tag.is_end { *depth - 1 } else { *depth + 1 };
                    if *depth == 0 {
                        skipping = None;
                    }
                }
                Some(_) => {}
                None if self.kept.contains(&name) => self.push_tag(&name, &tag),
                None if !tag.is_end && !tag.is_self_closing && SKIPPED.contains(&&*name) => {
                    skipping = Some((name.clone(), 1));
                }
                None => {}
            }
            if !tag.is_end && !tag.is_self_closing && RAW.contains(&&*name) {
                let length = raw_length(rest, &name);
                if skipping.is_none() {
                    self.push_text(&rest[..length]);
                }
                rest = &rest[length..];
            }
        }
        self.out
    }

    /// Entities are read and written again, so that the result is safe to show.
    fn push_text(&mut self, text: &str) {
        self.out
            .push_str(&strings::escape_html(&htmlize::unescape(text)));
    }

    fn push_tag(&mut self, name: &str, tag: &Tag<'_>) {
        if !PLAIN.contains(&name) {
            return;
        }
        let (slash, end) = (
            if tag.is_end { "/" } else { "" },
            if tag.is_self_closing { "/" } else { "" },
        );
        self.out.push_str(&format!("<{slash}{name}{end}>"));
    }
}

fn comment_length(rest: &str) -> Option<usize> {
    let no_name = |inner: &&str| inner.starts_with(|first: char| !first.is_ascii_alphabetic());
    let inner = rest
        .strip_prefix("<!")
        .or_else(|| rest.strip_prefix("<?"))
        .or_else(|| rest.strip_prefix("</").filter(no_name))?;
    let (body, end, skipped) = match inner.strip_prefix("--") {
        Some(body) => (body, "-->", 4),
        None => (inner, ">", 2),
    };
    Some(
        body.find(end)
            .map_or(rest.len(), |at| skipped + at + end.len()),
    )
}

fn tag_begins(rest: &str) -> bool {
    let name = rest[1..].strip_prefix('/').unwrap_or(&rest[1..]);
    name.starts_with(|first: char| first.is_ascii_alphabetic())
}

fn tag_at(rest: &str) -> Option<Tag<'_>> {
    if !tag_begins(rest) {
        return None;
    }
    let is_end = rest[1..].starts_with('/');
    let start = if is_end { 2 } else { 1 };
    let name_length = rest[start..]
        .find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'))
        .unwrap_or(rest.len() - start);
    let name = &rest[start..start + name_length];
    let mut quote = None;
    for (at, byte) in rest.bytes().enumerate().skip(start + name_length) {
        match (quote, byte) {
            (Some(open), byte) if open == byte => quote = None,
            (Some(_), _) => {}
            // A quote counts only where a value begins.
            (None, b'"' | b'\'') if rest[..at].trim_end().ends_with('=') => quote = Some(byte),
            (None, b'>') => {
                let is_self_closing = rest[..at].ends_with('/');
                return Some(Tag {
                    name,
                    is_end,
                    is_self_closing,
                    length: at + 1,
                });
            }
            _ => {}
        }
    }
    None
}

/// Length of the content up to the end tag of `name`, which must be lower case.
fn raw_length(rest: &str, name: &str) -> usize {
    rest.match_indices("</")
        .map(|(at, _)| at)
        .find(|at| {
            rest.get(at + 2..at + 2 + name.len())
                .is_some_and(|it| it.eq_ignore_ascii_case(name))
        })
        .unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(text: &str, kept: &[&str]) -> String {
        let kept = kept.iter().map(|name| (*name).to_owned()).collect();
        Stripper::keeping(kept).strip(text)
    }

    #[test]
    fn elements_go_and_text_stays() {
        for (text, expected) in [
            ("a <b>c</b> d", "a c d"),
            ("<!-- x > y -->a<!doctype html>b", "ab"),
            ("<a href=\"x>y\">link</a>", "link"),
            ("1 < 2 &amp; it's", "1 &lt; 2 &amp; it&#39;s"),
            ("<STYLE>p {}</style>x", "x"),
            ("<object>a<object>b</object>c</object>d", "d"),
            ("x<b unfinished", "x"),
            ("<br/>y", "y"),
            ("a</>b</ >c</1>d</", "abcd&lt;/"),
        ] {
            assert_eq!(strip(text, &[]), expected, "{text}");
        }
        assert_eq!(
            strip("<p id=1>x<br/><a>y</a></p>", &["p", "br", "a"]),
            "<p>x<br/>y</p>"
        );
        for (text, kept, expected) in [
            ("<title>a</title>b", "title", "<title>a</title>b"),
            ("<iframe><b>a</iframe>b", "iframe", "&lt;b&gt;ab"),
            ("<object>a</object>b", "object", "ab"),
            ("<script>a</script>b", "script", "b"),
            ("<form>a</form>b", "form", "ab"),
        ] {
            assert_eq!(strip(text, &[kept]), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_left_has_no_tags(text in "[<>/a-c!\"'=& -]{0,40}") {
            let stripped = strip(&text, &[]);
            proptest::prop_assert!(!stripped.contains('<') && !stripped.contains('>'), "{}", stripped);
        }
    }
}
