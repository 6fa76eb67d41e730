//! Redirects: where a request goes next, and what of it goes there.

use bytes::Bytes;
use http::header::{
    CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE,
};
use http::{Method, Request, StatusCode, Uri};
use percent_encoding::{CONTROLS, percent_encode};

use crate::credentials::is_secret_header;
use crate::url::{is_scheme, parse_url};

/// Where a response sends the request on to, if it does.
///
/// # Errors
/// The target is no URL.
pub fn target(from: &Uri, status: StatusCode, headers: &HeaderMap) -> Option<Result<Uri, String>> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    // An empty one is none, as for Go.
    let location = headers.get(LOCATION).filter(|it| !it.is_empty())?;
    let wrong =
        |reason: String| format!("the server redirects to something else than a URL: {reason}");
    // Whatever is no ASCII is encoded byte by byte: it need not be UTF-8.
    let location = percent_encode(location.as_bytes(), CONTROLS).to_string();
    let joined = join(from, &location);
    Some(parse_url(&joined).map(|it| it.uri).map_err(wrong))
}

/// A reference as an absolute URL (RFC 3986, section 5.2).
fn join(from: &Uri, reference: &str) -> String {
    let reference = reference.split('#').next().unwrap_or_default();
    let base = from.authority().map_or("", |it| it.as_str());
    let (scheme, rest) = match split_scheme(reference) {
        Some((scheme, rest)) => (scheme, rest),
        None => (from.scheme_str().unwrap_or("http"), reference),
    };
    let Some(rest) = rest.strip_prefix("//") else {
        if split_scheme(reference).is_some() {
            // Such as `mailto:`: whoever parses it refuses it.
            return reference.to_owned();
        }
        return format!("{scheme}://{base}{}", joined_path(from, reference));
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let (path, query) = split_query(rest);
    format!("{scheme}://{authority}{}{query}", without_dots(path))
}

/// Path and query of a reference that has no host of its own.
fn joined_path(from: &Uri, reference: &str) -> String {
    let (path, query) = split_query(reference);
    if path.is_empty() {
        let kept = from.query().filter(|_| query.is_empty());
        let kept = kept.map_or_else(|| query.to_owned(), |it| format!("?{it}"));
        return format!("{}{kept}", from.path());
    }
    if path.starts_with('/') {
        return format!("{}{query}", without_dots(path));
    }
    let base = from.path();
    let folder = base.rfind('/').map_or("/", |at| &base[..=at]);
    format!("{}{query}", without_dots(&format!("{folder}{path}")))
}

/// The scheme and what stands behind its colon.
fn split_scheme(reference: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = reference.split_once(':')?;
    is_scheme(scheme).then_some((scheme, rest))
}

/// The path, and the query with its `?`.
fn split_query(reference: &str) -> (&str, &str) {
    reference.split_at(reference.find('?').unwrap_or(reference.len()))
}

/// A path without `.` and `..` (RFC 3986, section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let Some(rest) = path.strip_prefix('/') else {
        return path.to_owned();
    };
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            segment => {
                kept.push(segment);
                continue;
            }
        }
        if is_last {
            // What is left is a folder.
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

/// The method of the next request, as browsers and Go choose it.
pub fn method(method: &Method, status: StatusCode) -> Method {
    let keeps = matches!(status.as_u16(), 307 | 308);
    if keeps || matches!(*method, Method::GET | Method::HEAD) {
        method.clone()
    } else {
        Method::GET
    }
}

/// Turns the first request into the next one.
pub fn aim(request: &mut Request<Bytes>, from: &Uri, to: Uri, method: &Method) {
    if request.method() != *method {
        request.headers_mut().remove(CONTENT_TYPE);
        *request.body_mut() = Bytes::new();
    }
    *request.method_mut() = method.clone();
    let first = request.uri().host().map(str::to_owned);
    let stays = to.host() == first.as_deref() && to.host() == from.host();
    let was_encrypted = [from, request.uri()].iter().any(|it| is_encrypted(it));
    if !stays || (was_encrypted && !is_encrypted(&to)) {
        remove_credentials(request.headers_mut());
    }
    *request.uri_mut() = to;
}

fn is_encrypted(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
}

/// Credentials were meant for the first host alone, and for nobody who listens on the way.
fn remove_credentials(headers: &mut HeaderMap) {
    let is_meant_for_one = |name: &HeaderName, value: &HeaderValue| {
        [HOST, WWW_AUTHENTICATE].contains(name)
            || value.is_sensitive()
            || is_secret_header(name.as_str())
    };
    let headers_of_one: Vec<HeaderName> = headers
        .iter()
        .filter(|(name, value)| is_meant_for_one(name, value))
        .map(|(name, _)| name.clone())
        .collect();
    for name in headers_of_one {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;

    use super::*;

    #[test]
    fn references_are_joined_to_the_url_they_came_from() {
        let from: Uri = "https://host:1/a/b?q=1".parse().unwrap();
        for (reference, expected) in [
            ("http://other/x", "http://other/x"),
            ("//other/x", "https://other/x"),
            ("/x", "https://host:1/x"),
            ("x?y", "https://host:1/a/x?y"),
            ("?y", "https://host:1/a/b?y"),
            ("#y", "https://host:1/a/b?q=1"),
            (
                "/x?next=http://foo/bar",
                "https://host:1/x?next=http://foo/bar",
            ),
            ("x/../y?q=a/../b", "https://host:1/a/y?q=a/../b"),
            ("?q=http://z/", "https://host:1/a/b?q=http://z/"),
            ("HTTP://Other/./x/../y", "HTTP://Other/y"),
            ("./dot/../x", "https://host:1/a/x"),
            ("../../../x", "https://host:1/x"),
            ("..", "https://host:1/"),
            ("/x/.", "https://host:1/x/"),
            ("/x//y/..//z", "https://host:1/x///z"),
            ("http://other", "http://other"),
            ("//other?q#f", "https://other?q"),
            ("x:y", "x:y"),
        ] {
            assert_eq!(join(&from, reference), expected, "{reference}");
        }
    }

    #[test]
    fn a_target_is_followed_as_it_was_meant_or_refused_without_its_query() {
        let from: Uri = "http://host/a".parse().unwrap();
        let aimed = |location: &[u8]| {
            let value = http::HeaderValue::from_bytes(location).unwrap();
            let headers = HeaderMap::from_iter([(LOCATION, value)]);
            target(&from, StatusCode::FOUND, &headers).map(|it| it.map(|it| it.to_string()))
        };
        for (location, expected) in [
            ("/caf\u{e9}?q=\u{e9}", "http://host/caf%C3%A9?q=%C3%A9"),
            ("HTTP://other/x", "http://other/x"),
            (
                "/final?next=http://foo/bar",
                "http://host/final?next=http://foo/bar",
            ),
        ] {
            assert_eq!(aimed(location.as_bytes()), Some(Ok(expected.to_owned())));
        }
        assert_eq!(aimed(b"/\xff"), Some(Ok("http://host/%FF".to_owned())));
        assert_eq!(aimed(b""), None);
        for location in [
            "ftp://other/?token=planted",
            "mailto:planted@x?token=planted",
            "//?token=planted",
            "http://other:99999/?token=planted",
            "http://planted:planted/?a",
        ] {
            let error = aimed(location.as_bytes()).unwrap().unwrap_err();
            assert!(!error.contains("planted"), "{location}: {error}");
        }
    }

    #[test]
    fn credentials_stay_with_their_host_and_a_get_has_no_body() {
        let request = || {
            Request::post("http://a/x")
                .header(AUTHORIZATION, "secret")
                .header(CONTENT_TYPE, "text/plain")
                .body(Bytes::from_static(b"body"))
                .unwrap()
        };
        let from: Uri = "http://a/x".parse().unwrap();
        let mut same = request();
        aim(
            &mut same,
            &from,
            "http://a/y".parse().unwrap(),
            &Method::POST,
        );
        assert!(same.headers().contains_key(AUTHORIZATION));
        assert_eq!(same.body(), "body");
        let mut other = request();
        aim(
            &mut other,
            &from,
            "http://b/y".parse().unwrap(),
            &Method::GET,
        );
        assert!(other.headers().is_empty());
        assert!(other.body().is_empty());
        for (to, headers) in [
            ("https://b/y", 1),
            ("http://a/y", 1),
            ("https://a/y", 4),
            ("https://a:1/y", 4),
        ] {
            let mut token = HeaderValue::from_static("secret");
            token.set_sensitive(true);
            let mut request = Request::get("https://a/x")
                .header("X-Api-Key", "secret")
                .header("X-Access-Token", "secret")
                .header("X-Of-Us", token)
                .header("X-Plain", "1")
                .body(Bytes::new())
                .unwrap();
            let from: Uri = "https://a/x".parse().unwrap();
            aim(&mut request, &from, to.parse().unwrap(), &Method::GET);
            assert_eq!(request.headers().len(), headers, "{to}");
            assert!(request.headers().contains_key("X-Plain"), "{to}");
        }
        assert_eq!(method(&Method::POST, StatusCode::SEE_OTHER), Method::GET);
        assert_eq!(
            method(&Method::POST, StatusCode::TEMPORARY_REDIRECT),
            Method::POST
        );
    }
}
