//! The derive: field tables and readers of small configs.

use millrace_spec::*;

/// How often.
#[derive(Spec, Clone, Copy, PartialEq, Debug)]
enum Mode {
    /// Once.
    FirstOnly,
    #[spec(rename = "ALL")]
    Everything,
}

#[derive(Spec, Debug)]
struct Tls {
    #[spec(default = false)]
    enabled: bool,
    #[spec(default = "", secret)]
    key: String,
}

#[derive(Spec, Debug)]
struct Retry {
    #[spec(default = 3, lint = at_least_one)]
    retries: u32,
}

fn at_least_one(value: &u32, node: &Node, cx: &mut ReadContext) {
    if *value == 0 {
        cx.error(
            codes::INVALID_VALUE,
            node.span,
            "retries must be at least 1",
        );
    }
}

/// Sends things.
///
/// More about it.
#[derive(Spec, Debug)]
#[spec(output = "thing", status = "beta", since = "0.1", category = "Network", check = check)]
struct Config {
    /// Where to.
    url: String,
    #[spec(default = ["a", "b"])]
    topics: Vec<String>,
    #[spec(default = "5s", advanced)]
    timeout: Duration,
    mode: Option<Mode>,
    tls: Tls,
    #[spec(flatten)]
    retry: Retry,
    #[spec(rename = "type", default = "x", options("x" = "the x", "y"))]
    kind: String,
    #[spec(optional)]
    extra: Vec<i64>,
    #[spec(alias = "pw")]
    password: Option<Secret<String>>,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    if config.tls.enabled && config.url.starts_with("http:") {
        let span = node.field_span("url");
        cx.error(codes::CONFLICT, span, "tls needs an https url");
    }
}

#[derive(Spec, Debug)]
struct Bare(Vec<Retry>);

#[derive(Spec, Debug)]
struct Nothing;

#[test]
fn the_table_says_what_the_struct_says() {
    let fields = Config::fields();
    let names: Vec<_> = fields.iter().map(|it| &*it.name).collect();
    assert_eq!(
        names,
        [
            "url", "topics", "timeout", "mode", "tls", "retries", "type", "extra", "password"
        ]
    );
    assert_eq!(fields[0].description, "Where to.");
    assert!(fields[0].is_required() && !fields[4].is_required() && fields[2].advanced);
    assert!(fields[8].secret && fields[8].optional);
    assert_eq!(
        fields[1].default,
        Some(Literal::List(vec!["a".into(), "b".into()]))
    );
    assert_eq!(Config::ABOUT.summary(), "Sends things.");
    assert_eq!(
        Config::ABOUT.component,
        Some((ComponentKind::Output, "thing"))
    );
    assert_eq!(Bare::kind(), FieldKind::List(Box::new(Retry::kind())));
    let FieldKind::Options(options) = Mode::kind() else {
        panic!("no options")
    };
    assert_eq!(
        (
            &*options[0].value,
            &*options[0].description,
            &*options[1].value
        ),
        ("first_only", "Once.", "ALL")
    );
    assert_eq!(Nothing::kind(), FieldKind::Object(vec![]));
}

/// Reads a config text and gives what came of it and the one-line complaints.
fn read<T: FieldType>(text: &str) -> (Option<T>, Vec<String>) {
    use millrace_spec::diagnostics::{Renderer, SourceMap};
    let sources = std::sync::Arc::new(SourceMap::new());
    let id = sources.add("c.yaml", text);
    let text = env::interpolate(text, id, &env::Environment::empty());
    let mut diagnostics = diagnostics::Diagnostics::new();
    let node = tree::parse(&text, &mut diagnostics).expect("the text is YAML");
    let mut cx = ReadContext::new(sources.clone());
    let value = T::read(&node, &mut cx);
    let mut found = cx.take_diagnostics();
    found.sort();
    let renderer = Renderer::new(&sources).redact(cx.redactor().clone());
    let lines = found.iter().map(|it| renderer.one_line(it)).collect();
    assert_eq!(value.is_none(), found.has_errors(), "{found:?}");
    (value, lines)
}

#[test]
fn absent_fields_have_their_defaults() {
    let (config, complaints) =
        read::<Config>("url: http://x\ntls: {enabled: false}\npw: hunter2\n");
    let config = config.unwrap();
    assert!(complaints.is_empty());
    assert_eq!(config.topics, ["a", "b"]);
    assert_eq!(config.timeout.get(), std::time::Duration::from_secs(5));
    assert_eq!(
        (
            config.mode,
            config.retry.retries,
            &*config.kind,
            config.extra.len()
        ),
        (None, 3, "x", 0)
    );
    assert_eq!(
        config.password.as_ref().map(|it| it.expose().as_str()),
        Some("hunter2")
    );
    assert!(!format!("{config:?}").contains("hunter2"));
    assert_eq!(config.tls.key, "");
}

