//! URLs as Go's package `net/url` takes them apart and puts them together.

use std::fmt;

use crate::eval_error::shortened;

/// `url.QueryEscape`: everything but letters, digits and `-_.~` is escaped, a blank becomes `+`.
pub fn escape_query(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 8);
    for byte in bytes {
        match byte {
            b' ' => out.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) => {
                out.push(char::from(*byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// `url.QueryUnescape`.
///
/// # Errors
///
/// Names the first escape that is none.
pub(crate) fn unescape_query(text: &str) -> Result<Vec<u8>, String> {
    unescape(text, true)
}

fn unescape(text: &str, plus_is_blank: bool) -> Result<Vec<u8>, String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'%' => {
                let digits = bytes.get(at + 1..at + 3).and_then(|digits| {
                    let high = char::from(digits[0]).to_digit(16)?;
                    let low = char::from(digits[1]).to_digit(16)?;
                    u8::try_from(high * 16 + low).ok()
                });
                let Some(digits) = digits else {
                    let shown = &bytes[at..(at + 3).min(bytes.len())];
                    let shown = String::from_utf8_lossy(shown);
                    return Err(format!("invalid URL escape {shown:?}"));
                };
                out.push(digits);
                at += 3;
                continue;
            }
            b'+' if plus_is_blank => out.push(b' '),
            byte => out.push(*byte),
        }
        at += 1;
    }
    Ok(out)
}

/// A key and its value, which may be no UTF-8.
type Pair = (Vec<u8>, Vec<u8>);

/// The pairs of a query, in order: `a=1&b=2`.
///
/// # Errors
///
/// When an escape is none, or a pair holds a semicolon.
pub(crate) fn parse_query(query: &str) -> Result<Vec<Pair>, String> {
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if pair.contains(';') {
            return Err("invalid semicolon separator in query".to_owned());
        }
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((unescape_query(key)?, unescape_query(value)?));
    }
    Ok(pairs)
}

/// The parts of a URL.
#[derive(Debug, Default, PartialEq)]
pub struct Url {
    pub scheme: String,
    pub opaque: String,
    /// Name, and password where there is one.
    pub user: Option<(String, Option<String>)>,
    pub host: String,
    pub path: String,
    /// The path as written, where its default escaping would differ.
    pub raw_path: String,
    pub raw_query: String,
    pub fragment: String,
    pub raw_fragment: String,
}

impl Url {
    /// `url.Parse`.
    ///
    /// # Errors
    ///
    /// What makes the text no URL, in Go's words.
    pub fn parse(text: &str) -> Result<Url, String> {
        let fail = |text: &str, reason: String| format!("parse {:?}: {reason}", shortened(text));
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        let mut url = Url::parse_without_fragment(rest).map_err(|reason| fail(rest, reason))?;
        if !fragment.is_empty() {
            let bytes = unescape(fragment, false).map_err(|reason| fail(text, reason))?;
            if escape_part(&bytes, FRAGMENT) != fragment {
                fragment.clone_into(&mut url.raw_fragment);
            }
            url.fragment = String::from_utf8_lossy(&bytes).into_owned();
        }
        Ok(url)
    }

