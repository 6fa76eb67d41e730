//! Expressions: operators, from the weakest to the strongest.

use super::assign::assign;
use super::{Parser, Result};
use crate::SyntaxError;
use crate::ast::{Arithmetic, Comparison, Expr, Unary};
use crate::token::Token;

/// How expressions are read: after `print`, `>` is not a comparison.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Any,
    Print,
}

/// Refuses a list in brackets where a value belongs.
pub(super) fn check_list(expression: &Expr) -> Result<()> {
    match expression {
        Expr::List(_, at) => Err(SyntaxError::new(
            *at,
            "a list in brackets must stand behind `print` or before `in`",
        )),
        _ => Ok(()),
    }
}

impl Parser<'_> {
    /// An expression that is a value.
    pub(super) fn whole_expression(&mut self) -> Result<Expr> {
        let expression = self.expression()?;
        check_list(&expression)?;
        Ok(expression)
    }

    fn expression(&mut self) -> Result<Expr> {
        let expression = self.nested(|parser| parser.assignment(Mode::Any))?;
        if self.is_sign("|") {
            return self.error("`|` would start a command, which programs cannot do");
        }
        Ok(expression)
    }

    pub(super) fn print_expression(&mut self) -> Result<Expr> {
        self.nested(|parser| parser.assignment(Mode::Print))
    }

    fn assignment(&mut self, mode: Mode) -> Result<Expr> {
        let at = self.current.at;
        let left = self.ternary(mode)?;
        let Token::Sign(sign @ ("=" | "+=" | "-=" | "*=" | "/=" | "%=" | "^=")) =
            self.current.token
        else {
            return Ok(left);
        };
        self.next()?;
        let right = self.nested(|parser| parser.assignment(mode))?;
        check_list(&right)?;
        let refused = SyntaxError::new(at, format!("what stands before `{sign}` takes no value"));
        assign(left, sign, right).ok_or(refused)
    }

    fn ternary(&mut self, mode: Mode) -> Result<Expr> {
        let condition = self.or(mode)?;
        if !self.eat("?")? {
            return Ok(condition);
        }
        check_list(&condition)?;
        self.skip_newlines()?;
        let first = self.whole_expression()?;
        self.skip_newlines()?;
        self.expect(":")?;
        self.skip_newlines()?;
        let second = self.whole_expression()?;
        Ok(Expr::Condition(
            Box::new(condition),
            Box::new(first),
            Box::new(second),
        ))
    }

    fn or(&mut self, mode: Mode) -> Result<Expr> {
        let parts = self.logic("||", |parser| parser.and(mode))?;
        Ok(one_or(parts, Expr::Or))
    }

    fn and(&mut self, mode: Mode) -> Result<Expr> {
        let parts = self.logic("&&", |parser| parser.membership(mode))?;
        Ok(one_or(parts, Expr::And))
    }

    /// Parts between signs, behind which a line may end.
    fn logic(
        &mut self,
        sign: &str,
        mut part: impl FnMut(&mut Self) -> Result<Expr>,
    ) -> Result<Vec<Expr>> {
        let mut parts = vec![part(self)?];
        while self.eat(sign)? {
            self.skip_newlines()?;
            parts.push(part(self)?);
        }
        match parts.len() {
            1 => Ok(parts),
            _ => parts.iter().try_for_each(check_list).map(|()| parts),
        }
    }

    fn membership(&mut self, mode: Mode) -> Result<Expr> {
        let value = self.matching(mode)?;
        if !self.is_keyword("in") {
            return Ok(value);
        }
        check_list(&value)?;
        self.next()?;
        let found = Expr::In(vec![value], self.name()?);
        match self.is_keyword("in") {
            true => self.error("`in` behind another `in` needs brackets around the first"),
            false => Ok(found),
        }
    }

    fn matching(&mut self, mode: Mode) -> Result<Expr> {
        let text = self.comparison(mode)?;
        let Token::Sign(sign @ ("~" | "!~")) = self.current.token else {
            return Ok(text);
        };
        check_list(&text)?;
        self.next()?;
        let pattern = match self.regex_text()? {
            Some(pattern) => pattern,
            None => self.comparison(mode)?,
        };
        check_list(&pattern)?;
        Ok(Expr::Match {
            is_negated: sign == "!~",
            text: Box::new(text),
            pattern: Box::new(pattern),
        })
    }

    fn comparison(&mut self, mode: Mode) -> Result<Expr> {
        let left = self.concatenation()?;
        let comparison = match self.current.token {
            Token::Sign("==") => Comparison::Equal,
            Token::Sign("!=") => Comparison::NotEqual,
            Token::Sign("<") => Comparison::Less,
            Token::Sign("<=") => Comparison::LessOrEqual,
            Token::Sign(">=") => Comparison::GreaterOrEqual,
            Token::Sign(">") if mode == Mode::Any => Comparison::Greater,
            _ => return Ok(left),
        };
        check_list(&left)?;
        self.next()?;
        let right = self.concatenation()?;
        check_list(&right)?;
        Ok(Expr::Compare(comparison, Box::new(left), Box::new(right)))
    }

    fn concatenation(&mut self) -> Result<Expr> {
        let mut parts = vec![self.sum()?];
        while self.begins_value() {
            parts.push(self.sum()?);
        }
        if parts.len() > 1 {
            parts.iter().try_for_each(check_list)?;
        }
        Ok(one_or(parts, Expr::Concat))
    }

    /// Whether a value that is put behind another one begins here.
    fn begins_value(&self) -> bool {
        matches!(
            self.current.token,
            Token::Sign("$" | "@" | "!" | "(" | "++" | "--")
                | Token::Name(_)
                | Token::Number(_)
                | Token::Text(_)
                | Token::Builtin(_)
        )
    }

    fn sum(&mut self) -> Result<Expr> {
        self.chain(
            &[("+", Arithmetic::Add), ("-", Arithmetic::Subtract)],
            |parser| {
                parser.chain(
                    &[
                        ("*", Arithmetic::Multiply),
                        ("/", Arithmetic::Divide),
                        ("%", Arithmetic::Modulo),
                    ],
                    Self::power,
                )
            },
        )
    }

    fn chain(
        &mut self,
        operators: &[(&str, Arithmetic)],
        mut operand: impl FnMut(&mut Self) -> Result<Expr>,
    ) -> Result<Expr> {
        let first = operand(self)?;
        let mut rest = Vec::new();
        while let Token::Sign(sign) = self.current.token
            && let Some((_, operator)) = operators.iter().find(|(it, _)| *it == sign)
        {
            self.next()?;
            let right = operand(self)?;
            check_list(&right)?;
            rest.push((*operator, right));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        check_list(&first)?;
        Ok(Expr::Chain(Box::new(first), rest))
    }

    /// `^`, from right to left.
    pub(super) fn power(&mut self) -> Result<Expr> {
        let base = self.postfix()?;
        if !self.eat("^")? {
            return Ok(base);
        }
        check_list(&base)?;
        let exponent = self.nested(Self::power)?;
        check_list(&exponent)?;
        Ok(Expr::Power(Box::new(base), Box::new(exponent)))
    }

    fn postfix(&mut self) -> Result<Expr> {
        let value = self.primary()?;
        let Token::Sign(sign @ ("++" | "--")) = self.current.token else {
            return Ok(value);
        };
        if !value.is_place() {
            return Ok(value);
        }
        self.next()?;
        Ok(Expr::Step {
            target: Box::new(value),
            is_up: sign == "++",
            is_prefix: false,
        })
    }

    pub(super) fn unary(&mut self, unary: Unary) -> Result<Expr> {
        self.next()?;
        let value = self.nested(Self::power)?;
        check_list(&value)?;
        Ok(Expr::Unary(unary, Box::new(value)))
    }
}

fn one_or(mut parts: Vec<Expr>, many: impl FnOnce(Vec<Expr>) -> Expr) -> Expr {
    match parts.len() {
        1 => parts.remove(0),
        _ => many(parts),
    }
}
