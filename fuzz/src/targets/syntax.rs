//! Programs of Bloblang, as mappings, as expressions, and within the text of a config.
//!
//! Asked: an error has a place within the text, and what a mapping is does not depend on line
//! breaks at its end.

use millrace_bloblang::{Interpolation, Mapping, Query, SyntaxError};

use super::environment;

pub(super) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let environment = environment();
    let mapping = Mapping::compile(&text, &environment);
    places(&text, mapping.as_ref().err());
    places(&text, Query::compile(&text, &environment).err().as_ref());
    places(
        &text,
        Interpolation::compile(&text, &environment).err().as_ref(),
    );
    if mapping.is_ok() {
        let longer = format!("{text}\n\n");
        assert!(
            Mapping::compile(&longer, &environment).is_ok(),
            "line breaks at the end make it wrong"
        );
    }
}

fn places(text: &str, errors: Option<&Vec<SyntaxError>>) {
    let Some(errors) = errors else { return };
    assert!(!errors.is_empty(), "it was refused without an error");
    for error in errors {
        assert!(
            error.span.start <= error.span.end && error.span.end as usize <= text.len(),
            "{error:?} lies outside of the text"
        );
    }
}
