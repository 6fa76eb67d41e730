//! Calls of functions.

use millrace_message::Value;

use super::Machine;
use super::state::{Binding, Env, Fork, Frame, Item, Next, Parameters, State};
use crate::error::{Fail, not_for};
use crate::number;
use crate::prelude;
use crate::program::{Function, Kind, Node};

impl<'p> Machine<'p> {
    pub(super) fn call_local(
        &mut self,
        distance: usize,
        arguments: &'p [Node],
        item: Item<'p>,
        env: Env<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        let scope = self.scope(&env, distance).clone();
        match scope.binding {
            Binding::Function(function) => {
                self.call(function, Some(scope), arguments, item, env, next)
            }
            _ => unreachable!("the compiler found a function there"),
        }
    }

    pub(super) fn call_prelude(
        &mut self,
        function: usize,
        arguments: &'p [Node],
        item: Item<'p>,
        env: Env<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        let function = prelude::function(function);
        let scope = self.bind(None, Binding::Function(function))?;
        self.call(function, scope, arguments, item, env, next)
    }

    fn call(
        &mut self,
        function: &'p Function,
        mut scope: Env<'p>,
        arguments: &'p [Node],
        item: Item<'p>,
        outer: Env<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        for (argument, parameter) in arguments.iter().zip(&function.parameters) {
            let binding = match parameter.is_called {
                true => self.closure(argument, &outer),
                false => Binding::Value(Value::Null),
            };
            scope = self.bind(scope, binding)?;
        }
        if !function.parameters.iter().any(|it| it.is_variable) {
            return Ok(State::Eval(&function.body, item, scope, next));
        }
        let parameters = Parameters {
            function,
            arguments,
            position: 0,
            item,
            outer,
            env: scope,
        };
        self.parameter(parameters, next)
    }

    /// An argument with its names. A parameter that is passed on is passed as it is: else a loop
    /// that passes on its parameters would grow.
    fn closure(&self, argument: &'p Node, outer: &Env<'p>) -> Binding<'p> {
        match &argument.kind {
            Kind::CallParameter(distance) => self.scope(outer, *distance).binding.clone(),
            Kind::Literal(_) | Kind::Identity | Kind::Empty => Binding::Closure(argument, None),
            _ => Binding::Closure(argument, outer.clone()),
        }
    }

    /// Evaluates the next parameter that is a variable, or goes on into the body.
    pub(super) fn parameter(
        &mut self,
        mut parameters: Parameters<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        let declared = &parameters.function.parameters;
        while let Some(parameter) = declared.get(parameters.position) {
            if !parameter.is_variable {
                parameters.position += 1;
                continue;
            }
            let argument = &parameters.arguments[parameters.position];
            let within = parameters.item.without_path();
            if !argument.is_direct {
                let outer = parameters.outer.clone();
                let frame = Frame::Parameter(parameters);
                return Ok(State::Eval(
                    argument,
                    within,
                    outer,
                    self.then(frame, next)?,
                ));
            }
            let value = self.direct(argument, within.value, &parameters.outer)?;
            parameters.env = self.bind(parameters.env, Binding::Value(value))?;
            parameters.position += 1;
        }
        let body = &parameters.function.body;
        Ok(State::Eval(body, parameters.item, parameters.env, next))
    }

    /// `range(start; end; step)`
    pub(super) fn range(
        &mut self,
        bounds: Vec<Value>,
        item: Item<'p>,
        next: Next<'p>,
    ) -> Result<State<'p>, Fail> {
        if let Some(other) = bounds.iter().find(|it| number::of(it).is_none()) {
            return Err(not_for("range", other));
        }
        let Ok([start, end, step]) = <[Value; 3]>::try_from(bounds) else {
            unreachable!("a range has three bounds");
        };
        self.fork(Fork::Range(start, end, step, item.with(Value::Null), next))?;
        Ok(State::Backtrack)
    }
}
