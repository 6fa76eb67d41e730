//! What an expression can begin with: literals, references, calls, `match`, `if`, lambdas and
//! parentheses.

use super::recovery::BracketScan;
use super::{Parse, Parser};
use crate::ast::{Expr, ExprKind, Literal, MatchCase, Name, Pattern};
use crate::error::SyntaxError;

impl<'t> Parser<'t> {
    pub(super) fn primary(&mut self) -> Parse<Expr> {
        let start = self.cursor.position();
        let kind = match self.cursor.peek() {
            Some(b'(') => return self.parenthesised(),
            Some(b'[') => self.array()?,
            Some(b'{') => self.object()?,
            Some(b'"') => ExprKind::Literal(self.string()?),
            Some(b'@') => self.metadata()?,
            Some(b'$') => self.variable()?,
            Some(b'0'..=b'9') if !self.is_lambda() => ExprKind::Literal(self.cursor.number()?),
            Some(b'-')
                if self
                    .cursor
                    .peek_second()
                    .is_some_and(|b| b.is_ascii_digit()) =>
            {
                ExprKind::Literal(self.cursor.number()?)
            }
            Some(byte) if byte.is_ascii_alphanumeric() || byte == b'_' => self.wordy()?,
            _ => return Err(self.expected("an expression")),
        };
        Ok(Expr {
            kind,
            span: self.cursor.span_from(start),
        })
    }

    /// An expression that begins with a word.
    fn wordy(&mut self) -> Parse<ExprKind> {
        if self.is_lambda() {
            return self.lambda();
        }
        if self.cursor.keyword("match") {
            return self.match_expression();
        }
        if self.cursor.keyword("if") {
            return self.if_expression();
        }
        let start = self.cursor.position();
        let Some(word) = self.cursor.word() else {
            return Err(self.expected("an expression"));
        };
        let name = Name {
            text: word.into(),
            span: self.cursor.span_from(start),
        };
        if self.cursor.peek() == Some(b'(') {
            let arguments = self.arguments(&name)?;
            return Ok(ExprKind::Function { name, arguments });
        }
        Ok(match word {
            "true" => ExprKind::Literal(Literal::Bool(true)),
            "false" => ExprKind::Literal(Literal::Bool(false)),
            "null" => ExprKind::Literal(Literal::Null),
            "this" => ExprKind::This,
            "root" => ExprKind::Root,
            _ if self.parameters.contains(&word) => ExprKind::Parameter(name),
            _ => ExprKind::Field(name),
        })
    }

    fn parenthesised(&mut self) -> Parse<Expr> {
        self.cursor.eat("(");
        self.cursor.skip_trivia();
        let inner = self.expression()?;
        self.cursor.skip_trivia();
        self.expect(")", "an operator or `)`")?;
        Ok(inner)
    }

    fn string(&mut self) -> Parse<Literal> {
        if let Some(text) = self.cursor.triple_quoted() {
            return Ok(Literal::String(text?.into()));
        }
        self.cursor
            .quoted()
            .unwrap_or_else(|| Err(self.expected("a string")))
    }

    /// A word or a quoted string, where it names something.
    pub(super) fn name(&mut self) -> Parse<Option<Name>> {
        let start = self.cursor.position();
        if let Some(word) = self.cursor.word() {
            return Ok(Some(Name {
                text: word.into(),
                span: self.cursor.span_from(start),
            }));
        }
        let Some(literal) = self.cursor.quoted() else {
            return Ok(None);
        };
        let span = self.cursor.span_from(start);
        match literal? {
            Literal::String(text) => Ok(Some(Name { text, span })),
            _ => Err(SyntaxError::new(span, "name is not valid UTF-8")),
        }
    }

    /// `@`, `@key`, `@"key"`.
    fn metadata(&mut self) -> Parse<ExprKind> {
        self.cursor.eat("@");
        let key = self.name()?.filter(|name| !name.text.is_empty());
        Ok(ExprKind::Metadata(key))
    }

    fn variable(&mut self) -> Parse<ExprKind> {
        self.cursor.eat("$");
        let start = self.cursor.position();
        let Some(word) = self.cursor.word() else {
            return Err(self.expected("the name of a variable after `$`"));
        };
        let span = self.cursor.span_from(start);
        Ok(ExprKind::Variable(Name {
            text: word.into(),
            span,
        }))
    }

