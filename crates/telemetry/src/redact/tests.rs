use super::*;

fn check(secrets: &[&str], text: &str, expected: &str) {
    let redactor = Redactor::new();
    redactor.add_all(secrets.iter().copied());
    assert_eq!(redactor.redact(text), expected);
    assert_eq!(
        redactor.redact(expected),
        expected,
        "redaction is idempotent"
    );
}

#[test]
fn a_registered_secret_is_masked_wherever_it_stands() {
    check(&["hunter2hunter2"], "xhunter2hunter2x", "x***x");
    check(&["s3cr3t-key"], "a s3cr3t-key, s3cr3t-key", "a ***, ***");
    check(&["abcdefgh", "abcdefghijkl"], "abcdefghijkl", "***");
}

#[test]
fn a_short_secret_is_masked_only_where_it_stands_alone() {
    check(&["test"], "the latest test: test", "the latest ***: ***");
    check(
        &["guest"],
        "login guest refused for guests",
        "login *** refused for guests",
    );
    check(
        &["a", "abc", "", "true", "None"],
        "a true abc None",
        "a true abc None",
    );
}

#[test]
fn a_quoted_piece_of_a_secret_is_masked() {
    check(
        &["12hunter2"],
        r#"unknown unit "hunter" in duration "12hunter2""#,
        r#"unknown unit "***" in duration "***""#,
    );
    check(
        &["12hunter2"],
        r#"{\"error\":\"unit 'hunter' of `12hunter2`\"}"#,
        r#"{\"error\":\"unit '***' of `***`\"}"#,
    );
    check(
        &["correct horse battery"],
        "don't expect `horse batt…` of \"correct ...\" and 'correct horse battery'",
        "don't expect `***…` of \"***...\" and '***'",
    );
    check(
        &["correct horse battery"],
        "cannot parse \"se battery\"",
        "cannot parse \"***\"",
    );
    check(
        &["correct horse battery"],
        "the \"horse\" is `correct`, the battery \"new\"",
        "the \"horse\" is `correct`, the battery \"new\"",
    );
}

#[test]
fn escaped_and_encoded_forms_are_masked() {
    let secret = "pa\"ss\\wo rd\nü";
    let redactor = Redactor::new();
    redactor.add(secret);
    let json = serde_json_like(secret);
    let twice = serde_json_like(&json);
    for form in [
        secret.to_owned(),
        json,
        twice,
        format!("{secret:?}"),
        "pa%22ss%5Cwo%20rd%0A%C3%BC".to_owned(),
        "pa%22ss%5cwo%20rd%0a%c3%bc".to_owned(),
        "pa%22ss%5Cwo+rd%0A%C3%BC".to_owned(),
        "pa%22ss%5cwo+rd%0a%c3%bc".to_owned(),
    ] {
        let text = format!("before {form} after");
        let redacted = redactor.redact(&text);
        assert!(!redacted.contains("ss"), "{text} became {redacted}");
        assert!(redacted.starts_with("before ") && redacted.ends_with(" after"));
    }
}

fn serde_json_like(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[test]
fn a_secret_is_masked_in_forms_as_browsers_and_as_go_encode_them() {
    for form in [
        "so+se*cr%7Eet",
        "so+se%2Acr~et",
        "so+se%2acr~et",
        "so+se*cr%7eet",
    ] {
        check(&["so se*cr~et"], &format!("q={form}&x"), "q=***&x");
    }
}

#[test]
fn the_base64_of_a_text_that_holds_a_secret_is_masked_as_a_whole() {
    use base64::prelude::*;

    // Its Base64 is the same in the alphabet of URLs only where no byte asks for `+` or `/`.
    for secret in [
        "hunter2",
        "a key of \u{3ff}\u{3ff}~~~???>>>",
        "0123456789abcdef",
    ] {
        for before in [
            "",
            "u",
            "us",
            "user:",
            "POST / HTTP/1.1\r\nAuthorization: x",
        ] {
            for behind in ["", "\r", "\r\n", "\r\n\r\n{}"] {
                let text = format!("{before}{secret}{behind}");
                for encoded in [
                    BASE64_STANDARD.encode(&text),
                    BASE64_URL_SAFE_NO_PAD.encode(&text),
                ] {
                    check(
                        &[secret],
                        &format!("got `{encoded}` ({encoded})"),
                        "got `***` (***)",
                    );
                }
            }
        }
    }
    // Of a text that is Base64 already, as that of basic authentication.
    let pair = BASE64_STANDARD.encode("user:hunter2");
    let request = BASE64_STANDARD.encode(format!("Authorization: Basic {pair}\r\n"));
    check(&[&pair], &request, "***");
}

#[test]
fn other_base64_is_left_as_it_is() {
    use base64::prelude::*;

    for text in ["a text without it", "hunter and 2", "abcd", "default"] {
        let text = format!("got {}", BASE64_STANDARD.encode(text));
        // Short secrets, and words, would be found by chance.
        check(&["hunter2", "abcd", "default"], &text, &text);
    }
}

#[test]
fn a_line_of_a_key_is_masked_and_its_armour_is_not() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\n-----END PRIVATE KEY-----\n";
    check(
        &[key],
        "bad line MIIEvQIBADANBgkqhkiG in -----BEGIN PRIVATE KEY-----",
        "bad line *** in -----BEGIN PRIVATE KEY-----",
    );
}

