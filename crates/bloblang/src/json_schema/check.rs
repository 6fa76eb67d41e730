//! A value beside the parts of a schema.
//!
//! The order of complaints is that of Bento's validator, and so is the choice of the alternative
//! whose complaints are given when none fits: the one with the highest score.

use std::cmp::Ordering;
use std::collections::HashMap;

use millrace_message::{Array, Object, Value};

use super::number::Decimal;
use super::{Additional, At, Dependency, Items, Part, Rules, format};
use crate::go::regex::Pattern;

/// How deep values and references may take the check.
const DEPTH_MAX: usize = 2_000;
/// How many parts are held beside values. Alternatives within alternatives multiply.
const STEPS_MAX: usize = if cfg!(test) { 10_000 } else { 1_000_000 };

pub(super) fn complaints(parts: &[Part], value: &Value) -> Vec<String> {
    let mut checker = Checker {
        parts,
        path: Vec::new(),
        depth: 0,
        steps: 0,
    };
    let findings = checker.check(0, value);
    if checker.steps > STEPS_MAX {
        return vec![format!(
            "(root) the check takes more than {STEPS_MAX} steps"
        )];
    }
    findings.complaints
}

#[derive(Default)]
struct Findings {
    complaints: Vec<String>,
    score: i64,
}

impl Findings {
    fn fits(&self) -> bool {
        self.complaints.is_empty()
    }

    fn merge(&mut self, other: Findings) {
        self.complaints.extend(other.complaints);
        self.score += other.score;
    }
}

/// The better of the alternatives that do not fit.
fn better(best: Option<Findings>, other: Findings) -> Option<Findings> {
    match best {
        Some(best) if best.score >= other.score => Some(best),
        _ => Some(other),
    }
}

struct Checker<'a> {
    parts: &'a [Part],
    /// The keys that lead to the value at hand.
    path: Vec<String>,
    depth: usize,
    steps: usize,
}

impl<'a> Checker<'a> {
    fn complain(&self, findings: &mut Findings, text: impl std::fmt::Display) {
        let place = match self.path.as_slice() {
            [] => "(root)".to_owned(),
            path => path.join("."),
        };
        findings.complaints.push(format!("{place} {text}"));
        findings.score -= 2;
    }

    /// A value below the one at hand.
    fn below(&mut self, key: String, at: At, value: &Value) -> Findings {
        self.path.push(key);
        let findings = self.check(at, value);
        self.path.pop();
        findings
    }

