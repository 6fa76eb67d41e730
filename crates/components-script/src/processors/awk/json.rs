//! The payload as a document: reading and changing what stands at dot paths.

use millrace_awk::{Answer, Arguments, Fault};
use millrace_message::{Segment, Value};

use super::functions::Work;

/// How deep a path may lead: as deep as documents nest.
const DEPTH_MAX: usize = 1000;

/// The path that is the first argument.
fn path(arguments: &Arguments<'_>) -> Result<Vec<Segment>, Fault> {
    let path = arguments.text(0);
    let dots = path.bytes().filter(|it| *it == b'.').count();
    if dots >= DEPTH_MAX {
        return Err(Fault::new(format!(
            "the path leads deeper than {DEPTH_MAX} levels"
        )));
    }
    arguments.step(path.len() as u64)?;
    Ok(Segment::parse_dot_path(&path))
}

impl Work<'_> {
    fn document(&self) -> Result<&Value, Fault> {
        match &self.changed {
            Some(value) => Ok(value),
            None => self.message.value().map_err(no_document),
        }
    }

    fn document_mut(&mut self) -> Result<&mut Value, Fault> {
        if self.changed.is_none() {
            let value = self.message.value().map_err(no_document)?.clone();
            self.changed = Some(value);
        }
        Ok(self.changed.get_or_insert(Value::Null))
    }

    pub(super) fn json_get(&mut self, arguments: &mut Arguments<'_>) -> Result<Answer, Fault> {
        let path = path(arguments)?;
        let found = self.document()?.path(&path);
        let text = found.map_or_else(|| Value::Null.to_text(), |it| it.to_text());
        Ok(Answer::Text(text.as_bytes().to_vec()))
    }

    /// A path that does not fit the document changes nothing.
    pub(super) fn json_set(
        &mut self,
        value: Value,
        arguments: &mut Arguments<'_>,
    ) -> Result<Answer, Fault> {
        let path = path(arguments)?;
        hold(arguments, &path)?;
        let _ = self.document_mut()?.set_path(&path, value);
        Ok(Answer::Number(0.0))
    }

    pub(super) fn json_append(
        &mut self,
        value: Value,
        arguments: &mut Arguments<'_>,
    ) -> Result<Answer, Fault> {
        let mut path = path(arguments)?;
        hold(arguments, &path)?;
        let document = self.document_mut()?;
        // An array is not held here while it changes: it would be copied.
        let value = match document.path(&path).as_deref() {
            Some(Value::Array(_)) => {
                path.push(Segment::from("-"));
                value
            }
            None | Some(Value::Null) => Value::from(vec![value]),
            Some(other) => Value::from(vec![other.clone(), value]),
        };
        let _ = document.set_path(&path, value);
        Ok(Answer::Number(0.0))
    }

    pub(super) fn json_delete(&mut self, arguments: &mut Arguments<'_>) -> Result<Answer, Fault> {
        let path = path(arguments)?;
        let _ = self.document_mut()?.delete_path(&path);
        Ok(Answer::Number(0.0))
    }

    pub(super) fn json_length(&mut self, arguments: &mut Arguments<'_>) -> Result<Answer, Fault> {
        let path = path(arguments)?;
        let length = match self.document()?.path(&path).as_deref() {
            Some(Value::Array(array)) => array.len(),
            Some(Value::String(text)) => text.len(),
            _ => 0,
        };
        Ok(Answer::Number(length as f64))
    }

    pub(super) fn json_type(&mut self, arguments: &mut Arguments<'_>) -> Result<Answer, Fault> {
        let path = path(arguments)?;
        let name = match self.document()?.path(&path).as_deref() {
            None => "undefined",
            Some(Value::Null) => "null",
            Some(Value::Bool(_)) => "bool",
            // As numbers of documents are in Bento, whole ones too.
            Some(Value::I64(_) | Value::U64(_) | Value::F64(_) | Value::Number(_)) => "float",
            Some(Value::String(_) | Value::Bytes(_) | Value::Timestamp(_)) => "string",
            Some(Value::Array(_)) => "array",
            Some(Value::Object(_)) => "object",
        };
        Ok(Answer::Text(name.into()))
    }
}

fn no_document(error: &millrace_message::JsonError) -> Fault {
    Fault::new(format!("failed to parse message into json: {error}"))
}

/// Counts what setting a value adds to the document.
fn hold(arguments: &mut Arguments<'_>, path: &[Segment]) -> Result<(), Fault> {
    let names: usize = path.iter().map(|it| it.name().len() + 64).sum();
    let text = arguments.bytes(1).len();
    arguments.hold(names + text + 64)
}
