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
    if !matches!(scheme, "http" | "https") {
        return Err(format!("scheme `{scheme}` is neither `http` nor `https`"));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
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
