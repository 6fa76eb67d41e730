//! Patterns of variables.

use super::Parser;
use crate::ast::{Ast, Kind, Pattern, PatternMember};
use crate::error::SyntaxError;
use crate::lexer::TokenKind;
use millrace_message::Value;

impl Parser {
    pub(super) fn pattern(&mut self) -> Result<Pattern, SyntaxError> {
        self.nested(|parser| {
            if parser.take("[") {
                let mut elements = vec![parser.pattern()?];
                while parser.take(",") {
                    elements.push(parser.pattern()?);
                }
                parser.expect("]")?;
                return Ok(Pattern::Array(elements));
            }
            if parser.take("{") {
                let mut members = vec![parser.pattern_member()?];
                while parser.take(",") {
                    members.push(parser.pattern_member()?);
                }
                parser.expect("}")?;
                return Ok(Pattern::Object(members));
            }
            match parser.peek() {
                TokenKind::Variable(_) => Ok(Pattern::Variable(parser.variable()?)),
                _ => Err(parser.unexpected("a variable, `[` or `{`")),
            }
        })
    }

    fn pattern_member(&mut self) -> Result<PatternMember, SyntaxError> {
        let range = self.range();
        let (key, variable) = match self.peek() {
            TokenKind::Variable(_) => {
                let name = self.variable()?;
                let key = Kind::Literal(Value::from(name.as_str()));
                (Ast::new(key, range), Some(name))
            }
            TokenKind::Word(word) => {
                let key = Kind::Literal(Value::from(word.as_str()));
                self.at += 1;
                (Ast::new(key, range), None)
            }
            TokenKind::Quote => (self.text(None)?, None),
            _ => {
                self.expect("(")?;
                let key = self.query()?;
                self.expect(")")?;
                (key, None)
            }
        };
        let pattern = match (&variable, self.is_sign(":")) {
            (Some(_), false) => None,
            _ => {
                self.expect(":")?;
                Some(self.pattern()?)
            }
        };
        Ok(PatternMember {
            key,
            variable,
            pattern,
        })
    }
}
