//! Where two JSON documents differ.

use std::collections::BTreeSet;
use std::fmt::Write;

use millrace_message::{Array, Object, Value};

/// How many differences are told.
const TOLD_MAX: usize = 20;
/// The longest value that is told, in bytes.
const VALUE_MAX: usize = 200;

/// What counts as a difference.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Comparison {
    /// Objects may have more members than expected, arrays more elements at their end.
    pub may_have_more: bool,
}

/// Every difference as a line of text, up to a bound; none when there is none. Numbers are compared
/// by value.
pub(crate) fn compare(received: &Value, expected: &Value, comparison: Comparison) -> Vec<String> {
    let mut differences = Differences {
        comparison,
        path: String::new(),
        told: Vec::new(),
        left_out: 0,
    };
    differences.value(received, expected);
    if differences.left_out > 0 {
        let left_out = differences.left_out;
        differences
            .told
            .push(format!("and {left_out} more differences"));
    }
    differences.told
}

struct Differences {
    comparison: Comparison,
    /// Where the comparison is, such as `items[2].id`.
    path: String,
    told: Vec<String>,
    left_out: usize,
}

impl Differences {
    fn value(&mut self, received: &Value, expected: &Value) {
        match (received, expected) {
            (Value::Object(received), Value::Object(expected)) => self.object(received, expected),
            (Value::Array(received), Value::Array(expected)) => self.array(received, expected),
            _ if received == expected => {}
            _ => {
                let (expected, received) = (shown(expected), shown(received));
                self.tell(&format!("expected {expected}, received {received}"));
            }
        }
    }

    fn object(&mut self, received: &Object, expected: &Object) {
        let keys: BTreeSet<_> = received.keys().chain(expected.keys()).collect();
        for key in &keys {
            let length = self.path.len();
            if !self.path.is_empty() {
                self.path.push('.');
            }
            self.path.push_str(key);
            self.member(received.get(key).as_deref(), expected.get(key).as_deref());
            self.path.truncate(length);
        }
    }

    fn array(&mut self, received: &Array, expected: &Array) {
        for index in 0..received.len().max(expected.len()) {
            let length = self.path.len();
            // Writing to a text does not fail.
            let _ = write!(self.path, "[{index}]");
            let (received, expected) = (received.get(index), expected.get(index));
            self.member(received.as_deref(), expected.as_deref());
            self.path.truncate(length);
        }
    }

    fn member(&mut self, received: Option<&Value>, expected: Option<&Value>) {
        match (received, expected) {
            (Some(received), Some(expected)) => self.value(received, expected),
            (None, Some(expected)) => self.tell(&format!("missing, expected {}", shown(expected))),
            (Some(received), None) if !self.comparison.may_have_more => {
                self.tell(&format!("not expected, received {}", shown(received)));
            }
            _ => {}
        }
    }

    fn tell(&mut self, what: &str) {
        if self.told.len() == TOLD_MAX {
            self.left_out += 1;
            return;
        }
        self.told.push(match &*self.path {
            "" => what.to_owned(),
            path => format!("at {path}: {what}"),
        });
    }
}

/// A value as JSON, cut when it is long.
fn shown(value: &Value) -> String {
    let json = value.to_json();
    let mut text = String::from_utf8_lossy(&json).into_owned();
    if text.len() > VALUE_MAX {
        text.truncate(text.floor_char_boundary(VALUE_MAX));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differences(received: &str, expected: &str, may_have_more: bool) -> Vec<String> {
        let parse = |json: &str| Value::parse_json(json.to_owned().into()).expect("JSON");
        compare(
            &parse(received),
            &parse(expected),
            Comparison { may_have_more },
        )
    }

    #[test]
    fn each_difference_is_told_with_its_place() {
        let told = differences(
            r#"{"a":{"b":[1,2,3]},"more":null,"same":1.0}"#,
            r#"{"a":{"b":[1,"2"]},"less":true,"same":1}"#,
            false,
        );
        let expected = [
            "at a.b[1]: expected \"2\", received 2",
            "at a.b[2]: not expected, received 3",
            "at less: missing, expected true",
            "at more: not expected, received null",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_superset_has_more_members_and_elements() {
        assert!(
            differences(
                r#"{"a":[1,{"b":2,"c":3}],"d":4}"#,
                r#"{"a":[1,{"b":2}]}"#,
                true
            )
            .is_empty()
        );
        let told = differences("[2,1]", "[1]", true);
        assert_eq!(told, ["at [0]: expected 1, received 2"]);
        assert_eq!(
            differences("[]", "[null]", true),
            ["at [0]: missing, expected null"]
        );
    }

    #[test]
    fn long_lists_of_differences_are_cut() {
        let many: Vec<_> = (0..100).map(|it| it.to_string()).collect();
        let told = differences("[]", &format!("[{}]", many.join(",")), false);
        assert_eq!(told.len(), TOLD_MAX + 1);
        assert_eq!(told[TOLD_MAX], "and 80 more differences");
    }
}
