//! Credentials inside connection texts: URLs and data source names.

use millrace_telemetry::redact::{self, is_secret_name};
use std::ops::Range;

/// Credentials within a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// All that is not to be shown.
    pub whole: Range<usize>,
    /// The part of it that is secret alone too: of `user:password` the password.
    pub secret: Range<usize>,
}

impl Credentials {
    fn value(range: Range<usize>) -> Self {
        Self {
            whole: range.clone(),
            secret: range,
        }
    }

    fn user(text: &str, range: Range<usize>) -> Self {
        let password = text[range.clone()].find(':');
        let start = password.map_or(range.start, |at| range.start + at + 1);
        Self {
            secret: start..range.end,
            whole: range,
        }
    }
}

/// Where a text holds credentials, in order: the user part of URLs (`scheme://user:password@host`),
/// parameters of URLs whose names say that they are secret (`?api_key=…`), the user part of Go's
/// MySQL names (`user:password@tcp(host)/db`) and of addresses whose scheme was forgotten
/// (`user:password@host:port`), values of `password=`, and passwords of SQL (`PASSWORD '…'`,
/// `IDENTIFIED BY '…'`).
pub fn find(text: &str) -> Vec<Credentials> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("://") {
        let start = from + at + 3;
        if let Some(user) = user_part(text, start).filter(|it| !it.is_empty()) {
            found.push(Credentials::user(text, user));
        }
        from = start;
    }
    if found.is_empty()
        && let Some(user) = mysql_user(text).or_else(|| bare_user(text))
    {
        found.push(Credentials::user(text, user));
    }
    let values = keyword_values(text).into_iter();
    let values = values.chain(sql_passwords(text)).chain(parameters(text));
    found.extend(
        values
            .filter(|it| !it.is_empty() && !text[it.clone()].starts_with("${"))
            .map(Credentials::value),
    );
    found.sort_by_key(|it| it.whole.start);
    found.dedup_by(|later, earlier| later.whole.start < earlier.whole.end);
    found
}

/// The user part of the URL whose authority begins at `start`.
fn user_part(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = &text[start..];
    let ends_url = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
    let word = &rest[..rest.find(ends_url).unwrap_or(rest.len())];
    let in_word = redact::user_part_of(word);
    // A text that begins as a URL is nothing else, whatever stands in its password.
    let is_url = || text[..start - 3].chars().all(|c| is_name(c) || c == '+');
    let length = in_word.or_else(|| redact::user_part_of(rest).filter(|_| is_url()))?;
    Some(start..start + length)
}

/// The text with its credentials replaced.
pub fn scrub(text: &str, mask: &str) -> String {
    let mut out = text.to_owned();
    for credentials in find(text).into_iter().rev() {
        out.replace_range(credentials.whole, mask);
    }
    out
}

/// The values of the parameters of URLs that are secret by their names.
fn parameters(text: &str) -> impl Iterator<Item = Range<usize>> {
    let marks = text.match_indices(['?', '&']);
    marks.filter_map(|(at, _)| {
        let start = at + 1;
        let length = text[start..].find(|c: char| !is_name(c))?;
        let name = &text[start..start + length];
        let value = text[start + length..].strip_prefix('=')?;
        let ends = |c: char| c.is_whitespace() || "&#;,\"'`<>()|".contains(c);
        let end = value.find(ends).unwrap_or(value.len());
        let from = start + length + 1;
        is_secret_name(name).then_some(from..from + end)
    })
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn mysql_user(text: &str) -> Option<Range<usize>> {
    let at = ["@tcp(", "@tcp6(", "@unix("]
        .iter()
        .find_map(|it| text.find(it))?;
    let user = &text[..at];
    (user.contains(':') && !user.contains(char::is_whitespace)).then_some(0..at)
}

/// The user part of a text that is an address without its scheme: `user:password@host`.
fn bare_user(text: &str) -> Option<Range<usize>> {
    let (user, host) = text.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    let host = host.split(['/', '?']).next()?;
    let is_host = |c: char| is_name(c) || matches!(c, ':' | '[' | ']');
    let is_address = !host.is_empty() && host.chars().all(is_host);
    let is_user = !name.is_empty() && name.chars().all(is_name);
    let is_password = !password.is_empty()
        && !password.starts_with('/')
        && !password.contains(char::is_whitespace);
    (is_address && is_user && is_password).then_some(0..user.len())
}

fn keyword_values(text: &str) -> Vec<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for keyword in ["password=", "passwd=", "pwd="] {
        let mut from = 0;
        while let Some(at) = lower[from..].find(keyword) {
            let key = from + at;
            from = key + keyword.len();
            let before = lower[..key].chars().next_back();
            if before.is_some_and(|it| it.is_alphanumeric()) {
                continue;
            }
            let value = &text[from..];
            let end = match value.strip_prefix('\'') {
                Some(quoted) => quoted.find('\'').map_or(value.len(), |it| it + 2),
                None => value.find([' ', '&', ';']).unwrap_or(value.len()),
            };
            found.push(from..from + end);
        }
    }
    found
}

