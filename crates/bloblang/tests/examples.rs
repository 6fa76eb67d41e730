//! Every example of every function and method is run: the reference is tested by itself.

use std::collections::HashSet;

use millrace_bloblang::registry::{About, Example};
use millrace_bloblang::{Environment, Mapping, functions, methods};
use millrace_message::Message;

fn check(about: &About, example: &Example) -> Result<(), String> {
    let environment = Environment::new();
    let compiled = Mapping::compile(example.mapping, &environment);
    for (input, expected) in example.cases {
        let actual = match &compiled {
            Ok(mapping) => run(mapping, input),
            Err(errors) => format!("error:{errors:?}"),
        };
        let is_expected = match expected.strip_prefix("error:") {
            Some(part) => actual.starts_with("error:") && actual.contains(part),
            None => actual == *expected,
        };
        if !is_expected {
            return Err(format!(
                "`{}`: {}\n input    {input}\n expected {expected}\n actual   {actual}",
                about.name, example.mapping
            ));
        }
    }
    Ok(())
}

fn run(mapping: &Mapping, input: &str) -> String {
    let mut message = Message::from_bytes(input.to_owned());
    let batch = [message.clone()];
    match mapping.map(&batch, 0) {
        Err(error) => format!("error:{error}"),
        Ok(mapped) => {
            if mapped.apply_to(&mut message) {
                String::from_utf8_lossy(message.bytes()).into_owned()
            } else {
                "deleted".to_owned()
            }
        }
    }
}

fn all() -> impl Iterator<Item = &'static About> {
    functions::all()
        .map(|it| &it.about)
        .chain(methods::all().map(|it| &it.about))
}

#[test]
fn every_example_gives_what_it_says() {
    let failures: Vec<String> = all()
        .flat_map(|about| about.examples.iter().map(move |example| (about, example)))
        .filter_map(|(about, example)| check(about, example).err())
        .collect();
    assert!(
        failures.is_empty(),
        "{} fail\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

#[test]
fn no_name_is_declared_twice() {
    let mut names = HashSet::new();
    for function in functions::all() {
        assert!(
            names.insert(function.about.name),
            "function {}",
            function.about.name
        );
    }
    names.clear();
    for method in methods::all() {
        assert!(
            names.insert(method.about.name),
            "method {}",
            method.about.name
        );
    }
}
