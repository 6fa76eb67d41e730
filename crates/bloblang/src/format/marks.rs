//! What a sign means where its spelling alone does not say it.

use std::collections::HashSet;

use crate::ast::{
    Arguments, Expr, ExprKind, LinkKind, Literal, Mapping, Pattern, Statement, StatementKind,
};

/// Places, in bytes from the start of the text.
#[derive(Default)]
pub(super) struct Marks {
    /// Braces that open objects; others open blocks.
    objects: HashSet<usize>,
    /// `-` and `!` in front of one operand; others stand between two.
    prefixes: HashSet<usize>,
}

impl Marks {
    pub(super) fn of(mapping: &Mapping) -> Self {
        let mut marks = Self::default();
        for map in &mapping.maps {
            marks.statements(&map.statements);
        }
        marks.statements(&mapping.statements);
        marks
    }

    /// Whether the brace that opens here opens an object.
    pub(super) fn is_object(&self, at: usize) -> bool {
        self.objects.contains(&at)
    }

    /// Whether the sign here stands in front of one operand.
    pub(super) fn is_prefix(&self, at: usize) -> bool {
        self.prefixes.contains(&at)
    }

    fn statements(&mut self, statements: &[Statement]) {
        for statement in statements {
            match &statement.kind {
                StatementKind::Assign { value, .. } => self.expr(value),
                StatementKind::If {
                    branches,
                    otherwise,
                } => {
                    for branch in branches {
                        self.expr(&branch.condition);
                        self.statements(&branch.statements);
                    }
                    self.statements(otherwise.as_deref().unwrap_or_default());
                }
            }
        }
    }

    fn all<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) {
        exprs.into_iter().for_each(|expr| self.expr(expr));
    }

    fn expr(&mut self, expr: &Expr) {
        let at = expr.span.range().start;
        match &expr.kind {
            ExprKind::Object(fields) => {
                self.objects.insert(at);
                self.all(fields.iter().flat_map(|(key, value)| [key, value]));
            }
            ExprKind::Not(operand) | ExprKind::Negate(operand) => {
                self.prefixes.insert(at);
                self.expr(operand);
            }
            // A number may have its sign.
            ExprKind::Literal(Literal::Int(_) | Literal::Float(_)) => {
                self.prefixes.insert(at);
            }
            ExprKind::Array(elements) => self.all(elements),
            ExprKind::Function { arguments, .. } => self.arguments(arguments),
            ExprKind::Chain { head, links } => {
                self.expr(head);
                links.iter().for_each(|link| self.link(&link.kind));
            }
            ExprKind::Binary { first, rest } => {
                self.expr(first);
                self.all(rest.iter().map(|(_, operand)| operand));
            }
            ExprKind::Match { context, cases } => {
                self.all(context.as_deref());
                for case in cases {
                    if let Pattern::Expr(pattern) = &case.pattern {
                        self.expr(pattern);
                    }
                    self.expr(&case.value);
                }
            }
            ExprKind::If {
                branches,
                otherwise,
            } => {
                self.all(
                    branches
                        .iter()
                        .flat_map(|(condition, value)| [condition, value]),
                );
                self.all(otherwise.as_deref());
            }
            ExprKind::Lambda { body, .. } => self.expr(body),
            ExprKind::Literal(_)
            | ExprKind::This
            | ExprKind::Root
            | ExprKind::Field(_)
            | ExprKind::Parameter(_)
            | ExprKind::Variable(_)
            | ExprKind::Metadata(_) => {}
        }
    }

    fn arguments(&mut self, arguments: &Arguments) {
        self.all(arguments.list.iter().map(|argument| &argument.value));
    }

    fn link(&mut self, link: &LinkKind) {
        match link {
            LinkKind::Field(_) => {}
            LinkKind::Method { arguments, .. } => self.arguments(arguments),
            LinkKind::Map(expr) | LinkKind::Index(expr) => self.expr(expr),
            LinkKind::Slice { start, end, step } => {
                self.all(
                    [start, end, step]
                        .into_iter()
                        .filter_map(|it| it.as_deref()),
                );
            }
        }
    }
}
