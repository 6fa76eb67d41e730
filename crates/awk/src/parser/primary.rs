//! Values, and the places that can be assigned to.

use super::expressions::check_list;
use super::{Parser, Result};
use crate::ast::{Expr, Unary};
use crate::token::Token;

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Result<Expr> {
        match self.current.token {
            Token::Number(number) => {
                self.next()?;
                Ok(Expr::Number(number))
            }
            Token::Text(_) => match self.next()? {
                Token::Text(text) => Ok(Expr::Text(text)),
                _ => self.expected("a string"),
            },
            Token::Sign(sign @ ("/" | "/=")) => Ok(Expr::Regex(self.regex(sign)?)),
            Token::Sign("$") => self.field(),
            Token::Sign("!") => self.unary(Unary::Not),
            Token::Sign("-") => self.unary(Unary::Minus),
            Token::Sign("+") => self.unary(Unary::Plus),
            Token::Sign(sign @ ("++" | "--")) => {
                self.next()?;
                let Some(target) = self.optional_place()? else {
                    return self.expected(&format!("a variable, element or field behind `{sign}`"));
                };
                Ok(Expr::Step {
                    target: Box::new(target),
                    is_up: sign == "++",
                    is_prefix: true,
                })
            }
            Token::Sign("(") => self.brackets(),
            Token::Sign("@") => {
                self.next()?;
                let name = self.nested(Self::primary)?;
                check_list(&name)?;
                Ok(Expr::NamedField(Box::new(name)))
            }
            Token::Name(_) => self.variable_or_call(),
            Token::Keyword("getline") => self.getline(),
            Token::Builtin(builtin) => self.builtin(builtin),
            _ => self.expected("a value"),
        }
    }

    fn field(&mut self) -> Result<Expr> {
        self.next()?;
        let index = self.nested(Self::primary)?;
        check_list(&index)?;
        Ok(Expr::Field(Box::new(index)))
    }

    fn brackets(&mut self) -> Result<Expr> {
        let at = self.current.at;
        self.next()?;
        let mut values = self.list(Self::whole_expression)?;
        if values.is_empty() {
            return self.expected("a value");
        }
        self.expect(")")?;
        if values.len() == 1 {
            return Ok(Expr::Group(Box::new(values.remove(0))));
        }
        if !self.is_keyword("in") {
            return Ok(Expr::List(values, at));
        }
        self.next()?;
        Ok(Expr::In(values, self.name()?))
    }

    fn variable_or_call(&mut self) -> Result<Expr> {
        let is_call = self.lexer.peek() == Some(b'(');
        let name = self.name()?;
        if is_call {
            return self.call(name);
        }
        match self.is_sign("[") {
            true => Ok(Expr::Element(name, self.index()?)),
            false => Ok(Expr::Variable(name)),
        }
    }

    /// A place that can be assigned to, where one may stand.
    pub(super) fn optional_place(&mut self) -> Result<Option<Expr>> {
        match self.current.token {
            Token::Name(_) if self.lexer.peek() != Some(b'(') => self.variable_or_call().map(Some),
            Token::Sign("$") => self.field().map(Some),
            _ => Ok(None),
        }
    }

    fn getline(&mut self) -> Result<Expr> {
        self.next()?;
        let target = self.optional_place()?;
        match self.is_sign("<") {
            true => self.error("`getline <` would read a file, which programs cannot do"),
            false => Ok(Expr::Getline(target.map(Box::new))),
        }
    }

    /// The index of an element in its brackets.
    pub(super) fn index(&mut self) -> Result<Vec<Expr>> {
        self.expect("[")?;
        let index = self.list(Self::whole_expression)?;
        if index.is_empty() {
            return self.expected("an index");
        }
        self.expect("]")?;
        Ok(index)
    }

    /// Values between commas, up to where none can follow.
    pub(super) fn list(
        &mut self,
        mut value: impl FnMut(&mut Self) -> Result<Expr>,
    ) -> Result<Vec<Expr>> {
        let mut values = Vec::new();
        loop {
            let is_over = matches!(
                self.current.token,
                Token::Newline | Token::End | Token::Sign(";" | "}" | "]" | ")" | ">" | "|" | ">>")
            );
            if is_over {
                return Ok(values);
            }
            if !values.is_empty() {
                self.comma()?;
            }
            values.push(value(self)?);
        }
    }

    fn regex(&mut self, sign: &str) -> Result<String> {
        let at = self.current.at;
        let pattern = self.lexer.regex(sign)?;
        if let Err(reason) = crate::pattern::Pattern::compile(&pattern) {
            return Err(crate::SyntaxError::new(at, reason));
        }
        self.next()?;
        Ok(pattern)
    }

    /// A regular expression as the text it is, where one is asked for.
    pub(super) fn regex_text(&mut self) -> Result<Option<Expr>> {
        match self.current.token {
            Token::Sign(sign @ ("/" | "/=")) => {
                Ok(Some(Expr::Text(self.regex(sign)?.into_bytes())))
            }
            _ => Ok(None),
        }
    }
}
