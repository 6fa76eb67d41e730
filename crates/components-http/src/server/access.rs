//! Basic authentication of the server's clients.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use millrace_spec::{Node, ReadContext, Secret, Spec, codes};
use parking_lot::Mutex;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;

use super::reply;
use crate::Body;

mod password;

use password::{Algorithm, PasswordHash, equal};

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
    /// How the hash was made. `scrypt` and `bcrypt` withstand whoever gets to know the hash; they are
    /// made to be slow, so passwords are tried one at a time, and the right one is remembered.
    #[spec(default = "sha256")]
    algorithm: Algorithm,
    /// The salt of `scrypt`, in Base64.
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
    } else if let Err(reason) = auth.hash() {
        cx.error(codes::INVALID_VALUE, node.span, reason);
    }
}

impl BasicAuth {
    fn hash(&self) -> Result<PasswordHash, String> {
        let (hash, salt) = (self.password_hash.expose(), self.salt.expose());
        PasswordHash::new(self.algorithm, hash, salt)
    }

    /// Who may enter, when that is asked for.
    pub(crate) fn active(&self) -> Option<Access> {
        if !self.enabled {
            return None;
        }
        let hash = self.hash().expect("the hash was checked when it was read");
        let realm = self.realm.replace(['"', '\\', '\r', '\n'], "");
        let challenge = format!("Basic realm=\"{realm}\", charset=\"UTF-8\"");
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Some(Access {
            challenge: HeaderValue::from_str(&challenge).ok(),
            username: self.username.clone(),
            hash: Arc::new(hash),
            // Without a key nothing is remembered.
            key: key.ok(),
            accepted: Mutex::default(),
            turn: Semaphore::new(1),
        })
    }
}

/// Who may enter.
pub(crate) struct Access {
    challenge: Option<HeaderValue>,
    username: String,
    hash: Arc<PasswordHash>,
    /// A key of this process, so that what is remembered says nothing elsewhere.
    key: Option<hmac::Key>,
    /// The name and password that were right, where it takes long to find that out.
    accepted: Mutex<Option<hmac::Tag>>,
    /// Whose password is tried, where that takes long.
    turn: Semaphore,
}

impl Access {
    /// Whether the request gives the right name and password; takes the same time for every wrong
    /// one.
    pub(super) async fn allows(&self, headers: &HeaderMap) -> bool {
        let Some(given) = credentials(headers) else {
            return false;
        };
        if !self.hash.is_slow() {
            return self.matches(&given);
        }
        let tag = self.key.as_ref().map(|key| hmac::sign(key, &given));
        if let (Some(key), Some(accepted)) = (&self.key, *self.accepted.lock())
            && hmac::verify(key, &given, accepted.as_ref()).is_ok()
        {
            return true;
        }
        let is_right = self.matches_in_turn(given).await;
        if is_right {
            *self.accepted.lock() = tag;
        }
        is_right
    }

    fn matches(&self, given: &[u8]) -> bool {
        let (username, password) = split(given);
        // Both are compared before either decides.
        let username_matches = equal(username, self.username.as_bytes());
        let password_matches = self.hash.matches(password);
        username_matches && password_matches
    }

    /// Tries the password on a thread that may take its time, after those that came before.
    async fn matches_in_turn(&self, given: Vec<u8>) -> bool {
        let Ok(_turn) = self.turn.acquire().await else {
            return false;
        };
        let (username, password) = split(&given);
        let username_matches = equal(username, self.username.as_bytes());
        let (hash, password) = (Arc::clone(&self.hash), password.to_vec());
        let tried = tokio::task::spawn_blocking(move || hash.matches(&password));
        // A panic is no password.
        let password_matches = tried.await.unwrap_or(false);
        username_matches && password_matches
    }

