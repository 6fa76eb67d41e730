//! The credentials of one request: a server may repeat them, whatever it answers.
//!
//! Those that a config writes down are known to the process. What is computed for a message is not
//! made known to it: there may be another one for each message, for ever. It is kept beside its
//! request, and out of what is told of the answer.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};
use millrace_message::Error;
use millrace_telemetry::Redactor;
use millrace_telemetry::redact::is_secret_name;

/// Headers whose values are credentials.
const SECRET_HEADERS: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
];

/// Whether the values of a header are credentials: its name, in whatever case, says so.
pub fn is_secret_header(name: &str) -> bool {
    SECRET_HEADERS.contains(&&*name.to_ascii_lowercase()) || is_secret_name(name)
}

/// What is not shown of a request when its answer is.
#[derive(Default)]
pub struct Credentials {
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Made when it is needed: hardly any request fails.
    redactor: OnceLock<Redactor>,
}

impl Credentials {
    /// The values among `headers` that are marked as sensitive.
    pub fn of(headers: &HeaderMap) -> Self {
        let secret = headers.iter().filter(|(_, value)| value.is_sensitive());
        Self {
            headers: secret
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            redactor: OnceLock::new(),
        }
    }

    /// The text without these credentials, and without those that the process knows.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        let known = Redactor::global().text_of(&text);
        if self.headers.is_empty() {
            return known;
        }
        self.redactor
            .get_or_init(|| self.redactor())
            .text_of(&known)
    }

    /// The error without them: it is shown to people who may not know them.
    #[must_use]
    pub fn scrubbed(&self, error: &Error) -> Error {
        Error::new(error.class(), self.mask(error.text()))
    }

    fn redactor(&self) -> Redactor {
        let mut secrets = Vec::new();
        for (name, value) in &self.headers {
            let text = String::from_utf8_lossy(value.as_bytes());
            match *name == COOKIE {
                true => secrets.extend(of_cookie(&text)),
                false => secrets.extend(of_authorization(&text)),
            }
            secrets.push(text.into_owned());
        }
        let redactor = Redactor::new();
        redactor.add_all(secrets.iter().map(String::as_str));
        redactor
    }
}

/// The values of `name=value; name=value`.
fn of_cookie(text: &str) -> impl Iterator<Item = String> {
    let pairs = text.split(';').filter_map(|it| it.split_once('='));
    pairs.map(|(_, value)| value.trim().trim_matches('"').to_owned())
}

/// What stands behind the scheme, and the password that is encoded in it.
fn of_authorization(text: &str) -> Vec<String> {
    let Some((scheme, credentials)) = text.split_once(' ') else {
        return Vec::new();
    };
    let mut secrets = vec![credentials.to_owned()];
    if scheme.eq_ignore_ascii_case("basic")
        && let Ok(decoded) = STANDARD.decode(credentials.trim())
        && let Some((_, password)) = String::from_utf8_lossy(&decoded).split_once(':')
    {
        secrets.push(password.to_owned());
    }
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(name: &'static str, value: &str) -> Credentials {
        let mut headers = HeaderMap::new();
        headers.insert(name, crate::secret_value(value.to_owned()));
        headers.insert("x-plain", HeaderValue::from_static("plain-and-long"));
        Credentials::of(&headers)
    }

    #[test]
    fn what_is_sensitive_of_a_request_is_masked_in_the_forms_in_which_servers_repeat_it() {
        for (name, value, told, shown) in [
            (
                "authorization",
                "Bearer t0k3n-4711",
                "[t0k3n-4711] no",
                "[***] no",
            ),
            (
                "authorization",
                "Bearer t0k3n-4711",
                "Bearer t0k3n-4711",
                "***",
            ),
            ("authorization", "t0k3n-4711", "<t0k3n-4711>", "<***>"),
            (
                "authorization",
                "Basic dTpodW50ZXI4OQ==",
                "u and hunter89",
                "u and ***",
            ),
            (
                "cookie",
                "a=1; s=\"s3ss10n-4711\"",
                "s is s3ss10n-4711",
                "s is ***",
            ),
            ("x-api-key", "k3y/4711+a b", "?k=k3y%2F4711%2Ba+b", "?k=***"),
            (
                "x-api-key",
                "k3y-4711-ab",
                "plain-and-long",
                "plain-and-long",
            ),
        ] {
            assert_eq!(
                credentials(name, value).mask(told),
                shown,
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn another_request_knows_nothing_of_them() {
        let own = credentials("authorization", "Bearer of-one-request");
        assert_eq!(own.mask("of-one-request"), "***");
        let other = credentials("authorization", "Bearer of-another-one");
        assert_eq!(other.mask("of-one-request"), "of-one-request");
    }
}
