//! Statements: assignments, and the state they build up.

use std::borrow::Cow;

use millrace_message::{Message, Metadata, Object, PathError, Segment, Text, Value};

use super::choice::non_boolean;
use super::{Cx, Frame, Mutated, Top};
use crate::budget;
use crate::eval_error::EvalError;
use crate::outcome::Outcome;
use crate::program::{Body, MapBody, Program, Statement, StatementKind, Target, dotted};

/// How many maps may call each other before it counts as endless.
const MAP_DEPTH_MAX: usize = 5_000;

/// Bytes of stack that one call of a map may need, with a margin for debug builds.
const MAP_STACK: usize = 256 * 1024;
const MAP_STACK_SEGMENT: usize = 4 * 1024 * 1024;

/// What a mapping has made so far.
pub(crate) struct State<'a> {
    pub root: Outcome<'static>,
    /// The metadata to be; nothing where there is none to read.
    pub metadata: Option<Cow<'a, Metadata>>,
    /// Whether metadata may be assigned.
    pub assigns_metadata: bool,
    pub variables: Vec<Option<Value>>,
    /// The room for members that a new root is made with.
    pub members: usize,
    /// What `this` is.
    pub top: StateTop<'a>,
    /// Whether `root` and the metadata are those of the message itself.
    pub mutates: bool,
    /// The message that the mutation changes which has called this map.
    pub mutated: Option<Mutated<'a>>,
}

impl<'a> State<'a> {
    /// The state before the first line of a body, without metadata.
    pub fn new(body: &Body, variables: Vec<Option<Value>>, top: StateTop<'a>) -> State<'a> {
        State {
            root: Outcome::Nothing,
            metadata: None,
            assigns_metadata: false,
            variables,
            members: body.members,
            top,
            mutates: false,
            mutated: None,
        }
    }
}

impl State<'_> {
    /// Leaves of a mutation that has failed what it changed within the payload. Within anything but
    /// an object or an array nothing can be changed.
    fn take_root_back(&mut self) {
        let root = std::mem::replace(&mut self.root, Outcome::Nothing);
        let payload = match std::mem::replace(&mut self.top, StateTop::Root) {
            StateTop::Borrowed(_) => None,
            StateTop::Root => root.into_value(),
            StateTop::Former(former) => Some(former),
        };
        let payload = payload.filter(|it| matches!(it, Value::Array(_) | Value::Object(_)));
        self.root = payload.map_or(Outcome::Nothing, Outcome::Own);
    }
}

/// What `this` is at the level of statements.
pub(crate) enum StateTop<'a> {
    Borrowed(Top<'a>),
    /// `this` and `root` are one object, as in mutations until `root` is replaced.
    Root,
    /// The object that `root` was before it was replaced.
    Former(Value),
}

/// Runs a whole mapping within its allowance; what was done before an error stays in the state,
/// unless it can not be written out.
pub(crate) fn run_whole(
    program: &Program,
    batch: &[Message],
    index: usize,
    state: &mut State<'_>,
) -> Result<(), (usize, EvalError)> {
    let _account = budget::open(program.environment.allowance());
    let last = program.body.statements.last();
    let last_line = last.map_or(0, |statement| statement.line);
    let result = run(program, &program.body, batch, index, 0, state)
        .and_then(|()| budget::within_steps().map_err(|error| (last_line, error)));
    if result.is_err() && state.mutates {
        state.take_root_back();
    }
    if let Err(error) = state.root.value().map_or(Ok(()), budget::unfold) {
        state.root = Outcome::Nothing;
        return Err((last_line, error));
    }
    result
}

/// Runs all statements of a body; what was done before an error stays in the state.
pub(crate) fn run(
    program: &Program,
    body: &Body,
    batch: &[Message],
    index: usize,
    depth: usize,
    state: &mut State<'_>,
) -> Result<(), (usize, EvalError)> {
    for statement in &body.statements {
        execute(program, statement, batch, index, depth, state)
            .map_err(|error| (statement.line, error))?;
    }
    Ok(())
}

