//! How functions and methods are declared.
//!
//! One declaration holds everything about one of them: name, parameters, documentation, examples
//! (which are its first tests) and implementation. The lists in `functions` and `methods` are the
//! only places that name them.

use std::borrow::Cow;

use millrace_message::Value;

use crate::arguments::{Arguments, Call};
use crate::environment::Environment;
use crate::eval::Cx;
use crate::eval_error::EvalError;
use crate::outcome::Outcome;
use crate::program::Expr;

/// A function such as `uuid_v4()`.
#[derive(Debug)]
pub struct Function {
    /// Everything that is documented.
    pub about: About,
    pub(crate) run: FunctionRun,
}

/// A method such as `.uppercase()`.
#[derive(Debug)]
pub struct Method {
    /// Everything that is documented.
    pub about: About,
    pub(crate) run: MethodRun,
    pub(crate) reach: Reach,
}

/// How far a method looks into its target, which is what it takes time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// A part, which does not grow with the target.
    Glance,
    /// All of a text, or the elements of a container.
    Whole,
    /// All that the target and the arguments hold, at every depth.
    Deep,
}

/// The documented part of a declaration.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// As written in mappings.
    pub name: &'static str,
    /// What it gives, in a sentence.
    pub summary: &'static str,
    /// Where the reference lists it.
    pub category: Category,
    /// Whether it may be relied on.
    pub status: Status,
    /// The version of Bento that introduced it; empty when it always was.
    pub since: &'static str,
    /// What it takes.
    pub parameters: Parameters,
    /// Mappings with inputs and outputs.
    pub examples: &'static [Example],
    /// Depends on nothing but its arguments, so that static calls are evaluated once.
    pub pure: bool,
}

/// Where the reference lists a function or method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    General,
    Message,
    Environment,
    FakeData,
    Strings,
    Regex,
    Numbers,
    Timestamps,
    Coercion,
    Objects,
    Parsing,
    Encoding,
    Jwt,
    GeoIp,
    Deprecated,
}

/// Whether a function or method may be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Stable,
    Beta,
    Experimental,
    Deprecated,
    /// Works, but is in no list.
    Hidden,
}

/// A mapping that shows the use, with payloads before and after.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// What it shows beyond the summary; may be empty.
    pub note: &'static str,
    /// The mapping.
    pub mapping: &'static str,
    /// Input and output payloads, run in order on one compiled mapping; an output that begins
    /// with `error:` stands for a failure whose text holds the rest, `deleted` for a dropped
    /// message.
    pub cases: &'static [(&'static str, &'static str)],
}

/// What a function or method takes.
#[derive(Clone, Copy, Debug)]
pub enum Parameters {
    /// Named ones, in order.
    Named(&'static [Parameter]),
    /// Any number of values without names.
    Variadic,
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// The name for `name: value` arguments.
    pub name: &'static str,
    /// What it means, in a sentence.
    pub summary: &'static str,
    /// What it accepts.
    pub kind: ParameterKind,
    /// What is taken when it is not given.
    pub default: Default,
    /// Must be known when the mapping is compiled.
    pub is_static: bool,
}

/// What a parameter accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    String,
    /// A string or bytes, which need not be text: keys, for example.
    Bytes,
    Integer,
    Float,
    Bool,
    Timestamp,
    Array,
    Object,
    /// Any value.
    Any,
    /// An expression that the method evaluates itself; a plain value is one, too.
    Query,
}

/// What a parameter is when it is not given.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// It must be given.
    Required,
    /// The method knows that it is absent.
    Absent,
    Bool(bool),
    Integer(i64),
    Float(f64),
    String(&'static str),
}

