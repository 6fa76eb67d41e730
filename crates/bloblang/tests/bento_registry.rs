//! The functions and methods beside Bento's: names, parameters, defaults.

use std::collections::BTreeSet;

use millrace_bloblang::registry::{About, Parameters};
use millrace_bloblang::{functions, methods, not_built};

use millrace_testkit::cases;

/// Where a declaration says something else than Bento's, on purpose: the message path has no
/// type that would tell the difference, or the default is an expression there.
const DIFFERENT_PARAMETERS: &[&str] = &["counter", "random_int"];

#[test]
fn every_function_and_method_of_bento_is_built_or_listed_as_not_built() {
    let Some(specs) = cases::text("bloblang_specs.json") else {
        return;
    };
    let specs: Vec<serde_json::Value> = serde_json::from_str(&specs).expect("the specs are JSON");
    let mut failures = Vec::new();
    let mut missing = BTreeSet::new();
    for spec in &specs {
        let name = text(spec, "name");
        let is_method = text(spec, "kind") == "method";
        let about = if is_method {
            methods::find(name).map(|it| &it.about)
        } else {
            functions::find(name).map(|it| &it.about)
        };
        match about {
            Some(_) if DIFFERENT_PARAMETERS.contains(&name) => {}
            Some(about) => failures.extend(compare(about, spec)),
            None => {
                missing.insert((is_method, name));
            }
        }
    }
    let listed: BTreeSet<(bool, &str)> = not_built::FUNCTIONS
        .iter()
        .map(|name| (false, *name))
        .chain(not_built::METHODS.iter().map(|name| (true, *name)))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(
        listed, missing,
        "the lists of what is not built differ from what is missing"
    );
}

fn compare(about: &About, spec: &serde_json::Value) -> Vec<String> {
    let name = about.name;
    let theirs = spec["params"].as_array().cloned().unwrap_or_default();
    let ours = match about.parameters {
        Parameters::Variadic if spec["variadic"] == true => return Vec::new(),
        Parameters::Variadic => return vec![format!("`{name}` is variadic here only")],
        Parameters::Named(_) if spec["variadic"] == true => {
            return vec![format!("`{name}` is variadic in Bento")];
        }
        Parameters::Named(ours) => ours,
    };
    let our_names: Vec<&str> = ours.iter().map(|parameter| parameter.name).collect();
    let their_names: Vec<&str> = theirs
        .iter()
        .map(|parameter| text(parameter, "name"))
        .collect();
    if our_names != their_names {
        return vec![format!(
            "`{name}` takes {our_names:?}, in Bento {their_names:?}"
        )];
    }
    let mut failures = Vec::new();
    for (our, their) in ours.iter().zip(&theirs) {
        let is_optional = their["optional"] == true || !their["default"].is_null();
        let is_required = matches!(our.default, millrace_bloblang::registry::Default::Required);
        if is_optional == is_required {
            failures.push(format!(
                "`{name}`: `{}` differs in whether it is needed",
                our.name
            ));
        }
    }
    failures
}

/// A field that every spec has.
fn text<'r>(spec: &'r serde_json::Value, field: &str) -> &'r str {
    spec[field]
        .as_str()
        .unwrap_or_else(|| panic!("a spec without `{field}`: {spec}"))
}
