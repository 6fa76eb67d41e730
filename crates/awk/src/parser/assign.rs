//! What an assignment means, whose left side may be the last part of a longer expression.

use crate::ast::{Arithmetic, Expr};

/// An assignment. `1 && x = 1` has no place on its left, but every AWK takes it for
/// `1 && (x = 1)`: the same holds for comparisons and matches.
pub(super) fn assign(left: Expr, sign: &str, right: Expr) -> Option<Expr> {
    if left.is_place() {
        let operator = match sign {
            "+=" => Arithmetic::Add,
            "-=" => Arithmetic::Subtract,
            "*=" => Arithmetic::Multiply,
            "/=" => Arithmetic::Divide,
            "%=" => Arithmetic::Modulo,
            "^=" => Arithmetic::Power,
            _ => return Some(Expr::Assign(Box::new(left), Box::new(right))),
        };
        return Some(Expr::Modify(Box::new(left), operator, Box::new(right)));
    }
    let last = |mut parts: Vec<Expr>| {
        let place = parts.pop().filter(Expr::is_place)?;
        Some((parts, place))
    };
    match left {
        Expr::And(parts) => {
            let (mut parts, place) = last(parts)?;
            parts.push(assign(place, sign, right)?);
            Some(Expr::And(parts))
        }
        Expr::Or(parts) => {
            let (mut parts, place) = last(parts)?;
            parts.push(assign(place, sign, right)?);
            Some(Expr::Or(parts))
        }
        Expr::Compare(comparison, first, place) if place.is_place() => {
            let place = Box::new(assign(*place, sign, right)?);
            Some(Expr::Compare(comparison, first, place))
        }
        Expr::Match {
            is_negated,
            text,
            pattern,
        } if pattern.is_place() => Some(Expr::Match {
            is_negated,
            text,
            pattern: Box::new(assign(*pattern, sign, right)?),
        }),
        _ => None,
    }
}