fn execute(
    program: &Program,
    statement: &Statement,
    batch: &[Message],
    index: usize,
    depth: usize,
    state: &mut State<'_>,
) -> Result<(), EvalError> {
    match &statement.kind {
        StatementKind::Assign { target, value } => {
            let mark = budget::mark();
            let outcome = evaluate(program, value, batch, index, depth, state)?;
            if let Outcome::Own(value) = &outcome {
                budget::shared(value);
            }
            mark.settle(|| outcome.owned());
            match outcome {
                Outcome::Nothing => Ok(()),
                outcome => assign(target, outcome, state),
            }
        }
        StatementKind::If {
            branches,
            otherwise,
        } => {
            for (i, (condition, statements)) in branches.iter().enumerate() {
                let outcome =
                    evaluate(program, condition, batch, index, depth, state).map_err(|error| {
                        error.context(format_args!("failed to check if condition {}", i + 1))
                    })?;
                match outcome.value() {
                    Some(Value::Bool(true)) => {
                        return block(program, statements, batch, index, depth, state);
                    }
                    Some(Value::Bool(false)) => {}
                    _ => return Err(non_boolean(&outcome, condition)),
                }
            }
            block(program, otherwise, batch, index, depth, state)
        }
    }
}

fn block(
    program: &Program,
    statements: &[Statement],
    batch: &[Message],
    index: usize,
    depth: usize,
    state: &mut State<'_>,
) -> Result<(), EvalError> {
    statements
        .iter()
        .try_for_each(|statement| execute(program, statement, batch, index, depth, state))
}

#[inline]
fn evaluate(
    program: &Program,
    value: &crate::program::Expr,
    batch: &[Message],
    index: usize,
    depth: usize,
    state: &State<'_>,
) -> Result<Outcome<'static>, EvalError> {
    let (top, payload) = match &state.top {
        StateTop::Borrowed(top) => (*top, None),
        StateTop::Root => {
            let root = state.root.value();
            (root.map_or(Top::Missing, Top::Value), root)
        }
        StateTop::Former(value) => (Top::Value(value), Some(value)),
    };
    let metadata = state.metadata.as_deref();
    let mutated = match state.mutates {
        true => Some(Mutated {
            index,
            payload,
            metadata,
        }),
        false => state.mutated,
    };
    let frame = Frame {
        program,
        batch,
        top,
        variables: &state.variables,
        root: Some(&state.root),
        metadata,
        mutated,
    };
    value
        .eval(&Cx::new(&frame, index, depth))
        .map(Outcome::into_owned)
}

fn assign(
    target: &Target,
    outcome: Outcome<'static>,
    state: &mut State<'_>,
) -> Result<(), EvalError> {
    match target {
        Target::Root(path) if path.is_empty() => {
            if let StateTop::Root = state.top {
                let former = std::mem::replace(&mut state.root, Outcome::Nothing);
                state.top = StateTop::Former(former.into_value().unwrap_or_default());
            }
            state.root = outcome;
            Ok(())
        }
        Target::Root(path) => assign_path(path, outcome, &mut state.root, state.members),
        Target::Metadata(key) => match &mut state.metadata {
            Some(metadata) if state.assigns_metadata => {
                assign_metadata(key.as_ref(), outcome, metadata.to_mut())
            }
            _ => Err(EvalError::new(
                "unable to assign metadata in the current context",
            )),
        },
        Target::Variable(slot) => {
            // Slots are counted when the mapping is compiled.
            if let Some(variable) = state.variables.get_mut(*slot) {
                *variable = outcome.into_value();
            }
            Ok(())
        }
    }
}