    fn array(&mut self) -> Parse<ExprKind> {
        self.cursor.eat("[");
        let elements = self.elements("]", "`,` or `]` in the array", Self::expression)?;
        Ok(ExprKind::Array(elements))
    }

    fn object(&mut self) -> Parse<ExprKind> {
        self.cursor.eat("{");
        let fields = self.elements("}", "`,` or `}` in the object", Self::object_field)?;
        Ok(ExprKind::Object(fields))
    }

    fn object_field(&mut self) -> Parse<(Expr, Expr)> {
        let key = self.expression()?;
        if let ExprKind::Literal(literal) = &key.kind
            && !matches!(literal, Literal::String(_))
        {
            self.report(
                SyntaxError::new(key.span, "object key is not a string")
                    .with_help("write it in double quotes"),
            );
        }
        self.cursor.skip_blank();
        self.expect(":", "`:` after the key of the object")?;
        self.cursor.skip_trivia();
        Ok((key, self.expression()?))
    }

    /// Elements with commas between them, up to `close`. The comma stands on the line on which its
    /// element ends; a trailing one is allowed.
    fn elements<T>(
        &mut self,
        close: &str,
        what: &str,
        element: impl Fn(&mut Self) -> Parse<T>,
    ) -> Parse<Vec<T>> {
        let mut elements = Vec::new();
        self.cursor.skip_trivia();
        while !self.cursor.eat(close) {
            elements.push(element(self)?);
            self.cursor.skip_blank();
            if self.cursor.eat(",") {
                self.cursor.skip_trivia();
                continue;
            }
            self.cursor.skip_trivia();
            self.expect(close, what)?;
            break;
        }
        Ok(elements)
    }

    /// Whether `name -> ` stands here.
    fn is_lambda(&self) -> bool {
        let mut ahead = self.cursor;
        ahead.word().is_some() && ahead.skip_blank() && ahead.eat("->")
    }

    fn lambda(&mut self) -> Parse<ExprKind> {
        let start = self.cursor.position();
        let word = self.cursor.word().unwrap_or("_");
        let span = self.cursor.span_from(start);
        self.cursor.skip_blank();
        self.cursor.eat("->");
        self.cursor.skip_trivia();
        if word == "_" {
            let body = Box::new(self.expression()?);
            return Ok(ExprKind::Lambda {
                parameter: None,
                body,
            });
        }
        if matches!(word, "this" | "root") {
            let message = format!("`{word}` cannot name the context of a lambda");
            self.report(SyntaxError::new(span, message).with_help("choose another name"));
        } else if self.parameters.contains(&word) {
            let message = format!("`{word}` already names the context of a lambda around this one");
            self.report(SyntaxError::new(span, message).with_help("choose another name"));
        }
        self.parameters.push(word);
        let body = self.expression();
        self.parameters.pop();
        let body = Box::new(body?);
        if let ExprKind::Lambda {
            parameter: Some(inner),
            ..
        } = &body.kind
        {
            let message = format!("`{word}` and `{}` name the same context", inner.text);
            self.report(SyntaxError::new(span, message).with_help("keep one of the names"));
        }
        Ok(ExprKind::Lambda {
            parameter: Some(Name {
                text: word.into(),
                span,
            }),
            body,
        })
    }

    /// What follows `match` and its blank.
    fn match_expression(&mut self) -> Parse<ExprKind> {
        let has_context = self.cursor.peek() != Some(b'{') || self.is_object_ahead();
        let context = if has_context {
            Some(Box::new(self.expression()?))
        } else {
            None
        };
        self.cursor.skip_trivia();
        self.expect("{", "`{` before the cases of `match`")?;
        self.cursor.skip_trivia();
        let mut cases = Vec::new();
        while !self.cursor.eat("}") {
            cases.push(self.match_case()?);
            self.cursor.skip_blank();
            if self.cursor.eat(",") || self.cursor.line_break() {
                self.cursor.skip_trivia();
                continue;
            }
            self.expect("}", "`,`, a line break or `}` after the case of `match`")?;
            break;
        }
        Ok(ExprKind::Match { context, cases })
    }

