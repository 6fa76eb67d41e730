//! The page of Bloblang's functions and methods, from their declarations.

use std::fmt::Write as _;

use millrace_bloblang::registry::{
    About, Category, Default, Example, Parameter, ParameterKind, Parameters, Status,
};
use millrace_bloblang::{functions, methods, not_built};

const HEAD: &str = "\
# Bloblang

The functions and methods of this build, by category.
This page is generated from their declarations by `cargo xtask reference`; every example is a test.
`millrace list bloblang-functions bloblang-methods` prints the same names, and `millrace blobl 'root = this.a.uppercase()'` tries a mapping on lines of JSON.

A function stands alone, `uuid_v4()`; a method follows what it works on, `this.name.uppercase()`.
Arguments are given in their order or by name, `this.v.format_json(indent: \"  \")`, all of them one way.
";

/// The categories in the order of the page, with their headings.
const CATEGORIES: [(Category, &str); 15] = [
    (Category::General, "General"),
    (Category::Message, "Message"),
    (Category::Environment, "Environment"),
    (Category::FakeData, "Fake data"),
    (Category::Strings, "Strings"),
    (Category::Regex, "Regular expressions"),
    (Category::Numbers, "Numbers"),
    (Category::Timestamps, "Timestamps"),
    (Category::Coercion, "Coercion"),
    (Category::Objects, "Objects and arrays"),
    (Category::Parsing, "Parsing"),
    (Category::Encoding, "Encoding and encryption"),
    (Category::Jwt, "JSON web tokens"),
    (Category::GeoIp, "GeoIP"),
    (Category::Deprecated, "Deprecated"),
];

/// The page.
pub fn page() -> String {
    let mut out = HEAD.to_owned();
    let functions: Vec<&About> = functions::all().map(|it| &it.about).collect();
    let methods: Vec<&About> = methods::all().map(|it| &it.about).collect();
    section(&mut out, "Functions", "", &functions);
    section(&mut out, "Methods", ".", &methods);
    let _infallible = write!(
        out,
        "\n## Not in this build\n\nA mapping that uses one of these is refused.\n\n\
         - Functions: {}\n- Methods: {}\n",
        names(not_built::FUNCTIONS),
        names(not_built::METHODS)
    );
    out
}

fn names(names: &[&str]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// The functions or methods, those that stand in no list left out.
fn section(out: &mut String, title: &str, dot: &str, all: &[&About]) {
    let _infallible = write!(out, "\n## {title}\n");
    for (category, heading) in CATEGORIES {
        let mut of_category: Vec<&&About> = all
            .iter()
            .filter(|it| it.category == category && it.status != Status::Hidden)
            .collect();
        if of_category.is_empty() {
            continue;
        }
        of_category.sort_by_key(|it| it.name);
        let _infallible = write!(out, "\n### {heading}\n");
        for about in of_category {
            entry(out, dot, about);
        }
    }
}

fn entry(out: &mut String, dot: &str, about: &About) {
    let arguments = match about.parameters {
        Parameters::Variadic => "…".to_owned(),
        Parameters::Named(parameters) => {
            let names: Vec<&str> = parameters.iter().map(|it| it.name).collect();
            names.join(", ")
        }
    };
    let _infallible = write!(
        out,
        "\n#### `{dot}{}({arguments})`\n\n{}\n",
        about.name, about.summary
    );
    match about.status {
        Status::Beta => out.push_str("It is in beta.\n"),
        Status::Experimental => out.push_str("It is experimental.\n"),
        Status::Deprecated => out.push_str("It is deprecated.\n"),
        Status::Stable | Status::Hidden => {}
    }
    match about.parameters {
        Parameters::Named([]) => {}
        Parameters::Named(parameters) => {
            out.push_str("\n| parameter | takes | default | |\n|---|---|---|---|\n");
            for parameter in parameters {
                row(out, parameter);
            }
        }
        Parameters::Variadic => out.push_str("It takes any number of arguments.\n"),
    }
    for example in about.examples {
        self::example(out, example);
    }
}

fn row(out: &mut String, parameter: &Parameter) {
    let takes = match parameter.kind {
        ParameterKind::String => "a text",
        ParameterKind::Bytes => "a text or bytes",
        ParameterKind::Integer => "an integer",
        ParameterKind::Float => "a number",
        ParameterKind::Bool => "a boolean",
        ParameterKind::Timestamp => "a timestamp",
        ParameterKind::Array => "an array",
        ParameterKind::Object => "an object",
        ParameterKind::Any => "any value",
        ParameterKind::Query => "a query or a value",
    };
    let default = match parameter.default {
        Default::Required => "required".to_owned(),
        Default::Absent => "none".to_owned(),
        Default::Bool(value) => format!("`{value}`"),
        Default::Integer(value) => format!("`{value}`"),
        Default::Float(value) => format!("`{value}`"),
        Default::String(value) => format!("`{value:?}`"),
    };
    let (name, summary) = (parameter.name, parameter.summary.replace('|', "\\|"));
    let default = default.replace('|', "\\|");
    let _infallible = writeln!(out, "| `{name}` | {takes} | {default} | {summary} |");
}

fn example(out: &mut String, example: &Example) {
    if !example.note.is_empty() {
        let _infallible = write!(out, "\n{}\n", example.note);
    }
    let _infallible = write!(out, "\n```coffee\n{}\n", example.mapping);
    for (input, output) in example.cases {
        let _infallible = write!(out, "\n# In:  {input}\n# Out: {}\n", result(output));
    }
    out.push_str("```\n");
}

/// What a case gives, in words where it is no payload.
fn result(output: &str) -> String {
    match output.strip_prefix("error:") {
        Some("") => "an error".to_owned(),
        Some(error) => format!("an error: {error}"),
        None if output == "deleted" => "nothing: the message is filtered".to_owned(),
        None => output.to_owned(),
    }
}
