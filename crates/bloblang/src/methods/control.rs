//! Methods that decide whether and how their target is evaluated.

use millrace_message::Value;

use crate::arguments::{Arguments, Call};
use crate::budget;
use crate::environment::Environment;
use crate::eval::access::from_end;
use crate::eval::{Cx, dot_path, read, statement};
use crate::eval_error::EvalError;
use crate::mapping::Mapping;
use crate::outcome::Outcome;
use crate::program::Expr;
use crate::registry::{Category, Example, Method, Parameter, PreparedMethod, Status};

pub(super) const METHODS: &[Method] = &[
    Method::control("apply", "Runs a map of the mapping on the target.", apply)
        .parameters(&[Parameter::string("mapping", "The name of the map.")])
        .examples(&[Example::new(
            "map thing {\n  root.inner = this.first\n}\nroot.foo = this.doc.apply(\"thing\")",
            &[(r#"{"doc":{"first":"hello"}}"#, r#"{"foo":{"inner":"hello"}}"#)],
        )]),
    Method::control(
        "catch",
        "The target, or the argument when the target fails; the error text is its context.",
        catch,
    )
    .parameters(&[Parameter::query("fallback", "What is given instead.")])
    .examples(&[
        Example::new(
            "root.n = this.n.not_null().catch(0)",
            &[("{}", r#"{"n":0}"#), (r#"{"n":5}"#, r#"{"n":5}"#)],
        ),
        Example::new("root = this.catch(deleted())", &[("not JSON", "deleted"), ("{}", "{}")])
            .note("Payloads that are not JSON are dropped."),
    ]),
    Method::control("or", "The target, or the argument when the target fails or is null.", or)
        .parameters(&[Parameter::query("fallback", "What is given instead.")])
        .examples(&[Example::new(
            r#"root.a = this.a.or("none")"#,
            &[(r#"{"a":null}"#, r#"{"a":"none"}"#), (r#"{"a":1}"#, r#"{"a":1}"#)],
        )]),
    Method::control(
        "from",
        "The target evaluated for another message of the batch, which `json`, `content` and `metadata` then read.",
        from,
    )
    .parameters(&[Parameter::integer("index", "The place of the other message, from 0; negative counts from the end.")])
    .examples(&[Example::new(
        r#"root.foo = json("foo").from(0)"#,
        &[(r#"{"foo":1}"#, r#"{"foo":1}"#)],
    )]),
    Method::control(
        "from_all",
        "The target evaluated for every message of the batch, as an array.",
        from_all,
    )
    .examples(&[Example::new(
        r#"root.foos = json("foo").from_all()"#,
        &[(r#"{"foo":1}"#, r#"{"foos":[1]}"#)],
    )]),
    Method::control("get", "What a dot path of the target names, null when it leads nowhere.", get)
        .category(Category::Objects)
        .parameters(&[Parameter::string("path", "The dot path.")])
        .examples(&[Example::new(
            "root.result = this.foo.get(this.target)",
            &[(r#"{"foo":{"bar":"from bar"},"target":"bar"}"#, r#"{"result":"from bar"}"#)],
        )]),
    Method::control("map", "The argument evaluated with the target as its context.", map)
        .status(Status::Hidden)
        .parameters(&[Parameter::query("query", "What is evaluated.")]),
    Method::control("not", "The opposite of a bool.", not).status(Status::Hidden),
    Method::control("exists", "Whether a dot path of the target names something.", exists)
        .parameters(&[Parameter::string("path", "The dot path.")])
        .examples(&[Example::new(
            r#"root.result = this.foo.exists("bar.baz")"#,
            &[
                (r#"{"foo":{"bar":{"baz":"yes"}}}"#, r#"{"result":true}"#),
                (r#"{"foo":{"bar":{}}}"#, r#"{"result":false}"#),
            ],
        )]),
    Method::prepared(
        "bloblang",
        "What a mapping given as text makes of the target.",
        bloblang,
    )
    .category(Category::Parsing)
    .parameters(&[Parameter::string("mapping", "The mapping.")])
    .examples(&[Example::new(
        "root.body = this.body.bloblang(this.mapping)",
        &[(
            r#"{"body":{"foo":[1,2]},"mapping":"root.n = this.foo.length()"}"#,
            r#"{"body":{"n":2}}"#,
        )],
    )]),
];

fn apply<'a>(target: &'a Expr, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
    let outcome = target.eval(&call.cx)?;
    let maps = &call.cx.frame.program.maps;
    let name = call.arguments.text(0)?;
    match maps.iter().find(|map| map.name == *name) {
        Some(map) => statement::call_map(map, outcome.value_or_null(), &call.cx),
        None if maps.is_empty() => Err(EvalError::complete("no maps were found")),
        None => Err(EvalError::complete(format!("map {name} was not found"))),
    }
}

fn catch<'a>(target: &'a Expr, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
    match target.eval(&call.cx) {
        Ok(outcome) => Ok(outcome),
        Err(error) => {
            let fallback = call.query(0)?;
            if let Expr::Literal(value) = fallback {
                return Ok(Outcome::Ref(value));
            }
            let text = Value::from(error.to_string());
            call.ask(fallback, &text).map(Outcome::into_owned)
        }
    }
}

fn or<'a>(target: &'a Expr, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
    match target.eval(&call.cx) {
        Ok(outcome) if !outcome.is_null() => Ok(outcome),
        _ => call.query(0)?.eval(&call.cx),
    }
}

fn from<'a>(target: &'a Expr, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
    let position = from_end(call.arguments.integer(0)?, call.cx.frame.batch.len());
    // A place that does not exist holds an empty message.
    let index = usize::try_from(position).unwrap_or(usize::MAX);
    target.eval(&Cx { index, ..call.cx })
}

fn from_all<'a>(target: &'a Expr, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
    let mut values = Vec::with_capacity(call.cx.frame.batch.len());
    for index in 0..call.cx.frame.batch.len() {
        let outcome = target.eval(&Cx { index, ..call.cx })?;
        values.push(outcome.into_value().unwrap_or_default());
    }
    Ok(Outcome::Own(Value::from(values)))
}

fn get<'a>(target: &'a Expr, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
    let path = dot_path(call.arguments.text(0)?)?;
    read(target.eval(&call.cx)?, &path)
}

fn map<'a>(target: &'a Expr, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
    let outcome = target.eval(&call.cx)?;
    call.ask(call.query(0)?, outcome.value_or_null())
        .map(Outcome::into_owned)
}

fn not<'a>(target: &'a Expr, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
    let outcome = target.eval(&call.cx)?;
    match outcome.value().and_then(Value::as_bool) {
        Some(bool) => Ok(Outcome::Own(Value::Bool(!bool))),
        None => Err(EvalError::wrong_outcome(&outcome, &["bool"]).blaming(|| target.annotation())),
    }
}

fn exists<'a>(target: &'a Expr, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
    let path = dot_path(call.arguments.text(0)?)?;
    let outcome = target.eval(&call.cx)?;
    let Some(value) = outcome.value() else {
        return Ok(Outcome::Own(Value::Bool(false)));
    };
    budget::path(value, &path)?;
    let found = value.path(&path);
    if let Some(found) = &found {
        budget::read(found)?;
    }
    Ok(Outcome::Own(Value::Bool(found.is_some())))
}

fn bloblang(
    arguments: &Arguments<'_>,
    environment: &Environment,
) -> Result<PreparedMethod, EvalError> {
    let text = arguments.text(0)?;
    // Compiling it takes longer than looking through it.
    budget::steps(text.len())?;
    let mapping = Mapping::compile(text, environment).map_err(|errors| {
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        EvalError::new(format!("failed to parse mapping: {}", texts.join("; ")))
    })?;
    Ok(Box::new(move |target| {
        let mapped = mapping.map_value(&target)?;
        mapped.ok_or_else(|| EvalError::new("the mapping deletes its root"))
    }))
}