fn assign_path(
    path: &[Segment],
    outcome: Outcome<'static>,
    root: &mut Outcome<'static>,
    members: usize,
) -> Result<(), EvalError> {
    if let (Outcome::Deleted, Outcome::Deleted) = (&*root, &outcome) {
        // Nothing is there that could be deleted, as below.
        return Ok(());
    }
    if let Outcome::Nothing | Outcome::Own(Value::Null) = root {
        *root = Outcome::Own(Value::Object(Object::with_capacity(members)));
    }
    let Outcome::Own(value) = root else {
        return Err(root_collision(path, root.type_name()));
    };
    let Some(new) = outcome.into_value() else {
        // Deleting what is not there is no error.
        let _absent = value.delete_path(path);
        return Ok(());
    };
    let result = match (&mut *value, path) {
        // `root."-"` appends to a root that is an array.
        (Value::Array(array), [first, rest @ ..]) if first.name() == "-" => {
            let mut element = if rest.is_empty() {
                Value::Null
            } else {
                Value::Object(Object::new())
            };
            let result = element.set_path(rest, new);
            array.make_mut().push(element);
            result
        }
        (value, path) => value.set_path(path, new),
    };
    match result {
        Ok(()) => Ok(()),
        Err(error) => Err(explain(&error, path, value)),
    }
}

#[cold]
fn root_collision(path: &[Segment], type_name: &str) -> EvalError {
    EvalError::complete(format!(
        "unable to set target path {} as the value of the root was a non-object type ({type_name})",
        dotted(path)
    ))
}

#[cold]
fn explain(error: &PathError, path: &[Segment], root: &Value) -> EvalError {
    if *error != PathError::Collision {
        return EvalError::complete(format!(
            "unable to set target path {}: {error}",
            dotted(path)
        ));
    }
    if root.as_object().is_none() {
        return root_collision(path, root.kind().as_str());
    }
    let culprit = (1..=path.len())
        .map(|length| &path[..length])
        .find(|way| {
            root.path(way)
                .is_none_or(|value| value.as_object().is_none())
        })
        .unwrap_or(path);
    let kind = root
        .path(culprit)
        .map_or("null", |value| value.kind().as_str());
    EvalError::complete(format!(
        "unable to set target path {} as the value of {} was a non-object type ({kind})",
        dotted(path),
        dotted(culprit)
    ))
}

fn assign_metadata(
    key: Option<&Text>,
    outcome: Outcome<'static>,
    metadata: &mut Metadata,
) -> Result<(), EvalError> {
    let value = outcome.into_value();
    value.as_ref().map_or(Ok(()), budget::unfold)?;
    match (key, value) {
        (Some(key), Some(value)) => metadata.set(key.clone(), value),
        (Some(key), None) => {
            metadata.remove(key);
        }
        (None, None) => metadata.clear(),
        (None, Some(Value::Object(object))) => {
            let entries = object.entries();
            metadata.replace(
                entries
                    .map(|(key, value)| (key, value.into_owned()))
                    .collect(),
            );
        }
        (None, Some(other)) => {
            return Err(EvalError::complete(format!(
                "setting root meta object requires object value, received: {}",
                other.kind()
            )));
        }
    }
    Ok(())
}

/// Runs a map on a value: with variables and a root of its own.
pub(crate) fn call_map<'a>(
    map: &MapBody,
    value: &Value,
    cx: &Cx<'a>,
) -> Result<Outcome<'a>, EvalError> {
    let depth = cx.depth + 1;
    if depth > MAP_DEPTH_MAX {
        return Err(EvalError::recursion(
            &format!("map {}", map.name),
            MAP_DEPTH_MAX,
        ));
    }
    budget::steps(1)?;
    let needs_stack = stacker::remaining_stack().is_some_and(|left| left < MAP_STACK);
    let _stack = needs_stack
        .then(|| budget::lend(MAP_STACK_SEGMENT))
        .transpose()?;
    stacker::maybe_grow(MAP_STACK, MAP_STACK_SEGMENT, || {
        let frame = cx.frame;
        let variables = vec![None; map.body.variables];
        let mut state = State::new(&map.body, variables, StateTop::Borrowed(Top::Value(value)));
        // Readable; the parser refuses assignments of metadata within maps.
        state.metadata = frame.metadata.map(Cow::Borrowed);
        state.mutated = frame.mutated;
        run(
            frame.program,
            &map.body,
            frame.batch,
            cx.index,
            depth,
            &mut state,
        )
        .map_err(|(line, error)| error.in_map_line(line))?;
        Ok(state.root)
    })
}