    fn parse_without_fragment(text: &str) -> Result<Url, String> {
        if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        let mut url = Url::default();
        if text == "*" {
            "*".clone_into(&mut url.path);
            return Ok(url);
        }
        let (scheme, rest) = split_scheme(text)?;
        url.scheme = scheme.to_ascii_lowercase();
        let (mut rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        query.clone_into(&mut url.raw_query);
        if !rest.starts_with('/') {
            if !url.scheme.is_empty() {
                rest.clone_into(&mut url.opaque);
                return Ok(url);
            }
            let first = rest.split('/').next().unwrap_or("");
            if first.contains(':') {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        let has_authority =
            rest.starts_with("//") && (!url.scheme.is_empty() || !rest.starts_with("///"));
        if has_authority {
            let authority = &rest[2..];
            let length = authority.find('/').unwrap_or(authority.len());
            url.set_authority(&authority[..length])?;
            rest = &authority[length..];
        }
        let path = unescape(rest, false)?;
        if escape_part(&path, PATH) != rest {
            rest.clone_into(&mut url.raw_path);
        }
        url.path = String::from_utf8_lossy(&path).into_owned();
        Ok(url)
    }

    fn set_authority(&mut self, authority: &str) -> Result<(), String> {
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        check_host(host)?;
        self.host = String::from_utf8_lossy(&unescape(host, false)?).into_owned();
        if let Some(user) = user {
            let is_valid =
                |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
            if !user.bytes().all(is_valid) {
                return Err("net/url: invalid userinfo".to_owned());
            }
            let text = |part: &str| {
                unescape(part, false).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            };
            self.user = Some(match user.split_once(':') {
                Some((name, password)) => (text(name)?, Some(text(password)?)),
                None => (text(user)?, None),
            });
        }
        Ok(())
    }
}

impl Url {
    /// The user as it stands in a URL, with the password; empty where there is none.
    pub fn user_text(&self) -> String {
        let escaped = |part: &str| escape_part(part.as_bytes(), USER);
        match &self.user {
            None => String::new(),
            Some((name, None)) => escaped(name),
            Some((name, Some(password))) => format!("{}:{}", escaped(name), escaped(password)),
        }
    }

    fn escaped_path(&self) -> String {
        match (self.raw_path.is_empty(), &*self.path) {
            (false, _) => self.raw_path.clone(),
            (true, "*") => "*".to_owned(),
            (true, path) => escape_part(path.as_bytes(), PATH),
        }
    }
}

impl fmt::Display for Url {
    /// `URL.String`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.scheme.is_empty() {
            write!(f, "{}:", self.scheme)?;
        }
        if self.opaque.is_empty() {
            let has_place = !self.host.is_empty() || self.user.is_some();
            if has_place || !self.scheme.is_empty() && !self.path.is_empty() {
                f.write_str("//")?;
            }
            if self.user.is_some() {
                write!(f, "{}@", self.user_text())?;
            }
            f.write_str(&escape_part(self.host.as_bytes(), HOST))?;
            let path = self.escaped_path();
            if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
                f.write_str("/")?;
            }
            // A colon in the first name would make a scheme of it.
            let first = path.split('/').next().unwrap_or("");
            if self.scheme.is_empty() && !has_place && first.contains(':') {
                f.write_str("./")?;
            }
            f.write_str(&path)?;
        } else {
            f.write_str(&self.opaque)?;
        }
        if !self.raw_query.is_empty() {
            write!(f, "?{}", self.raw_query)?;
        }
        match (self.fragment.is_empty(), self.raw_fragment.is_empty()) {
            (true, _) => Ok(()),
            (false, false) => write!(f, "#{}", self.raw_fragment),
            (false, true) => {
                let escaped = escape_part(self.fragment.as_bytes(), FRAGMENT);
                write!(f, "#{escaped}")
            }
        }
    }
}

fn split_scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => return Ok((&text[..at], &text[at + 1..])),
            _ => return Ok(("", text)),
        }
    }
    Ok(("", text))
}

fn check_host(host: &str) -> Result<(), String> {
    let after = if host.starts_with('[') {
        let end = host.rfind(']').ok_or("missing ']' in host")?;
        &host[end + 1..]
    } else {
        host.rfind(':').map_or("", |at| &host[at..])
    };
    let is_port = after.is_empty()
        || after
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()));
    if !is_port {
        return Err(format!("invalid port {after:?} after host"));
    }
    if let Some(byte) = host.chars().find(|c| {
        matches!(
            c,
            ' ' | '<' | '>' | '"' | '\\' | '^' | '`' | '{' | '}' | '|'
        )
    }) {
        let shown = byte.to_string();
        return Err(format!("invalid character {shown:?} in host name"));
    }
    Ok(())
}

/// What Go leaves as it is in a path, a fragment and elsewhere, beside letters and digits.
const HOST: &[u8] = b"-_.~!$&'()*+,;=:[]<>\"";
const USER: &[u8] = b"-_.~$&+,;=";
const PATH: &[u8] = b"-_.~$&+,/:;=@";
const FRAGMENT: &[u8] = b"-_.~$&+,/:;=?@!()*'";

fn escape_part(bytes: &[u8], kept: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || kept.contains(byte) {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let url = Url::parse("amqp://foo:b%61r@127.0.0.1:5672/a%2Fb?x=1#top").unwrap();
        assert_eq!(
            (&*url.scheme, &*url.host, &*url.path),
            ("amqp", "127.0.0.1:5672", "/a/b")
        );
        assert_eq!(
            (&*url.raw_path, &*url.raw_query, &*url.fragment),
            ("/a%2Fb", "x=1", "top")
        );
        assert_eq!(url.user, Some(("foo".into(), Some("bar".into()))));
        assert_eq!(Url::parse("mailto:a@b").unwrap().opaque, "a@b");
    }

    #[test]
    fn what_is_no_url_is_named() {
        for (text, expected) in [
            ("://x", "parse \"://x\": missing protocol scheme"),
            (
                "http://a:b/",
                "parse \"http://a:b/\": invalid port \":b\" after host",
            ),
            (
                "a b:c",
                "parse \"a b:c\": first path segment in URL cannot contain colon",
            ),
            ("/%zz", "parse \"/%zz\": invalid URL escape \"%zz\""),
        ] {
            assert_eq!(Url::parse(text).unwrap_err(), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_escaped_reads_back(text in "\\PC*") {
            let escaped = escape_query(text.as_bytes());
            proptest::prop_assert_eq!(unescape_query(&escaped).unwrap(), text.as_bytes());
        }

        #[test]
        fn any_text_is_safe(text in "\\PC*") {
            let _ = (Url::parse(&text), parse_query(&text));
        }
    }
}