    fn match_case(&mut self) -> Parse<MatchCase> {
        let mut ahead = self.cursor;
        let is_default = ahead.word() == Some("_") && {
            ahead.skip_blank();
            ahead.rest().starts_with("=>")
        };
        let pattern = if is_default {
            self.cursor = ahead;
            Pattern::Any
        } else {
            let pattern = self.expression()?;
            self.cursor.skip_blank();
            Pattern::Expr(pattern)
        };
        self.expect("=>", "`=>` after the pattern of the case")?;
        let value = self.expression()?;
        Ok(MatchCase { pattern, value })
    }

    /// Whether the braces that open here hold an object rather than the cases of a `match`: the
    /// first `:` or `=>` that is not inside further brackets decides. Those without either are an empty
    /// object: there is no `match` without cases.
    ///
    /// One walk decides about all braces inside too, so nested matches cost no more than flat ones.
    fn is_object_ahead(&mut self) -> bool {
        let start = self.cursor.position();
        if let Some(is_object) = self.braces.get(&start) {
            return *is_object;
        }
        let mut scan = BracketScan::new(self.cursor);
        // Each bracket that is open, with its position.
        let mut open: Vec<(usize, Braces)> = Vec::new();
        loop {
            let at = scan.cursor.position();
            if let Some((_, braces)) = open.last_mut() {
                *braces = braces.after(scan.cursor.rest());
            }
            if !scan.step() {
                break;
            }
            if scan.depth() > open.len() {
                open.push((at, Braces::Empty));
            } else if scan.depth() < open.len()
                && let Some((at, braces)) = open.pop()
            {
                self.braces.insert(at, braces.are_object());
            }
            if open.is_empty() {
                break;
            }
        }
        // What is not closed is no object.
        for (at, braces) in open {
            self.braces.insert(at, braces == Braces::Object);
        }
        self.braces.get(&start).copied().unwrap_or(false)
    }

    /// What follows `if` and its blank.
    fn if_expression(&mut self) -> Parse<ExprKind> {
        let mut branches = vec![self.if_branch()?];
        while self.else_if() {
            branches.push(self.if_branch()?);
        }
        let otherwise = if self.else_block() {
            self.cursor.skip_trivia();
            Some(Box::new(self.braced_value()?))
        } else {
            None
        };
        Ok(ExprKind::If {
            branches,
            otherwise,
        })
    }

    fn if_branch(&mut self) -> Parse<(Expr, Expr)> {
        let condition = self.expression()?;
        self.cursor.skip_trivia();
        Ok((condition, self.braced_value()?))
    }

    fn braced_value(&mut self) -> Parse<Expr> {
        self.expect("{", "`{` before the value of the branch")?;
        self.cursor.skip_trivia();
        let value = self.expression()?;
        self.cursor.skip_trivia();
        self.expect("}", "an operator or `}` after the value of the branch")?;
        Ok(value)
    }

    /// Takes `else if` and its blank, and what is blank before it.
    pub(super) fn else_if(&mut self) -> bool {
        let mut ahead = self.cursor;
        ahead.skip_trivia();
        let found = ahead.keyword("else") && ahead.keyword("if");
        if found {
            self.cursor = ahead;
        }
        found
    }

    /// Takes `else`, and what is blank before it.
    pub(super) fn else_block(&mut self) -> bool {
        let mut ahead = self.cursor;
        ahead.skip_trivia();
        let found = ahead.word() == Some("else") && {
            let mut after = ahead;
            after.skip_trivia();
            after.position() > ahead.position() || after.peek() == Some(b'{')
        };
        if found {
            self.cursor = ahead;
        }
        found
    }
}

/// What a pair of braces holds, as far as it was read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Braces {
    Empty,
    /// What may become either.
    Open,
    Object,
    Cases,
}

impl Braces {
    /// What they hold when this comes next in them.
    fn after(self, rest: &str) -> Self {
        match (self, rest.as_bytes().first()) {
            (Braces::Object | Braces::Cases, _) => self,
            (_, Some(b':')) => Braces::Object,
            (_, Some(b'=')) if rest.starts_with("=>") => Braces::Cases,
            (_, None | Some(b' ' | b'\t' | b'\r' | b'\n' | b'#' | b'}')) => self,
            _ => Braces::Open,
        }
    }

    fn are_object(self) -> bool {
        matches!(self, Braces::Empty | Braces::Object)
    }
}
