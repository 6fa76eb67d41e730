//! Arguments of a call: resolved and checked when the mapping is compiled, as far as they are
//! static, and evaluated and checked before each call otherwise.

use smallvec::SmallVec;

use millrace_message::{Array, Text, Value};

use crate::budget;
use crate::eval::Cx;
use crate::eval_error::EvalError;
use crate::outcome::Outcome;
use crate::program::Expr;
use crate::registry::{Parameter, ParameterKind, Parameters};
use crate::timestamps;

/// One argument, in the order of the parameters.
pub(crate) enum Argument {
    /// Not given, and the parameter has no default.
    Absent,
    /// Known at compile time; `Outcome` because `deleted()` may be passed on.
    Static(Outcome<'static>),
    /// To be evaluated before the call; the place among the dynamic ones.
    Dynamic { place: usize, value: Expr },
    /// Evaluated by the method itself.
    Query(Expr),
}

/// The evaluated arguments of one call.
#[derive(Clone, Copy)]
pub(crate) struct Arguments<'a> {
    pub list: &'a [Argument],
    pub dynamic: &'a [Outcome<'a>],
}

/// What a function or method sees of its call.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub cx: Cx<'a>,
    pub arguments: Arguments<'a>,
}

/// Evaluated dynamic arguments; calls with up to two of them allocate nothing.
pub(crate) type Evaluated<'a> = SmallVec<[Outcome<'a>; 2]>;

impl<'a> Arguments<'a> {
    /// The arguments of a call that has no dynamic ones.
    pub fn fixed(list: &'a [Argument]) -> Arguments<'a> {
        Arguments { list, dynamic: &[] }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// An argument; nothing when it is absent or a query.
    #[inline]
    pub fn get(&self, position: usize) -> Option<&'a Outcome<'a>> {
        match self.list.get(position)? {
            Argument::Static(outcome) => Some(outcome),
            Argument::Dynamic { place, .. } => self.dynamic.get(*place),
            Argument::Absent | Argument::Query(_) => None,
        }
    }

    /// The value of an argument, null for an absent one.
    pub fn value(&self, position: usize) -> &'a Value {
        self.get(position)
            .map_or(&crate::outcome::NULL, Outcome::value_or_null)
    }

    /// A string argument; its type was checked before the call.
    pub fn text(&self, position: usize) -> Result<&'a Text, EvalError> {
        match self.value(position) {
            Value::String(text) => Ok(text),
            other => Err(EvalError::wrong_type(other, &["string"])),
        }
    }

    /// The bytes of a string or bytes argument.
    pub fn bytes(&self, position: usize) -> Result<&'a [u8], EvalError> {
        let value = self.value(position);
        value
            .as_bytes()
            .ok_or_else(|| EvalError::wrong_type(value, &["string"]))
    }

    /// A string argument that may be absent.
    pub fn optional_text(&self, position: usize) -> Result<Option<&'a Text>, EvalError> {
        self.get(position).map(|_| self.text(position)).transpose()
    }

    /// An integer argument.
    pub fn integer(&self, position: usize) -> Result<i64, EvalError> {
        let value = self.value(position);
        value
            .as_i64()
            .ok_or_else(|| EvalError::wrong_type(value, &["integer"]))
    }

    /// An integer argument that may be absent.
    pub fn optional_integer(&self, position: usize) -> Result<Option<i64>, EvalError> {
        self.get(position)
            .map(|_| self.integer(position))
            .transpose()
    }

    /// A float argument.
    pub fn float(&self, position: usize) -> Result<f64, EvalError> {
        let value = self.value(position);
        value
            .as_f64()
            .ok_or_else(|| EvalError::wrong_type(value, &["float"]))
    }

    /// A bool argument.
    pub fn bool(&self, position: usize) -> Result<bool, EvalError> {
        let value = self.value(position);
        value
            .truthiness()
            .ok_or_else(|| EvalError::wrong_type(value, &["bool"]))
    }

    /// A bool argument that may be absent.
    pub fn optional_bool(&self, position: usize) -> Result<Option<bool>, EvalError> {
        self.get(position).map(|_| self.bool(position)).transpose()
    }

    /// An array argument.
    pub fn array(&self, position: usize) -> Result<&'a Array, EvalError> {
        let value = self.value(position);
        value
            .as_array()
            .ok_or_else(|| EvalError::wrong_type(value, &["array"]))
    }

    /// The expression of a query argument; nothing when it is absent.
    pub fn query(&self, position: usize) -> Option<&'a Expr> {
        match self.list.get(position)? {
            Argument::Query(expr) => Some(expr),
            _ => None,
        }
    }
}

