//! Operators, chains and the arguments of calls.

use super::{Parse, Parser};
use crate::ast::{
    Argument, Arguments, Expr, ExprKind, Link, LinkKind, MAX_CHAIN, Name, Operator, Span,
};
use crate::error::SyntaxError;

impl Parser<'_> {
    /// An expression, blanks before it included. Stops before what cannot belong to it.
    pub(super) fn expression(&mut self) -> Parse<Expr> {
        self.nested(|parser| {
            parser.cursor.skip_blank();
            parser.operation()
        })
    }

    /// Operands with operators between them.
    ///
    /// An operator stands on the line on which its left operand ends; its right operand may follow
    /// on a later line.
    fn operation(&mut self) -> Parse<Expr> {
        let start = self.cursor.position();
        let first = self.operand()?;
        let mut rest = Vec::new();
        loop {
            let end = self.cursor.position();
            self.cursor.skip_blank();
            let Some(operator) = self.cursor.operator() else {
                self.cursor.set_position(end);
                return Ok(group(first, rest));
            };
            if rest.len() == MAX_CHAIN {
                return Err(self.too_long("expression", start));
            }
            self.cursor.skip_trivia();
            rest.push((operator, self.operand()?));
        }
    }

    /// `-`, then `!`, then a chain: each at most once, as in Bento.
    fn operand(&mut self) -> Parse<Expr> {
        let start = self.cursor.position();
        let is_negated = self.cursor.eat("-");
        if is_negated {
            self.cursor.skip_trivia();
        }
        let not_start = self.cursor.position();
        let is_not = self.cursor.eat("!");
        if is_not {
            self.cursor.skip_blank();
        }
        let mut expression = self.chain()?;
        if is_not {
            let span = Span {
                start: Span::new(not_start, not_start).start,
                ..expression.span
            };
            expression = Expr {
                kind: ExprKind::Not(Box::new(expression)),
                span,
            };
        }
        if is_negated {
            let span = Span {
                start: Span::new(start, start).start,
                ..expression.span
            };
            expression = Expr {
                kind: ExprKind::Negate(Box::new(expression)),
                span,
            };
        }
        Ok(expression)
    }

    fn chain(&mut self) -> Parse<Expr> {
        let start = self.cursor.position();
        let head = self.primary()?;
        let mut links = Vec::new();
        while let Some(link) = self.link()? {
            if links.len() == MAX_CHAIN {
                return Err(self.too_long("chain", start));
            }
            links.push(link);
        }
        if links.is_empty() {
            return Ok(head);
        }
        let span = self.cursor.span_from(start);
        Ok(match head.kind {
            // `(a.b).c` is the chain `a.b.c`: a head is never a chain itself.
            ExprKind::Chain {
                head,
                links: mut all,
            } => {
                if all.len() + links.len() > MAX_CHAIN {
                    return Err(self.too_long("chain", start));
                }
                all.extend(links);
                Expr {
                    kind: ExprKind::Chain { head, links: all },
                    span,
                }
            }
            _ => Expr {
                kind: ExprKind::Chain {
                    head: Box::new(head),
                    links,
                },
                span,
            },
        })
    }

    /// What follows a value without a blank: `[…]`, `.name`, `.name(…)`, `.(…)`.
    fn link(&mut self) -> Parse<Option<Link>> {
        let start = self.cursor.position();
        let kind = match self.cursor.peek() {
            Some(b'[') => self.bracket()?,
            Some(b'.') => self.dot()?,
            _ => return Ok(None),
        };
        Ok(Some(Link {
            kind,
            span: self.cursor.span_from(start),
        }))
    }

    fn dot(&mut self) -> Parse<LinkKind> {
        self.cursor.eat(".");
        self.cursor.skip_trivia();
        if self.cursor.eat("(") {
            self.cursor.skip_trivia();
            let query = self.expression()?;
            self.cursor.skip_trivia();
            self.expect(")", "`)`")?;
            return Ok(LinkKind::Map(Box::new(query)));
        }
        let Some(name) = self.name()? else {
            return Err(self.expected("a method or a field after `.`"));
        };
        let is_quoted = self.cursor.text()[name.span.range()].starts_with('"');
        if self.cursor.peek() == Some(b'(') && !is_quoted {
            let arguments = self.arguments(&name)?;
            return Ok(LinkKind::Method { name, arguments });
        }
        Ok(LinkKind::Field(name))
    }

    /// `[index]` or `[start:end:step]`.
    fn bracket(&mut self) -> Parse<LinkKind> {
        self.cursor.eat("[");
        self.cursor.skip_trivia();
        let start = self.bound()?;
        if !self.cursor.eat(":") {
            let Some(index) = start else {
                return Err(self.expected("an index or a slice"));
            };
            self.expect("]", "`]` or `:`")?;
            return Ok(LinkKind::Index(index));
        }
        self.cursor.skip_trivia();
        let end = self.bound()?;
        let step = if self.cursor.eat(":") {
            self.cursor.skip_trivia();
            self.bound()?
        } else {
            None
        };
        self.expect("]", "`]` or `:`")?;
        Ok(LinkKind::Slice { start, end, step })
    }

    /// One part of a slice, with the blank after it; `None` when it is left out.
    fn bound(&mut self) -> Parse<Option<Box<Expr>>> {
        if matches!(self.cursor.peek(), Some(b':' | b']')) {
            return Ok(None);
        }
        let expression = self.expression()?;
        self.cursor.skip_trivia();
        Ok(Some(Box::new(expression)))
    }

    /// The arguments of a call, from `(` to `)`.
    pub(super) fn arguments(&mut self, callee: &Name) -> Parse<Arguments> {
        let start = self.cursor.position();
        self.cursor.eat("(");
        self.cursor.skip_trivia();
        let mut list = Vec::new();
        while !self.cursor.eat(")") {
            list.push(self.argument()?);
            self.cursor.skip_blank();
            if self.cursor.eat(",") {
                self.cursor.skip_trivia();
                continue;
            }
            self.cursor.skip_trivia();
            if !self.cursor.eat(")") {
                let what = format!("`,` or `)` in the arguments of `{}`", callee.text);
                return Err(self.expected(&what));
            }
            break;
        }
        let arguments = Arguments {
            list,
            span: self.cursor.span_from(start),
        };
        self.check_names(&arguments);
        Ok(arguments)
    }

    fn argument(&mut self) -> Parse<Argument> {
        let name = self.argument_name();
        if name.is_some() {
            self.cursor.skip_blank();
        }
        let value = self.expression()?;
        Ok(Argument { name, value })
    }

    /// `name:`, without a blank between the two.
    fn argument_name(&mut self) -> Option<Name> {
        let mut ahead = self.cursor;
        let start = ahead.position();
        let word = ahead.word()?;
        let span = ahead.span_from(start);
        if !ahead.eat(":") {
            return None;
        }
        self.cursor = ahead;
        Some(Name {
            text: word.into(),
            span,
        })
    }

    fn check_names(&mut self, arguments: &Arguments) {
        let is_named = arguments.are_named();
        let mut seen: Vec<&str> = Vec::new();
        for argument in &arguments.list {
            if argument.name.is_some() != is_named {
                self.report(
                    SyntaxError::new(
                        argument.value.span,
                        "named and unnamed arguments are mixed in one call",
                    )
                    .with_help("name all of them or none"),
                );
                return;
            }
            let Some(name) = &argument.name else { continue };
            if seen.contains(&&*name.text) {
                let message = format!("argument `{}` is given twice", name.text);
                self.report(SyntaxError::new(name.span, message));
                return;
            }
            seen.push(&name.text);
            if seen.len() > MAX_CHAIN {
                self.report(SyntaxError::new(
                    arguments.span,
                    "call has too many arguments",
                ));
                return;
            }
        }
    }
}

