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
        cx.error(codes::INVALID_VALUE, node.span, "retries must be at least 1");
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
        let span = node.get("url").map_or(node.span, |it| it.span);
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
    assert_eq!(names, ["url", "topics", "timeout", "mode", "tls", "retries", "type", "extra", "password"]);
    assert_eq!(fields[0].description, "Where to.");
    assert!(fields[0].is_required() && !fields[4].is_required() && fields[2].advanced);
    assert!(fields[8].secret && fields[8].optional);
    assert_eq!(fields[1].default, Some(Literal::List(vec!["a".into(), "b".into()])));
    assert_eq!(Config::ABOUT.summary(), "Sends things.");
    assert_eq!(Config::ABOUT.component, Some((ComponentKind::Output, "thing")));
    assert_eq!(Bare::kind(), FieldKind::List(Box::new(Retry::kind())));
    let FieldKind::Options(options) = Mode::kind() else { panic!("no options") };
    assert_eq!((&*options[0].value, &*options[0].description, &*options[1].value), ("first_only", "Once.", "ALL"));
    assert_eq!(Nothing::kind(), FieldKind::Object(vec![]));
}
