//! How often the functions of a module grow something, in their text.

use wasmparser::{Operator, Parser, Payload};

/// The most places of a function where it grows a memory or a table; compilers put it into one function
/// of the allocator. What this bounds is told at the slices of fuel.
const GROWS_MAX: usize = 1_000;

/// Refuses a module with a function that grows something in too many places.
///
/// # Errors
/// There is such a function, or the module is damaged.
pub(super) fn check(module: &[u8]) -> Result<(), String> {
    let text = |error: wasmparser::BinaryReaderError| error.to_string();
    for payload in Parser::new(0).parse_all(module) {
        let Payload::CodeSectionEntry(body) = payload.map_err(text)? else {
            continue;
        };
        let mut grows = 0;
        for operator in body.get_operators_reader().map_err(text)? {
            let operator = operator.map_err(text)?;
            let is_grow = matches!(
                operator,
                Operator::MemoryGrow { .. } | Operator::TableGrow { .. }
            );
            grows += usize::from(is_grow);
        }
        if grows > GROWS_MAX {
            return Err(format!(
                "a function grows a memory or a table in more than {GROWS_MAX} places"
            ));
        }
    }
    Ok(())
}
