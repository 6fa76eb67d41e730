//! Functions that make values: counters, ranges, random numbers, ids, errors.

use std::sync::{Mutex, PoisonError};

use millrace_message::Value;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::arguments::{Arguments, Call};
use crate::budget;
use crate::environment::Environment;
use crate::eval_error::EvalError;
use crate::outcome::Outcome;
use crate::registry::{Category, Default, Example, Function, Parameter, PreparedFunction, Status};

/// `range` makes at most so many elements.
const RANGE_MAX: i64 = 10_000_000;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::control("deleted", "The result that removes what it is assigned to.", |_, _| {
        Ok(Outcome::Deleted)
    })
    .examples(&[
        Example::new(
            "root = this\nroot.bar = deleted()",
            &[(r#"{"bar":1,"foo":2}"#, r#"{"foo":2}"#)],
        ),
        Example::new(
            "root.n = this.n.map_each(n -> if n < 10 { deleted() } else { n - 10 })",
            &[(r#"{"n":[3,11,4,17]}"#, r#"{"n":[1,7]}"#)],
        )
        .note("Within `map_each` it removes the element."),
    ]),
    Function::control("nothing", "The result that leaves what it is assigned to as it is.", |_, _| {
        Ok(Outcome::Nothing)
    })
    .status(Status::Hidden),
    Function::value("throw", "Fails with the given text.", |call| {
        let why = call.arguments.text(0)?;
        budget::make_text(why.len())?;
        Err(EvalError::complete(why.as_str()))
    })
    .impure()
    .parameters(&[Parameter::string("why", "The text of the error.")])
    .examples(&[Example::new(
        r#"root.doc = match this.type { "a" => this.doc, _ => throw("unknown type") }"#,
        &[(r#"{"type":"b"}"#, "error:unknown type")],
    )]),
    Function::value("var", "The value of a variable; `$name` is the usual form.", |call| {
        // The compiler resolves every call; this is what an unknown name comes to.
        let name = call.arguments.text(0)?;
        Err(EvalError::complete(format!("variable '{name}' undefined")))
    })
    .status(Status::Hidden)
    .impure()
    .parameters(&[Parameter::string("name", "The variable.").fixed()]),
    Function::value("range", "The integers from `start` up to, and without, `stop`.", range)
        .parameters(&[
            Parameter::integer("start", "The first integer."),
            Parameter::integer("stop", "Where it ends."),
            Parameter::integer("step", "The distance; negative to count down.")
                .default(Default::Integer(1)),
        ])
        .examples(&[Example::new(
            "root.a = range(0, 3)\nroot.b = range(start: 0, stop: this.max, step: 2)\nroot.c = range(0, -this.max, -2)",
            &[(r#"{"max":6}"#, r#"{"a":[0,1,2],"b":[0,2,4],"c":[0,-2,-4]}"#)],
        )]),
    Function::prepared(
        "counter",
        "The next integer each time it is evaluated; each place in a mapping counts for itself.",
        counter,
    )
    .status(Status::Experimental)
    .impure()
    .parameters(&[
        Parameter::query("min", "The first integer.").default(Default::Integer(1)),
        Parameter::query("max", "The last integer; after it comes the first again.")
            .default(Default::Integer(i64::MAX)),
        Parameter::query("set", "An integer it gives is taken instead, null gives the current one again, `deleted()` starts anew.")
            .optional(),
    ])
    .examples(&[
        Example::new("root.id = counter()", &[("{}", r#"{"id":1}"#), ("{}", r#"{"id":2}"#)]),
        Example::new(
            "root.n = counter(set: if this.id == null { null })",
            &[
                (r#"{"id":"a"}"#, r#"{"n":1}"#),
                (r#"{"id":"b"}"#, r#"{"n":2}"#),
                ("{}", r#"{"n":2}"#),
                (r#"{"id":"c"}"#, r#"{"n":3}"#),
            ],
        ),
    ]),
    Function::value(
        "count",
        "The next integer of a named counter that all mappings share.",
        |call| Ok(call.cx.frame.program.environment.count(call.arguments.text(0)?)),
    )
    .category(Category::Deprecated)
    .status(Status::Deprecated)
    .impure()
    .parameters(&[Parameter::string("name", "The counter.")]),
    Function::prepared("random_int", "A random integer between `min` and `max`, both included.", random_int)
        .impure()
        .parameters(&[
            Parameter::query("seed", "Evaluated once; equal seeds give equal numbers.")
                .default(Default::Integer(0)),
            Parameter::integer("min", "The smallest.").default(Default::Integer(0)).fixed(),
            Parameter::integer("max", "The largest.")
                .default(Default::Integer(i64::MAX - 1))
                .fixed(),
        ]),
    Function::value("uuid_v4", "A random UUID.", |_| {
        Ok(Value::from(uuid::Uuid::new_v4().hyphenated().encode_lower(&mut [0; 36]) as &str))
    })
    .impure(),
    Function::value("pi", "The number π.", |_| Ok(Value::F64(std::f64::consts::PI))).examples(&[
        Example::new("root = this * pi() / 180", &[("0", "0")]),
    ]),
    Function::value(
        "cosine_similarity",
        "The cosine of the angle between two vectors of numbers.",
        cosine_similarity,
    )
    .parameters(&[Parameter::any("a", "A vector."), Parameter::any("b", "A vector.")])
    .examples(&[Example::new(
        "root.s = cosine_similarity([1, 0], [0, 1])",
        &[("{}", r#"{"s":0}"#)],
    )]),
];

fn range(call: &Call<'_>) -> Result<Value, EvalError> {
    let (start, stop) = (call.arguments.integer(0)?, call.arguments.integer(1)?);
    let step = call.arguments.integer(2)?;
    if step == 0 {
        return Err(EvalError::new("step must be greater than or less than 0"));
    }
    if step < 0 && stop > start {
        return Err(EvalError::new(format!(
            "with negative step arg stop ({stop}) must be <= start ({start})"
        )));
    }
    if step > 0 && start >= stop {
        return Err(EvalError::new(format!(
            "with positive step arg start ({start}) must be < stop ({stop})"
        )));
    }
    let count = (i128::from(stop) - i128::from(start)) / i128::from(step);
    if count > i128::from(RANGE_MAX) {
        return Err(EvalError::new(format!(
            "a range of {count} elements is longer than {RANGE_MAX}"
        )));
    }
    let count = usize::try_from(count).unwrap_or_default();
    budget::make(count.saturating_mul(size_of::<Value>()))?;
    Ok((0..count as i64)
        .map(|i| Value::I64(start + step * i))
        .collect::<Vec<_>>()
        .into())
}

/// What a counter knows once it was first asked.
struct Count {
    min: i64,
    max: i64,
    current: i64,
}

fn counter(
    arguments: &Arguments<'_>,
    _environment: &Environment,
) -> Result<PreparedFunction, EvalError> {
    let has_set = arguments.query(2).is_some();
    let state: Mutex<Option<Count>> = Mutex::new(None);
    Ok(Box::new(move |call| {
        // `set` is evaluated outside the lock: it may itself take long, or hold a counter.
        let set = match has_set {
            true => Some(
                call.query(2)?
                    .eval(&call.cx)
                    .map_err(|error| error.context("failed to resolve set argument"))?,
            ),
            false => None,
        };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let count = match &mut *state {
            Some(count) => count,
            empty => empty.insert(Count::start(call)?),
        };
        match set {
            None | Some(Outcome::Nothing) => {}
            Some(Outcome::Deleted) => count.current = count.min - 1,
            Some(outcome) => match outcome.value_or_null() {
                Value::Null => return Ok(Value::I64(count.current)),
                value => {
                    let set = value.as_i64().ok_or_else(|| {
                        EvalError::wrong_type(value, &["number"])
                            .context("failed to resolve set argument")
                    })?;
                    count.current = set;
                    return Ok(Value::I64(set));
                }
            },
        }
        count.current += 1;
        let value = count.current;
        if value >= count.max {
            count.current = count.min - 1;
        }
        Ok(Value::I64(value))
    }))
}

impl Count {
    fn start(call: &Call<'_>) -> Result<Count, EvalError> {
        let min = bound(call, 0, "min")?;
        let max = bound(call, 1, "max")?;
        if min < 0 {
            return Err(EvalError::new(format!(
                "min argument must be >0, got {min}"
            )));
        }
        if max <= min {
            return Err(EvalError::new(format!(
                "max argument must be >0 and >min, got {max}"
            )));
        }
        Ok(Count {
            min,
            max,
            current: min - 1,
        })
    }
}

fn bound(call: &Call<'_>, position: usize, name: &str) -> Result<i64, EvalError> {
    let outcome = call.query(position)?.eval(&call.cx)?;
    outcome.value().and_then(Value::as_i64).ok_or_else(|| {
        EvalError::wrong_outcome(&outcome, &["integer"])
            .context(format_args!("failed to resolve {name} argument"))
    })
}

fn random_int(
    arguments: &Arguments<'_>,
    _environment: &Environment,
) -> Result<PreparedFunction, EvalError> {
    let (min, max) = (arguments.integer(1)?, arguments.integer(2)?);
    if min < 0 {
        return Err(EvalError::new(format!(
            "min ({min}) must be a positive number"
        )));
    }
    if max < min {
        return Err(EvalError::new(format!(
            "min ({min}) must be smaller or equal than max ({max})"
        )));
    }
    if max == i64::MAX {
        return Err(EvalError::new(format!("max must be smaller than {max}")));
    }
    let generator: Mutex<Option<StdRng>> = Mutex::new(None);
    Ok(Box::new(move |call| {
        let mut generator = generator.lock().unwrap_or_else(PoisonError::into_inner);
        let generator = match &mut *generator {
            Some(generator) => generator,
            empty => {
                let seed = bound(call, 0, "seed")?;
                empty.insert(StdRng::seed_from_u64(seed as u64))
            }
        };
        Ok(Value::I64(generator.random_range(min..=max)))
    }))
}

fn cosine_similarity(call: &Call<'_>) -> Result<Value, EvalError> {
    let (a, b) = (
        vector(call.arguments.value(0))?,
        vector(call.arguments.value(1))?,
    );
    if a.len() != b.len() {
        return Err(EvalError::new("vectors must have the same length"));
    }
    if a.is_empty() {
        return Err(EvalError::new("vectors must not be empty"));
    }
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let lengths = product(&a, &a).sqrt() * product(&b, &b).sqrt();
    if lengths == 0.0 {
        return Err(EvalError::new("vectors must not be null vectors"));
    }
    Ok(Value::F64(product(&a, &b) / lengths))
}

fn vector(value: &Value) -> Result<Vec<f64>, EvalError> {
    let array = value
        .as_array()
        .ok_or_else(|| EvalError::wrong_type(value, &["array"]))?;
    array
        .iter()
        .map(|element| {
            element
                .as_f64()
                .ok_or_else(|| EvalError::wrong_type(&element, &["number"]))
        })
        .collect()
}
