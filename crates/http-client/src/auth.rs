//! Who the client says it is, where one header is enough for it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Method, Uri};
use millrace_message::Error;
use millrace_spec::{Node, OrderedMap, ReadContext, Resolved, Secret, Spec, codes};
use millrace_telemetry::Redactor;
use millrace_tls::pem;
use rand::Rng;
use ring::signature::{Ed25519KeyPair, RsaEncoding, RsaKeyPair};
use ring::{hmac, signature};
use rustls::pki_types::PrivateKeyDer;

/// Name and password.
#[derive(Clone, Debug, Spec)]
pub struct BasicAuth {
    /// Whether to authenticate by it.
    #[spec(default = false)]
    enabled: bool,
    /// The name.
    #[spec(default = "")]
    username: String,
    /// The password.
    #[spec(default = "")]
    password: Secret<String>,
}

/// OAuth 1 with HMAC-SHA1.
#[derive(Clone, Debug, Spec)]
pub struct OAuth {
    /// Whether to sign by it.
    #[spec(default = false)]
    enabled: bool,
    /// Identifies the client.
    #[spec(default = "")]
    consumer_key: String,
    /// The secret of the client.
    #[spec(default = "")]
    consumer_secret: Secret<String>,
    /// Stands for the user.
    #[spec(default = "")]
    access_token: String,
    /// The secret of the token.
    #[spec(default = "")]
    access_token_secret: Secret<String>,
}

/// A JSON web token, signed by a key of the client.
#[derive(Clone, Debug, Spec)]
#[spec(check = check_jwt)]
pub struct Jwt {
    /// Whether to authenticate by it.
    #[spec(default = false)]
    enabled: bool,
    /// The private key in PEM (PKCS#1 or PKCS#8).
    #[spec(default = "")]
    private_key_file: String,
    /// `RS256`, `RS384`, `RS512` or `EdDSA`.
    #[spec(default = "")]
    signing_method: String,
    /// The claims of the token.
    #[spec(default = {}, advanced)]
    claims: OrderedMap<Node>,
    /// Additional headers of the token.
    #[spec(default = {}, advanced)]
    headers: OrderedMap<Node>,
}

const SIGNING_METHODS: [&str; 4] = ["RS256", "RS384", "RS512", "EdDSA"];

fn check_jwt(jwt: &mut Jwt, node: &Node, cx: &mut ReadContext) {
    if !jwt.enabled {
        return;
    }
    if !SIGNING_METHODS.contains(&&*jwt.signing_method) {
        let span = node.field_span("signing_method");
        let message = format!("signing method `{}` is not known", jwt.signing_method);
        cx.error(codes::INVALID_OPTION, span, message).help =
            Some("one of `RS256`, `RS384`, `RS512`, `EdDSA`".to_owned());
    }
    if jwt.private_key_file.is_empty() {
        cx.error(
            codes::MISSING_FIELD,
            node.span,
            "field private_key_file is required",
        );
    }
}

/// What signs the requests of a client.
pub struct Signer {
    oauth: Option<OAuth>,
    /// A value that is the same for every request.
    fixed: Option<HeaderValue>,
}

impl Signer {
    /// # Errors
    /// The private key cannot be read.
    pub fn new(oauth: &OAuth, jwt: &Jwt, basic: &BasicAuth) -> Result<Self, Error> {
        let fixed = if basic.enabled {
            Some(basic_value(&basic.username, basic.password.expose()))
        } else if jwt.enabled {
            Some(secret_value(format!("Bearer {}", jwt.token()?)))
        } else {
            None
        };
        if let Some(fixed) = &fixed {
            hide(fixed);
        }
        Ok(Self {
            oauth: oauth.enabled.then(|| oauth.clone()),
            fixed,
        })
    }

    /// Sets `Authorization`, when one of the methods is on.
    pub fn sign(&self, method: &Method, uri: &Uri, headers: &mut HeaderMap) {
        if let Some(fixed) = &self.fixed {
            headers.insert(AUTHORIZATION, fixed.clone());
        } else if let Some(oauth) = &self.oauth {
            let nonce: u128 = rand::rng().random();
            let now = jiff::Timestamp::now().as_second();
            let value = oauth.authorization(method, uri, &format!("{nonce:032x}"), now);
            headers.insert(AUTHORIZATION, secret_value(value));
        }
    }
}

/// The value of `Authorization` for a name and a password.
pub fn basic_value(user: &str, password: &str) -> HeaderValue {
    secret_value(format!(
        "Basic {}",
        STANDARD.encode(format!("{user}:{password}"))
    ))
}

/// Keeps what stands behind the scheme of an `Authorization` out of everything that is shown: a
/// server may repeat it.
pub fn hide(authorization: &HeaderValue) {
    let text = authorization.to_str().unwrap_or_default();
    let credentials = text.split_once(' ').map_or(text, |(_, it)| it);
    Redactor::global().add(credentials);
}

