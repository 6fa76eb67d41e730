//! Names of types: a full name, and the namespace that names within it are completed by.

use millrace_message::{Object, Value};

use super::{AvroError, Result, nested};

/// A full name, and its namespace; both empty for what has none.
#[derive(Clone, Debug, Default)]
pub(super) struct Name {
    pub full: String,
    pub namespace: String,
}

impl Name {
    /// The name that a definition gives itself within a namespace.
    pub(super) fn of(definition: &Object, enclosing: &str) -> Result<Self> {
        let name = definition.get("name");
        let Some(name) = name.as_deref().and_then(|it| it.as_str()) else {
            return Err(AvroError::new("a schema has no `name` that is text"));
        };
        let namespace =
            match definition.get("namespace").as_deref() {
                None => None,
                Some(value) => Some(value.as_str().map(str::to_owned).ok_or_else(|| {
                    AvroError::new(format!("the namespace of `{name}` is no text"))
                })?),
            };
        let name = match name.rsplit_once('.') {
            Some((namespace, _)) => Self {
                full: name.to_owned(),
                namespace: namespace.to_owned(),
            },
            None => {
                let namespace = namespace.filter(|it| !it.is_empty());
                let namespace = namespace.unwrap_or_else(|| enclosing.to_owned());
                let full = match namespace.is_empty() {
                    true => name.to_owned(),
                    false => format!("{namespace}.{name}"),
                };
                Self { full, namespace }
            }
        };
        name.full.split('.').try_for_each(check)?;
        Ok(name)
    }

    /// The last part.
    pub(super) fn short(&self) -> &str {
        self.full.rsplit('.').next().unwrap_or_default()
    }
}

/// Whether a part of a name, or a symbol, is made of what names are made of.
pub(super) fn check(part: &str) -> Result<()> {
    let mut bytes = part.bytes();
    let wrong = |what: &str| {
        let part: String = part.chars().take(80).collect();
        Err(AvroError::new(format!("the name `{part}` {what}")))
    };
    match bytes.next() {
        None => return wrong("is empty"),
        Some(b'A'..=b'Z' | b'a'..=b'z' | b'_') => {}
        Some(_) => return wrong("does not start with one of [A-Za-z_]"),
    }
    match bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        true => Ok(()),
        false => wrong("has other characters than [A-Za-z0-9_]"),
    }
}

/// A schema with namespaces that are made of letters, digits and underscores: other characters of
/// them are taken out. The last part of a `name` stays as it is.
pub(super) fn sanitized(schema: &Value) -> Value {
    nested(|| match schema {
        Value::Object(object) => {
            let members = object.entries().map(|(key, value)| {
                let clean = match (key.as_str(), value.as_str()) {
                    ("namespace", Some(text)) => Value::from(clean(text)),
                    ("name", Some(text)) => Value::from(match text.rsplit_once('.') {
                        Some((namespace, name)) => format!("{}.{name}", clean(namespace)),
                        None => text.to_owned(),
                    }),
                    _ => sanitized(&value),
                };
                (key, clean)
            });
            Value::Object(members.collect())
        }
        Value::Array(array) => Value::Array(array.iter().map(|it| sanitized(&it)).collect()),
        other => other.clone(),
    })
}

fn clean(namespace: &str) -> String {
    let is_kept = |it: &char| it.is_ascii_alphanumeric() || matches!(it, '_' | '.');
    namespace.chars().filter(is_kept).collect()
}
