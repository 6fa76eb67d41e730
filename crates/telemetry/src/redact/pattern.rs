//! Credentials that their place in a text gives away: the user part of a URL, its parameters with
//! names as `api_key`, passwords of DSNs, authorization headers.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::MASK;
use super::variant::{base64, percent_decoded};

/// A user part without a password is a token only when it is longer than a name.
const TOKEN_BYTES_MIN: usize = 16;

/// Names of parameters whose values are secret, in small letters and without marks.
const SECRET_NAMES: &[&str] = &["auth", "jwt", "key", "pass", "pw", "sas", "sig"];

/// What such names end with.
const SECRET_ENDS: &[&str] = &[
    "accesskey",
    "apikey",
    "authkey",
    "credential",
    "credentials",
    "functionskey",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "secret",
    "secretkey",
    "signature",
    "subscriptionkey",
    "token",
];

/// What may stand before credentials, in the order of `Marker`.
static MARKERS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build([
            "://",
            "@tcp(",
            "@unix(",
            "password",
            "passwd",
            "pwd",
            "authorization",
            "?",
            "&",
        ])
        .expect("a few literals make an automaton")
});

/// The text with everything masked that [`spans`] finds.
pub(super) fn scrub(text: &str) -> Cow<'_, str> {
    let mut scrubbed = String::new();
    let mut copied = 0;
    for (start, end) in spans(text) {
        if start < copied || &text[start..end] == MASK {
            continue;
        }
        scrubbed.push_str(&text[copied..start]);
        scrubbed.push_str(MASK);
        copied = end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    scrubbed.push_str(&text[copied..]);
    Cow::Owned(scrubbed)
}

/// The secrets inside a URL, a list of URLs or a DSN, in the forms in which they may turn up alone.
pub(super) fn credentials_of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, end) in spans(text) {
        let credentials = &text[start..end];
        let decoded = percent_decoded(credentials).unwrap_or_else(|| credentials.to_owned());
        let is_parameter = text[..start].ends_with('=');
        let password = credentials.split_once(':').filter(|_| !is_parameter);
        let Some((_, password)) = password else {
            let is_user = text[end..].starts_with('@') && credentials.len() < TOKEN_BYTES_MIN;
            if !is_user {
                found.extend([credentials.to_owned(), decoded]);
            }
            continue;
        };
        found.push(password.to_owned());
        found.extend(percent_decoded(password));
        found.push(base64(decoded.as_bytes()));
        found.extend([credentials.to_owned(), decoded]);
    }
    found
}

/// The ranges that hold credentials, in rising order of their markers.
fn spans(text: &str) -> impl Iterator<Item = (usize, usize)> {
    MARKERS.find_iter(text).filter_map(move |found| {
        match found.pattern().as_usize() {
            0 => user_part(text, found.end()),
            1 | 2 => dsn_user_part(text, found.start()),
            6 => authorization(text, found.end()),
            7 | 8 => parameter(text, found.end()),
            _ => assigned(text, found.start(), found.end()),
        }
        .filter(|(start, end)| start < end)
    })
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>')
}

/// `user:password` of `scheme://user:password@host`, from behind the `://`.
fn user_part(text: &str, start: usize) -> Option<(usize, usize)> {
    let rest = &text[start..];
    let word = &rest[..rest.find(ends_word).unwrap_or(rest.len())];
    user_part_of(word).map(|length| (start, start + length))
}

/// How long the part `user:password` is of what stands behind the `://` of a URL, up to where the URL
/// ends at the latest; nothing when there is none. The password may hold characters that have to be
/// escaped in a URL.
pub fn user_part_of(rest: &str) -> Option<usize> {
    // In a list of URLs the next one begins behind a comma.
    let next = rest.find("://").and_then(|at| rest[..at].rfind(','));
    let url = &rest[..next.unwrap_or(rest.len())];
    let authority = &url[..url.find(['/', '?', '#']).unwrap_or(url.len())];
    if let Some(at) = authority.rfind('@') {
        return Some(at);
    }
    // A password with an unescaped `/`, `?` or `#`: `user:` is then no port.
    let (_, port) = authority.split_once(':')?;
    let is_port = !port.is_empty() && port.bytes().all(|it| it.is_ascii_digit());
    let is_ip6 = authority.starts_with('[');
    if is_port || is_ip6 {
        return None;
    }
    url.rfind('@')
}

/// `user:password` of `user:password@tcp(host:3306)/db`, which ends at `end`.
fn dsn_user_part(text: &str, end: usize) -> Option<(usize, usize)> {
    let before = &text[..end];
    let start = before.rfind(ends_word).map_or(0, |at| {
        at + before[at..].chars().next().map_or(1, char::len_utf8)
    });
    Some((
        before[start..]
            .rfind("://")
            .map_or(start, |at| start + at + 3),
        end,
    ))
}

/// The value of `password=…`, `"password":"…"`; the word alone says nothing.
fn assigned(text: &str, word: usize, start: usize) -> Option<(usize, usize)> {
    let rest = &text[start..];
    let escaped = rest.trim_start_matches('\\');
    let quoted = escaped.starts_with(['"', '\'']) && text[..word].ends_with(['"', '\'']);
    let unquoted = escaped.trim_start_matches(['"', '\'']).trim_start();
    let value = match (unquoted.strip_prefix('='), unquoted.strip_prefix(':')) {
        (Some(value), _) => value,
        (None, Some(value)) if quoted => value,
        _ => return None,
    };
    let value = value.trim_start_matches([' ', '\\']);
    let (value, end) = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let value = &value[1..];
            (value, value.find([quote, '\\']))
        }
        _ => (
            value,
            value.find(|c: char| ends_word(c) || "&;,)}\\".contains(c)),
        ),
    };
    let start = text.len() - value.len();
    Some((start, start + end.unwrap_or(value.len())))
}

/// The value of a parameter of a URL whose name, which begins at `start`, says that it is secret.
fn parameter(text: &str, start: usize) -> Option<(usize, usize)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let rest = &text[start..];
    let (name, value) = rest.split_at(rest.find(|c| !is_name(c))?);
    let value = value.strip_prefix('=')?;
    if !is_secret_name(name) || value.starts_with("${") {
        return None;
    }
    let ends = |c: char| ends_word(c) || "&#;,\\()|".contains(c);
    let value = &value[..value.find(ends).unwrap_or(value.len())];
    let start = start + name.len() + 1;
    // An error says what went wrong behind the URL and a colon.
    Some((start, start + value.trim_end_matches(':').len()))
}

/// Whether the name of a parameter says that its value is secret: `api_key`, `X-Amz-Signature`.
pub fn is_secret_name(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let name: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    SECRET_NAMES.contains(&name.as_str()) || SECRET_ENDS.iter().any(|end| name.ends_with(end))
}

/// The token of `Authorization: Bearer …`, in whatever quoting.
fn authorization(text: &str, start: usize) -> Option<(usize, usize)> {
    let is_mark = |c: char| c.is_whitespace() || "\"'\\:=[(".contains(c);
    let rest = text[start..].trim_start_matches(is_mark);
    let scheme = ["basic", "bearer", "token", "digest"]
        .into_iter()
        .find(|it| {
            rest.get(..it.len())
                .is_some_and(|word| word.eq_ignore_ascii_case(it))
        })?;
    let token = rest[scheme.len()..].strip_prefix(' ')?.trim_start();
    let start = text.len() - token.len();
    let end = token
        .find(|c: char| ends_word(c) || "\\,;)]}".contains(c))
        .unwrap_or(token.len());
    Some((start, start + end))
}
