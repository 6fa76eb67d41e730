//! Methods that sign and verify JSON Web Tokens, with a shared secret or with keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use millrace_message::{Text, Value, clock};

use super::parsing::escape_html;
use super::target;
use crate::arguments::Arguments;
use crate::budget;
use crate::eval_error::EvalError;
use crate::registry::{Category, Example, Method, Parameter, PreparedMethod};

#[cfg(feature = "elliptic-curves")]
mod ec;
mod key;
mod pem;

use key::{Algorithm, Signer, Verifier};

const SECRET: Parameter = Parameter::string("signing_secret", "The secret.");
const PRIVATE_RSA: Parameter = Parameter::string(
    "signing_secret",
    "The private RSA key in PEM (PKCS #1 or PKCS #8), of 2048 bits at least.",
);
const PRIVATE_ELLIPTIC: Parameter = Parameter::string(
    "signing_secret",
    "The private key in PEM (SEC 1 or PKCS #8), on the curve of the algorithm: P-256, P-384 or P-521.",
);
const PUBLIC: Parameter =
    Parameter::string("signing_secret", "The public key in PEM, or a certificate.");

pub(super) const METHODS: &[Method] = &[
    Method::prepared("sign_jwt_hs256", "The object as the claims of a token signed with HS256.", |arguments, _| {
        sign(arguments, Algorithm::Hs256)
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
        sign(arguments, Algorithm::Hs384)
    })
    .category(Category::Jwt)
    .since("v4.12.0")
    .parameters(&[SECRET]),
    Method::prepared("sign_jwt_hs512", "The object as the claims of a token signed with HS512.", |arguments, _| {
        sign(arguments, Algorithm::Hs512)
    })
    .category(Category::Jwt)
    .since("v4.12.0")
    .parameters(&[SECRET]),
    Method::prepared("sign_jwt_rs256", "The object as the claims of a token signed with RS256.", |arguments, _| {
        sign(arguments, Algorithm::Rs256)
    })
    .category(Category::Jwt)
    .since("v4.18.0")
    .parameters(&[PRIVATE_RSA]),
    Method::prepared("sign_jwt_rs384", "The object as the claims of a token signed with RS384.", |arguments, _| {
        sign(arguments, Algorithm::Rs384)
    })
    .category(Category::Jwt)
    .since("v4.18.0")
    .parameters(&[PRIVATE_RSA]),
    Method::prepared("sign_jwt_rs512", "The object as the claims of a token signed with RS512.", |arguments, _| {
        sign(arguments, Algorithm::Rs512)
    })
    .category(Category::Jwt)
    .since("v4.18.0")
    .parameters(&[PRIVATE_RSA]),
    Method::prepared("sign_jwt_es256", "The object as the claims of a token signed with ES256.", |arguments, _| {
        sign(arguments, Algorithm::Es256)
    })
    .category(Category::Jwt)
    .since("v4.20.0")
    .parameters(&[PRIVATE_ELLIPTIC]),
    Method::prepared("sign_jwt_es384", "The object as the claims of a token signed with ES384.", |arguments, _| {
        sign(arguments, Algorithm::Es384)
    })
    .category(Category::Jwt)
    .since("v4.20.0")
    .parameters(&[PRIVATE_ELLIPTIC]),
    Method::prepared("sign_jwt_es512", "The object as the claims of a token signed with ES512.", |arguments, _| {
        sign(arguments, Algorithm::Es512)
    })
    .category(Category::Jwt)
    .since("v4.20.0")
    .parameters(&[PRIVATE_ELLIPTIC]),
    Method::prepared(
        "parse_jwt_hs256",
        "The claims of a token that is signed with HS256; an error when the signature is wrong or the token is expired or not valid yet.",
        |arguments, _| parse(arguments, Algorithm::Hs256),
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
    Method::prepared(
        "parse_jwt_hs384",
        "As `parse_jwt_hs256` with HS384.",
        |arguments, _| parse(arguments, Algorithm::Hs384),
    )
    .category(Category::Jwt)
    .impure()
    .since("v4.12.0")
    .parameters(&[SECRET]),
    Method::prepared(
        "parse_jwt_hs512",
        "As `parse_jwt_hs256` with HS512.",
        |arguments, _| parse(arguments, Algorithm::Hs512),
    )
    .category(Category::Jwt)
    .impure()
    .since("v4.12.0")
    .parameters(&[SECRET])
    .examples(&[Example::new(
        r#"root = this.claims.sign_jwt_hs512("a").parse_jwt_hs512("b")"#,
        &[(r#"{"claims":{}}"#, "error:signature is invalid")],
    )]),
    Method::prepared(
        "parse_jwt_rs256",
        "As `parse_jwt_hs256` with RS256.",
        |arguments, _| parse(arguments, Algorithm::Rs256),
    )
    .category(Category::Jwt)
    .impure()
    .since("v4.20.0")
    .parameters(&[PUBLIC]),
    Method::prepared(
        "parse_jwt_rs384",
        "As `parse_jwt_hs256` with RS384.",
        |arguments, _| parse(arguments, Algorithm::Rs384),
    )
    .category(Category::Jwt)
    .impure()
    .since("v4.20.0")
    .parameters(&[PUBLIC]),
    Method::prepared(
        "parse_jwt_rs512",
        "As `parse_jwt_hs256` with RS512.",
        |arguments, _| parse(arguments, Algorithm::Rs512),
    )
    .category(Category::Jwt)
    .impure()
    .since("v4.20.0")
    .parameters(&[PUBLIC]),
    Method::prepared(
        "parse_jwt_es256",
        "As `parse_jwt_hs256` with ES256, a public key on the curve P-256.",
        |arguments, _| parse(arguments, Algorithm::Es256),
    )
    .category(Category::Jwt)
    .impure()
    .since("v4.20.0")
    .parameters(&[PUBLIC])
    .examples(&[Example::new(
        "root.claims = this.signed.parse_jwt_es256(\"\"\"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEU+O6Scuoq6eeailDwZwAJUsNxIFA\ng54dDrNv1tnWVqhA8LBVpVjjHCvr2Mhx2SrS2+7MZd3AfJisU08CG3n6cw==\n-----END PUBLIC KEY-----\"\"\")",
        &[
            (
                r#"{"signed":"eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyMTIzIn0.1c0Q3ROi4Jd3OSTQXB-Sdh7aSpmmUVbYXJhiM0KrGjo1l9jpTafd2ZTY6iSXwCkkieJuV-Ud5UFK4xyxpMNk_Q"}"#,
                r#"{"claims":{"sub":"user123"}}"#,
            ),
            (r#"{"signed":"a.b.c"}"#, "error:token is malformed"),
        ],
    )]),
    Method::prepared(
        "parse_jwt_es384",
        "As `parse_jwt_hs256` with ES384.",
        |arguments, _| parse(arguments, Algorithm::Es384),
    )
    .category(Category::Jwt)
    .impure()
    .since("v4.20.0")
    .parameters(&[PUBLIC]),
    Method::prepared(
        "parse_jwt_es512",
        "As `parse_jwt_hs256` with ES512.",
        |arguments, _| parse(arguments, Algorithm::Es512),
    )
    .category(Category::Jwt)
    .impure()
    .since("v4.20.0")
    .parameters(&[PUBLIC]),
];

fn sign(arguments: &Arguments<'_>, algorithm: Algorithm) -> Result<PreparedMethod, EvalError> {
    let signer = algorithm
        .signer(arguments.text(0)?)
        .map_err(|error| EvalError::new(format!("failed to decode signing_secret: {error}")))?;
    Ok(Box::new(move |claims| {
        if claims.as_object().is_none() {
            return Err(EvalError::wrong_type(&claims, &["object"]));
        }
        budget::unfold(&claims)?;
        token(&claims, algorithm, &signer)
            .map(Value::from)
            .map_err(|error| EvalError::new(format!("failed to sign token: {error}")))
    }))
}

fn token(claims: &Value, algorithm: Algorithm, signer: &Signer) -> Result<String, String> {
    let header = format!(r#"{{"alg":"{}","typ":"JWT"}}"#, algorithm.name());
    let header = URL_SAFE_NO_PAD.encode(header);
    let claims = URL_SAFE_NO_PAD.encode(escape_html(claims.to_json()));
    let signed = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(signer(signed.as_bytes())?);
    Ok(format!("{signed}.{signature}"))
}

fn parse(arguments: &Arguments<'_>, algorithm: Algorithm) -> Result<PreparedMethod, EvalError> {
    let verifier = algorithm
        .verifier(arguments.text(0)?)
        .map_err(|error| EvalError::new(format!("failed to decode signing_secret: {error}")))?;
    Ok(Box::new(move |target| {
        let token = target::text(&target)?;
        claims(&token, algorithm, &verifier, clock::now().as_second())
            .map_err(|reason| EvalError::new(format!("failed to parse JWT string: {reason}")))
    }))
}

/// The claims of a token, once its algorithm, signature and times are checked.
fn claims(
    token: &Text,
    algorithm: Algorithm,
    verifier: &Verifier,
    now: i64,
) -> Result<Value, String> {
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
    if used != algorithm.name() {
        return Err(format!(
            "token is unverifiable: error while executing keyfunc: incorrect signing method: {used}"
        ));
    }
    let claims = decode(body)
        .filter(|it| it.as_object().is_some())
        .ok_or(malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed)?;
    let signed = &token[..token.rfind('.').unwrap_or(0)];
    if !verifier(signed.as_bytes(), &signature) {
        return Err("token signature is invalid: signature is invalid".to_owned());
    }
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
        let claims = |token: &str, algorithm: Algorithm| {
            let verifier = algorithm.verifier("what-is-love").unwrap();
            claims(&token.into(), algorithm, &verifier, 0)
        };
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyMTMzOCIsIm5hbWUiOiJOb3QgQmxvYmF0aGFuIn0.EvUOdbPC4jsI_lN265eoidq7b0HrJSlg-DmmBqV_IyE";
        assert!(claims(token, Algorithm::Hs256).is_ok());
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJuYW1lIjoiTm90IEJsb2JhdGhhbiIsInN1YiI6InVzZXIxMzM4In0.";
        for (token, algorithm, expected) in [
            (token, Algorithm::Hs384, "incorrect signing method: HS256"),
            (none, Algorithm::Hs256, "incorrect signing method: none"),
            (
                &token.replace("EvUO", "EvUP"),
                Algorithm::Hs256,
                "signature is invalid",
            ),
            ("a.b", Algorithm::Hs256, "number of segments"),
            ("!.b.c", Algorithm::Hs256, "malformed"),
        ] {
            let error = claims(token, algorithm).unwrap_err();
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

    /// The keys of algorithms that are in this build.
    fn keys() -> impl Iterator<Item = (Algorithm, &'static [&'static str], &'static str)> {
        let has_curves = cfg!(feature = "elliptic-curves");
        let keys = KEYS.into_iter();
        keys.filter(move |(algorithm, ..)| has_curves || *algorithm == Algorithm::Rs256)
    }

    /// Keys that were made for these tests and are used nowhere else.
    const KEYS: [(Algorithm, &[&str], &str); 4] = [
        (
            Algorithm::Rs256,
            &[
                "-----BEGIN RSA PRIVATE KEY-----\nMIIEpQIBAAKCAQEAyrXKcNtGQO27I+aMl0jY6TE4HytaNavMXM6+R9Kb/aJlqCBv\nGkyB2SKJVxC/P43Kms7UR+pM8zoxeuRueZzMhE7kEvSUs0XuRx47aS9lUg8pCkZN\n1CUh0FyAx3vwedfpS9zY/Fwd5sUd49G5+y0Lj+dZy7G9pdDQEprx+GrZQhGhXoKs\nhyuQqqudT3Yt3T/vzdJt9VR7dmbsxlq0qB/ShtvMxkxyikH1d/OQgdQa0b1CCXWq\nZ7QZfzxVnYjigocCaVfAxUtn02SFa5PqMN0cFca7yVn8JTIvguE4ELgMb1gdPsSo\nCtr2OLeiyIGUw4YVs0VQwW/n38nqzkAgP3xxeQIDAQABAoIBAA126QcZR4e3SsGK\nFi9T0UWfBXJrkaLEQi8tc93nL0GYBH7YBa02ZP8YYE1CUWO+LjWddKQAvAMBa+k0\n7GIjUEHfEB7ytEBaria26z0TvvwGAgS60f9cBoyVol+tu7XKKcbGWPrdPwa1s+Qu\nqXb1wWF5/WDOcfGGRtXfiSBGL59n2FcsrfHqfAgOUSVKXb3AWsK2x/b0KzdRFuG9\nAXiLAs7E6cwZIpOTTACBrEnnMRTrcixpgVL5Fk2ciXxTor7sqZM2GhwVJ/E/3scQ\nD5avqW4Kx61EPntwXHMgBv2fmXXUKLMfygH/mWI9tXcOP4DeClReLhcUYxBPcHZ+\nMbQ2UmECgYEA7u7X78uzfTfONt+Ut71jhNlIUBAOQVlvYap9LV3bFo2CdjIFIpnR\nk4jRdidFV0EU9WODWD/LtuWOvf+/5j0lfGfCNKIoa+tQVfwFAlgu1d7pcx+c3urG\n7F2ZPms852AibmBAjLRDEJ1lxoleWX3II+bd9lvEhA+iJWhxz07m0iECgYEA2TCS\nYE81AhcrZcTlEaS9ef+wR70V73TyxKuXl9O76Si6Z6Ani6WN1WiRyN7N1jVGZm3o\nC4N/5Vs2A7bNCBaEH/WIYobf6WFQ3dX3vL9XeUUe09ot7F6pV02Q8xK0cPLMWw7b\nbezMWJ2lBJS4eesnC6SLuoELzhj5frMIuSsY5FkCgYEAkFnIJ92fYOVYNpq5VJCd\nEWPcZlJs6lpICm9gFQqBFI0F5ratl4vqrAGa2pE7OU3ehapLbgOM5cCmjm921njW\nruRY1kepuBmAfZI2zIXONfPogl70/VBGQgMCVE2hi//ujVSlatx1MBKHrHzNfa+a\nPOZ77xzeCxMO2R7Ss3ZtyUECgYEAqANlGM/tR8K4ta+NLQrt8NSVf8mMkIM90lqT\nmMYY1ZPGL6e7L9JQWEjeji+duBnabh6TpWSCqeDXdiQRlDIm37pHWUDRMm8v6Yw+\na2rxtkR8RpK/d9z6zyiX+xH7OGz7HW3u3aiTo/G/2D1cQCRjPiR6Wzq88SBs0VCa\nbPQj+3ECgYEAinuPF+jc0XCUPLLEQdn44o/prCAfR/v7XzdZr41I31pfd5KcMvml\nnRcaSLACJz8dmH3pw46HKRnynyctVyszMR8N74SsFsWekk8eJ00JER48fEeq3K3b\nTJ0wtdTgBa7i6RCs2tZuaruRDxRbi88IQWgEpL1FVM5iveAbu+nBhC8=\n-----END RSA PRIVATE KEY-----",
            ],
            "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyrXKcNtGQO27I+aMl0jY\n6TE4HytaNavMXM6+R9Kb/aJlqCBvGkyB2SKJVxC/P43Kms7UR+pM8zoxeuRueZzM\nhE7kEvSUs0XuRx47aS9lUg8pCkZN1CUh0FyAx3vwedfpS9zY/Fwd5sUd49G5+y0L\nj+dZy7G9pdDQEprx+GrZQhGhXoKshyuQqqudT3Yt3T/vzdJt9VR7dmbsxlq0qB/S\nhtvMxkxyikH1d/OQgdQa0b1CCXWqZ7QZfzxVnYjigocCaVfAxUtn02SFa5PqMN0c\nFca7yVn8JTIvguE4ELgMb1gdPsSoCtr2OLeiyIGUw4YVs0VQwW/n38nqzkAgP3xx\neQIDAQAB\n-----END PUBLIC KEY-----",
        ),
        (
            Algorithm::Es256,
            &[
                "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIFDLYGK99IG752Dvk02+WFW3NoBm6MC4bheMFGO+MzwNoAoGCCqGSM49\nAwEHoUQDQgAEU+O6Scuoq6eeailDwZwAJUsNxIFAg54dDrNv1tnWVqhA8LBVpVjj\nHCvr2Mhx2SrS2+7MZd3AfJisU08CG3n6cw==\n-----END EC PRIVATE KEY-----",
                "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUMtgYr30gbvnYO+T\nTb5YVbc2gGbowLhuF4wUY74zPA2hRANCAART47pJy6irp55qKUPBnAAlSw3EgUCD\nnh0Os2/W2dZWqEDwsFWlWOMcK+vYyHHZKtLb7sxl3cB8mKxTTwIbefpz\n-----END PRIVATE KEY-----",
            ],
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEU+O6Scuoq6eeailDwZwAJUsNxIFA\ng54dDrNv1tnWVqhA8LBVpVjjHCvr2Mhx2SrS2+7MZd3AfJisU08CG3n6cw==\n-----END PUBLIC KEY-----",
        ),
        (
            Algorithm::Es384,
            &[
                "-----BEGIN EC PRIVATE KEY-----\nMIGkAgEBBDDlSXsCzoOEHQeXHZ7Obu1KZvZoVU5z1v96nwuVpFtPyqMZj+f/Eife\ntK/A2u11v9OgBwYFK4EEACKhZANiAAScG+Z8Mno1E8QyIhn+on3ciVbO1YAfot2d\nbcJiPu8IW4bHzQrjduywfP13kwaCw1Vbb+G09GUZzp7hyJSV4Yg2jVfUj2KNxh9c\n6kDPxWWEgXlCb3l1CxEIjQL8A57Fn0M=\n-----END EC PRIVATE KEY-----",
                "-----BEGIN PRIVATE KEY-----\nMIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDDlSXsCzoOEHQeXHZ7O\nbu1KZvZoVU5z1v96nwuVpFtPyqMZj+f/EifetK/A2u11v9OhZANiAAScG+Z8Mno1\nE8QyIhn+on3ciVbO1YAfot2dbcJiPu8IW4bHzQrjduywfP13kwaCw1Vbb+G09GUZ\nzp7hyJSV4Yg2jVfUj2KNxh9c6kDPxWWEgXlCb3l1CxEIjQL8A57Fn0M=\n-----END PRIVATE KEY-----",
            ],
            "-----BEGIN PUBLIC KEY-----\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEnBvmfDJ6NRPEMiIZ/qJ93IlWztWAH6Ld\nnW3CYj7vCFuGx80K43bssHz9d5MGgsNVW2/htPRlGc6e4ciUleGINo1X1I9ijcYf\nXOpAz8VlhIF5Qm95dQsRCI0C/AOexZ9D\n-----END PUBLIC KEY-----",
        ),
        (
            Algorithm::Es512,
            &[
                "-----BEGIN EC PRIVATE KEY-----\nMIHcAgEBBEIAXcpwjgB4YuAYExiv/dABXSlgoyfl24OZVRqNZuijxU/p8RCyvvb8\naVXrzflkEmxaj955VgraSbqHR8HR+7loI+agBwYFK4EEACOhgYkDgYYABAGqqaS8\nwOxZSojDUhW8WrTvzicw72e7AU+dnGXBjL+77qz/U+pidHPxMAv83rZksB6WiXIK\nvVYzH5n+u3ANjBjCOQCDlUzqshbz1T742LbPLw1ehfFVNnvyywS3lEkxEjx5j6ST\nLYi0fIaLzxku//XJsdxwBI9K+QWZzVHS5gZUf1iJRg==\n-----END EC PRIVATE KEY-----",
                "-----BEGIN PRIVATE KEY-----\nMIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIAXcpwjgB4YuAYExiv\n/dABXSlgoyfl24OZVRqNZuijxU/p8RCyvvb8aVXrzflkEmxaj955VgraSbqHR8HR\n+7loI+ahgYkDgYYABAGqqaS8wOxZSojDUhW8WrTvzicw72e7AU+dnGXBjL+77qz/\nU+pidHPxMAv83rZksB6WiXIKvVYzH5n+u3ANjBjCOQCDlUzqshbz1T742LbPLw1e\nhfFVNnvyywS3lEkxEjx5j6STLYi0fIaLzxku//XJsdxwBI9K+QWZzVHS5gZUf1iJ\nRg==\n-----END PRIVATE KEY-----",
            ],
            "-----BEGIN PUBLIC KEY-----\nMIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQBqqmkvMDsWUqIw1IVvFq0784nMO9n\nuwFPnZxlwYy/u+6s/1PqYnRz8TAL/N62ZLAelolyCr1WMx+Z/rtwDYwYwjkAg5VM\n6rIW89U++Ni2zy8NXoXxVTZ78ssEt5RJMRI8eY+kky2ItHyGi88ZLv/1ybHccASP\nSvkFmc1R0uYGVH9YiUY=\n-----END PUBLIC KEY-----",
        ),
    ];

    #[test]
    fn what_a_private_key_signs_its_public_key_verifies() {
        let object = Value::parse_json(Bytes::from_static(br#"{"a":1}"#)).unwrap();
        for (algorithm, private, public) in keys() {
            let verifier = algorithm.verifier(public).unwrap();
            for key in private {
                let signer = algorithm.signer(key).unwrap();
                let signed = token(&object, algorithm, &signer).unwrap();
                let read = claims(&signed.as_str().into(), algorithm, &verifier, 0);
                assert_eq!(read.as_ref(), Ok(&object), "{algorithm:?}");
                // Another last byte of the claims, and another one of the signature.
                let (body, signature) = signed.rsplit_once('.').unwrap();
                let other = format!("{body}x.{signature}");
                assert!(claims(&other.as_str().into(), algorithm, &verifier, 0).is_err());
                let other = format!("{body}.{}A", &signature[..signature.len() - 2]);
                assert!(claims(&other.as_str().into(), algorithm, &verifier, 0).is_err());
            }
        }
    }

    #[test]
    fn a_public_key_may_stand_in_a_certificate_or_in_pkcs_1() {
        let object = Value::parse_json(Bytes::from_static(br#"{"a":1}"#)).unwrap();
        for (algorithm, private, _) in keys() {
            let signer = algorithm.signer(private[0]).unwrap();
            let signed = token(&object, algorithm, &signer).unwrap();
            for (of, public) in OTHER_FORMS {
                if of == algorithm {
                    let verifier = algorithm.verifier(public).unwrap();
                    let read = claims(&signed.as_str().into(), algorithm, &verifier, 0);
                    assert_eq!(read.as_ref(), Ok(&object), "{public}");
                } else {
                    assert!(algorithm.verifier(public).is_err(), "{algorithm:?} {of:?}");
                }
            }
        }
    }

    /// Public keys of [`KEYS`] in other forms than X.509.
    const OTHER_FORMS: [(Algorithm, &str); 3] = [
        (
            Algorithm::Rs256,
            "-----BEGIN RSA PUBLIC KEY-----\nMIIBCgKCAQEAyrXKcNtGQO27I+aMl0jY6TE4HytaNavMXM6+R9Kb/aJlqCBvGkyB\n2SKJVxC/P43Kms7UR+pM8zoxeuRueZzMhE7kEvSUs0XuRx47aS9lUg8pCkZN1CUh\n0FyAx3vwedfpS9zY/Fwd5sUd49G5+y0Lj+dZy7G9pdDQEprx+GrZQhGhXoKshyuQ\nqqudT3Yt3T/vzdJt9VR7dmbsxlq0qB/ShtvMxkxyikH1d/OQgdQa0b1CCXWqZ7QZ\nfzxVnYjigocCaVfAxUtn02SFa5PqMN0cFca7yVn8JTIvguE4ELgMb1gdPsSoCtr2\nOLeiyIGUw4YVs0VQwW/n38nqzkAgP3xxeQIDAQAB\n-----END RSA PUBLIC KEY-----",
        ),
        (
            Algorithm::Rs256,
            "-----BEGIN CERTIFICATE-----\nMIIC+zCCAeOgAwIBAgIUKpH89ar9aTFeNiznjAqwF3RQtkIwDQYJKoZIhvcNAQEL\nBQAwDDEKMAgGA1UEAwwBdDAgFw0yNjExMjkwMDA2MzRaGA8yMTI2MTEwNTAwMDYz\nNFowDDEKMAgGA1UEAwwBdDCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEB\nAMq1ynDbRkDtuyPmjJdI2OkxOB8rWjWrzFzOvkfSm/2iZaggbxpMgdkiiVcQvz+N\nyprO1EfqTPM6MXrkbnmczIRO5BL0lLNF7kceO2kvZVIPKQpGTdQlIdBcgMd78HnX\n6Uvc2PxcHebFHePRufstC4/nWcuxvaXQ0BKa8fhq2UIRoV6CrIcrkKqrnU92Ld0/\n783SbfVUe3Zm7MZatKgf0obbzMZMcopB9XfzkIHUGtG9Qgl1qme0GX88VZ2I4oKH\nAmlXwMVLZ9NkhWuT6jDdHBXGu8lZ/CUyL4LhOBC4DG9YHT7EqAra9ji3osiBlMOG\nFbNFUMFv59/J6s5AID98cXkCAwEAAaNTMFEwHQYDVR0OBBYEFMzIcX5fPYWQ1ilI\nEb2gzM/3tY6OMB8GA1UdIwQYMBaAFMzIcX5fPYWQ1ilIEb2gzM/3tY6OMA8GA1Ud\nEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADggEBAGymAUfv7zyOym9MPCDQ/Qtq\nq8WT0UQpiVoR230sXridjLcjrUKUsWN5VmmODa1NgywE86R8CbEpniOvRuLjKocI\n2f+VuIEcf/l7wulZYBSLGyD4uqeOSnNSLdII+fnHaXISj5KEP99z1hL4ziPG77wB\nILzBaPY9t4EnKJ1asOzPRzhFtovwPK661oV0+XOxqMZWdZiGFMzy2gENCXBRlFVg\n/89jX3lLrGluK8BpFQvKNEmRV0Q0OlCpaLp0K0nrrva1T7tLnvoBIaUYpCWNTKVF\n05ZWZHVVjz5rO4TAK0Cnv6RyKz2pJ9Uwj4n0h2a4xlSmgU/okI1Gtic8LkomsPM=\n-----END CERTIFICATE-----",
        ),
        (
            Algorithm::Es256,
            "-----BEGIN CERTIFICATE-----\nMIIBbzCCARWgAwIBAgIUIO4THyO4KGDdps2Yt1JJASKxIZswCgYIKoZIzj0EAwIw\nDDEKMAgGA1UEAwwBdDAgFw0yNjExMjkwMDA2MzRaGA8yMTI2MTEwNTAwMDYzNFow\nDDEKMAgGA1UEAwwBdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABFPjuknLqKun\nnmopQ8GcACVLDcSBQIOeHQ6zb9bZ1laoQPCwVaVY4xwr69jIcdkq0tvuzGXdwHyY\nrFNPAht5+nOjUzBRMB0GA1UdDgQWBBTnILcIPJg/cWLhLWR8tpfPo3OJzjAfBgNV\nHSMEGDAWgBTnILcIPJg/cWLhLWR8tpfPo3OJzjAPBgNVHRMBAf8EBTADAQH/MAoG\nCCqGSM49BAMCA0gAMEUCIHs5TbU4VWorTg9VFNu+Kj4XReGcfYjBL0mQ4wwb2Kq3\nAiEAi98cArVq9F034qHVWRIsS1k1vk0cdcHRDHGtIrGtM3A=\n-----END CERTIFICATE-----",
        ),
    ];

    #[test]
    fn a_key_of_another_kind_is_refused_without_showing_it() {
        for (algorithm, private, public) in keys() {
            for (other, other_private, other_public) in KEYS {
                if algorithm == other {
                    continue;
                }
                let errors = [
                    algorithm.signer(other_private[0]).err().unwrap(),
                    algorithm.verifier(other_public).err().unwrap(),
                ];
                for error in errors {
                    assert!(error.contains("key is"), "{algorithm:?} {other:?}: {error}");
                    assert!(!error.contains("BEGIN"), "{error}");
                }
            }
            assert!(algorithm.signer(public).is_err(), "{algorithm:?}");
            assert!(algorithm.verifier(private[0]).is_err(), "{algorithm:?}");
        }
    }
}
