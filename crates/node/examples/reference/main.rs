//! Writes the generated reference pages of this build into a folder: one for each component with an
//! index, the blocks of a config, Bloblang, and metrics. `cargo xtask reference` runs it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use millrace_node::{RootConfig, registry};
use millrace_spec::render::markdown;
use millrace_spec::{ComponentKind, ComponentSpec, Spec};

mod bloblang;
mod metrics;

const CONFIG_HEAD: &str = "\
# The blocks of a config

Everything that may stand at the root of a config; this page is generated from the config structs by `cargo xtask reference`.
What stands in a block that names a component is on [the page of the component](components/README.md).
`millrace create` prints all of it with the defaults.
";

const HEAD: &str = "\
# Components

Every component of this build, by kind.
These pages are generated from the config structs by `cargo xtask reference`; `millrace list` shows the same names, and `millrace create` prints configs to start from.
";

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err(std::io::Error::other("usage: reference FOLDER"));
    };
    std::fs::write(folder.join("bloblang.md"), bloblang::page())?;
    std::fs::write(folder.join("metrics.md"), metrics::page())?;
    let config = format!("{CONFIG_HEAD}\n{}", markdown::fields(&RootConfig::fields()));
    std::fs::write(folder.join("config.md"), config)?;
    components(&folder.join("components"))
}

/// The pages of components, and their index.
fn components(folder: &Path) -> std::io::Result<()> {
    let registry = registry();
    let mut index = HEAD.to_owned();
    for kind in ComponentKind::ALL {
        let specs: Vec<&ComponentSpec> = registry
            .table()
            .iter()
            .map(|it| &**it)
            .filter(|it| it.kind == kind)
            .collect();
        if specs.is_empty() {
            continue;
        }
        let section = section(kind);
        std::fs::create_dir_all(folder.join(&section))?;
        let _infallible = write!(index, "\n## {}\n\n", title(&section));
        for spec in specs {
            let name = &spec.name;
            let _infallible = writeln!(
                index,
                "- [`{name}`]({section}/{name}.md): {}",
                spec.summary()
            );
            write_page(&folder.join(&section).join(format!("{name}.md")), spec)?;
        }
    }
    std::fs::write(folder.join("README.md"), index)
}

fn write_page(path: &Path, spec: &ComponentSpec) -> std::io::Result<()> {
    std::fs::write(path, markdown::component(spec))
}

/// The folder of a kind.
fn section(kind: ComponentKind) -> String {
    match kind {
        ComponentKind::Metrics => "metrics".to_owned(),
        kind => format!("{kind}s"),
    }
}

fn title(section: &str) -> String {
    let text = section.replace('_', " ");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}", first.to_uppercase(), letters.as_str())
    })
}
