//! Text with `${! expression }` in it.

use super::{Parse, Parser};
use crate::ast::{Expr, Interpolation, Segment};
use crate::error::SyntaxError;

const QUERY: &str = "${!";
const ESCAPED: &str = "${{!";

impl Parser<'_> {
    pub(super) fn interpolation(&mut self) -> Interpolation {
        let mut interpolation = Interpolation::default();
        while !self.cursor.at_end() && !self.is_full() {
            let segment = if self.cursor.rest().starts_with(QUERY) {
                self.query().map(Segment::Query)
            } else if self.cursor.rest().starts_with(ESCAPED) {
                self.escaped().map(Segment::Text)
            } else {
                Ok(Segment::Text(self.plain()))
            };
            match segment {
                Ok(segment) => push(&mut interpolation.segments, segment),
                Err(error) => {
                    self.report(error);
                    self.parameters.clear();
                    self.skip_to_marker();
                }
            }
        }
        interpolation
    }

    /// Text up to the next query or escape.
    fn plain(&mut self) -> String {
        let start = self.cursor.position();
        self.skip_to_marker();
        self.cursor.text()[start..self.cursor.position()].to_owned()
    }

    fn query(&mut self) -> Parse<Expr> {
        self.cursor.eat(QUERY);
        let query = self.expression()?;
        self.cursor.skip_blank();
        self.expect("}", "an operator or `}` after the expression")?;
        Ok(query)
    }

    /// `${{! text }}` stands for `${! text }`.
    fn escaped(&mut self) -> Parse<String> {
        let start = self.cursor.position();
        self.cursor.eat(ESCAPED);
        let Some(length) = self.cursor.rest().find("}}") else {
            return Err(SyntaxError::new(
                self.cursor.span_from(start),
                "expected `}}` at the end of the escaped expression, found the end of the text",
            ));
        };
        let text = format!("{QUERY}{}}}", &self.cursor.rest()[..length]);
        self.cursor
            .set_position(self.cursor.position() + length + 2);
        Ok(text)
    }

    /// Moves to the next query or escape, or to the end.
    fn skip_to_marker(&mut self) {
        let rest = self.cursor.rest();
        let length = rest
            .match_indices('$')
            .map(|(at, _)| at)
            .find(|at| rest[*at..].starts_with(QUERY) || rest[*at..].starts_with(ESCAPED))
            .unwrap_or(rest.len());
        self.cursor.set_position(self.cursor.position() + length);
    }
}

fn push(segments: &mut Vec<Segment>, segment: Segment) {
    match (segments.last_mut(), segment) {
        (Some(Segment::Text(before)), Segment::Text(text)) => before.push_str(&text),
        (_, segment) => segments.push(segment),
    }
}
