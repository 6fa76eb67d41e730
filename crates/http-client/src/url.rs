//! URLs as configs write them.

use std::borrow::Cow;

use http::Uri;
use http::header::HeaderValue;

use crate::auth::basic_value;

/// A URL taken apart.
#[derive(Clone, Debug)]
pub struct Url {
    /// Without user and fragment.
    pub uri: Uri,
    /// `Authorization` for its user part.
    authorization: Option<HeaderValue>,
    password: Option<String>,
}

impl Url {
    /// `Authorization` for its user part.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// The password of its user part.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }
}

/// Reads a URL; characters that a URL cannot hold are percent-encoded.
///
/// # Errors
/// What is wrong, without quoting the URL: it may hold a password.
pub fn parse_url(text: &str) -> Result<Url, String> {
    const ENCODED: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'<')
        .add(b'>')
        .add(b'\\')
        .add(b'^')
        .add(b'`')
        .add(b'{')
        .add(b'|')
        .add(b'}');
    let text = text.split('#').next().unwrap_or_default().trim();
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err("it does not begin with `http://` or `https://`".to_owned());
    };
    if !is_scheme(scheme) {
        // It may be anything, with a `://` further behind.
        return Err("it does not begin with `http://` or `https://`".to_owned());
    }
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(&*scheme, "http" | "https") {
        return Err(format!("scheme `{scheme}` is neither `http` nor `https`"));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    if !has_valid_port(host) {
        // It is not quoted: it may be a password with a `/` in it.
        return Err("its port is not a number from 0 to 65535".to_owned());
    }
    let path: Cow<'_, str> = percent_encoding::utf8_percent_encode(path, ENCODED).into();
    let slash = if path.starts_with('/') { "" } else { "/" };
    let uri: Uri = format!("{scheme}://{host}{slash}{path}")
        .parse()
        .map_err(|error: http::uri::InvalidUri| error.to_string())?;
    if uri.host().is_none_or(str::is_empty) {
        return Err("it has no host".to_owned());
    }
    let decoded = |it: &str| {
        percent_encoding::percent_decode_str(it)
            .decode_utf8_lossy()
            .into_owned()
    };
    let credentials = user.map(|it| {
        let (user, password) = it.split_once(':').unwrap_or((it, ""));
        (decoded(user), decoded(password))
    });
    Ok(Url {
        uri,
        authorization: credentials
            .as_ref()
            .map(|(user, password)| basic_value(user, password)),
        password: credentials.map(|(_, password)| password),
    })
}

/// Whether a text can be the scheme of a URL.
pub(crate) fn is_scheme(text: &str) -> bool {
    let is_letter = |it: char| it.is_ascii_alphanumeric() || matches!(it, '+' | '-' | '.');
    text.starts_with(|it: char| it.is_ascii_alphabetic()) && text.chars().all(is_letter)
}

/// Whether what stands behind the colon of a host can be a port; an empty one is the usual one.
fn has_valid_port(host: &str) -> bool {
    let behind = match host.rsplit_once(']') {
        Some((_, behind)) => behind,
        None => host,
    };
    let port = behind.rsplit_once(':').map_or("", |(_, port)| port);
    // A sign is no digit, though the parser takes it.
    port.is_empty() || port.bytes().all(|it| it.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

/// What of a URL may be shown: scheme, host and path.
pub fn shown(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("http");
    let host = uri.authority().map_or("", |it| it.as_str());
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{}", uri.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_part_of_a_url_becomes_a_header_and_is_never_shown() {
        let url = parse_url("http://user:p%40ss@host:81/a b?q=1#frag").unwrap();
        assert_eq!(url.uri, "http://host:81/a%20b?q=1");
        assert_eq!(url.authorization.unwrap(), "Basic dXNlcjpwQHNz");
        assert_eq!(url.password.as_deref(), Some("p@ss"));
        assert_eq!(shown(&url.uri), "http://host:81/a%20b");
    }

    /// It would be left out, and the usual port be taken.
    #[test]
    fn a_port_that_is_none_is_refused_and_not_quoted() {
        for port in ["99999", "65536", "-1", "+80", "abc", "8 0"] {
            for host in ["127.0.0.1", "user:p@host", "[::1]"] {
                let error = parse_url(&format!("http://{host}:{port}/a")).unwrap_err();
                assert!(!error.contains(port), "{host}:{port}: {error}");
            }
        }
        for (text, expected) in [
            ("http://host:65535/a", Some(65535)),
            ("http://host:/a", None),
            ("http://[::1]:81/a", Some(81)),
            ("http://[::1]/a", None),
        ] {
            assert_eq!(parse_url(text).unwrap().uri.port_u16(), expected, "{text}");
        }
    }

    #[test]
    fn a_scheme_may_have_capitals() {
        assert_eq!(parse_url("HTTP://host/A").unwrap().uri, "http://host/A");
        assert_eq!(
            parse_url("Https://host").unwrap().uri.scheme_str(),
            Some("https")
        );
    }

    #[test]
    fn a_url_without_scheme_or_host_is_refused() {
        for text in [
            "",
            "host/path",
            "ftp://host",
            "http://",
            "http:///path",
            "http://a b/",
        ] {
            assert!(parse_url(text).is_err(), "{text}");
        }
        assert_eq!(
            parse_url("http://host?q=1").unwrap().uri,
            "http://host/?q=1"
        );
    }
}
