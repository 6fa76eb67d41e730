//! How often the parts of a pattern repeat, which multiplies where repeats nest.

use regex_syntax::ast::{Ast, RepetitionKind, RepetitionRange, Span, parse::Parser};

/// The largest product of counts within each other, as in Go.
const REPEATS_MAX: usize = 1000;

/// Refuses a translated pattern whose counts multiply to more than [`REPEATS_MAX`]. What is wrong
/// with it otherwise is left to who compiles it.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    if !pattern.contains('{') {
        return Ok(());
    }
    let Ok(ast) = Parser::new().parse(pattern) else {
        return Ok(());
    };
    largest(&ast).map(|_| ()).map_err(|span| {
        let count = &pattern[span.start.offset..span.end.offset];
        format!(
            "error parsing regexp: invalid repeat count: `{count}`: counts within each other may multiply to {REPEATS_MAX}"
        )
    })
}

/// The largest product of counts in a part, or the count with which it is too large. The parser
/// bounds how deep parts nest.
fn largest(ast: &Ast) -> Result<usize, Span> {
    match ast {
        Ast::Repetition(repetition) => {
            let product = largest(&repetition.ast)?.saturating_mul(factor(&repetition.op.kind));
            match product > REPEATS_MAX {
                true => Err(repetition.op.span),
                false => Ok(product),
            }
        }
        Ast::Group(group) => largest(&group.ast),
        Ast::Alternation(alternation) => largest_of(&alternation.asts),
        Ast::Concat(concat) => largest_of(&concat.asts),
        _ => Ok(1),
    }
}

fn largest_of(parts: &[Ast]) -> Result<usize, Span> {
    parts
        .iter()
        .try_fold(1, |most, part| Ok(largest(part)?.max(most)))
}

/// How many copies of its part a repetition needs.
fn factor(kind: &RepetitionKind) -> usize {
    let RepetitionKind::Range(range) = kind else {
        return 1;
    };
    let count = match range {
        RepetitionRange::AtLeast(least) => (*least).max(1),
        RepetitionRange::Exactly(most) | RepetitionRange::Bounded(_, most) => *most,
    };
    count as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_multiply_to_a_thousand() {
        for (pattern, wrong) in [
            ("a{1000}", None),
            ("a{1001}", Some("{1001}")),
            ("a{0,1001}", Some("{0,1001}")),
            ("a{1001,}", Some("{1001,}")),
            ("(a{10}){100}", None),
            ("(a{10}b{3}){101}", Some("{101}")),
            ("((a{0,11}){0,10}|b){0,10}", Some("{0,10}")),
            ("(((a{2,})*){2,500})+", None),
            ("(((a{2,})*){2,501})+", Some("{2,501}")),
            ("(a{0,}){1000}", None),
            ("(a{1000}){0}", None),
            (r"\x{41}\{9999\}[{]9999}", None),
            ("(a{9}", None),
        ] {
            let expected = wrong.map_or(Ok(()), |it| {
                Err(format!(
                    "error parsing regexp: invalid repeat count: `{it}`: counts within each other may multiply to 1000"
                ))
            });
            assert_eq!(check(pattern), expected, "{pattern}");
        }
    }
}
