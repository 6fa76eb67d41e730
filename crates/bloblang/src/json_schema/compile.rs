//! From a schema document to its parts.

use std::collections::HashMap;

use millrace_message::{Object, Value};

use super::number::Decimal;
use super::{Additional, At, Bound, Dependency, Items, Part, Rules, Schema};
use crate::go::regex::Pattern;

/// How deep the parts of a schema may nest.
const DEPTH_MAX: usize = 200;

/// Which words a schema may use; others are passed over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Draft {
    Four,
    Six,
    Seven,
    /// The words of all three, which no draft has.
    All,
}

impl Draft {
    /// The draft that a schema names; one that is not known is as none.
    fn of(source: &Value) -> Result<Draft, String> {
        let Some(name) = source.get("$schema") else {
            return Ok(Draft::All);
        };
        let name = name.as_str().ok_or_else(|| wrong("$schema", "a string"))?;
        Ok(match name.strip_suffix('#').unwrap_or(name) {
            "http://json-schema.org/draft-04/schema" => Draft::Four,
            "http://json-schema.org/draft-06/schema" => Draft::Six,
            "http://json-schema.org/draft-07/schema" => Draft::Seven,
            _ => Draft::All,
        })
    }

    fn knows(self, word: &str) -> bool {
        match word {
            "if" | "then" | "else" => self >= Draft::Seven,
            "const" | "contains" | "propertyNames" | "$id" => self >= Draft::Six,
            "id" => matches!(self, Draft::Four | Draft::All),
            _ => true,
        }
    }

    /// An exclusive bound is a boolean about the bound beside it in draft 4, and a number since.
    fn check_exclusive(self, word: &str, value: &Value) -> Result<(), String> {
        match (self, value.as_bool().is_some()) {
            (Draft::Four, false) => Err(wrong(word, "a boolean")),
            (Draft::Six | Draft::Seven, true) => Err(wrong(word, "a number")),
            _ => Ok(()),
        }
    }
}

pub(super) fn schema(source: &Value) -> Result<Schema, String> {
    let mut compiler = Compiler {
        draft: Draft::of(source)?,
        source,
        parts: Vec::new(),
        known: HashMap::new(),
        names: HashMap::new(),
    };
    compiler.find_names(source, &mut String::new(), 0)?;
    compiler.part(source, "", 0)?;
    Ok(Schema {
        parts: compiler.parts,
    })
}

struct Compiler<'a> {
    draft: Draft,
    source: &'a Value,
    parts: Vec<Part>,
    /// Parts by the JSON Pointer to their source: references may be circular.
    known: HashMap<String, At>,
    /// Pointers by `$id`.
    names: HashMap<String, String>,
}

const TYPES: [&str; 7] = [
    "array", "boolean", "integer", "number", "null", "object", "string",
];

