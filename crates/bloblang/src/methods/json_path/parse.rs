//! From tokens to an expression.

use millrace_message::Value;

use super::tokens::{self, Token};
use super::{Node, Operator, Sign, Step};
use crate::go::regex::Pattern;

/// How deep expressions may nest.
const DEPTH_MAX: usize = 200;

pub(super) fn expression(source: &str) -> Result<Node, String> {
    let mut parser = Parser {
        tokens: tokens::split(source)?,
        next: 0,
        depth: 0,
    };
    let node = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(node),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens
            .get(self.next)
            .map_or(&Token::End, |(_, token)| token)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let is_there = matches!(self.peek(), Token::Symbol(it) if *it == symbol);
        self.next += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, symbol: &str) -> Result<(), String> {
        if self.eat(symbol) {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{symbol}`")))
    }

    fn unexpected(&self, expected: &str) -> String {
        let at = self.tokens.get(self.next).map_or(0, |(at, _)| *at);
        let found = match self.peek() {
            Token::End => "the end".to_owned(),
            Token::Symbol(symbol) => format!("`{symbol}`"),
            Token::Word(word) => format!("`{word}`"),
            Token::Number(number) => number.to_string(),
            Token::Text(_) => "a text".to_owned(),
        };
        format!("unexpected {found} at byte {at}, expected {expected}")
    }

    /// Operators that bind at least as strong as `level`.
    fn expression(&mut self, level: u8) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!(
                "the expression nests deeper than {DEPTH_MAX} levels"
            ));
        }
        let mut left = self.unary()?;
        loop {
            if level == 0 && self.eat("?") {
                let then = self.expression(0)?;
                let otherwise = match self.eat(":") {
                    true => self.expression(0)?,
                    false => Node::Constant(Value::Null),
                };
                left = Node::Choice(Box::new([left, then, otherwise]));
                continue;
            }
            let Some((operator, strength)) = operator(self.peek()).filter(|(_, it)| *it >= level)
            else {
                break;
            };
            self.next += 1;
            let right = self.expression(strength + 1)?;
            left = binary(operator, left, right)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, String> {
        let sign = match self.peek() {
            Token::Symbol("-") => Sign::Minus,
            Token::Symbol("!") => Sign::Not,
            Token::Symbol("~") => Sign::BitNot,
            _ => return self.primary(),
        };
        self.next += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!(
                "the expression nests deeper than {DEPTH_MAX} levels"
            ));
        }
        let operand = self.unary()?;
        self.depth -= 1;
        Ok(Node::Sign(sign, Box::new(operand)))
    }

    fn primary(&mut self) -> Result<Node, String> {
        let start = self.next;
        match self.take() {
            Token::Number(number) => Ok(Node::Constant(Value::F64(number))),
            Token::Text(text) => Ok(Node::Constant(Value::from(text))),
            Token::Symbol("$") => self.path(true),
            Token::Symbol("@") => self.path(false),
            Token::Symbol("(") => {
                let inner = self.expression(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Symbol("[") => Ok(Node::Array(
                self.listed("]", |parser| parser.expression(0))?,
            )),
            Token::Symbol("{") => Ok(Node::Object(self.listed("}", |parser| {
                // The level above that of `? :` leaves the colon.
                let key = parser.expression(1)?;
                parser.expect(":")?;
                Ok((key, parser.expression(0)?))
            })?)),
            Token::Word(word) => match word.as_str() {
                "true" => Ok(Node::Constant(Value::Bool(true))),
                "false" => Ok(Node::Constant(Value::Bool(false))),
                "date" if self.eat("(") => {
                    let text = self.expression(0)?;
                    self.expect(")")?;
                    Ok(Node::Date(Box::new(text)))
                }
                _ => self.name(word),
            },
            _ => {
                self.next = start;
                Err(self.unexpected("a value"))
            }
        }
    }

    /// Parts behind commas up to a closing bracket; a comma may trail.
    fn listed<T>(
        &mut self,
        close: &str,
        part: impl Fn(&mut Parser) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let mut parts = Vec::new();
        while !self.eat(close) {
            parts.push(part(self)?);
            if !self.eat(",") {
                self.expect(close)?;
                break;
            }
        }
        Ok(parts)
    }

    fn name(&mut self, word: String) -> Result<Node, String> {
        let mut keys = vec![Node::Constant(Value::from(word))];
        loop {
            if self.eat(".") {
                keys.push(self.word()?);
            } else if self.eat("[") {
                keys.push(self.expression(0)?);
                self.expect("]")?;
            } else if matches!(self.peek(), Token::Symbol("(")) {
                return Err("there is no function but `date`".to_owned());
            } else {
                return Ok(Node::Name(keys));
            }
        }
    }

    fn word(&mut self) -> Result<Node, String> {
        match self.peek() {
            Token::Word(word) => {
                let word = Value::from(word.as_str());
                self.next += 1;
                Ok(Node::Constant(word))
            }
            _ => Err(self.unexpected("a name")),
        }
    }

    fn path(&mut self, from_root: bool) -> Result<Node, String> {
        let mut steps = Vec::new();
        loop {
            if self.eat("..") {
                steps.push(Step::Descend);
                match self.peek() {
                    Token::Symbol("*") => {
                        self.next += 1;
                        steps.push(Step::All);
                    }
                    Token::Symbol("[" | "(") => {}
                    _ => steps.push(Step::Key(self.word()?)),
                }
            } else if self.eat(".") {
                match self.eat("*") {
                    true => steps.push(Step::All),
                    false => steps.push(Step::Key(self.word()?)),
                }
            } else if self.eat("[") {
                steps.push(self.selector()?);
            } else if self.eat("(") {
                steps.push(Step::Script(self.expression(0)?));
                self.expect(")")?;
            } else {
                return Ok(Node::Path { from_root, steps });
            }
        }
    }

    /// What stands within brackets, the closing one included.
    fn selector(&mut self) -> Result<Step, String> {
        if self.eat("*") {
            self.expect("]")?;
            return Ok(Step::All);
        }
        if self.eat("?") {
            let filter = self.expression(0)?;
            self.expect("]")?;
            return Ok(Step::Filter(filter));
        }
        let first = match self.peek() {
            Token::Symbol(":") => None,
            _ => Some(self.expression(1)?),
        };
        if self.eat(":") {
            return self.range(first);
        }
        let Some(first) = first else {
            return Err(self.unexpected("a key"));
        };
        let mut keys = vec![first];
        while self.eat(",") {
            keys.push(self.expression(1)?);
        }
        self.expect("]")?;
        Ok(match keys.pop() {
            Some(only) if keys.is_empty() => Step::Key(only),
            last => {
                keys.extend(last);
                Step::Keys(keys)
            }
        })
    }

    fn range(&mut self, start: Option<Node>) -> Result<Step, String> {
        let number = |number: f64| Node::Constant(Value::F64(number));
        let mut bound = |default: f64| match self.peek() {
            Token::Symbol(":" | "]") => Ok(number(default)),
            _ => self.expression(1),
        };
        let end = bound(f64::from(i32::MAX))?;
        let step = match self.eat(":") {
            true if !matches!(self.peek(), Token::Symbol("]")) => self.expression(1)?,
            _ => number(1.0),
        };
        self.expect("]")?;
        let start = start.unwrap_or_else(|| number(0.0));
        Ok(Step::Range(Box::new([start, end, step])))
    }
}

fn binary(operator: Operator, left: Node, right: Node) -> Result<Node, String> {
    let is_negated = operator == Operator::MatchesNot;
    match (operator, &right) {
        (Operator::Matches | Operator::MatchesNot, Node::Constant(pattern)) => {
            let pattern =
                Pattern::compile(&pattern.to_text()).map_err(|error| error.to_string())?;
            Ok(Node::Matches {
                text: Box::new(left),
                pattern: Box::new(pattern),
                is_negated,
            })
        }
        _ => Ok(Node::Binary(operator, Box::new(left), Box::new(right))),
    }
}

/// The operator of a token, with how strong it binds.
fn operator(token: &Token) -> Option<(Operator, u8)> {
    let symbol = match token {
        Token::Word(word) if word == "in" => "in",
        Token::Symbol(symbol) => symbol,
        _ => return None,
    };
    Some(match symbol {
        "??" => (Operator::Coalesce, 1),
        "||" => (Operator::Or, 20),
        "&&" => (Operator::And, 21),
        "==" => (Operator::Equal, 40),
        "!=" => (Operator::NotEqual, 40),
        ">" => (Operator::Greater, 40),
        ">=" => (Operator::GreaterOrEqual, 40),
        "<" => (Operator::Less, 40),
        "<=" => (Operator::LessOrEqual, 40),
        "=~" => (Operator::Matches, 40),
        "!~" => (Operator::MatchesNot, 40),
        "in" => (Operator::In, 40),
        "^" => (Operator::BitXor, 60),
        "&" => (Operator::BitAnd, 60),
        "|" => (Operator::BitOr, 60),
        "<<" => (Operator::ShiftLeft, 90),
        ">>" => (Operator::ShiftRight, 90),
        "+" => (Operator::Add, 120),
        "-" => (Operator::Subtract, 120),
        "*" => (Operator::Multiply, 150),
        "/" => (Operator::Divide, 150),
        "%" => (Operator::Remainder, 150),
        "**" => (Operator::Power, 200),
        _ => return None,
    })
}
