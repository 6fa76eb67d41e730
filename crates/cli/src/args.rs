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
    /// Run the config anew when one of its files changes; a change that does not lint is logged and
    /// the running config stays.
    #[arg(short = 'w', long, global = true)]
    pub watcher: bool,
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
        /// Files, patterns, or `folder/...` for every .yaml and .yml below a folder; of .md files
        /// the blocks that begin with ```yaml.
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
        /// As --deprecated and --labels; what weakens delivery is an error too.
        #[arg(long)]
        strict: bool,
    },
    /// Run a Bloblang mapping on each line of the standard input.
    ///
    /// The result of each line is one line of the standard output; of a line that is deleted, an
    /// empty one. A line that the mapping fails on is reported, and the exit code is 1 at the end.
    Blobl(BloblArgs),
    /// Print the script that completes commands in a shell.
    ///
    /// For bash: `millrace completions bash > /etc/bash_completion.d/millrace`.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
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

/// The arguments of `blobl`.
#[derive(clap::Args, Clone, Debug)]
pub struct BloblArgs {
    /// The mapping.
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    pub mapping: Option<String>,
    /// A file that holds the mapping; what it imports is found beside it.
    #[arg(short, long)]
    pub file: Option<PathBuf>,
    /// How many threads map; with more than one the order of lines is not kept.
    #[arg(short, long, default_value_t = 1)]
    pub threads: usize,
    /// Lines are text, not JSON.
    #[arg(long)]
    pub raw: bool,
    /// Print results over several lines.
    #[arg(short, long)]
    pub pretty: bool,
    /// The longest line in bytes.
    #[arg(long, default_value_t = 65_536)]
    pub max_token_length: usize,
}

/// Two short flags of Bento mean something else after some commands: `-s` is `--small` after
/// `create` and `--set` everywhere else, `-r` is `--raw` after `blobl` and `--resources` everywhere
/// else.
pub fn with_own_flags(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut command = None;
    args.map(|arg| {
        if command.is_none() && (arg == "create" || arg == "blobl") {
            command = arg.to_str().map(str::to_owned);
            return arg;
        }
        match (command.as_deref(), arg.to_str()) {
            (Some("create"), Some("-s")) => "--small".into(),
            (Some("blobl"), Some("-r")) => "--raw".into(),
            _ => arg,
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Args {
        let args = line.split(' ').map(OsString::from);
        Args::parse_from(with_own_flags(args))
    }

    #[test]
    fn s_and_r_have_a_meaning_of_their_own_after_two_commands() {
        assert!(matches!(
            parse("millrace create -s file").command,
            Some(Command::Create { small: true, .. })
        ));
        assert_eq!(parse("millrace run x.yaml -s a=b").config.set, ["a=b"]);
        let Some(Command::Blobl(blobl)) = parse("millrace blobl -r content()").command else {
            panic!("`blobl` is a command");
        };
        assert!(blobl.raw);
        assert_eq!(
            parse("millrace run -r a.yaml x").config.resources,
            ["a.yaml"]
        );
    }
}
