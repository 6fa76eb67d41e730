//! A test of a template: a use of it, and what it has to become.

use millrace_component::Template as _;
use millrace_spec::{Node, ReadContext, codes};

use super::definition::Test;
use super::template::Template;
use crate::plain::value_of;
use crate::resource_lint;
use crate::unit_test::json_difference::{Comparison, compare};

/// Reports what the template cannot make of the config, where it is not what is expected, and what is
/// wrong with it as a component.
pub(super) fn run(test: &Test, template: &Template, cx: &mut ReadContext) {
    let at = test.config.span;
    let made = cx.within("config", |cx| template.make(Some(&test.config), at, cx));
    let Some(made) = made else {
        return;
    };
    if let Some(expected) = test.expected.as_ref().filter(|it| !is_empty(it)) {
        for difference in compare(&value_of(&made), &value_of(expected), Comparison::default()) {
            let message = format!("the config is not the expected one: {difference}");
            cx.error(codes::INVALID_VALUE, expected.span, message);
        }
    }
    let spec = template.spec();
    cx.within_template(&spec.name, |cx| resource_lint::read(spec.kind, &made, cx));
}

/// Nothing is expected then.
fn is_empty(expected: &Node) -> bool {
    expected.is_null()
        || expected
            .as_mapping()
            .is_some_and(|it| it.entries.is_empty())
}
