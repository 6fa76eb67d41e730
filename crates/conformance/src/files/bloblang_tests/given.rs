//! Runs a program, and holds what it gave.

use std::fmt;

use millrace_bloblang::{Environment, EvalError, Interpolation, Mapped, Mapping, Outcome, Query};
use millrace_message::{Message, Metadata, Value};
use serde_json::Value as Json;

use super::complaints;
use crate::compare::{ours, theirs};
use crate::messages;
use crate::rows::{list, text};
use crate::verdict::Failure;

/// What a program gave, in the terms of `expect`.
#[derive(Debug)]
pub enum Given {
    Value(Value),
    Nothing,
    Deleted,
    Message(Box<Message>),
    Sequence(Vec<Given>),
}

impl Given {
    fn of_value(value: Option<Value>) -> Self {
        value.map_or(Self::Deleted, Self::Value)
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(f, "{}", theirs(value)),
            Self::Nothing => f.write_str("nothing"),
            Self::Deleted => f.write_str("deleted"),
            Self::Message(message) => {
                let (content, metadata) = (messages::text(message), messages::metadata(message));
                write!(f, "{content} with the metadata {metadata}")
            }
            Self::Sequence(given) => {
                let given: Vec<String> = given.iter().map(Given::to_string).collect();
                write!(f, "[{}]", given.join(", "))
            }
        }
    }
}

/// Runs the program of a row as its kind says: what it gave, or why it failed.
///
/// # Errors
/// The row cannot be understood.
pub fn run(row: &Json, program: &str) -> Result<Result<Given, String>, Failure> {
    let batch = batch(row)?;
    let index = row["index"].as_u64().unwrap_or(0) as usize;
    if index >= batch.len() {
        return Err(Failure::misread("there is no message of this index"));
    }
    let run = Run {
        this: row.get("this").map(ours),
        has_batch: row["batch"].is_array(),
        environment: Environment::new(),
        batch,
        index,
        program,
    };
    Ok(match text(row, "kind")? {
        "query" => run.query(),
        "interpolation" => run.interpolation(),
        "mapping" => run.mapping(),
        "mapping_value" => run.mapping_value(),
        "mapping_value_meta" => run.mapping_value_with_metadata(),
        "mapping_overlay" => run.mapping_overlay(ours(&row["overlay"])),
        "mapping_sequence" => run.mapping_sequence(list(row, "inputs")?),
        "predicate" => run.predicate(),
        other => return Err(Failure::misread(format!("kind `{other}` is not known"))),
    })
}

/// The batch that a row runs on, an empty message when it names none.
fn batch(row: &Json) -> Result<Vec<Message>, Failure> {
    let messages = row["batch"].as_array().into_iter().flatten();
    let mut batch: Vec<Message> = messages.map(messages::message).collect::<Result<_, _>>()?;
    if batch.is_empty() {
        batch.push(Message::from_bytes(""));
    }
    Ok(batch)
}

/// A program and what it runs on.
struct Run<'r> {
    this: Option<Value>,
    has_batch: bool,
    environment: Environment,
    batch: Vec<Message>,
    index: usize,
    program: &'r str,
}

type Outcomes = Result<Given, String>;

impl Run<'_> {
    fn compile(&self) -> Result<Mapping, String> {
        Mapping::compile(self.program, &self.environment).map_err(|errors| complaints(&errors))
    }

    fn query(&self) -> Outcomes {
        let query = Query::compile(self.program, &self.environment);
        let query = query.map_err(|errors| complaints(&errors))?;
        let outcome = match &self.this {
            Some(this) => query.evaluate_on(this, &self.batch, self.index),
            None => query.evaluate(&self.batch, self.index),
        };
        Ok(match outcome.map_err(told)? {
            Outcome::Nothing => Given::Nothing,
            Outcome::Deleted => Given::Deleted,
            outcome => Given::Value(outcome.into_value().unwrap_or_default()),
        })
    }

    fn interpolation(&self) -> Outcomes {
        let interpolation = Interpolation::compile(self.program, &self.environment)
            .map_err(|errors| complaints(&errors))?;
        let text = interpolation.resolve(&self.batch, self.index);
        Ok(Given::Value(Value::from(text.map_err(told)?.as_ref())))
    }

    fn mapping(&self) -> Outcomes {
        match self.compile()?.map(&self.batch, self.index).map_err(told)? {
            Mapped::Deleted => Ok(Given::Deleted),
            mapped => {
                let mut message = self.batch[self.index].clone();
                let _is_kept = mapped.apply_to(&mut message);
                Ok(Given::Message(Box::new(message)))
            }
        }
    }

    fn mapping_value(&self) -> Outcomes {
        let mapping = self.compile()?;
        let value = match &self.this {
            Some(this) => mapping.map_value(this),
            None if self.has_batch => mapping.query(&self.batch, self.index),
            None => mapping.map_value(&Value::Null),
        };
        value.map(Given::of_value).map_err(told)
    }

    fn mapping_value_with_metadata(&self) -> Outcomes {
        let mut metadata = Metadata::default();
        let this = self.this.clone().unwrap_or_default();
        let value = self.compile()?;
        let value = value.map_value_with_metadata(&this, &mut metadata);
        value.map(Given::of_value).map_err(told)
    }

    fn mapping_overlay(&self, mut overlay: Value) -> Outcomes {
        let this = self.this.clone().unwrap_or_default();
        let kept = self.compile()?.map_onto_value(&this, &mut overlay);
        Ok(Given::of_value(kept.map_err(told)?.then_some(overlay)))
    }

    fn mapping_sequence(&self, inputs: &[Json]) -> Outcomes {
        let mapping = self.compile()?;
        let given = inputs
            .iter()
            .map(|input| mapping.map_value(&ours(input)).map(Given::of_value));
        let given: Result<_, _> = given.collect();
        Ok(Given::Sequence(given.map_err(told)?))
    }

    fn predicate(&self) -> Outcomes {
        let holds = self.compile()?.test(&self.batch, self.index);
        Ok(Given::Value(Value::Bool(holds.map_err(told)?)))
    }
}

fn told(error: EvalError) -> String {
    error.to_string()
}