impl Compiler<'_> {
    fn find_names(
        &mut self,
        source: &Value,
        pointer: &mut String,
        depth: usize,
    ) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(format!("the schema nests deeper than {DEPTH_MAX} levels"));
        }
        let children: Vec<(String, Value)> = match source {
            Value::Object(object) => {
                for word in ["$id", "id"] {
                    if self.draft.knows(word)
                        && let Some(id) = object.get(word)
                        && let Some(id) = id.as_str()
                    {
                        let id = id.strip_suffix('#').unwrap_or(id);
                        self.names.entry(id.to_owned()).or_insert(pointer.clone());
                    }
                }
                object
                    .entries()
                    .map(|(key, value)| (escaped(&key), value.into_owned()))
                    .collect()
            }
            Value::Array(array) => array
                .iter()
                .enumerate()
                .map(|(at, value)| (at.to_string(), value.into_owned()))
                .collect(),
            _ => return Ok(()),
        };
        for (key, value) in children {
            let length = pointer.len();
            pointer.push('/');
            pointer.push_str(&key);
            self.find_names(&value, pointer, depth + 1)?;
            pointer.truncate(length);
        }
        Ok(())
    }

    /// The part at a pointer; compiled when it is asked for first.
    fn part(&mut self, source: &Value, pointer: &str, depth: usize) -> Result<At, String> {
        if let Some(at) = self.known.get(pointer) {
            return Ok(*at);
        }
        if depth > DEPTH_MAX {
            return Err(format!("the schema nests deeper than {DEPTH_MAX} levels"));
        }
        let at = self.parts.len();
        self.parts.push(Part::Constant(true));
        self.known.insert(pointer.to_owned(), at);
        self.parts[at] = match source {
            Value::Bool(constant) if self.draft >= Draft::Six => Part::Constant(*constant),
            Value::Object(object) => match object.get("$ref") {
                Some(reference) => {
                    let reference = reference
                        .as_str()
                        .ok_or_else(|| wrong("$ref", "a string"))?;
                    Part::Same(self.reference(reference, depth)?)
                }
                None => Part::Rules(Box::new(self.rules(object, pointer, depth)?)),
            },
            other => {
                let expected = match self.draft {
                    Draft::Four => "an object",
                    _ => "an object or a boolean",
                };
                return Err(format!("a schema must be {expected}, not {}", other.kind()));
            }
        };
        Ok(at)
    }

    fn reference(&mut self, reference: &str, depth: usize) -> Result<At, String> {
        let missing = || {
            format!(
                "the reference {reference} points to nothing in the schema; others are not loaded"
            )
        };
        let (base, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let base_pointer = match base {
            "" => String::new(),
            base => self.names.get(base).ok_or_else(missing)?.clone(),
        };
        let pointer = match fragment {
            "" => base_pointer,
            path if path.starts_with('/') => format!("{base_pointer}{}", unescaped_percent(path)),
            name => self
                .names
                .get(&format!("#{name}"))
                .ok_or_else(missing)?
                .clone(),
        };
        let mut source = self.source.clone();
        for key in pointer.split('/').skip(1) {
            let key = key.replace("~1", "/").replace("~0", "~");
            let next = match &source {
                Value::Array(array) => key.parse().ok().and_then(|at| array.get(at)),
                other => other.get(&key),
            };
            let next = next.ok_or_else(missing)?.into_owned();
            source = next;
        }
        self.part(&source, &pointer, depth + 1)
    }

    fn rules(&mut self, object: &Object, pointer: &str, depth: usize) -> Result<Rules, String> {
        let draft = self.draft;
        let mut child =
            |value: &Value, path: &str| self.part(value, &format!("{pointer}/{path}"), depth + 1);
        let mut rules = Rules::default();
        for (word, value) in object.entries().filter(|(word, _)| draft.knows(word)) {
            let value = &*value;
            if matches!(word.as_str(), "exclusiveMinimum" | "exclusiveMaximum") {
                draft.check_exclusive(&word, value)?;
            }
            match word.as_str() {
                "type" => rules.types = types(value)?,
                "anyOf" | "oneOf" | "allOf" => {
                    let parts = list(&word, value)?
                        .iter()
                        .enumerate()
                        .map(|(at, part)| child(part, &format!("{word}/{at}")))
                        .collect::<Result<_, _>>()?;
                    match word.as_str() {
                        "anyOf" => rules.any_of = parts,
                        "oneOf" => rules.one_of = parts,
                        _ => rules.all_of = parts,
                    }
                }
                "not" => rules.not = Some(child(value, "not")?),
                "if" => rules.condition = Some(child(value, "if")?),
                "then" => rules.then = Some(child(value, "then")?),
                "else" => rules.otherwise = Some(child(value, "else")?),
                "const" => rules.constant = Some(value.clone()),
                "enum" => rules.choices = list("enum", value)?,
                "multipleOf" => {
                    let number =
                        Decimal::of(value).ok_or_else(|| wrong("multipleOf", "a number"))?;
                    if !value.as_f64().is_some_and(|it| it > 0.0) {
                        return Err("multipleOf must be strictly greater than 0".to_owned());
                    }
                    rules.multiple_of = Some((number, value.to_text().to_string()));
                }
                "minimum" | "exclusiveMinimum" => {
                    rules
                        .minimum
                        .extend(bound(object, &word, value, "exclusiveMinimum")?);
                }
                "maximum" | "exclusiveMaximum" => {
                    rules
                        .maximum
                        .extend(bound(object, &word, value, "exclusiveMaximum")?);
                }
                "minLength" => rules.min_length = Some(count(&word, value)?),
                "maxLength" => rules.max_length = Some(count(&word, value)?),
                "minItems" => rules.min_items = Some(count(&word, value)?),
                "maxItems" => rules.max_items = Some(count(&word, value)?),
                "minProperties" => rules.min_properties = Some(count(&word, value)?),
                "maxProperties" => rules.max_properties = Some(count(&word, value)?),
                "pattern" => {
                    let pattern = text(&word, value)?;
                    rules.pattern = Some((compiled(&pattern)?, pattern));
                }
                "format" => rules.format = Some(text(&word, value)?),
                "items" => {
                    rules.items = Some(match value {
                        Value::Array(array) => Items::Each(
                            array
                                .iter()
                                .enumerate()
                                .map(|(at, part)| child(&part, &format!("items/{at}")))
                                .collect::<Result<_, _>>()?,
                        ),
                        one => Items::All(child(one, "items")?),
                    });
                }
                "additionalItems" | "additionalProperties" => {
                    let additional = match value {
                        Value::Bool(true) => Additional::Allowed,
                        Value::Bool(false) => Additional::Refused,
                        part => Additional::Fit(child(part, &word)?),
                    };
                    if &*word == "additionalItems" {
                        rules.additional_items = additional;
                    } else {
                        rules.additional_properties = additional;
                    }
                }
                "uniqueItems" => {
                    rules.are_unique = value.as_bool().ok_or_else(|| wrong(&word, "a boolean"))?;
                }
                "contains" => rules.contains = Some(child(value, "contains")?),
                "propertyNames" => rules.property_names = Some(child(value, "propertyNames")?),
                "properties" => {
                    for (name, part) in members(&word, value)? {
                        let at = child(&part, &format!("properties/{}", escaped(&name)))?;
                        rules.properties.push((name.to_string(), at));
                    }
                }
                "patternProperties" => {
                    for (name, part) in members(&word, value)? {
                        let at = child(&part, &format!("patternProperties/{}", escaped(&name)))?;
                        rules.pattern_properties.push((compiled(&name)?, at));
                    }
                }
                "required" => rules.required = texts(&word, value)?,
                "dependencies" => {
                    for (name, needed) in members(&word, value)? {
                        let dependency = match &*needed {
                            Value::Array(_) => Dependency::Members(texts(&word, &needed)?),
                            part => {
                                let path = format!("dependencies/{}", escaped(&name));
                                Dependency::Fit(child(part, &path)?)
                            }
                        };
                        rules.dependencies.push((name.to_string(), dependency));
                    }
                }
                _ => {}
            }
        }
        Ok(rules)
    }
}

