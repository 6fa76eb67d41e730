//! `create`: a config to start from.

use std::process::ExitCode;

use millrace_component::Registry;
use millrace_diagnostics::did_you_mean;
use millrace_node::{RootConfig, registry};
use millrace_spec::render::sample::{self, Options};
use millrace_spec::{Catalog, ComponentKind, Spec};

use super::{complain, print};

/// The fields that a small config has.
const MAIN_FIELDS: [&str; 3] = ["input", "pipeline", "output"];

/// Prints a config with the components of the expression, such as `file/mapping,log/stdout`.
pub fn create(expression: &str, small: bool) -> ExitCode {
    match config(expression, small) {
        Ok(text) => print(&text),
        Err(reason) => {
            complain(&reason);
            ExitCode::FAILURE
        }
    }
}

fn config(expression: &str, small: bool) -> Result<String, String> {
    let segments: Vec<&str> = expression.split('/').collect();
    if segments.len() > MAIN_FIELDS.len() {
        let message = "expected at most inputs/processors/outputs";
        return Err(format!("{message}, and `{expression}` has more slashes"));
    }
    let names = |at: usize, default: &'static str| -> Vec<String> {
        let list = segments.get(at).copied().unwrap_or_default();
        let names = list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let names: Vec<_> = names.map(str::to_owned).collect();
        let is_default = names.is_empty() && !default.is_empty();
        if is_default {
            vec![default.to_owned()]
        } else {
            names
        }
    };
    let writer = Writer {
        registry: registry(),
        options: Options {
            small,
            comments: true,
        },
    };
    let chosen = [
        (
            "input",
            writer.one_or_broker(ComponentKind::Input, "inputs", &names(0, "stdin"))?,
        ),
        ("pipeline", writer.pipeline(&names(1, ""))?),
        (
            "output",
            writer.one_or_broker(ComponentKind::Output, "outputs", &names(2, "stdout"))?,
        ),
    ];
    let mut fields = RootConfig::fields();
    if small {
        fields.retain(|field| MAIN_FIELDS.contains(&&*field.name));
    }
    Ok(sample::config(&fields, &chosen, writer.options))
}

struct Writer {
    registry: Registry,
    options: Options,
}

impl Writer {
    fn one_or_broker(
        &self,
        kind: ComponentKind,
        list: &str,
        names: &[String],
    ) -> Result<String, String> {
        match names {
            [name] => self.component(kind, name, 2),
            names => Ok(format!(
                "  broker:\n    {list}:\n{}",
                self.items(kind, names, 6)?
            )),
        }
    }

    fn pipeline(&self, names: &[String]) -> Result<String, String> {
        let processors = if names.is_empty() {
            " []\n".to_owned()
        } else {
            format!("\n{}", self.items(ComponentKind::Processor, names, 4)?)
        };
        Ok(format!("  threads: -1\n  processors:{processors}"))
    }

    /// The components as items of a list.
    fn items(
        &self,
        kind: ComponentKind,
        names: &[String],
        indent: usize,
    ) -> Result<String, String> {
        let mut text = String::new();
        for name in names {
            let component = self.component(kind, name, indent + 2)?;
            text += &format!("{:indent$}- {}", "", component.trim_start());
        }
        Ok(text)
    }

    fn component(&self, kind: ComponentKind, name: &str, indent: usize) -> Result<String, String> {
        let Some(spec) = self.registry.component(kind, name) else {
            let names = self.registry.names(kind);
            let help = did_you_mean(name, names.iter().map(String::as_str));
            let help = help.map_or_else(String::new, |help| format!(" ({help})"));
            return Err(format!("unrecognised {kind} type '{name}'{help}"));
        };
        let fields = sample::component(&spec, self.options, indent);
        Ok(format!("{:indent$}label: \"\"\n{fields}", ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_node::{Files, Main, load};
    use std::sync::Arc;

    #[test]
    fn what_is_created_names_the_components_and_what_they_need() {
        let text = config("file,stdin/mapping/drop", true).expect("known components");
        for part in [
            "  broker:\n    inputs:\n      - label: \"\"\n        file:",
            "    - label: \"\"\n      mapping:",
            "  drop: {}\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("shutdown_timeout"), "{text}");
    }

    #[test]
    fn the_default_config_is_read_without_a_complaint() {
        for small in [true, false] {
            let text = config("", small).expect("the default");
            let main = Main::Text {
                name: "created".into(),
                text,
            };
            let loaded = load(
                &Files {
                    main,
                    ..Files::default()
                },
                &Arc::new(registry()),
            );
            assert!(loaded.diagnostics.is_empty(), "{}", loaded.render(false));
        }
    }

    #[test]
    fn an_unknown_component_is_refused_with_a_proposal() {
        let reason = config("stdn", true).expect_err("no such input");
        assert_eq!(
            reason,
            "unrecognised input type 'stdn' (did you mean `stdin`?)"
        );
        assert!(config("a/b/c/d", true).is_err());
    }
}
