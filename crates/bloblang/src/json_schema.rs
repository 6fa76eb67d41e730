//! Checks values against a JSON Schema: drafts 4, 6 and 7, as Bento's validator reads them.
//!
//! References point into the same schema (`#`, `#/definitions/x`, or the `$id` of a part);
//! nothing is ever loaded. A reference stands alone: what is beside it in its object is passed
//! over. `$schema` says which draft's words count; a schema that names none of them may use the
//! words of all three.

use millrace_message::Value;

mod check;
mod compile;
mod format;
mod number;

use crate::go::regex::Pattern;
use crate::json_schema::number::Decimal;

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    /// All parts; the first one is the whole.
    parts: Vec<Part>,
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// What is no schema, and where.
    pub fn new(source: &Value) -> Result<Schema, String> {
        compile::schema(source)
    }

    /// What is wrong with a value, each with the place; nothing when it fits.
    pub fn complaints(&self, value: &Value) -> Vec<String> {
        check::complaints(&self.parts, value)
    }
}

/// The place of a part in the list of them.
type At = usize;

/// A schema, or a schema within one.
#[derive(Debug)]
enum Part {
    /// Everything fits, or nothing does.
    Constant(bool),
    /// What another part says.
    Same(At),
    Rules(Box<Rules>),
}

/// What additional members and elements must be.
#[derive(Debug, Default)]
enum Additional {
    #[default]
    Allowed,
    Refused,
    Fit(At),
}

/// What members must be there when another one is.
#[derive(Debug)]
enum Dependency {
    Members(Vec<String>),
    Fit(At),
}

#[derive(Debug)]
enum Items {
    All(At),
    /// One for each of the first elements.
    Each(Vec<At>),
}

#[derive(Debug)]
struct Bound {
    limit: Decimal,
    /// As written in the schema.
    text: String,
    is_exclusive: bool,
}

#[derive(Debug, Default)]
struct Rules {
    types: Vec<String>,
    any_of: Vec<At>,
    one_of: Vec<At>,
    all_of: Vec<At>,
    not: Option<At>,
    condition: Option<At>,
    then: Option<At>,
    otherwise: Option<At>,
    constant: Option<Value>,
    choices: Vec<Value>,

    multiple_of: Option<(Decimal, String)>,
    minimum: Vec<Bound>,
    maximum: Vec<Bound>,

    min_length: Option<usize>,
    max_length: Option<usize>,
    pattern: Option<(Pattern, String)>,
    format: Option<String>,

    items: Option<Items>,
    additional_items: Additional,
    min_items: Option<usize>,
    max_items: Option<usize>,
    are_unique: bool,
    contains: Option<At>,

    properties: Vec<(String, At)>,
    pattern_properties: Vec<(Pattern, At)>,
    additional_properties: Additional,
    property_names: Option<At>,
    required: Vec<String>,
    min_properties: Option<usize>,
    max_properties: Option<usize>,
    dependencies: Vec<(String, Dependency)>,
}

#[cfg(test)]
mod tests;