#[test]
fn every_complaint_is_reported_at_once() {
    let (_, complaints) = read::<Config>(
        "topics: a\ntimeout: 5 apples\nmode: Al\ntls:\n  enabeld: true\nretries: 0\ntype: z\nextra: [1, x, 300000000000000000000]\n",
    );
    assert_eq!(
        complaints,
        [
            "c.yaml(1,1) field url is required",
            "c.yaml(1,9) field topics: expected a list, found the text `a` (write a list, also for one value: `[ … ]`)",
            "c.yaml(2,10) field timeout: unknown unit ` apples` in duration `5 apples` (a duration such as `500ms`, `10s` or `1h30m`)",
            "c.yaml(3,7) field mode: `Al` is not one of its options (did you mean `ALL`?)",
            "c.yaml(5,3) field enabeld not recognised (did you mean `enabled`?)",
            "c.yaml(6,10) retries must be at least 1",
            "c.yaml(7,7) field type: `z` is not one of its options (one of `x`, `y`)",
            "c.yaml(8,12) field extra.1: expected an integer, found the text `x`",
            "c.yaml(8,15) field extra.2: expected an integer, found the number 300000000000000000000",
        ]
    );
}

#[test]
fn for_the_first_of_many_unknown_keys_the_nearest_name_is_looked_for() {
    let keys: String = (0..5_000).map(|i| format!("urls{i}: x\n")).collect();
    let (_, complaints) = read::<Config>(&format!("url: x\nurk: x\n{keys}"));
    assert_eq!(complaints.len(), 5_001);
    let suggestions = complaints.iter().filter(|it| it.contains("did you mean"));
    assert!((1..=100).contains(&suggestions.count()));
}

#[test]
fn a_check_of_the_whole_struct_runs_when_its_fields_are_good() {
    let (_, complaints) = read::<Config>("url: http://x\ntls: {enabled: true}");
    assert_eq!(complaints, ["c.yaml(1,6) tls needs an https url"]);
}

#[test]
fn two_spellings_of_one_field_are_refused() {
    let (_, complaints) = read::<Config>("url: x\npassword: aaa\npw: bbb\n");
    assert_eq!(
        complaints,
        ["c.yaml(3,1) fields password and pw mean the same and are both set (remove `pw`)"]
    );
}

#[test]
fn a_wrapper_is_its_bare_value_and_a_unit_struct_an_empty_object() {
    assert_eq!(
        read::<Bare>("[{}, {retries: 2}]").0.unwrap().0[1].retries,
        2
    );
    assert_eq!(read::<Nothing>("{}").1, Vec::<String>::new());
    assert_eq!(
        read::<Nothing>("a: 1").1,
        ["c.yaml(1,1) field a not recognised"]
    );
    assert_eq!(
        read::<Nothing>("null").1,
        ["c.yaml(1,1) expected an object, found nothing (write `{}` for an object without fields)"]
    );
}

#[test]
fn scalars_are_taken_by_their_text() {
    assert_eq!(
        read::<Vec<String>>("[007, true, 1.50]").0.unwrap(),
        ["007", "true", "1.50"]
    );
    assert_eq!(
        read::<Vec<u16>>("[5, '5', 5.0, 0x10]").0.unwrap(),
        [5, 5, 5, 16]
    );
    assert_eq!(
        read::<Vec<bool>>("[true, yes, 'off']").0.unwrap(),
        [true, true, false]
    );
    assert_eq!(
        read::<Vec<Mode>>("[All, FIRST_ONLY]").0.unwrap(),
        [Mode::Everything, Mode::FirstOnly]
    );
    assert_eq!(
        read::<Vec<u16>>("[70000]").1,
        ["c.yaml(1,2) 70000 is out of range (from 0 to 65535)"]
    );
    assert_eq!(read::<Vec<f64>>("[1, '2.5']").0.unwrap(), [1.0, 2.5]);
    let errors = read::<Vec<f64>>("[.nan, .inf, -.inf, 'NaN', 1e999]").1;
    assert_eq!(errors.len(), 5, "{errors:?}");
    assert_eq!(errors[0], "c.yaml(1,2) the number is not finite");
}

#[derive(Spec, Debug)]
#[allow(dead_code, reason = "only reading is tested")]
struct Partly {
    #[spec(default = "", unsupported = "no cloud is reached")]
    role: String,
    #[spec(default = 5, unsupported = "always 5")]
    count: u32,
    #[spec(unsupported = "there is no Kerberos")]
    negotiate: Tls,
}

#[test]
fn what_is_not_supported_is_refused_only_when_it_is_set() {
    let default = "role: ''\ncount: 5\nnegotiate: {enabled: false, key: ''}\n";
    assert_eq!(read::<Partly>(default).1, Vec::<String>::new());
    assert_eq!(
        read::<Partly>("role: x\ncount: 6\nnegotiate: {enabled: true}\n").1,
        [
            "c.yaml(1,7) field role is not supported: no cloud is reached (remove it)",
            "c.yaml(2,8) field count is not supported: always 5 (remove it)",
            "c.yaml(3,12) field negotiate is not supported: there is no Kerberos (remove it)",
        ]
    );
}
