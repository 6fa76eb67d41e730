//! Cross-origin resource sharing.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN,
    VARY,
};
use http::{Method, Request, Response, StatusCode};
use millrace_spec::{Node, ReadContext, Spec, codes};

use crate::Body;

/// Headers that are always allowed.
const HEADERS_ALLOWED: [&str; 4] = ["Accept", "Accept-Language", "Content-Language", "Origin"];

/// Which pages of other origins may call this server from a browser.
#[derive(Clone, Debug, PartialEq, Spec)]
#[spec(check = check)]
pub struct Cors {
    /// Whether to answer requests of other origins.
    #[spec(default = false)]
    enabled: bool,
    /// The origins that are allowed; `*` for any.
    #[spec(default = [])]
    allowed_origins: Vec<String>,
    /// Headers that are allowed beside `Accept`, `Accept-Language`, `Content-Language` and
    /// `Origin`.
    #[spec(default = [], since = "1.13.0")]
    allowed_headers: Vec<String>,
    /// The methods that are allowed.
    #[spec(default = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"], since = "1.13.0")]
    allowed_methods: Vec<String>,
}

fn check(cors: &mut Cors, node: &Node, cx: &mut ReadContext) {
    if cors.enabled && cors.allowed_origins.is_empty() {
        let message = "`cors` is enabled without an origin";
        cx.error(codes::INVALID_VALUE, node.span, message).help =
            Some("list them under `allowed_origins`, or `\"*\"` for any".to_owned());
    }
}

impl Cors {
    /// The settings, when they are enabled.
    pub(crate) fn active(&self) -> Option<Self> {
        self.enabled.then(|| self.clone())
    }

    /// Whether it is enabled.
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether a page of this origin may call.
    pub(crate) fn allows_origin(&self, origin: &[u8]) -> bool {
        let mut allowed = self.allowed_origins.iter();
        allowed.any(|it| it == "*" || it.as_bytes() == origin)
    }

    /// The answer to a preflight request, when it is one.
    pub(crate) fn preflight<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        let headers = request.headers();
        let wanted = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        let origin = headers.get(ORIGIN)?;
        if request.method() != Method::OPTIONS {
            return None;
        }
        let mut response = Response::new(Body::EMPTY);
        if !self.allows_origin(origin.as_bytes()) {
            return Some(response);
        }
        let is_allowed = |it: &String| it.as_bytes() == wanted.as_bytes();
        if !self.allowed_methods.iter().any(is_allowed) {
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            return Some(response);
        }
        let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
        let asked = asked.and_then(|it| it.to_str().ok()).unwrap_or_default();
        let mut names = asked.split(',').map(str::trim).filter(|it| !it.is_empty());
        if !names.all(|name| self.allows_header(name)) {
            *response.status_mut() = StatusCode::FORBIDDEN;
            return Some(response);
        }
        self.annotate(Some(origin), response.headers_mut());
        let out = response.headers_mut();
        out.insert(ACCESS_CONTROL_ALLOW_METHODS, wanted.clone());
        if let Some(asked) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            out.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        Some(response)
    }

    fn allows_header(&self, name: &str) -> bool {
        let configured = self.allowed_headers.iter().map(String::as_str);
        HEADERS_ALLOWED
            .into_iter()
            .chain(configured)
            .any(|it| it == "*" || it.eq_ignore_ascii_case(name))
    }

    /// Adds what a browser needs to show the response to a page of this origin.
    pub(crate) fn annotate(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        let Some(origin) = origin.filter(|it| self.allows_origin(it.as_bytes())) else {
            return;
        };
        if self.allowed_origins.iter().any(|it| it == "*") {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        Cors {
            enabled: true,
            allowed_origins: origins.iter().map(|&it| it.to_owned()).collect(),
            allowed_headers: vec!["X-One".to_owned()],
            allowed_methods: vec!["GET".to_owned(), "POST".to_owned()],
        }
    }

    fn preflight(cors: &Cors, origin: &str, method: &str, headers: &str) -> Response<Body> {
        let request = Request::options("/")
            .header(ORIGIN, origin)
            .header(ACCESS_CONTROL_REQUEST_METHOD, method)
            .header(ACCESS_CONTROL_REQUEST_HEADERS, headers)
            .body(())
            .unwrap();
        cors.preflight(&request).unwrap()
    }

    #[test]
    fn a_preflight_is_answered_for_allowed_origins_methods_and_headers_only() {
        let cors = cors(&["http://a"]);
        let ok = preflight(&cors, "http://a", "POST", "x-one, accept");
        assert_eq!(ok.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "http://a");
        assert_eq!(ok.headers()[ACCESS_CONTROL_ALLOW_METHODS], "POST");
        let other = preflight(&cors, "http://b", "POST", "");
        assert!(other.headers().is_empty());
        assert_eq!(preflight(&cors, "http://a", "DELETE", "").status(), 405);
        assert_eq!(preflight(&cors, "http://a", "GET", "x-two").status(), 403);
    }

    #[test]
    fn any_origin_is_answered_with_a_star() {
        let mut headers = HeaderMap::new();
        let origin = HeaderValue::from_static("http://z");
        cors(&["*"]).annotate(Some(&origin), &mut headers);
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    }
}
