//! The functions that are written in jq themselves.

use std::sync::LazyLock;

use millrace_message::Value;

use crate::compile::compile_definition;
use crate::natives;
use crate::parser::parse_definitions;
use crate::program::Function;

/// A function that can be called.
#[derive(Debug)]
pub(crate) struct Signature {
    pub name: String,
    pub parameters: usize,
}

static FUNCTIONS: LazyLock<(Vec<Signature>, Vec<Function>)> = LazyLock::new(|| {
    let definitions =
        parse_definitions(include_str!("prelude.jq")).expect("the prelude is read by a test");
    let signatures: Vec<_> = definitions
        .iter()
        .map(|it| Signature {
            name: it.name.clone(),
            parameters: it.parameters.len(),
        })
        .collect();
    let functions = definitions
        .iter()
        .map(|it| compile_definition(it, &signatures).expect("the prelude is compiled by a test"));
    let functions = functions.collect();
    (signatures, functions)
});

/// All functions of the prelude, by their numbers.
pub(crate) fn signatures() -> &'static (Vec<Signature>, Vec<Function>) {
    &FUNCTIONS
}

/// The function of a number.
pub(crate) fn function(number: usize) -> &'static Function {
    &FUNCTIONS.1[number]
}

/// What is answered by the machine itself.
const FORMS: [(&str, usize); 5] = [
    ("empty", 0),
    ("env", 0),
    ("path", 1),
    ("getpath", 1),
    ("builtins", 0),
];

/// The names of all functions, with the number of their parameters.
pub(crate) fn builtins(prelude: &[Signature]) -> Value {
    let prelude = prelude.iter().map(|it| (it.name.as_str(), it.parameters));
    let natives = natives::all().map(|it| (it.name, it.arity));
    let mut names: Vec<String> = prelude
        .chain(natives)
        .chain(FORMS)
        .filter(|(name, _)| !name.starts_with('_'))
        .map(|(name, parameters)| format!("{name}/{parameters}"))
        .collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .map(Value::from)
        .collect::<Vec<_>>()
        .into()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_prelude_is_compiled() {
        let (signatures, functions) = super::signatures();
        assert_eq!(signatures.len(), functions.len());
        assert!(signatures.len() > 80);
    }
}
