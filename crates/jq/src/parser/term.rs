//! Terms: what operators stand between.

use millrace_message::Value;

use super::{KEYWORDS, Parser};
use crate::ast::{Ast, Kind, Part};
use crate::error::SyntaxError;
use crate::lexer::TokenKind;
use crate::number;

impl Parser {
    /// A term with the steps that follow it.
    pub(super) fn postfix(&mut self) -> Result<Ast, SyntaxError> {
        let start = self.range().start;
        let depth = self.depth;
        let mut term = self.term()?;
        loop {
            self.enter()?;
            let kind = match self.peek() {
                TokenKind::Field(name) => {
                    let key = Kind::Literal(Value::from(name.as_str()));
                    let range = self.range();
                    self.at += 1;
                    Kind::Index(Box::new(term), Ast::boxed(key, range))
                }
                TokenKind::Sign("?") => {
                    self.at += 1;
                    Kind::Optional(Box::new(term))
                }
                // Patterns are not terms: here it is `?` before `//`.
                TokenKind::Sign("?//") => {
                    let token = &mut self.tokens[self.at];
                    token.kind = TokenKind::Sign("//");
                    token.range.start += 1;
                    Kind::Optional(Box::new(term))
                }
                TokenKind::Sign("[") => self.bracket(term)?,
                TokenKind::Sign(".") => {
                    self.at += 1;
                    match self.peek() {
                        TokenKind::Quote => Kind::Index(Box::new(term), Box::new(self.text(None)?)),
                        TokenKind::Sign("[") => self.bracket(term)?,
                        _ => return Err(self.unexpected("a field or `[`")),
                    }
                }
                _ => break,
            };
            let end = self.tokens[self.at.saturating_sub(1)].range.end;
            term = Ast::new(kind, start..end);
        }
        self.depth = depth;
        Ok(term)
    }

    /// `[]`, `[query]` and slices.
    fn bracket(&mut self, term: Ast) -> Result<Kind, SyntaxError> {
        let term = Box::new(term);
        self.expect("[")?;
        if self.take("]") {
            return Ok(Kind::Iterate(term));
        }
        if self.take(":") {
            let end = self.query()?;
            self.expect("]")?;
            return Ok(Kind::Slice(term, None, Some(Box::new(end))));
        }
        let start = Box::new(self.query()?);
        if self.take("]") {
            return Ok(Kind::Index(term, start));
        }
        self.expect(":")?;
        if self.take("]") {
            return Ok(Kind::Slice(term, Some(start), None));
        }
        let end = Box::new(self.query()?);
        self.expect("]")?;
        Ok(Kind::Slice(term, Some(start), Some(end)))
    }

    fn term(&mut self) -> Result<Ast, SyntaxError> {
        let range = self.range();
        let start = range.start;
        let kind = match self.peek().clone() {
            TokenKind::Field(name) => {
                self.at += 1;
                let key = Ast::boxed(Kind::Literal(Value::from(name)), range.clone());
                Kind::Index(Ast::boxed(Kind::Identity, range), key)
            }
            TokenKind::Variable(name) => {
                self.at += 1;
                Kind::Variable(name)
            }
            TokenKind::Number(digits) => {
                self.at += 1;
                let Some(value) = number::parse(&digits) else {
                    return Err(SyntaxError::new(range, "this is no number"));
                };
                Kind::Literal(value)
            }
            TokenKind::Format(name) => {
                self.at += 1;
                match self.peek() {
                    TokenKind::Quote => return self.text(Some(name)),
                    _ => Kind::Format(name),
                }
            }
            TokenKind::Quote => return self.text(None),
            TokenKind::Word(word) => return self.word(&word),
            TokenKind::Sign(sign) => return self.sign(sign),
            _ => return Err(self.unexpected("a query")),
        };
        let end = self.tokens[self.at - 1].range.end;
        Ok(Ast::new(kind, start..end))
    }

    fn sign(&mut self, sign: &str) -> Result<Ast, SyntaxError> {
        let range = self.range();
        let start = range.start;
        let kind = match sign {
            "." => {
                self.at += 1;
                let identity = Ast::new(Kind::Identity, range);
                match self.peek() {
                    TokenKind::Quote => Kind::Index(Box::new(identity), Box::new(self.text(None)?)),
                    TokenKind::Sign("[") => self.bracket(identity)?,
                    _ => Kind::Identity,
                }
            }
            ".." => {
                self.at += 1;
                Kind::Recurse
            }
            "(" => {
                self.at += 1;
                let query = self.query()?;
                self.expect(")")?;
                // A pipe of one step: brackets keep what is within apart from what follows.
                return Ok(Ast::new(
                    Kind::Pipe(vec![query]),
                    start..self.previous_end(),
                ));
            }
            "[" => {
                self.at += 1;
                if self.take("]") {
                    Kind::Array(None)
                } else {
                    let query = Box::new(self.query()?);
                    self.expect("]")?;
                    Kind::Array(Some(query))
                }
            }
            "{" => self.object()?,
            "-" => {
                self.at += 1;
                Kind::Negate(Box::new(self.nested(Self::postfix)?))
            }
            "+" => {
                self.at += 1;
                Kind::Plus(Box::new(self.nested(Self::postfix)?))
            }
            _ => return Err(self.unexpected("a query")),
        };
        Ok(Ast::new(kind, start..self.previous_end()))
    }

    fn previous_end(&self) -> usize {
        self.tokens[self.at.saturating_sub(1)].range.end
    }