/// A bound as a number; the boolean of draft 4 says that the bound beside it is exclusive.
fn bound(
    object: &Object,
    word: &str,
    value: &Value,
    exclusive: &str,
) -> Result<Option<Bound>, String> {
    if word == exclusive && value.as_bool().is_some() {
        return Ok(None);
    }
    let limit = Decimal::of(value).ok_or_else(|| wrong(word, "a number"))?;
    let is_draft_4 = object
        .get(exclusive)
        .is_some_and(|it| it.as_bool() == Some(true));
    Ok(Some(Bound {
        limit,
        text: value.to_text().to_string(),
        is_exclusive: word == exclusive || is_draft_4,
    }))
}

fn types(value: &Value) -> Result<Vec<String>, String> {
    let types = match value {
        Value::String(one) => vec![one.to_string()],
        other => texts("type", other)?,
    };
    match types.iter().find(|it| !TYPES.contains(&it.as_str())) {
        Some(unknown) => Err(format!(
            "has a primitive type that is NOT VALID -- given: {unknown}, expected one of {}",
            TYPES.join(", ")
        )),
        None => Ok(types),
    }
}

fn compiled(pattern: &str) -> Result<Pattern, String> {
    Pattern::compile(pattern).map_err(|error| error.to_string())
}

fn wrong(word: &str, expected: &str) -> String {
    format!("{word} must be {expected}")
}

fn text(word: &str, value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| wrong(word, "a string"))?;
    Ok(text.to_owned())
}

fn list(word: &str, value: &Value) -> Result<Vec<Value>, String> {
    let array = value.as_array().ok_or_else(|| wrong(word, "an array"))?;
    Ok(array.iter().map(|it| it.into_owned()).collect())
}

fn texts(word: &str, value: &Value) -> Result<Vec<String>, String> {
    list(word, value)?.iter().map(|it| text(word, it)).collect()
}

fn members<'v>(
    word: &str,
    value: &'v Value,
) -> Result<impl Iterator<Item = (millrace_message::Text, std::borrow::Cow<'v, Value>)>, String> {
    let object = value.as_object().ok_or_else(|| wrong(word, "an object"))?;
    Ok(object.entries())
}

fn count(word: &str, value: &Value) -> Result<usize, String> {
    let number = Decimal::of(value).filter(|it| it.is_integer());
    let count = number.and(value.as_f64()).filter(|it| *it >= 0.0);
    count
        .map(|it| it as usize)
        .ok_or_else(|| wrong(word, "an integer that is not below 0"))
}

/// A key as a part of a JSON Pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A pointer within a URL, with its escapes replaced.
fn unescaped_percent(path: &str) -> String {
    let bytes = crate::go::url::unescape_query(&path.replace('+', "%2B"));
    match bytes.map(String::from_utf8) {
        Ok(Ok(text)) => text,
        _ => path.to_owned(),
    }
}
