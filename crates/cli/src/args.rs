//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Millrace puts streams to work.
///
/// Without a command it runs the config named by -c, by the variables MILLRACE_CONFIG or
/// BENTO_CONFIG (which hold the text of a config), or found in /millrace.yaml,
/// /etc/millrace/config.yaml or /etc/millrace.yaml.
///
/// Exit codes: 0 when everything ended in order, 1 when a config is invalid or a stream failed,
/// 2 for wrong arguments.
#[derive(Parser, Debug)]
#[command(name = "millrace", version)]
pub struct Args {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Print the resolved config as JSON, with secrets scrubbed, instead of running it.
    #[arg(long)]
    pub print_json: bool,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Which config, and how it is changed.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ConfigArgs {
    /// The config file.
    #[arg(short = 'c', long = "config", value_name = "FILE", global = true)]
    pub file: Option<PathBuf>,
    /// Further files of resources; patterns are allowed.
    #[arg(short, long, value_name = "GLOB", global = true)]
    pub resources: Vec<String>,
    /// Set one field: `path=value`.
    #[arg(short, long, value_name = "PATH=VALUE", global = true)]
    pub set: Vec<String>,
    /// Files of environment variables; patterns are allowed.
    #[arg(short, long = "env-file", value_name = "GLOB", global = true)]
    pub env_file: Vec<String>,
    /// Log from this level on, whatever the config says.
    #[arg(long = "log.level", value_name = "LEVEL", global = true)]
    pub log_level: Option<String>,
    /// Run although the check has found errors that a run would survive.
    #[arg(long, global = true)]
    pub chilled: bool,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a config.
    Run {
        /// The config file.
        file: Option<PathBuf>,
    },
    /// Check configs without running them.
    Lint {
        /// Files, patterns, or `folder/...` for every .yaml and .yml below a folder.
        paths: Vec<String>,
        /// Deprecated fields are errors.
        #[arg(long)]
        deprecated: bool,
        /// Every component must have a label.
        #[arg(long)]
        labels: bool,
        /// Variables that are not set are no error.
        #[arg(long)]
        skip_env_var_check: bool,
    },
    /// Print the config as it is understood, with defaults and without secrets.
    Echo {
        /// The config file.
        file: Option<PathBuf>,
    },
    /// Print a config to start from.
    ///
    /// The expression names inputs, processors and outputs: `file,stdin/mapping/stdout`. Parts may
    /// be left out: `kafka//file`.
    Create {
        /// `inputs/processors/outputs`, each a list with commas.
        #[arg(default_value = "")]
        expression: String,
        /// Only input, pipeline and output, without advanced fields; also `-s`.
        #[arg(long)]
        small: bool,
    },
    /// List the components of this build.
    List {
        /// Kinds: inputs, outputs, processors, …
        kinds: Vec<String>,
        /// `text`, `json` or `jsonschema`.
        #[arg(long, default_value = "text")]
        format: String,
    },
}

/// Bento's `-s` is `--small` after `create` and `--set` everywhere else.
pub fn with_small_flag(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut creates = false;
    args.map(|arg| {
        creates |= arg == "create";
        if creates && arg == "-s" {
            "--small".into()
        } else {
            arg
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Args {
        let args = line.split(' ').map(OsString::from);
        Args::parse_from(with_small_flag(args))
    }

    #[test]
    fn s_is_small_after_create_and_set_elsewhere() {
        assert!(matches!(
            parse("millrace create -s file").command,
            Some(Command::Create { small: true, .. })
        ));
        assert_eq!(parse("millrace run x.yaml -s a=b").config.set, ["a=b"]);
    }
}