    /// Keywords that begin a term, and calls.
    fn word(&mut self, word: &str) -> Result<Ast, SyntaxError> {
        let start = self.range().start;
        let kind = match word {
            "null" => self.literal(Value::Null),
            "true" => self.literal(Value::Bool(true)),
            "false" => self.literal(Value::Bool(false)),
            "if" => self.condition()?,
            "try" => {
                self.at += 1;
                let body = Box::new(self.nested(Self::postfix)?);
                let handler = match self.take("catch") {
                    true => Some(Box::new(self.nested(Self::postfix)?)),
                    false => None,
                };
                Kind::Try(body, handler)
            }
            "reduce" => {
                let (source, pattern) = self.fold_source()?;
                let init = Box::new(self.query()?);
                self.expect(";")?;
                let update = Box::new(self.query()?);
                self.expect(")")?;
                Kind::Reduce(source, pattern, init, update)
            }
            "foreach" => {
                let (source, pattern) = self.fold_source()?;
                let init = Box::new(self.query()?);
                self.expect(";")?;
                let update = Box::new(self.query()?);
                let extract = match self.take(";") {
                    true => Some(Box::new(self.query()?)),
                    false => None,
                };
                self.expect(")")?;
                Kind::Foreach(source, pattern, init, update, extract)
            }
            "break" => {
                self.at += 1;
                Kind::Break(self.variable()?)
            }
            word if KEYWORDS.contains(&word) => return Err(self.unexpected("a query")),
            _ => self.call()?,
        };
        Ok(Ast::new(kind, start..self.previous_end()))
    }

    fn literal(&mut self, value: Value) -> Kind {
        self.at += 1;
        Kind::Literal(value)
    }

    fn condition(&mut self) -> Result<Kind, SyntaxError> {
        self.expect("if")?;
        let mut cases = Vec::new();
        loop {
            let condition = self.query()?;
            self.expect("then")?;
            cases.push((condition, self.query()?));
            if !self.take("elif") {
                break;
            }
        }
        let otherwise = match self.take("else") {
            true => Some(Box::new(self.query()?)),
            false => None,
        };
        self.expect("end")?;
        Ok(Kind::If(cases, otherwise))
    }

    fn fold_source(&mut self) -> Result<(Box<Ast>, crate::ast::Pattern), SyntaxError> {
        self.at += 1;
        let source = Box::new(self.expression(0)?);
        self.expect("as")?;
        let pattern = self.pattern()?;
        self.expect("(")?;
        Ok((source, pattern))
    }

    fn call(&mut self) -> Result<Kind, SyntaxError> {
        let name = self.name()?;
        let mut arguments = Vec::new();
        if self.take("(") {
            arguments.push(self.query()?);
            while self.take(";") {
                arguments.push(self.query()?);
            }
            self.expect(")")?;
        }
        Ok(Kind::Call(name, arguments))
    }

    /// A text: its pieces and the queries within it.
    pub(super) fn text(&mut self, format: Option<String>) -> Result<Ast, SyntaxError> {
        let start = self.range().start;
        self.at += 1;
        let mut parts = Vec::new();
        loop {
            let token = self.advance();
            match token.kind {
                TokenKind::Text(text) => parts.push(Part::Literal(text)),
                TokenKind::QueryStart => {
                    parts.push(Part::Query(self.query()?));
                    self.expect(")")?;
                }
                _ => break,
            }
        }
        let range = start..self.previous_end();
        let is_plain = !parts.iter().any(|part| matches!(part, Part::Query(_)));
        if is_plain {
            let text = match parts.pop() {
                Some(Part::Literal(text)) => text,
                _ => String::new(),
            };
            return Ok(Ast::new(Kind::Literal(Value::from(text)), range));
        }
        Ok(Ast::new(Kind::Text(format, parts), range))
    }

    fn object(&mut self) -> Result<Kind, SyntaxError> {
        self.expect("{")?;
        let mut members = Vec::new();
        while !self.take("}") {
            members.push(self.member()?);
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(Kind::Object(members))
    }

    fn member(&mut self) -> Result<(Ast, Ast), SyntaxError> {
        let range = self.range();
        let literal = |text: &str| Ast::new(Kind::Literal(Value::from(text)), range.clone());
        let (key, default) = match self.peek().clone() {
            TokenKind::Word(word) => {
                self.at += 1;
                let key = literal(&word);
                let field = Kind::Index(
                    Ast::boxed(Kind::Identity, range.clone()),
                    Box::new(key.clone()),
                );
                (key, Some(Ast::new(field, range.clone())))
            }
            TokenKind::Variable(name) => {
                self.at += 1;
                let value = Ast::new(Kind::Variable(name.clone()), range.clone());
                match self.is_sign(":") {
                    true => (value, None),
                    false => (literal(&name), Some(value)),
                }
            }
            TokenKind::Quote => {
                let key = self.text(None)?;
                let field = Kind::Index(
                    Ast::boxed(Kind::Identity, range.clone()),
                    Box::new(key.clone()),
                );
                (key, Some(Ast::new(field, range.clone())))
            }
            _ => {
                self.expect("(")?;
                let key = self.query()?;
                self.expect(")")?;
                (key, None)
            }
        };
        if self.take(":") {
            return Ok((key, self.member_value()?));
        }
        match default {
            Some(value) => Ok((key, value)),
            None => Err(self.unexpected("`:`")),
        }
    }

    /// A value: expressions with pipes between them, without commas.
    fn member_value(&mut self) -> Result<Ast, SyntaxError> {
        let start = self.range().start;
        let mut steps = vec![self.nested(|parser| parser.expression(0))?];
        while self.take("|") {
            steps.push(self.nested(|parser| parser.expression(0))?);
        }
        Ok(self.joined(start, steps, Kind::Pipe))
    }
}