impl<'a> Call<'a> {
    /// Evaluates a query argument with `value` as its context: one step of an iteration.
    #[inline]
    pub fn ask<'v>(&self, query: &'v Expr, value: &'v Value) -> Result<Outcome<'v>, EvalError>
    where
        'a: 'v,
    {
        let mark = budget::step()?;
        budget::element(value)?;
        let result = query.eval_with(&self.cx, value);
        mark.settle(|| result.as_ref().ok().and_then(Outcome::owned));
        result
    }

    /// The query at `position`; it was checked to be there when the mapping was compiled.
    pub fn query(&self, position: usize) -> Result<&'a Expr, EvalError> {
        self.arguments
            .query(position)
            .ok_or_else(|| EvalError::new("a query argument is missing"))
    }
}

/// Evaluates the dynamic arguments of a call.
pub(crate) fn evaluate<'a>(
    name: &str,
    parameters: &Parameters,
    list: &'a [Argument],
    cx: &Cx<'a>,
) -> Result<Evaluated<'a>, EvalError> {
    let mut evaluated = Evaluated::new();
    for (position, argument) in list.iter().enumerate() {
        let Argument::Dynamic { value, .. } = argument else {
            continue;
        };
        let outcome = value.eval(cx).and_then(|outcome| match parameters {
            Parameters::Named(named) => match named.get(position) {
                Some(parameter) => convert(parameter, outcome),
                None => Ok(outcome),
            },
            Parameters::Variadic => Ok(outcome),
        });
        match outcome {
            Ok(outcome) => {
                // A method may put it anywhere.
                budget::shared(outcome.value_or_null());
                evaluated.push(outcome);
            }
            Err(error) => {
                let parameter = match parameters {
                    Parameters::Named(named) => named
                        .get(position)
                        .map_or(String::new(), |it| it.name.to_owned()),
                    Parameters::Variadic => position.to_string(),
                };
                return Err(error.context(format_args!(
                    "`{name}`: failed to extract input arg '{parameter}'"
                )));
            }
        }
    }
    Ok(evaluated)
}

/// Brings an argument to the type of its parameter.
pub(crate) fn convert<'a>(
    parameter: &Parameter,
    outcome: Outcome<'a>,
) -> Result<Outcome<'a>, EvalError> {
    let value = outcome.value();
    let converted = match parameter.kind {
        ParameterKind::Any | ParameterKind::Query => return Ok(outcome),
        ParameterKind::String => match value {
            Some(Value::String(_)) => return Ok(outcome),
            Some(bytes @ Value::Bytes(_)) => Some(Value::String(bytes.to_text())),
            _ => None,
        },
        ParameterKind::Bytes => match value {
            Some(Value::String(_) | Value::Bytes(_)) => return Ok(outcome),
            _ => None,
        },
        ParameterKind::Integer => match value {
            Some(Value::I64(_)) => return Ok(outcome),
            _ => value.and_then(Value::as_i64).map(Value::I64),
        },
        ParameterKind::Float => match value {
            Some(Value::F64(_)) => return Ok(outcome),
            _ => value.and_then(Value::as_f64).map(Value::F64),
        },
        ParameterKind::Bool => match value {
            Some(Value::Bool(_)) => return Ok(outcome),
            _ => value.and_then(Value::truthiness).map(Value::Bool),
        },
        ParameterKind::Timestamp => match value {
            Some(Value::Timestamp(_)) => return Ok(outcome),
            Some(value) => Some(Value::from(timestamps::from_value(value)?)),
            None => None,
        },
        ParameterKind::Array => match value {
            Some(Value::Array(_)) => return Ok(outcome),
            _ => None,
        },
        ParameterKind::Object => match value {
            Some(Value::Object(_)) => return Ok(outcome),
            _ => None,
        },
    };
    converted.map(Outcome::Own).ok_or_else(|| {
        EvalError::new(format!(
            "wrong argument type, expected {}, got {}",
            parameter.kind.as_str(),
            outcome.type_name()
        ))
    })
}