#[test]
fn what_was_never_registered_is_masked_by_its_place() {
    for (text, expected) in [
        (
            "amqp://guest:guest@rabbitmq:5672/",
            "amqp://***@rabbitmq:5672/",
        ),
        (
            "dial redis://:p%40ss@h:6379/0?x=1: refused",
            "dial redis://***@h:6379/0?x=1: refused",
        ),
        ("(https://token123@host/x)", "(https://***@host/x)"),
        (
            "\"urls\":[\"nats://a:b@h1\",\"nats://c:d@h2\"]",
            "\"urls\":[\"nats://***@h1\",\"nats://***@h2\"]",
        ),
        ("nats://a:b@h1,nats://c:d@h2", "nats://***@h1,nats://***@h2"),
        ("amqp://u:pa/ss#1@host:1/v", "amqp://***@host:1/v"),
        ("amqp://u:p@ss@host", "amqp://***@host"),
        ("http://host:80/a@b", "http://host:80/a@b"),
        ("http://host/?mail=a@b", "http://host/?mail=a@b"),
        ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
        ("open root:pw@tcp(db:3306)/x", "open ***@tcp(db:3306)/x"),
        (
            "host=db user=u password=pw sslmode=off",
            "host=db user=u password=*** sslmode=off",
        ),
        ("password='p w' host=db", "password='***' host=db"),
        (
            "{\"password\":\"pw\",\"a\":1}",
            "{\"password\":\"***\",\"a\":1}",
        ),
        (
            "{\\\"password\\\":\\\"pw\\\",\\\"a\\\":1}",
            "{\\\"password\\\":\\\"***\\\",\\\"a\\\":1}",
        ),
        ("?PWD=x&y=1", "?PWD=***&y=1"),
        (
            "GET https://h/v1?model=m&api_key=a:b/c: refused",
            "GET https://h/v1?model=m&api_key=***: refused",
        ),
        (
            "\"url\":\"https://h/?X-Amz-Signature=0a&accessToken=1b\"",
            "\"url\":\"https://h/?X-Amz-Signature=***&accessToken=***\"",
        ),
        (
            "http://h/?token=&page_size=1&monkey=x&tokens=3",
            "http://h/?token=&page_size=1&monkey=x&tokens=3",
        ),
        ("a ?token b & key = c", "a ?token b & key = c"),
        (
            "password: authentication failed",
            "password: authentication failed",
        ),
        ("wrong password for user", "wrong password for user"),
        ("Authorization: Basic Z3Vlc3Q6", "Authorization: Basic ***"),
        (
            "\"authorization\": \"Bearer abc.def\"",
            "\"authorization\": \"Bearer ***\"",
        ),
        ("authorization failed", "authorization failed"),
        ("://", "://"),
        ("password=", "password="),
        ("@tcp(", "@tcp("),
        ("é@tcp(h)", "***@tcp(h)"),
    ] {
        check(&[], text, expected);
    }
}

#[test]
fn credentials_of_a_url_are_masked_when_they_turn_up_alone() {
    let redactor = Redactor::new();
    redactor.add_url("amqp://worker:tr0ub4dor%263@rabbitmq:5672/");
    for leaked in [
        "login refused: tr0ub4dor&3",
        "login refused: tr0ub4dor%263",
        "sent worker:tr0ub4dor&3",
        "header d29ya2VyOnRyMHViNGRvciYz",
    ] {
        let redacted = redactor.redact(leaked);
        assert!(redacted.ends_with(MASK), "{leaked} became {redacted}");
    }
    assert_eq!(redactor.redact("the worker stopped"), "the worker stopped");
    let error = std::io::Error::other("refused tr0ub4dor&3");
    assert_eq!(redactor.text_of(&error), "refused ***");
    redactor.add_url("https://ghp_16C7e42F292c6912E7710c838347Ae178B4a@host/");
    assert_eq!(
        redactor.redact("as ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
        "as ***"
    );
    redactor.add_url("root:sw0rdf1sh@tcp(db:3306)/x");
    assert_eq!(redactor.redact("denied (sw0rdf1sh)"), "denied (***)");
    redactor.add_url("https://h/v1?api_key=k3y-of:th3-house&model=m0del-of-the-house");
    assert_eq!(
        redactor.redact("k3y-of:th3-house, m0del-of-the-house"),
        "***, m0del-of-the-house"
    );
    redactor.add_url("host=db password=open-sesame");
    assert_eq!(redactor.redact("denied open-sesame!"), "denied ***!");
}

proptest::proptest! {
    #[test]
    fn any_text_is_survived_and_no_planted_secret_comes_through(
        before in ".{0,40}",
        secret in "[A-Za-z0-9\"\\\\/@:%\n é]{8,30}",
        after in ".{0,40}",
        anything in "(://|@tcp\\(|password|[\"'=: @\\\\]|\\PC|é){0,30}",
    ) {
        let redactor = Redactor::new();
        let _ = redactor.redact(&anything);
        let _ = pattern::credentials_of(&anything);
        redactor.add(&secret);
        proptest::prop_assume!(!MASK.contains(secret.trim()));
        let redacted = redactor.redact(&format!("{before}{secret}{after}")).into_owned();
        if !before.contains(&secret) && !after.contains(&secret) {
            proptest::prop_assert!(!redacted.contains(&secret), "{redacted}");
        }
    }
}