    fn check(&mut self, at: At, value: &Value) -> Findings {
        let mut findings = Findings::default();
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return findings;
        }
        if self.depth > DEPTH_MAX {
            self.complain(
                &mut findings,
                format!("is checked more than {DEPTH_MAX} levels deep"),
            );
            return findings;
        }
        self.depth += 1;
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || match &self.parts[at] {
            Part::Constant(true) => {}
            Part::Constant(false) => self.complain(&mut findings, "false always fails validation"),
            Part::Same(other) => findings = self.check(*other, value),
            Part::Rules(rules) => self.rules(rules, value, &mut findings),
        });
        self.depth -= 1;
        findings
    }

    fn rules(&mut self, rules: &'a Rules, value: &Value, findings: &mut Findings) {
        if !rules.types.is_empty() {
            let given = type_name(value);
            let fits =
                |wanted: &String| wanted == given || (wanted == "number" && given == "integer");
            if !rules.types.iter().any(fits) {
                let expected = match rules.types.as_slice() {
                    [one] => one.clone(),
                    several => format!("[{}]", several.join(",")),
                };
                let text = format!("invalid type. expected: {expected}, given: {given}");
                self.complain(findings, text);
                return;
            }
        }
        self.combinations(rules, value, findings);
        match value {
            Value::Array(array) => self.array(rules, array, findings),
            Value::Object(object) => self.object(rules, object, findings),
            _ => {}
        }
        if let Some(number) = Decimal::of(value) {
            self.number(rules, number, findings);
        }
        self.choices(rules, value, findings);
        if let Some(text) = text_of(value) {
            self.text(rules, &text, findings);
        }
        if let Value::Object(object) = value {
            for (name, part) in &rules.properties {
                if let Some(member) = object.get(name) {
                    let found = self.below(name.clone(), *part, &member);
                    findings.merge(found);
                }
            }
        }
        findings.score += 1;
    }

    fn combinations(&mut self, rules: &'a Rules, value: &Value, findings: &mut Findings) {
        if !rules.any_of.is_empty() {
            let mut best = None;
            let any = rules.any_of.iter().any(|part| {
                let found = self.check(*part, value);
                let fits = found.fits();
                if !fits {
                    best = better(best.take(), found);
                }
                fits
            });
            if !any {
                self.complain(findings, "must validate at least one schema (anyOf)");
                findings.merge(best.unwrap_or_default());
            }
        }
        if !rules.one_of.is_empty() {
            let mut best = None;
            let mut fitting = 0;
            for part in &rules.one_of {
                let found = self.check(*part, value);
                if found.fits() {
                    fitting += 1;
                } else if fitting == 0 {
                    best = better(best.take(), found);
                }
            }
            if fitting != 1 {
                self.complain(findings, "must validate one and only one schema (oneOf)");
                if fitting == 0 {
                    findings.merge(best.unwrap_or_default());
                }
            }
        }
        if !rules.all_of.is_empty() {
            let mut all = true;
            for part in &rules.all_of {
                let found = self.check(*part, value);
                all &= found.fits();
                findings.merge(found);
            }
            if !all {
                self.complain(findings, "must validate all the schemas (allOf)");
            }
        }
        if let Some(part) = rules.not
            && self.check(part, value).fits()
        {
            self.complain(findings, "must not validate the schema (not)");
        }
        if let Value::Object(object) = value {
            self.dependencies(rules, value, object, findings);
        }
        if let Some(condition) = rules.condition {
            let holds = self.check(condition, value).fits();
            let (next, text) = if holds {
                (rules.then, "must validate \"then\" as \"if\" was valid")
            } else {
                (
                    rules.otherwise,
                    "must validate \"else\" as \"if\" was not valid",
                )
            };
            if let Some(part) = next {
                let found = self.check(part, value);
                if !found.fits() {
                    self.complain(findings, text);
                    findings.merge(found);
                }
            }
        }
        findings.score += 1;
    }

    fn dependencies(
        &mut self,
        rules: &'a Rules,
        value: &Value,
        object: &Object,
        findings: &mut Findings,
    ) {
        for (name, dependency) in &rules.dependencies {
            if !object.contains_key(name) {
                continue;
            }
            match dependency {
                Dependency::Members(needed) => {
                    for needed in needed.iter().filter(|it| !object.contains_key(it)) {
                        self.complain(findings, format!("has a dependency on {needed}"));
                    }
                }
                Dependency::Fit(part) => {
                    let found = self.check(*part, value);
                    findings.merge(found);
                }
            }
        }
    }

    fn choices(&mut self, rules: &Rules, value: &Value, findings: &mut Findings) {
        if let Some(constant) = &rules.constant
            && !is_same(constant, value)
        {
            let text = format!("does not match: {}", json(constant));
            self.complain(findings, text);
        }
        if !rules.choices.is_empty() && !rules.choices.iter().any(|it| is_same(it, value)) {
            let choices: Vec<String> = rules.choices.iter().map(json).collect();
            let text = format!("must be one of the following: {}", choices.join(", "));
            self.complain(findings, text);
        }
        findings.score += 1;
    }

    fn array(&mut self, rules: &'a Rules, array: &Array, findings: &mut Findings) {
        for (at, element) in array.iter().enumerate() {
            let part = match &rules.items {
                None => break,
                Some(Items::All(part)) => Some(*part),
                Some(Items::Each(parts)) => match (parts.get(at), &rules.additional_items) {
                    (Some(part), _) => Some(*part),
                    (None, Additional::Fit(part)) => Some(*part),
                    (None, Additional::Allowed) => None,
                    (None, Additional::Refused) => {
                        self.complain(findings, "no additional items allowed on array");
                        break;
                    }
                },
            };
            if let Some(part) = part {
                let found = self.below(at.to_string(), part, &element);
                findings.merge(found);
            }
        }
        if let Some(min) = rules.min_items.filter(|min| array.len() < *min) {
            self.complain(findings, format!("array must have at least {min} items"));
        }
        if let Some(max) = rules.max_items.filter(|max| array.len() > *max) {
            self.complain(findings, format!("array must have at most {max} items"));
        }
        if rules.are_unique {
            let mut seen: HashMap<Vec<u8>, usize> = HashMap::new();
            for (at, element) in array.iter().enumerate() {
                if let Some(first) = seen.insert(canonical(&element), at) {
                    self.complain(
                        findings,
                        format!("array items[{first},{at}] must be unique"),
                    );
                }
            }
        }
        if let Some(part) = rules.contains {
            let mut best = None;
            let any = array.iter().enumerate().any(|(at, element)| {
                let found = self.below(at.to_string(), part, &element);
                let fits = found.fits();
                if !fits {
                    best = better(best.take(), found);
                }
                fits
            });
            if !any {
                self.complain(findings, "at least one of the items must match");
                findings.merge(best.unwrap_or_default());
            }
        }
        findings.score += 1;
    }

    fn object(&mut self, rules: &'a Rules, object: &Object, findings: &mut Findings) {
        if let Some(min) = rules.min_properties.filter(|min| object.len() < *min) {
            self.complain(findings, format!("must have at least {min} properties"));
        }
        if let Some(max) = rules.max_properties.filter(|max| object.len() > *max) {
            self.complain(findings, format!("must have at most {max} properties"));
        }
        for name in &rules.required {
            if object.contains_key(name) {
                findings.score += 1;
            } else {
                self.complain(findings, format!("{name} is required"));
            }
        }
        let looks_at_each = !rules.pattern_properties.is_empty()
            || !matches!(rules.additional_properties, Additional::Allowed)
            || rules.property_names.is_some();
        for (name, member) in object.entries().filter(|_| looks_at_each) {
            let mut is_described = rules.properties.iter().any(|(it, _)| **it == *name);
            for (pattern, part) in &rules.pattern_properties {
                if fits(pattern, &name) {
                    is_described = true;
                    let found = self.below(name.to_string(), *part, &member);
                    findings.merge(found);
                    findings.score += 1;
                }
            }
            match &rules.additional_properties {
                Additional::Refused if !is_described => {
                    let text = format!("additional property {name} is not allowed");
                    self.complain(findings, text);
                }
                Additional::Fit(part) if !is_described => {
                    let found = self.below(name.to_string(), *part, &member);
                    findings.merge(found);
                }
                _ => {}
            }
            if let Some(part) = rules.property_names {
                let found = self.check(part, &Value::String(name.clone()));
                if !found.fits() {
                    self.complain(
                        findings,
                        format!("property name of \"{name}\" does not match"),
                    );
                    findings.merge(found);
                }
            }
        }
        findings.score += 1;
    }

    fn number(&mut self, rules: &Rules, number: Decimal, findings: &mut Findings) {
        if let Some((divisor, text)) = &rules.multiple_of
            && !number.is_multiple_of(*divisor)
        {
            self.complain(findings, format!("must be a multiple of {text}"));
        }
        for (bounds, wrong, words) in [
            (&rules.maximum, Ordering::Greater, "less"),
            (&rules.minimum, Ordering::Less, "greater"),
        ] {
            for bound in bounds {
                let side = number.compare(bound.limit);
                if side == wrong || (bound.is_exclusive && side == Ordering::Equal) {
                    let or_equal = if bound.is_exclusive {
                        ""
                    } else {
                        " or equal to"
                    };
                    let text = format!("must be {words} than{or_equal} {}", bound.text);
                    self.complain(findings, text);
                }
            }
        }
        findings.score += 1;
    }

    fn text(&mut self, rules: &Rules, text: &str, findings: &mut Findings) {
        let length = text.chars().count();
        if let Some(min) = rules.min_length.filter(|min| length < *min) {
            let text = format!("string length must be greater than or equal to {min}");
            self.complain(findings, text);
        }
        if let Some(max) = rules.max_length.filter(|max| length > *max) {
            let text = format!("string length must be less than or equal to {max}");
            self.complain(findings, text);
        }
        if let Some((pattern, source)) = &rules.pattern
            && !fits(pattern, text)
        {
            self.complain(findings, format!("does not match pattern '{source}'"));
        }
        if let Some(name) = &rules.format
            && !format::fits(name, text)
        {
            self.complain(findings, format!("does not match format '{name}'"));
        }
        findings.score += 1;
    }
}