/// The literals behind `PASSWORD`, with or without `=` or `(`, and behind the `BY` of
/// `IDENTIFIED BY` or `IDENTIFIED WITH plugin BY`.
fn sql_passwords(text: &str) -> impl Iterator<Item = Range<usize>> {
    let quotes = text.match_indices(" '").chain(text.match_indices("('"));
    quotes.filter_map(|(at, quote)| {
        let before = text[..at].trim_end_matches(|c: char| c.is_whitespace() || "=(".contains(c));
        let mut words = before
            .rsplit(|c: char| !is_name(c))
            .filter(|it| !it.is_empty());
        let (last, mut further) = (words.next()?, words.take(3));
        let is_password = last.eq_ignore_ascii_case("password")
            || last.eq_ignore_ascii_case("by")
                && further.any(|it| it.eq_ignore_ascii_case("identified"));
        let start = at + quote.len();
        is_password.then(|| start..start + literal(&text[start..]))
    })
}

/// How long an SQL literal is, up to the quote that closes it; two of them stand for one.
fn literal(text: &str) -> usize {
    let mut length = 0;
    while let Some(at) = text[length..].find('\'') {
        if !text[length + at + 1..].starts_with('\'') {
            return length + at;
        }
        length += at + 2;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_in_urls_and_data_source_names() {
        for (text, expected) in [
            (
                "amqp://guest:pa@ss@host:5672/v?x=a@b",
                "amqp://*@host:5672/v?x=a@b",
            ),
            ("redis://:pw@h,redis://t@i", "redis://*@h,redis://*@i"),
            ("http://host/a@b", "http://host/a@b"),
            ("http://host:80/a@b", "http://host:80/a@b"),
            ("http://u:p/a?s#s@host/x", "http://*@host/x"),
            ("http://u:pa ss@host/x", "http://*@host/x"),
            (
                "http://a,http://u:p@b:1,c://d:2/e",
                "http://a,http://*@b:1,c://d:2/e",
            ),
            ("see http://a:b for c@d", "see http://a:b for c@d"),
            ("user:pw@tcp(h:3306)/db", "*@tcp(h:3306)/db"),
            (
                "host=h user=u password='p w' dbname=d",
                "host=h user=u password=* dbname=d",
            ),
            (
                "postgres://u:p@h/d?password=x&y=1",
                "postgres://*@h/d?password=*&y=1",
            ),
            (
                "https://h/v1?model=m&api_key=abc&client-secret=d.e/f#top",
                "https://h/v1?model=m&api_key=*&client-secret=*#top",
            ),
            (
                "http://h/?X-Amz-Signature=0a&accessToken=1b, http://i?key=2c",
                "http://h/?X-Amz-Signature=*&accessToken=*, http://i?key=*",
            ),
            (
                "http://h/?token=&page_size=1&monkey=x&keys=a&tokens=3",
                "http://h/?token=&page_size=1&monkey=x&keys=a&tokens=3",
            ),
            (
                "http://h/?api_key=${! env(\"K\") }",
                "http://h/?api_key=${! env(\"K\") }",
            ),
            (
                "root = if this.a?.token == 1 { 2 }",
                "root = if this.a?.token == 1 { 2 }",
            ),
            ("no secrets: a@b.c", "no secrets: a@b.c"),
            (
                "root.x = this.url == \"http://a\" ",
                "root.x = this.url == \"http://a\" ",
            ),
        ] {
            assert_eq!(scrub(text, "*"), expected);
        }
    }

    #[test]
    fn passwords_of_sql_are_found_and_the_rest_of_the_statement_stays() {
        for (text, expected) in [
            (
                "CREATE USER a WITH PASSWORD 'p''w' LOGIN; SELECT 'x'",
                "CREATE USER a WITH PASSWORD '*' LOGIN; SELECT 'x'",
            ),
            (
                "create user a@'h' identified by 'pw'",
                "create user a@'h' identified by '*'",
            ),
            (
                "ALTER USER a IDENTIFIED WITH mysql_native_password BY 'pw'",
                "ALTER USER a IDENTIFIED WITH mysql_native_password BY '*'",
            ),
            (
                "SET PASSWORD = PASSWORD('pw'); CREATE LOGIN a WITH PASSWORD = 'pw'",
                "SET PASSWORD = PASSWORD('*'); CREATE LOGIN a WITH PASSWORD = '*'",
            ),
            (
                "CREATE USER MAPPING FOR a SERVER b OPTIONS (user 'u', password 'pw')",
                "CREATE USER MAPPING FOR a SERVER b OPTIONS (user 'u', password '*')",
            ),
            (
                "SELECT * FROM t WHERE password_hint = 'a' ORDER BY 'b'",
                "SELECT * FROM t WHERE password_hint = 'a' ORDER BY 'b'",
            ),
            ("PASSWORD 'not closed", "PASSWORD '*"),
        ] {
            assert_eq!(scrub(text, "*"), expected);
        }
    }

    #[test]
    fn an_address_without_its_scheme_has_a_user_part_too() {
        for (text, expected) in [
            ("u:S3CR3Tpw@127.0.0.1:1", "*@127.0.0.1:1"),
            ("user:p@ss/w@host.example/path", "*@host.example/path"),
            ("u:p@[::1]:5672", "*@[::1]:5672"),
            ("http://h:80/a@b", "http://h:80/a@b"),
            ("at 12:30 @ noon", "at 12:30 @ noon"),
            ("name@host", "name@host"),
            ("root = \"a:b@c\"", "root = \"a:b@c\""),
        ] {
            assert_eq!(scrub(text, "*"), expected);
        }
    }

    #[test]
    fn the_secret_of_a_user_part_is_its_password() {
        let text = "a://u:p:q@h,b://token@i?sig=c:d";
        let secrets: Vec<_> = find(text).into_iter().map(|it| &text[it.secret]).collect();
        assert_eq!(secrets, ["p:q", "token", "c:d"]);
    }
}