pub(crate) type MethodFn = fn(Cow<'_, Value>, &Call<'_>) -> Result<Value, EvalError>;
pub(crate) type PreparedMethod =
    Box<dyn Fn(Cow<'_, Value>) -> Result<Value, EvalError> + Send + Sync>;
pub(crate) type PreparedFunction = Box<dyn Fn(&Call<'_>) -> Result<Value, EvalError> + Send + Sync>;

/// How a method runs.
#[derive(Clone, Copy)]
pub(crate) enum MethodRun {
    /// From the target's value to a value.
    Value(MethodFn),
    /// Arguments are turned into a prepared step: once when they are static, per call otherwise.
    Prepare(fn(&Arguments<'_>, &Environment) -> Result<PreparedMethod, EvalError>),
    /// Decides itself whether and how the target is evaluated.
    Control(for<'a> fn(&'a Expr, &Call<'a>) -> Result<Outcome<'a>, EvalError>),
}

/// How a function runs.
#[derive(Clone, Copy)]
pub(crate) enum FunctionRun {
    /// Gives a value.
    Value(fn(&Call<'_>) -> Result<Value, EvalError>),
    /// Arguments are turned into a prepared step, which may keep state: once per place in the
    /// mapping when they are static.
    Prepare(fn(&Arguments<'_>, &Environment) -> Result<PreparedFunction, EvalError>),
    /// May borrow from the message, or give a non-value.
    Control(for<'a> fn(&Cx<'a>, &Call<'a>) -> Result<Outcome<'a>, EvalError>),
}

impl std::fmt::Debug for MethodRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            MethodRun::Value(_) => "Value",
            MethodRun::Prepare(_) => "Prepare",
            MethodRun::Control(_) => "Control",
        })
    }
}

impl std::fmt::Debug for FunctionRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            FunctionRun::Value(_) => "Value",
            FunctionRun::Prepare(_) => "Prepare",
            FunctionRun::Control(_) => "Control",
        })
    }
}

impl About {
    const fn new(name: &'static str, summary: &'static str) -> About {
        About {
            name,
            summary,
            category: Category::General,
            status: Status::Stable,
            since: "",
            parameters: Parameters::Named(&[]),
            examples: &[],
            pure: true,
        }
    }
}

/// The parts of a declaration that functions and methods share, each set by one call.
macro_rules! declaration {
    ($type:ident) => {
        // Not every part is used by functions and by methods yet.
        #[allow(dead_code)]
        impl $type {
            /// Sets where the reference lists it.
            pub(crate) const fn category(mut self, category: Category) -> Self {
                self.about.category = category;
                self
            }

            /// Marks it as not (or no longer) stable.
            pub(crate) const fn status(mut self, status: Status) -> Self {
                self.about.status = status;
                self
            }

            /// Sets the named parameters.
            pub(crate) const fn parameters(mut self, parameters: &'static [Parameter]) -> Self {
                self.about.parameters = Parameters::Named(parameters);
                self
            }

            /// Sets the examples.
            pub(crate) const fn examples(mut self, examples: &'static [Example]) -> Self {
                self.about.examples = examples;
                self
            }

            /// Depends on more than its arguments: the clock, randomness, the message, state.
            pub(crate) const fn impure(mut self) -> Self {
                self.about.pure = false;
                self
            }
        }
    };
}

declaration!(Function);
declaration!(Method);

impl Method {
    /// Sets the version of Bento that introduced it.
    pub(crate) const fn since(mut self, since: &'static str) -> Self {
        self.about.since = since;
        self
    }

