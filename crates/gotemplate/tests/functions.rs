//! Functions that give something else each time, and that all of Go and Sprig are known.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use millrace_gotemplate::{Host, Limits, NoHost, Template, is_function};
use millrace_message::Value;

/// The functions of `text/template` and of Sprig 3.3.
const NAMES: &str = "abbrev abbrevboth add add1 add1f addf adler32sum ago all \
    and any append atoi b32dec b32enc b64dec b64enc base \
    bcrypt biggest buildCustomCert call camelcase cat ceil chunk clean \
    coalesce compact concat contains date dateInZone dateModify date_in_zone date_modify \
    decryptAES deepCopy deepEqual default derivePassword dict dig dir div \
    divf duration durationRound empty encryptAES env eq expandenv ext \
    fail first float64 floor fromJson ge genCA genCAWithKey genPrivateKey \
    genSelfSignedCert genSelfSignedCertWithKey genSignedCert genSignedCertWithKey get getHostByName gt has hasKey \
    hasPrefix hasSuffix hello html htmlDate htmlDateInZone htpasswd indent index \
    initial initials int int64 isAbs join js kebabcase keys \
    kindIs kindOf last le len list lower lt max \
    maxf merge mergeOverwrite min minf mod mul mulf mustAppend \
    mustChunk mustCompact mustDateModify mustDeepCopy mustFirst mustFromJson mustHas mustInitial mustLast \
    mustMerge mustMergeOverwrite mustPrepend mustPush mustRegexFind mustRegexFindAll mustRegexMatch mustRegexReplaceAll mustRegexReplaceAllLiteral \
    mustRegexSplit mustRest mustReverse mustSlice mustToDate mustToJson mustToPrettyJson mustToRawJson mustUniq \
    mustWithout must_date_modify ne nindent nospace not now omit or \
    osBase osClean osDir osExt osIsAbs pick pluck plural prepend \
    print printf println push quote randAlpha randAlphaNum randAscii randBytes \
    randInt randNumeric regexFind regexFindAll regexMatch regexQuoteMeta regexReplaceAll regexReplaceAllLiteral regexSplit \
    repeat replace rest reverse round semver semverCompare seq set \
    sha1sum sha256sum sha512sum shuffle slice snakecase sortAlpha split splitList \
    splitn squote sub subf substr swapcase ternary title toDate \
    toDecimal toJson toPrettyJson toRawJson toString toStrings trim trimAll trimPrefix \
    trimSuffix trimall trunc tuple typeIs typeIsLike typeOf uniq unixEpoch \
    unset until untilStep untitle upper urlJoin urlParse urlquery uuidv4 \
    values without wrap wrapWith";

fn render_with(source: &str, host: &mut dyn Host) -> String {
    let template = Template::parse(source, &[]).unwrap_or_else(|it| panic!("{source}: {it}"));
    let output = template.render(&Value::Null, Limits::default(), host);
    String::from_utf8(output.unwrap_or_else(|it| panic!("{source}: {it}"))).unwrap()
}

fn render(source: &str) -> String {
    render_with(source, &mut NoHost)
}

#[test]
fn every_function_is_there_or_refused_by_name() {
    for name in NAMES.split_whitespace() {
        assert!(is_function(name), "{name}");
        let parsed = Template::parse(&format!("{{{{ {name} }}}}"), &[]);
        let is_refused =
            name.starts_with("gen") || matches!(name, "buildCustomCert" | "getHostByName");
        match parsed {
            Ok(_) => assert!(!is_refused, "{name}"),
            Err(error) => {
                assert!(is_refused, "{name}: {error}");
                assert!(error.message.contains("is not supported: "), "{error}");
            }
        }
    }
    assert!(!is_function("nope") && !is_function("meta"));
}

