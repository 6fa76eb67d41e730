//! Methods that sign and verify JSON Web Tokens with a shared secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use millrace_message::{Text, Value};
use sha2::{Sha256, Sha384, Sha512};

use super::parsing::escape_html;
use super::target;
use crate::arguments::Arguments;
use crate::eval_error::EvalError;
use crate::registry::{Category, Example, Method, Parameter, PreparedMethod};

const SECRET: Parameter = Parameter::string("signing_secret", "The secret.");

pub(super) const METHODS: &[Method] = &[
    Method::prepared("sign_jwt_hs256", "The object as the claims of a token signed with HS256.", |arguments, _| {
        sign::<Hmac<Sha256>>(arguments, "HS256")
    })
    .category(Category::Jwt)
    .since("v4.12.0")
    .parameters(&[SECRET])
    .examples(&[Example::new(
        r#"root.signed = this.claims.sign_jwt_hs256("dont-tell-anyone")"#,
        &[(
            r#"{"claims":{"sub":"user123"}}"#,
            r#"{"signed":"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyMTIzIn0.hUl-nngPMY_3h9vveWJUPsCcO5PeL6k9hWLnMYeFbFQ"}"#,
        )],
    )]),
    Method::prepared("sign_jwt_hs384", "The object as the claims of a token signed with HS384.", |arguments, _| {
        sign::<Hmac<Sha384>>(arguments, "HS384")
    })
    .category(Category::Jwt)
    .since("v4.12.0")
    .parameters(&[SECRET]),
    Method::prepared("sign_jwt_hs512", "The object as the claims of a token signed with HS512.", |arguments, _| {
        sign::<Hmac<Sha512>>(arguments, "HS512")
    })
    .category(Category::Jwt)
    .since("v4.12.0")
    .parameters(&[SECRET]),
    Method::prepared(
        "parse_jwt_hs256",
        "The claims of a token that is signed with HS256; an error when the signature is wrong or the token is expired or not valid yet.",
        |arguments, _| parse::<Hmac<Sha256>>(arguments, "HS256"),
    )
    .category(Category::Jwt)
    .impure()
    .since("v4.12.0")
    .parameters(&[SECRET])
    .examples(&[Example::new(
        r#"root = this.claims.sign_jwt_hs256("a").parse_jwt_hs256("a")"#,
        &[
            (r#"{"claims":{"sub":"user123"}}"#, r#"{"sub":"user123"}"#),
            (r#"{"claims":{"exp":1516239022}}"#, "error:token is expired"),
        ],
    )]),
    Method::prepared("parse_jwt_hs384", "As `parse_jwt_hs256` with HS384.", |arguments, _| {
        parse::<Hmac<Sha384>>(arguments, "HS384")
    })
    .category(Category::Jwt)
    .impure()
    .since("v4.12.0")
    .parameters(&[SECRET]),
    Method::prepared("parse_jwt_hs512", "As `parse_jwt_hs256` with HS512.", |arguments, _| {
        parse::<Hmac<Sha512>>(arguments, "HS512")
    })
    .category(Category::Jwt)
    .impure()
    .since("v4.12.0")
    .parameters(&[SECRET])
    .examples(&[Example::new(
        r#"root = this.claims.sign_jwt_hs512("a").parse_jwt_hs512("b")"#,
        &[(r#"{"claims":{}}"#, "error:signature is invalid")],
    )]),
];

fn key<M: KeyInit>(arguments: &Arguments<'_>) -> Result<M, EvalError> {
    <M as KeyInit>::new_from_slice(arguments.text(0)?.as_bytes())
        .map_err(|error| EvalError::new(format!("failed to decode signing_secret: {error}")))
}

fn sign<M>(arguments: &Arguments<'_>, algorithm: &'static str) -> Result<PreparedMethod, EvalError>
where
    M: Mac + KeyInit + Clone + Send + Sync + 'static,
{
    let mac = key::<M>(arguments)?;
    let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#));
    Ok(Box::new(move |claims| {
        if claims.as_object().is_none() {
            return Err(EvalError::wrong_type(&claims, &["object"]));
        }
        let claims = URL_SAFE_NO_PAD.encode(escape_html(claims.to_json()));
        let signed = format!("{header}.{claims}");
        let mut mac = mac.clone();
        mac.update(signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        Ok(Value::from(format!("{signed}.{signature}")))
    }))
}

fn parse<M>(arguments: &Arguments<'_>, algorithm: &'static str) -> Result<PreparedMethod, EvalError>
where
    M: Mac + KeyInit + Clone + Send + Sync + 'static,
{
    let mac = key::<M>(arguments)?;
    Ok(Box::new(move |target| {
        let token = target::text(&target)?;
        claims(&token, algorithm, mac.clone(), Timestamp::now().as_second())
            .map_err(|reason| EvalError::new(format!("failed to parse JWT string: {reason}")))
    }))
}

/// The claims of a token, once its algorithm, signature and times are checked.
fn claims<M: Mac>(token: &Text, algorithm: &str, mut mac: M, now: i64) -> Result<Value, String> {
    let malformed = "token is malformed";
    let parts: Vec<&str> = token.split('.').collect();
    let [header, body, signature] = parts[..] else {
        return Err(format!(
            "{malformed}: token contains an invalid number of segments"
        ));
    };
    let header = decode(header).ok_or(malformed)?;
    let used = header.get("alg");
    let used = used.as_ref().and_then(|it| it.as_str()).unwrap_or_default();
    if used != algorithm {
        return Err(format!(
            "token is unverifiable: error while executing keyfunc: incorrect signing method: {used}"
        ));
    }
    let claims = decode(body)
        .filter(|it| it.as_object().is_some())
        .ok_or(malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed)?;
    let signed = &token[..token.rfind('.').unwrap_or(0)];
    mac.update(signed.as_bytes());
    mac.verify_slice(&signature)
        .map_err(|_| "token signature is invalid: signature is invalid")?;
    check_time(&claims, now)?;
    Ok(claims)
}

fn decode(part: &str) -> Option<Value> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    Value::parse_json(Bytes::from(json)).ok()
}

fn check_time(claims: &Value, now: i64) -> Result<(), String> {
    let time = |claim: &str| match claims.get(claim) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(format!("token has invalid claims: {claim} is invalid")),
        },
    };
    if time("exp")?.is_some_and(|expires| now as f64 >= expires) {
        return Err("token has invalid claims: token is expired".to_owned());
    }
    if time("nbf")?.is_some_and(|begins| (now as f64) < begins) {
        return Err("token has invalid claims: token is not valid yet".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_checked_before_their_claims_are_given() {
        let mac = || <Hmac<Sha256> as KeyInit>::new_from_slice(b"what-is-love").unwrap();
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyMTMzOCIsIm5hbWUiOiJOb3QgQmxvYmF0aGFuIn0.EvUOdbPC4jsI_lN265eoidq7b0HrJSlg-DmmBqV_IyE";
        assert!(claims(&token.into(), "HS256", mac(), 0).is_ok());
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJuYW1lIjoiTm90IEJsb2JhdGhhbiIsInN1YiI6InVzZXIxMzM4In0.";
        for (token, algorithm, expected) in [
            (token, "HS384", "incorrect signing method: HS256"),
            (none, "HS256", "incorrect signing method: none"),
            (
                &token.replace("EvUO", "EvUP"),
                "HS256",
                "signature is invalid",
            ),
            ("a.b", "HS256", "number of segments"),
            ("!.b.c", "HS256", "malformed"),
        ] {
            let error = claims(&token.into(), algorithm, mac(), 0).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn times_bound_the_validity() {
        let claims =
            |json: &'static str| Value::parse_json(Bytes::from_static(json.as_bytes())).unwrap();
        assert!(check_time(&claims(r#"{"exp":100,"nbf":50}"#), 99).is_ok());
        assert!(check_time(&claims(r#"{"exp":100}"#), 100).is_err());
        assert!(check_time(&claims(r#"{"nbf":50}"#), 49).is_err());
        assert!(check_time(&claims(r#"{"exp":"soon"}"#), 49).is_err());
    }
}
