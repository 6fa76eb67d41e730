//! What variables of a program hold before it begins: the values of a message by their paths, and
//! its metadata.

use std::collections::HashMap;

use millrace_awk::Program;
use millrace_message::{Error, Message, Value};

use super::Codec;
use crate::processors::program::{error, nested};

/// Texts by the names of the variables that the program uses.
pub(super) struct Variables<'a> {
    program: &'a Program,
    texts: HashMap<String, Vec<u8>>,
}

impl<'a> Variables<'a> {
    /// # Errors
    /// The codec is `json`, and the payload is none.
    pub fn of(message: &Message, codec: Codec, program: &'a Program) -> Result<Self, Error> {
        let mut variables = Self {
            program,
            texts: HashMap::new(),
        };
        if codec == Codec::Json {
            let value = message
                .value()
                .map_err(|it| error(format_args!("failed to parse message into json: {it}")))?;
            variables.add(&mut String::new(), value);
        }
        if codec != Codec::Nothing {
            for (key, value) in message.metadata.iter() {
                variables.set(key, value);
            }
        }
        Ok(variables)
    }

    /// Sets a variable for each value that holds no others; elements of an array have its path, and
    /// the last one wins.
    fn add(&mut self, path: &mut String, value: &Value) {
        match value {
            Value::Object(object) => {
                for (key, member) in object.entries() {
                    let before = path.len();
                    if before > 0 {
                        path.push('.');
                    }
                    path.push_str(&key);
                    nested(|| self.add(path, &member));
                    path.truncate(before);
                }
            }
            Value::Array(array) => {
                for element in array {
                    nested(|| self.add(path, &element));
                }
            }
            _ => self.set(path, value),
        }
    }

    fn set(&mut self, path: &str, value: &Value) {
        let is_part = |it: char| it.is_ascii_alphanumeric() || it == '_';
        let name: String = path
            .chars()
            .map(|it| if is_part(it) { it } else { '_' })
            .collect();
        if !self.program.uses(&name) {
            return;
        }
        let text = match value {
            Value::Null => b"<nil>".to_vec(),
            Value::Bytes(bytes) => bytes.to_vec(),
            other => other.to_text().as_bytes().to_vec(),
        };
        self.texts.insert(name, text);
    }

    pub fn list(&self) -> Vec<(&str, &[u8])> {
        let texts = self.texts.iter();
        texts
            .map(|(name, text)| (name.as_str(), text.as_slice()))
            .collect()
    }
}