    /// Says how far it looks into its target.
    pub(crate) const fn reach(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// Accepts any number of arguments.
    pub(crate) const fn variadic(mut self) -> Self {
        self.about.parameters = Parameters::Variadic;
        self
    }

    /// A method from the target's value to a value.
    pub(crate) const fn value(name: &'static str, summary: &'static str, run: MethodFn) -> Method {
        Method {
            about: About::new(name, summary),
            run: MethodRun::Value(run),
            reach: Reach::Whole,
        }
    }

    /// A method whose arguments are prepared (patterns, formats, keys).
    pub(crate) const fn prepared(
        name: &'static str,
        summary: &'static str,
        prepare: fn(&Arguments<'_>, &Environment) -> Result<PreparedMethod, EvalError>,
    ) -> Method {
        Method {
            about: About::new(name, summary),
            run: MethodRun::Prepare(prepare),
            reach: Reach::Whole,
        }
    }

    /// A method that decides how its target is evaluated.
    pub(crate) const fn control(
        name: &'static str,
        summary: &'static str,
        run: for<'a> fn(&'a Expr, &Call<'a>) -> Result<Outcome<'a>, EvalError>,
    ) -> Method {
        Method {
            about: About::new(name, summary),
            run: MethodRun::Control(run),
            reach: Reach::Whole,
        }
    }
}

impl Function {
    /// A function that gives a value.
    pub(crate) const fn value(
        name: &'static str,
        summary: &'static str,
        run: fn(&Call<'_>) -> Result<Value, EvalError>,
    ) -> Function {
        Function {
            about: About::new(name, summary),
            run: FunctionRun::Value(run),
        }
    }

    /// A function with state or costly arguments.
    pub(crate) const fn prepared(
        name: &'static str,
        summary: &'static str,
        prepare: fn(&Arguments<'_>, &Environment) -> Result<PreparedFunction, EvalError>,
    ) -> Function {
        Function {
            about: About::new(name, summary),
            run: FunctionRun::Prepare(prepare),
        }
    }

    /// A function that borrows from the message or gives a non-value.
    pub(crate) const fn control(
        name: &'static str,
        summary: &'static str,
        run: for<'a> fn(&Cx<'a>, &Call<'a>) -> Result<Outcome<'a>, EvalError>,
    ) -> Function {
        Function {
            about: About::new(name, summary),
            run: FunctionRun::Control(run),
        }
    }
}

impl Parameter {
    const fn new(name: &'static str, kind: ParameterKind, summary: &'static str) -> Parameter {
        Parameter {
            name,
            summary,
            kind,
            default: Default::Required,
            is_static: false,
        }
    }

    pub(crate) const fn string(name: &'static str, summary: &'static str) -> Parameter {
        Parameter::new(name, ParameterKind::String, summary)
    }

    pub(crate) const fn bytes(name: &'static str, summary: &'static str) -> Parameter {
        Parameter::new(name, ParameterKind::Bytes, summary)
    }

    pub(crate) const fn integer(name: &'static str, summary: &'static str) -> Parameter {
        Parameter::new(name, ParameterKind::Integer, summary)
    }

    pub(crate) const fn float(name: &'static str, summary: &'static str) -> Parameter {
        Parameter::new(name, ParameterKind::Float, summary)
    }

    pub(crate) const fn bool(name: &'static str, summary: &'static str) -> Parameter {
        Parameter::new(name, ParameterKind::Bool, summary)
    }

    pub(crate) const fn timestamp(name: &'static str, summary: &'static str) -> Parameter {
        Parameter::new(name, ParameterKind::Timestamp, summary)
    }

    pub(crate) const fn array(name: &'static str, summary: &'static str) -> Parameter {
        Parameter::new(name, ParameterKind::Array, summary)
    }

    pub(crate) const fn any(name: &'static str, summary: &'static str) -> Parameter {
        Parameter::new(name, ParameterKind::Any, summary)
    }

    pub(crate) const fn query(name: &'static str, summary: &'static str) -> Parameter {
        Parameter::new(name, ParameterKind::Query, summary)
    }

    /// May be left out; the method sees that it is absent.
    pub(crate) const fn optional(mut self) -> Parameter {
        self.default = Default::Absent;
        self
    }

    /// May be left out; then it is this.
    pub(crate) const fn default(mut self, default: Default) -> Parameter {
        self.default = default;
        self
    }

    /// Must be known when the mapping is compiled.
    pub(crate) const fn fixed(mut self) -> Parameter {
        self.is_static = true;
        self
    }
}

impl Example {
    /// An example without a note.
    pub(crate) const fn new(
        mapping: &'static str,
        cases: &'static [(&'static str, &'static str)],
    ) -> Example {
        Example {
            note: "",
            mapping,
            cases,
        }
    }

    /// Adds what the example shows.
    pub(crate) const fn note(mut self, note: &'static str) -> Example {
        self.note = note;
        self
    }
}

impl ParameterKind {
    /// The name that error texts use.
    pub fn as_str(self) -> &'static str {
        match self {
            ParameterKind::String | ParameterKind::Bytes => "string",
            ParameterKind::Integer => "integer",
            ParameterKind::Float => "float",
            ParameterKind::Bool => "bool",
            ParameterKind::Timestamp => "timestamp",
            ParameterKind::Array => "array",
            ParameterKind::Object => "object",
            ParameterKind::Any => "unknown",
            ParameterKind::Query => "query expression",
        }
    }
}