    pub(super) fn refusal(&self) -> Response<Body> {
        let mut response = reply::error(StatusCode::UNAUTHORIZED, "Unauthorized");
        if let Some(challenge) = &self.challenge {
            let challenge = challenge.clone();
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// `name:password`, as the request gives it.
fn credentials(headers: &HeaderMap) -> Option<Vec<u8>> {
    let given = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, given) = given.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then_some(())?;
    STANDARD.decode(given.trim()).ok()
}

fn split(given: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = given.splitn(2, |&byte| byte == b':');
    let username = halves.next().unwrap_or_default();
    (username, halves.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::Workbench;
    use millrace_testkit::cases;

    use super::*;

    fn read(yaml: &str) -> Result<BasicAuth, String> {
        Workbench::new([]).read(yaml)
    }

    async fn allows(access: &Access, username: &str, password: &str) -> bool {
        let given = STANDARD.encode(format!("{username}:{password}"));
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_str(&format!("Basic {given}")).expect("it is Base64");
        headers.insert(AUTHORIZATION, value);
        access.allows(&headers).await
    }

    #[tokio::test]
    async fn bentos_cases_are_answered_as_bento_does() {
        let rows = cases::rows("config_cases.jsonl");
        for row in rows.iter().filter(|it| it["kind"] == "http_basic_auth") {
            let text = |name: &str| row[name].as_str().unwrap_or_default();
            let yaml = format!(
                "{{ enabled: {}, algorithm: {}, username: {}, password_hash: {}, salt: '{}' }}",
                row["enabled"],
                text("algorithm"),
                text("correctUser"),
                text("correctPass"),
                text("salt"),
            );
            let auth = read(&yaml).unwrap_or_else(|error| panic!("{}: {error}", row["id"]));
            let is_allowed = match auth.active() {
                Some(access) => allows(&access, text("givenUser"), text("givenPass")).await,
                None => true,
            };
            let expected = text("expectedCode").ends_with("StatusOK");
            assert_eq!(is_allowed, expected, "{}", row["id"]);
        }
    }

    /// The password `secret`, hashed in every way.
    const HASHES: [&str; 4] = [
        "algorithm: md5, password_hash: Xr4ilOzQ4PCOq3aQ0qbuaQ==",
        "algorithm: sha256, password_hash: K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
        "algorithm: scrypt, password_hash: eJ01V0+YCJxHraokLp79ijKS0z1jzVQ3vFtGx5UEEiY=, \
         salt: EzrwNJYw2wkErVVV1P36FQ==",
        "algorithm: bcrypt",
    ];

    fn access(fields: &str) -> Access {
        let mut yaml = format!("{{ enabled: true, username: me, {fields}");
        if fields.ends_with("bcrypt") {
            let hash = bcrypt::hash("secret", 4).expect("the cost is allowed");
            yaml.push_str(&format!(", password_hash: {}", STANDARD.encode(hash)));
        }
        yaml.push('}');
        let auth = read(&yaml).unwrap_or_else(|error| panic!("{error}"));
        auth.active().expect("it is enabled")
    }

    #[tokio::test]
    async fn only_the_right_name_with_the_right_password_enters_again_and_again() {
        for fields in HASHES {
            let access = access(fields);
            for (username, password, is_right) in [
                ("me", "secret2", false),
                ("me", "secret", true),
                ("you", "secret", false),
                ("me", "secret", true),
            ] {
                let found = allows(&access, username, password).await;
                assert_eq!(found, is_right, "{fields}: {username} {password}");
            }
            assert!(!access.allows(&HeaderMap::new()).await, "{fields}");
            let has_remembered = access.accepted.lock().is_some();
            assert_eq!(has_remembered, access.hash.is_slow(), "{fields}");
        }
    }

    #[tokio::test]
    async fn the_scheme_may_be_written_in_any_case() {
        let access = access(HASHES[1]);
        let mut headers = HeaderMap::new();
        headers.insert(
            AUTHORIZATION,
            HeaderValue::from_static("bAsIc bWU6c2VjcmV0"),
        );
        assert!(access.allows(&headers).await);
        headers.insert(
            AUTHORIZATION,
            HeaderValue::from_static("Bearer bWU6c2VjcmV0"),
        );
        assert!(!access.allows(&headers).await);
    }

    #[test]
    fn what_is_no_hash_is_refused_without_being_shown() {
        for (fields, reason) in [
            ("username: me", "needs `username` and `password_hash`"),
            ("password_hash: cGw0bnRlZA==", "needs `username`"),
            ("username: me, password_hash: 'pl4nted!'", "not Base64"),
            (
                "username: me, password_hash: cGw0bnRlZA==",
                "7 bytes instead of 32",
            ),
            (
                "username: me, algorithm: bcrypt, password_hash: cGw0bnRlZA==",
                "no hash of `bcrypt`",
            ),
            (
                "username: me, algorithm: scrypt, \
                 password_hash: eJ01V0+YCJxHraokLp79ijKS0z1jzVQ3vFtGx5UEEiY=",
                "needs a `salt`",
            ),
            (
                "username: me, algorithm: scrypt, salt: 'pl4nted!', \
                 password_hash: eJ01V0+YCJxHraokLp79ijKS0z1jzVQ3vFtGx5UEEiY=",
                "`salt` is not Base64",
            ),
            (
                // `$2b$31$` and a hash.
                "username: me, algorithm: bcrypt, password_hash: \
                 JDJiJDMxJHVnMGtJRmZOWDFXTE1BMWZKcGNDLnVsWWVPMlRSb2VMWEdtVG40S3k0NmEzcmp3eUdLUDIu",
                "the cost 31",
            ),
            ("algorithm: rot13", "rot13"),
        ] {
            let error = read(&format!("{{ enabled: true, {fields} }}")).expect_err(fields);
            assert!(error.contains(reason), "{fields}: {error}");
            assert!(!error.contains("pl4nted"), "{error}");
        }
        read("{ enabled: false, algorithm: scrypt }").expect("it is not enabled");
    }
}
