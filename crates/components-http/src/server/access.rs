//! Basic authentication of the server's clients.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use millrace_spec::{Node, ReadContext, Secret, Spec, codes};
use ring::digest;

use super::reply;
use crate::Body;

/// Name and password that every request has to give.
#[derive(Clone, Debug, Spec)]
#[spec(check = check)]
pub struct BasicAuth {
    /// Whether requests have to authenticate.
    #[spec(default = false)]
    enabled: bool,
    /// The realm that a browser shows.
    #[spec(default = "restricted")]
    realm: String,
    /// The name.
    #[spec(default = "")]
    username: String,
    /// The hash of the password, in Base64.
    #[spec(default = "")]
    password_hash: Secret<String>,
    /// How the hash was made.
    #[spec(default = "sha256", options("md5", "sha256", "bcrypt", "scrypt"))]
    algorithm: String,
    /// The salt of `scrypt`, in Base64.
    #[expect(dead_code, reason = "`scrypt` is refused")]
    #[spec(default = "")]
    salt: Secret<String>,
}

fn check(auth: &mut BasicAuth, node: &Node, cx: &mut ReadContext) {
    if !auth.enabled {
        return;
    }
    if auth.username.is_empty() || auth.password_hash.expose().is_empty() {
        let message = "`basic_auth` needs `username` and `password_hash`";
        cx.error(codes::MISSING_FIELD, node.span, message);
    }
    if STANDARD.decode(auth.password_hash.expose()).is_err() {
        let message = "`password_hash` is not Base64";
        cx.error(codes::INVALID_VALUE, node.span, message);
    }
    if auth.algorithm != "sha256" {
        let message = format!("algorithm `{}` is not part of this build", auth.algorithm);
        cx.error(codes::NOT_SUPPORTED, node.span, message).help = Some("use `sha256`".to_owned());
    }
}

impl BasicAuth {
    /// The settings, when they are enabled.
    pub(crate) fn active(&self) -> Option<Self> {
        self.enabled.then(|| self.clone())
    }

    /// Whether the request gives the right name and password; takes the same time for every
    /// wrong one.
    pub(super) fn allows(&self, headers: &HeaderMap) -> bool {
        let given = headers
            .get(AUTHORIZATION)
            .and_then(|it| it.to_str().ok())
            .and_then(|it| it.strip_prefix("Basic "))
            .and_then(|it| STANDARD.decode(it.trim()).ok());
        let given = given.unwrap_or_default();
        let mut halves = given.splitn(2, |&byte| byte == b':');
        let user = halves.next().unwrap_or_default();
        let password = halves.next().unwrap_or_default();
        let Ok(expected) = STANDARD.decode(self.password_hash.expose()) else {
            return false;
        };
        let user_hash = digest::digest(&digest::SHA256, user);
        let user_expected = digest::digest(&digest::SHA256, self.username.as_bytes());
        let hash = digest::digest(&digest::SHA256, password);
        // Both are compared before either decides.
        let user_matches = equal(user_hash.as_ref(), user_expected.as_ref());
        let password_matches = equal(hash.as_ref(), &expected);
        user_matches && password_matches
    }

    pub(super) fn refusal(&self) -> Response<Body> {
        let mut response = reply::error(StatusCode::UNAUTHORIZED, "Unauthorized");
        let realm = self.realm.replace(['"', '\\', '\r', '\n'], "");
        let challenge = format!("Basic realm=\"{realm}\", charset=\"UTF-8\"");
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Compares two hashes in a time that does not depend on where they differ.
fn equal(left: &[u8], right: &[u8]) -> bool {
    let differing = left
        .iter()
        .zip(right)
        .fold(0, |seen, (l, r)| seen | (l ^ r));
    left.len() == right.len() && differing == 0
}
