//! Redirects: where a request goes next, and what of it goes there.

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, HeaderMap, LOCATION, WWW_AUTHENTICATE,
};
use http::{Method, Request, StatusCode, Uri};

use crate::url::parse_url;

/// Where a response sends the request on to, if it does.
///
/// # Errors
/// The target is no URL.
pub fn target(from: &Uri, status: StatusCode, headers: &HeaderMap) -> Option<Result<Uri, String>> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = headers.get(LOCATION)?;
    let wrong =
        |reason: &str| format!("the server redirects to something else than a URL: {reason}");
    let Ok(location) = location.to_str() else {
        return Some(Err(wrong("it is not text")));
    };
    let joined = join(from, location);
    Some(parse_url(&joined).map(|it| it.uri).map_err(|it| wrong(&it)))
}

/// A reference as an absolute URL (RFC 3986, section 5, without dots in paths).
fn join(from: &Uri, reference: &str) -> String {
    let scheme = from.scheme_str().unwrap_or("http");
    let authority = from.authority().map_or("", |it| it.as_str());
    if reference.contains("://") {
        return reference.to_owned();
    }
    if let Some(rest) = reference.strip_prefix("//") {
        return format!("{scheme}://{rest}");
    }
    if reference.starts_with('/') {
        return format!("{scheme}://{authority}{reference}");
    }
    let path = from.path();
    if reference.starts_with('?') {
        return format!("{scheme}://{authority}{path}{reference}");
    }
    let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
    format!("{scheme}://{authority}{folder}{reference}")
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
    if !stays {
        // Credentials were meant for the first host alone.
        for name in [AUTHORIZATION, COOKIE, WWW_AUTHENTICATE, HOST] {
            request.headers_mut().remove(name);
        }
    }
    *request.uri_mut() = to;
}

#[cfg(test)]
mod tests {
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
        ] {
            assert_eq!(join(&from, reference), expected);
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
        assert_eq!(method(&Method::POST, StatusCode::SEE_OTHER), Method::GET);
        assert_eq!(
            method(&Method::POST, StatusCode::TEMPORARY_REDIRECT),
            Method::POST
        );
    }
}
