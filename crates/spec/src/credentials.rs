//! Credentials inside connection texts: URLs and data source names.

use std::ops::Range;

/// Where a text holds credentials: the user part of URLs (`scheme://user:password@host`), the user
/// part of Go's MySQL names (`user:password@tcp(host)/db`), and values of `password=`.
pub fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("://") {
        let start = from + at + 3;
        let authority = &text[start..];
        let end = authority
            .find(['/', '?', '#', ' ', '"', '\'', ','])
            .unwrap_or(authority.len());
        if let Some(user) = authority[..end].rfind('@')
            && user > 0
        {
            found.push(start..start + user);
        }
        from = start;
    }
    if found.is_empty()
        && let Some(user) = mysql_user(text)
    {
        found.push(user);
    }
    found.extend(keyword_values(text).into_iter().filter(|it| !it.is_empty()));
    found
}

/// The secret parts within one user part: the password, or the whole when there is none.
pub fn secret_part(user: &str) -> &str {
    user.split_once(':').map_or(user, |(_, password)| password)
}

/// The text with its credentials replaced.
pub fn scrub(text: &str, mask: &str) -> String {
    let mut out = text.to_owned();
    let mut ranges = find(text);
    ranges.sort_by_key(|it| std::cmp::Reverse(it.start));
    for range in ranges {
        out.replace_range(range, mask);
    }
    out
}

fn mysql_user(text: &str) -> Option<Range<usize>> {
    let at = ["@tcp(", "@tcp6(", "@unix("]
        .iter()
        .find_map(|it| text.find(it))?;
    let user = &text[..at];
    (user.contains(':') && !user.contains(char::is_whitespace)).then_some(0..at)
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
            ("user:pw@tcp(h:3306)/db", "*@tcp(h:3306)/db"),
            (
                "host=h user=u password='p w' dbname=d",
                "host=h user=u password=* dbname=d",
            ),
            (
                "postgres://u:p@h/d?password=x&y=1",
                "postgres://*@h/d?password=*&y=1",
            ),
            ("no secrets: a@b.c", "no secrets: a@b.c"),
            (
                "root.x = this.url == \"http://a\" ",
                "root.x = this.url == \"http://a\" ",
            ),
        ] {
            assert_eq!(scrub(text, "*"), expected);
        }
        assert_eq!((secret_part("u:p"), secret_part("token")), ("p", "token"));
    }
}