/// Whether a text has a match. Where the steps of a mapping are used up, it fails whatever is said
/// here.
fn fits(pattern: &Pattern, text: &str) -> bool {
    pattern.is_match(text).unwrap_or(false)
}

/// What a value is called in schemas; bytes and times are texts.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::String(_) | Value::Bytes(_) | Value::Timestamp(_) => "string",
        number if Decimal::of(number).is_some_and(Decimal::is_integer) => "integer",
        _ => "number",
    }
}

fn text_of(value: &Value) -> Option<millrace_message::Text> {
    match value {
        Value::String(_) | Value::Bytes(_) | Value::Timestamp(_) => Some(value.to_text()),
        _ => None,
    }
}

fn json(value: &Value) -> String {
    String::from_utf8_lossy(&value.to_json()).into_owned()
}

fn is_same(a: &Value, b: &Value) -> bool {
    canonical(a) == canonical(b)
}

/// JSON in which equal numbers are written alike.
fn canonical(value: &Value) -> Vec<u8> {
    fn with_floats(value: &Value) -> Value {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || match value {
            Value::Array(array) => array
                .iter()
                .map(|it| with_floats(&it))
                .collect::<Array>()
                .into(),
            Value::Object(object) => Value::Object(
                object
                    .entries()
                    .map(|(key, value)| (key, with_floats(&value)))
                    .collect(),
            ),
            number => number.as_f64().map_or_else(|| number.clone(), Value::F64),
        })
    }
    with_floats(value).to_json().to_vec()
}
