//! A template as components see it: fields in, the config of another component out.

use std::sync::Arc;

use millrace_bloblang::Environment;
use millrace_component::{Expansion, Mapped, Mapping, Payload, Template as Expand};
use millrace_diagnostics::Span;
use millrace_message::{Message, Value};
use millrace_spec::catalog::Named;
use millrace_spec::{ComponentSpec, Node, ReadContext, codes};
use millrace_telemetry::metric::MappingFn;

use super::definition::Definition;
use super::fields;
use super::made::{Places, VALUES_MAX, is_bounded};
use crate::metrics::rename_metric;

/// A template, ready for use.
pub(super) struct Template {
    spec: ComponentSpec,
    mapping: Mapping,
    metrics: Option<MetricsMapping>,
}

/// A mapping that is compiled again for each use, with its label.
struct MetricsMapping {
    text: String,
    environment: Environment,
}

impl Template {
    /// A template of this definition; its mappings see the files of `environment`. What is wrong with
    /// its mapping of metrics is reported.
    pub fn new(definition: &Definition, environment: &Environment, cx: &mut ReadContext) -> Self {
        let metrics = definition.metrics_mapping.as_ref();
        let metrics = metrics.filter(|text| !text.trim().is_empty()).map(|text| {
            let mapping = MetricsMapping {
                text: text.value.clone(),
                environment: environment.clone(),
            };
            if let Err(errors) = mapping.with_label("") {
                for error in errors {
                    let message = format!("field metrics_mapping: {}", error.message);
                    cx.error(codes::BAD_BLOBLANG, text.span, message).help = error.help;
                }
            }
            mapping
        });
        Self {
            spec: definition.component(),
            mapping: definition.mapping.clone(),
            metrics,
        }
    }

    /// What the mapping makes of the fields.
    fn run(&self, fields: Value) -> Result<Value, String> {
        let message = Message::from_value(fields.clone());
        let mapped = self.mapping.map(std::slice::from_ref(&message), 0);
        match mapped.map_err(|error| format!("its mapping fails: {error}"))? {
            Mapped::Unchanged | Mapped::Changed { payload: None, .. } => Ok(fields),
            Mapped::Deleted => Err("its mapping deletes the config".to_owned()),
            Mapped::Changed {
                payload: Some(Payload::Value(value)),
                ..
            } => Ok(value),
            Mapped::Changed {
                payload: Some(Payload::Raw(text)),
                ..
            } => Value::parse_json(text)
                .map_err(|_| "its mapping makes a text, and no object".to_owned()),
        }
    }

    /// What the fields of a use become.
    pub fn make(&self, body: Option<&Node>, at: Span, cx: &mut ReadContext) -> Option<Node> {
        let empty = Node::empty_mapping(at);
        let node = body.unwrap_or(&empty);
        let fields = fields::read(self.spec.fields(), node, cx)?;
        let made = self.run(fields).and_then(|value| {
            if !is_bounded(&value) {
                return Err(format!("its mapping makes more than {VALUES_MAX} values"));
            }
            let too_deep = || "its mapping makes a config that nests too deep".to_owned();
            Places::of(node, at).node(&value).ok_or_else(too_deep)
        });
        match made {
            Ok(node) => Some(node),
            Err(reason) => {
                let message = format!("template `{}`: {reason}", self.spec.name);
                cx.error(codes::INVALID_VALUE, at, message);
                None
            }
        }
    }
}

impl Expand for Template {
    fn spec(&self) -> &ComponentSpec {
        &self.spec
    }

    fn expand(&self, at: &Named<'_>, label: &str, cx: &mut ReadContext) -> Option<Expansion> {
        Some(Expansion {
            config: self.make(at.body, at.name_span, cx)?,
            metrics: self.metrics.as_ref().and_then(|it| it.of_use(label)),
        })
    }
}

impl MetricsMapping {
    fn with_label(&self, label: &str) -> Result<Mapping, Vec<millrace_bloblang::SyntaxError>> {
        let environment = self.environment.clone().with_given("label", label.into());
        Mapping::compile(&self.text, &environment)
    }

    fn of_use(&self, label: &str) -> Option<Arc<MappingFn>> {
        // It has compiled when the template was read, whatever the label.
        let mapping = self.with_label(label).ok()?;
        Some(Arc::new(move |name, labels| {
            rename_metric(&mapping, name, labels)
        }))
    }
}
