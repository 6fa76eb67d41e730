//! Trees without their places, to compare what two texts mean.

use crate::ast::{
    Arguments, Expr, ExprKind, LinkKind, Mapping, Name, Pattern, Span, Statement, StatementKind,
    TargetKind,
};

/// The tree with every span empty.
pub(super) fn without_spans(mut mapping: Mapping) -> Mapping {
    for import in &mut mapping.imports {
        import.span = Span::default();
        name(&mut import.path);
    }
    for map in &mut mapping.maps {
        map.span = Span::default();
        name(&mut map.name);
        statements(&mut map.statements);
    }
    statements(&mut mapping.statements);
    mapping
}

fn name(name: &mut Name) {
    name.span = Span::default();
}

fn statements(list: &mut [Statement]) {
    for statement in list {
        statement.span = Span::default();
        match &mut statement.kind {
            StatementKind::Assign { target, value } => {
                target.span = Span::default();
                match &mut target.kind {
                    TargetKind::Root(path) => path.iter_mut().for_each(name),
                    TargetKind::Meta(key) => key.iter_mut().for_each(name),
                    TargetKind::Variable(variable) => name(variable),
                }
                expr(value);
            }
            StatementKind::If {
                branches,
                otherwise,
            } => {
                for branch in branches {
                    expr(&mut branch.condition);
                    statements(&mut branch.statements);
                }
                statements(otherwise.as_deref_mut().unwrap_or_default());
            }
        }
    }
}

fn expr(tree: &mut Expr) {
    tree.span = Span::default();
    match &mut tree.kind {
        ExprKind::Object(fields) => {
            for (key, value) in fields {
                expr(key);
                expr(value);
            }
        }
        ExprKind::Array(elements) => elements.iter_mut().for_each(expr),
        ExprKind::Not(operand) | ExprKind::Negate(operand) => expr(operand),
        ExprKind::Field(field) | ExprKind::Parameter(field) | ExprKind::Variable(field) => {
            name(field);
        }
        ExprKind::Metadata(key) => key.iter_mut().for_each(name),
        ExprKind::Function {
            name: function,
            arguments: list,
        } => {
            name(function);
            arguments(list);
        }
        ExprKind::Chain { head, links } => {
            expr(head);
            for link in links {
                link.span = Span::default();
                chain_link(&mut link.kind);
            }
        }
        ExprKind::Binary { first, rest } => {
            expr(first);
            rest.iter_mut().for_each(|(_, operand)| expr(operand));
        }
        ExprKind::Match { context, cases } => {
            context.iter_mut().for_each(|it| expr(it));
            for case in cases {
                if let Pattern::Expr(pattern) = &mut case.pattern {
                    expr(pattern);
                }
                expr(&mut case.value);
            }
        }
        ExprKind::If {
            branches,
            otherwise,
        } => {
            for (condition, value) in branches {
                expr(condition);
                expr(value);
            }
            otherwise.iter_mut().for_each(|it| expr(it));
        }
        ExprKind::Lambda { parameter, body } => {
            parameter.iter_mut().for_each(name);
            expr(body);
        }
        ExprKind::Literal(_) | ExprKind::This | ExprKind::Root => {}
    }
}

fn chain_link(link: &mut LinkKind) {
    match link {
        LinkKind::Field(field) => name(field),
        LinkKind::Method {
            name: method,
            arguments: list,
        } => {
            name(method);
            arguments(list);
        }
        LinkKind::Map(query) | LinkKind::Index(query) => expr(query),
        LinkKind::Slice { start, end, step } => {
            let bounds = [start, end, step].into_iter().flatten();
            bounds.for_each(|it| expr(it));
        }
    }
}

fn arguments(arguments: &mut Arguments) {
    arguments.span = Span::default();
    for argument in &mut arguments.list {
        argument.name.iter_mut().for_each(name);
        expr(&mut argument.value);
    }
}
