//! Actions that begin with a word, and what stands between them.

use std::sync::Arc;

use millrace_message::Text;

use super::{Parse, Parser};
use crate::ast::{Branches, Call, List, Node, Pipe, Range, Tree};
use crate::token::{Keyword, Kind, Token};

/// What ends a list of nodes.
enum Ending {
    End,
    Else,
}

/// A node, or what ends the list that it would be part of.
enum Item {
    Node(Node),
    Ending(Ending, Token),
}

impl Parser<'_> {
    /// The text up to its end, without what it defines.
    pub(super) fn whole(&mut self) -> Parse<List> {
        let mut list = List::new();
        loop {
            if self.peek().kind == Kind::End {
                return Ok(list);
            }
            if self.begins_definition() {
                self.definition()?;
                continue;
            }
            match self.item()? {
                Item::Node(node) => list.push(node),
                Item::Ending(ending, token) => {
                    let name = match ending {
                        Ending::End => "{{end}}",
                        Ending::Else => "{{else}}",
                    };
                    return Err(self.error_at(&token, format!("unexpected {name}")));
                }
            }
        }
    }

    fn begins_definition(&self) -> bool {
        if self.peek().kind != Kind::LeftDelimiter {
            return false;
        }
        let mut next = self.next + 1;
        while self.token(next).kind == Kind::Space {
            next += 1;
        }
        Self::is_keyword(self.token(next), Keyword::Define)
    }

    /// `{{define "name"}} … {{end}}`
    fn definition(&mut self) -> Parse<()> {
        const CONTEXT: &str = "define clause";
        self.action_at = self.take().start;
        self.take_non_space();
        let (name, place) = self.template_name(CONTEXT)?;
        self.expect(&Kind::RightDelimiter, CONTEXT)?;
        let root = self.body_of_its_own(CONTEXT)?;
        let source = self.number;
        self.define(Tree { name, source, root }, &place)
    }

    /// The body of a template: it knows no variables of where it stands.
    fn body_of_its_own(&mut self, context: &str) -> Parse<List> {
        let variables = std::mem::replace(&mut self.variables, vec![Arc::from("$")]);
        let ranges = std::mem::take(&mut self.ranges);
        let (root, ending, token) = self.nested(|it| it.list())?;
        if let Ending::Else = ending {
            return Err(self.error_at(&token, format!("unexpected {{{{else}}}} in {context}")));
        }
        self.variables = variables;
        self.ranges = ranges;
        Ok(root)
    }

    /// Nodes up to `end` or `else`.
    fn list(&mut self) -> Parse<(List, Ending, Token)> {
        let mut list = List::new();
        let opened = self.action_at;
        loop {
            let token = self.peek_non_space().clone();
            if token.kind == Kind::End {
                let place = opened..opened + 2;
                let mut error = self.error(place, "unexpected EOF");
                error.help = Some("end it with {{end}}".to_owned());
                return Err(error);
            }
            match self.item()? {
                Item::Node(node) => list.push(node),
                Item::Ending(ending, token) => return Ok((list, ending, token)),
            }
        }
    }

    /// A text or an action.
    fn item(&mut self) -> Parse<Item> {
        let token = self.take_non_space();
        match token.kind {
            Kind::Text => {
                let text = Text::from(self.text_of(&token));
                Ok(Item::Node(Node::Text(text)))
            }
            Kind::LeftDelimiter => {
                self.action_at = token.start;
                self.action()
            }
            _ => Err(self.unexpected(&token, "input")),
        }
    }

    fn action(&mut self) -> Parse<Item> {
        let token = self.peek_non_space().clone();
        let Kind::Keyword(keyword) = token.kind else {
            let pipe = self.pipeline("command", &Kind::RightDelimiter)?;
            return Ok(Item::Node(Node::Action(pipe)));
        };
        if !matches!(keyword, Keyword::Nil | Keyword::Define) {
            self.take();
        }
        let node = match keyword {
            Keyword::End => {
                self.expect(&Kind::RightDelimiter, "end")?;
                return Ok(Item::Ending(Ending::End, token));
            }
            Keyword::Else => {
                let next = self.peek_non_space().clone();
                if !Self::is_keyword(&next, Keyword::If) && !Self::is_keyword(&next, Keyword::With)
                {
                    self.expect(&Kind::RightDelimiter, "else")?;
                }
                return Ok(Item::Ending(Ending::Else, token));
            }
            Keyword::Break => self.jump(&token, "{{break}}", Node::Break)?,
            Keyword::Continue => self.jump(&token, "{{continue}}", Node::Continue)?,
            Keyword::If => Node::If(self.branches("if", Keyword::If)?),
            Keyword::With => Node::With(self.branches("with", Keyword::With)?),
            Keyword::Range => self.range()?,
            Keyword::Template => self.template()?,
            Keyword::Block => self.block()?,
            Keyword::Nil | Keyword::Define => {
                Node::Action(self.pipeline("command", &Kind::RightDelimiter)?)
            }
        };
        Ok(Item::Node(node))
    }

    fn jump(&mut self, token: &Token, name: &str, node: Node) -> Parse<Node> {
        let next = self.take_non_space();
        if next.kind != Kind::RightDelimiter {
            return Err(self.unexpected(&next, name));
        }
        if self.ranges == 0 {
            return Err(self.error_at(token, format!("{name} outside {{{{range}}}}")));
        }
        Ok(node)
    }

    /// An `if` or a `with` behind its word, up to its end.
    fn branches(&mut self, context: &str, keyword: Keyword) -> Parse<Branches> {
        let known = self.variables.len();
        let mut branches = Vec::new();
        let mut otherwise = None;
        loop {
            let pipe = self.pipeline(context, &Kind::RightDelimiter)?;
            let (body, ending, _) = self.nested(|it| it.list())?;
            branches.push((pipe, body));
            if let Ending::End = ending {
                break;
            }
            let next = self.peek().clone();
            if Self::is_keyword(&next, keyword) {
                self.take();
                continue;
            }
            otherwise = Some(self.otherwise()?);
            break;
        }
        self.variables.truncate(known);
        Ok(Branches {
            branches,
            otherwise,
        })
    }

    /// What follows `else`, up to the end.
    fn otherwise(&mut self) -> Parse<List> {
        let next = self.peek().clone();
        if let Kind::Keyword(Keyword::If | Keyword::With) = next.kind {
            return Err(self.unexpected(&next, "input"));
        }
        let (list, ending, token) = self.nested(|it| it.list())?;
        match ending {
            Ending::End => Ok(list),
            Ending::Else => Err(self.error_at(&token, "expected end; found {{else}}")),
        }
    }

    fn range(&mut self) -> Parse<Node> {
        let known = self.variables.len();
        let pipe = self.pipeline("range", &Kind::RightDelimiter)?;
        self.ranges += 1;
        let (body, ending, _) = self.nested(|it| it.list())?;
        self.ranges -= 1;
        let otherwise = match ending {
            Ending::End => None,
            Ending::Else => Some(self.otherwise()?),
        };
        self.variables.truncate(known);
        Ok(Node::Range(Box::new(Range {
            pipe,
            body,
            otherwise,
        })))
    }

    fn template(&mut self) -> Parse<Node> {
        const CONTEXT: &str = "template clause";
        let (name, place) = self.template_name(CONTEXT)?;
        let pipe = match self.peek_non_space().kind {
            Kind::RightDelimiter => {
                self.take();
                None
            }
            _ => Some(self.pipeline(CONTEXT, &Kind::RightDelimiter)?),
        };
        Ok(self.call(name, &place, pipe))
    }

    fn call(&mut self, name: Arc<str>, place: &Token, pipe: Option<Pipe>) -> Node {
        let called = (Arc::clone(&name), place.start..place.end);
        self.calls.push(called);
        Node::Template(Box::new(Call {
            at: place.start,
            name,
            pipe,
        }))
    }

    /// `{{block "name" pipeline}} … {{end}}`: a definition and a call of it.
    fn block(&mut self) -> Parse<Node> {
        const CONTEXT: &str = "block clause";
        let (name, place) = self.template_name(CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, &Kind::RightDelimiter)?;
        let root = self.body_of_its_own(CONTEXT)?;
        let tree = Tree {
            name: Arc::clone(&name),
            source: self.number,
            root,
        };
        self.define(tree, &place)?;
        Ok(self.call(name, &place, Some(pipe)))
    }
}