/// The error without secrets: what a server says of a request may repeat what it was sent, and an
/// error is shown to people who may not know it.
#[must_use]
pub fn scrubbed(error: &Error) -> Error {
    Error::new(error.class(), Redactor::global().text_of(error))
}

/// A header value that is never printed; empty when the text cannot stand in a header.
pub fn secret_value(text: String) -> HeaderValue {
    let mut value = HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

impl OAuth {
    /// RFC 5849, section 3: the parameters of the query are signed as well.
    fn authorization(&self, method: &Method, uri: &Uri, nonce: &str, now: i64) -> String {
        let now = now.to_string();
        let own = [
            ("oauth_consumer_key", self.consumer_key.as_str()),
            ("oauth_nonce", nonce),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", now.as_str()),
            ("oauth_token", self.access_token.as_str()),
            ("oauth_version", "1.0"),
        ];
        let query = uri.query().unwrap_or_default();
        let query = form_urlencoded::parse(query.as_bytes());
        let mut signed: Vec<(String, String)> = query
            .map(|(name, value)| (escape(&name), escape(&value)))
            .collect();
        signed.extend(
            own.iter()
                .map(|(name, value)| (escape(name), escape(value))),
        );
        signed.sort();
        let signed: Vec<_> = signed.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let base = format!(
            "{method}&{}&{}",
            escape(&base_url(uri)),
            escape(&signed.join("&"))
        );
        let key = format!(
            "{}&{}",
            escape(self.consumer_secret.expose()),
            escape(self.access_token_secret.expose())
        );
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
        let signature = STANDARD.encode(hmac::sign(&key, base.as_bytes()));
        let parameter = |(name, value): (&str, &str)| format!("{name}=\"{}\"", escape(value));
        let mut parameters: Vec<_> = own.into_iter().map(parameter).collect();
        parameters.push(parameter(("oauth_signature", &signature)));
        format!("OAuth {}", parameters.join(", "))
    }
}

/// Scheme, host, port where it is not the usual one, and path.
fn base_url(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("http");
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    let usual = if scheme == "https" { 443 } else { 80 };
    match uri.port_u16().filter(|&it| it != usual) {
        Some(port) => format!("{scheme}://{host}:{port}{}", uri.path()),
        None => format!("{scheme}://{host}{}", uri.path()),
    }
}

/// Percent-encodes all but unreserved characters (RFC 3986).
fn escape(text: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    percent_encoding::utf8_percent_encode(text, KEPT).to_string()
}

impl Jwt {
    /// The signed token; claims and headers are fixed, so one serves every request.
    fn token(&self) -> Result<String, Error> {
        let file = &self.private_key_file;
        let wrong =
            |reason: &str| Error::fatal(format!("read jwt.private_key_file `{file}`: {reason}"));
        let key = pem::private_key_of_file(file).map_err(|reason| wrong(&reason))?;
        let mut header = vec![
            ("alg".to_owned(), format!("\"{}\"", self.signing_method)),
            ("typ".to_owned(), "\"JWT\"".to_owned()),
        ];
        for (name, value) in &self.headers.0 {
            header.retain(|(known, _)| known != name);
            header.push((name.clone(), json_of(value)));
        }
        let claims = self.claims.0.iter();
        let claims: Vec<_> = claims.map(|(k, v)| (k.clone(), json_of(v))).collect();
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(json_object(&header)),
            URL_SAFE_NO_PAD.encode(json_object(&claims))
        );
        let signature =
            sign(&self.signing_method, &key, signed.as_bytes()).map_err(|reason| wrong(&reason))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn sign(method: &str, key: &PrivateKeyDer<'_>, text: &[u8]) -> Result<Vec<u8>, String> {
    if method == "EdDSA" {
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.secret_der())
            .map_err(|error| format!("no Ed25519 key: {error}"))?;
        return Ok(key.sign(text).as_ref().to_vec());
    }
    let encoding: &'static dyn RsaEncoding = match method {
        "RS384" => &signature::RSA_PKCS1_SHA384,
        "RS512" => &signature::RSA_PKCS1_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    };
    let key = match key {
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        other => RsaKeyPair::from_pkcs8(other.secret_der()),
    };
    let key = key.map_err(|error| format!("no RSA key: {error}"))?;
    let mut signature = vec![0; key.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    key.sign(encoding, &random, text, &mut signature)
        .map_err(|error| format!("sign the token: {error}"))?;
    Ok(signature)
}

fn json_object(members: &[(String, String)]) -> String {
    let member = |(name, value): &(String, String)| format!("{}:{value}", json_string(name));
    let members: Vec<_> = members.iter().map(member).collect();
    format!("{{{}}}", members.join(","))
}

fn json_string(text: &str) -> String {
    let json = millrace_message::Value::from(text).to_json();
    String::from_utf8_lossy(&json).into_owned()
}

/// A value of the config as JSON.
fn json_of(node: &Node) -> String {
    match &node.value {
        millrace_spec::Value::Scalar(scalar) => match scalar.resolved {
            Resolved::Null => "null".to_owned(),
            Resolved::Bool(value) => value.to_string(),
            Resolved::Int(value) => value.to_string(),
            Resolved::UInt(value) => value.to_string(),
            Resolved::Float(value) if value.is_finite() => value.to_string(),
            Resolved::Float(_) | Resolved::String => json_string(&scalar.text),
        },
        millrace_spec::Value::Sequence(items) => {
            let items: Vec<_> = items.iter().map(json_of).collect();
            format!("[{}]", items.join(","))
        }
        millrace_spec::Value::Mapping(map) => {
            let entries = map.entries.iter();
            let members: Vec<_> = entries
                .map(|it| (it.key.to_string(), json_of(&it.value)))
                .collect();
            json_object(&members)
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_testkit::pem::KeyWithoutBreaks;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    #[test]
    fn a_request_is_signed_as_the_example_of_the_standard() {
        // The example request of https://oauth.net/core/1.0a/#anchor46 (appendix A.5).
        let oauth = OAuth {
            enabled: true,
            consumer_key: "dpf43f3p2l4k3l03".to_owned(),
            consumer_secret: Secret::new("kd94hf93k423kf44".to_owned()),
            access_token: "nnch734d00sl2jdk".to_owned(),
            access_token_secret: Secret::new("pfkkdhi9sl3r4s00".to_owned()),
        };
        let uri = "http://photos.example.net/photos?file=vacation.jpg&size=original";
        let value = oauth.authorization(
            &Method::GET,
            &uri.parse().unwrap(),
            "kllo9940pd9333jh",
            1_191_242_096,
        );
        assert!(
            value.contains("oauth_signature=\"tR3%2BTy81lMeYAr%2FFid0kMTYa%2FWM%3D\""),
            "{value}"
        );
    }

    /// The whole key is then the label of the first line, which the parser's error shows.
    #[test]
    fn a_private_key_whose_line_breaks_are_lost_is_not_quoted() {
        let files = KeyWithoutBreaks::write().unwrap();
        let jwt = |file: &str| Jwt {
            enabled: true,
            private_key_file: file.to_owned(),
            signing_method: "EdDSA".to_owned(),
            claims: OrderedMap(Vec::new()),
            headers: OrderedMap(Vec::new()),
        };
        let error = jwt(&files.key).token().unwrap_err();
        let text = error.text();
        assert!(
            text.starts_with("read jwt.private_key_file `/"),
            "the place is named: {text}"
        );
        assert!(!files.is_quoted_in(text), "{text}");
        let error = jwt("/dev/zero").token().unwrap_err();
        assert!(
            error.text().ends_with("it is a device, not a regular file"),
            "{error}"
        );
    }

    #[test]
    fn credentials_are_not_printed() {
        let value = basic_value("user", "secret");
        assert!(!format!("{value:?}").contains("Basic"));
        assert_eq!(value.as_bytes(), b"Basic dXNlcjpzZWNyZXQ=");
    }

    /// A key that protects nothing.
    const RSA_KEY: &str = include_str!("auth/test_key.pem");

    #[test]
    fn a_token_is_signed_by_each_method_of_rsa() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), RSA_KEY).unwrap();
        let key = PrivateKeyDer::from_pem_slice(RSA_KEY.as_bytes()).unwrap();
        let key = RsaKeyPair::from_pkcs8(key.secret_der()).unwrap();
        for (method, algorithm) in [
            ("RS256", &signature::RSA_PKCS1_2048_8192_SHA256),
            ("RS384", &signature::RSA_PKCS1_2048_8192_SHA384),
            ("RS512", &signature::RSA_PKCS1_2048_8192_SHA512),
        ] {
            let jwt = Jwt {
                enabled: true,
                private_key_file: file.path().display().to_string(),
                signing_method: method.to_owned(),
                claims: OrderedMap(Vec::new()),
                headers: OrderedMap(Vec::new()),
            };
            let token = jwt.token().unwrap();
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            signature::UnparsedPublicKey::new(algorithm, key.public().as_ref())
                .verify(signed.as_bytes(), &signature)
                .expect("the key has signed it");
            let header = URL_SAFE_NO_PAD
                .decode(signed.split('.').next().unwrap())
                .unwrap();
            let expected = format!(r#"{{"alg":"{method}","typ":"JWT"}}"#);
            assert_eq!(header, expected.as_bytes());
        }
    }
}