/// Nests a flat list of operands by precedence, strongest level first.
fn group(first: Expr, rest: Vec<(Operator, Expr)>) -> Expr {
    let (mut first, mut rest) = (first, rest);
    for level in (0..=3).rev() {
        if rest.is_empty() {
            break;
        }
        (first, rest) = group_level(first, rest, level);
    }
    first
}

/// Joins the operands around the operators of one level; the others stay in the list.
fn group_level(
    first: Expr,
    rest: Vec<(Operator, Expr)>,
    level: u8,
) -> (Expr, Vec<(Operator, Expr)>) {
    let mut joined: Vec<(Operator, Expr)> = Vec::new();
    let mut head = first;
    // The run that is being collected: it belongs to the last operand of `joined`, or to `head`.
    let mut run = Vec::new();
    for (operator, operand) in rest {
        if operator.precedence() == level {
            run.push((operator, operand));
        } else {
            attach(
                joined.last_mut().map_or(&mut head, |(_, last)| last),
                &mut run,
            );
            joined.push((operator, operand));
        }
    }
    attach(
        joined.last_mut().map_or(&mut head, |(_, last)| last),
        &mut run,
    );
    (head, joined)
}

/// Makes `operand` the leftmost operand of the operators in `run`, and empties that.
fn attach(operand: &mut Expr, run: &mut Vec<(Operator, Expr)>) {
    let Some((_, last)) = run.last() else { return };
    let span = operand.span.to(last.span);
    let placeholder = Expr {
        kind: ExprKind::This,
        span,
    };
    let first = Box::new(std::mem::replace(operand, placeholder));
    operand.kind = ExprKind::Binary {
        first,
        rest: std::mem::take(run),
    };
}