#[test]
fn random_strings_have_their_length_and_their_characters() {
    type Is = fn(char) -> bool;
    let families: [(&str, Is); 4] = [
        ("randAlphaNum", |it| it.is_ascii_alphanumeric()),
        ("randAlpha", |it| it.is_ascii_alphabetic()),
        ("randNumeric", |it| it.is_ascii_digit()),
        ("randAscii", |it| matches!(it, ' '..='~')),
    ];
    for (name, is_right) in families {
        let source = format!("{{{{ {name} 200 }}}}");
        let (first, second) = (render(&source), render(&source));
        assert_eq!(first.len(), 200, "{name}");
        assert!(first.chars().all(is_right), "{name}: {first}");
        assert_ne!(first, second, "{name}");
        assert_eq!(render(&format!("{{{{ {name} -1 }}}}")), "");
    }
    assert_eq!(render("{{ randBytes 30 | b64dec | len }}"), "30");
    assert_eq!(render("{{ randBytes 30 | len }}"), "40");
    assert_eq!(
        render("{{ range 50 }}{{ $x := randInt 3 5 }}{{ or (eq $x 3) (eq $x 4) }}{{ end }}"),
        "true".repeat(50)
    );
    let shuffled = render("{{ shuffle \"abcdefghijklmnopqrstuvwxyz\" }}");
    let mut sorted: Vec<char> = shuffled.chars().collect();
    sorted.sort_unstable();
    assert_eq!(
        sorted.into_iter().collect::<String>(),
        "abcdefghijklmnopqrstuvwxyz"
    );
    let id = render("{{ uuidv4 }}");
    assert_eq!((id.len(), &id[14..15]), (36, "4"), "{id}");
}

#[test]
fn json_that_is_none_is_nothing_or_an_error() {
    assert_eq!(
        render("{{ mustFromJson \"[1,{}]\" }}{{ fromJson \"[1,\" }}"),
        "[1 map[]]<no value>"
    );
    let template = Template::parse("{{ mustFromJson \"[1,\" }}", &[]).unwrap();
    let output = template.render(&Value::Null, Limits::default(), &mut NoHost);
    let error = output.unwrap_err().to_string();
    assert!(
        error.contains("error calling mustFromJson: unexpected end of JSON input"),
        "{error}"
    );
}

#[test]
fn passwords_are_hashed_with_a_salt() {
    let hash = render("{{ bcrypt \"secret\" }}");
    assert!(hash.starts_with("$2a$10$"), "{hash}");
    assert!(bcrypt::verify("secret", &hash).unwrap());
    let line = render("{{ htpasswd \"me\" \"secret\" }}");
    let hash = line.strip_prefix("me:").unwrap();
    assert!(bcrypt::verify("secret", hash).unwrap());
    let long = render("{{ bcrypt (repeat 73 \"x\") }}");
    assert!(long.contains("password length exceeds 72 bytes"), "{long}");
}

#[test]
fn the_time_is_that_of_the_clock() {
    let at = "2020-05-06T07:08:09.5Z".parse().unwrap();
    let _clock = millrace_message::clock::set(at);
    for (source, expected) in [
        ("{{ now.UTC }}", "2020-05-06 07:08:09.5 +0000 UTC"),
        (
            "{{ dateInZone \"2006-01-02\" now \"UTC\" }} {{ htmlDateInZone now \"UTC\" }}",
            "2020-05-06 2020-05-06",
        ),
        (
            "{{ eq (date \"15:04\" now) (dateInZone \"15:04\" now \"Local\") }}",
            "true",
        ),
        (
            "{{ eq (htmlDate now) (now.Local.Format \"2006-01-02\") }}",
            "true",
        ),
        (
            "{{ ago (dateModify \"-90s\" now) }} {{ ago (int64 1588748889) }}",
            "1m30s 1s",
        ),
        ("{{ durationRound (must_date_modify \"-3h\" now) }}", "3h"),
        (
            "{{ unixEpoch now }} {{ now.IsZero }} {{ (toDate \"2006\" \"x\").IsZero }}",
            "1588748889 false true",
        ),
    ] {
        assert_eq!(render(source), expected, "{source}");
    }
}

struct Variables;

impl Host for Variables {
    fn call(&mut self, _: usize, _: Value) -> Result<Value, String> {
        Err("there is none".to_owned())
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/home/me".to_owned())
    }
}

#[test]
fn variables_of_the_environment_are_those_of_the_host() {
    for (source, expected) in [
        ("{{ env \"HOME\" }}|{{ env \"NONE\" }}|", "/home/me||"),
        (
            "{{ expandenv \"a $HOME/x ${HOME}y $NONE|${NONE}|\" }}",
            "a /home/me/x /home/mey ||",
        ),
        ("{{ expandenv \"$ 5$ $-x ${} ${HOME\" }}", "$ 5$ x  HOME"),
    ] {
        assert_eq!(render_with(source, &mut Variables), expected, "{source}");
    }
}
