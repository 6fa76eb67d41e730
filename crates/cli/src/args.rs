//! The command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use millrace_diagnostics::printable_line;
use millrace_node::LogLevel;

pub mod backup;
pub mod kafka;
pub mod log;
pub mod plan;

use backup::{BackupArgs, RestoreArgs};
use kafka::{ClusterCommand, ConsumeArgs, GroupCommand, ProduceArgs, TopicCommand, UserCommand};
use log::LogCommand;
use plan::PlanArgs;

/// The levels of logs, as they are offered.
pub const LOG_LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

const AFTER_HELP: &str = "\
Without a command the config is run that -c names, else the one whose text the
variable MILLRACE_CONFIG or BENTO_CONFIG holds, else the first of
/millrace.yaml, /etc/millrace/config.yaml and /etc/millrace.yaml, with what -r
and -s add to it. When there is none, this help is shown.

Exit codes: 0 when everything ended in order, 1 when a config is missing or
invalid or a stream failed, 2 when the command line is wrong by itself.";

const AFTER_LINT: &str = "\
`folder` and `folder/...` stand for every .yaml and .yml file below a folder. Of
.md files the blocks that begin with ```yaml are checked which hold a field of a
config, such as `input:`, and no `label:` at their root; the others are counted.
Hidden folders are left out, and the files that -t names. Without a path the
config is checked that a run without a command would take. Nothing is connected
to. The exit code is 1 when there is an error.";

const AFTER_TEST: &str = "\
A config foo.yaml is tested by the list `tests` in itself, in
foo_bento_test.yaml and in foo_millrace_test.yaml, and so is a mapping
foo.blobl; `folder` and `folder/...` stand for every .yaml and .yml file below a
folder. Hidden folders are left out, and the files that -t names. The exit code
is 1 when a test fails, a config has errors, or there are no tests.";

const AFTER_TEMPLATE_LINT: &str = "\
`folder` and `folder/...` stand for every .yaml and .yml file below a folder.
Templates that are checked together may use each other. What a template makes of
each config in its `tests` is checked as that of any component, and compared
with what is expected. The exit code is 1 when there is an error.";

const AFTER_BROKER: &str = "\
The data is kept in broker-ID of /var/lib/message-queue/data, if that exists and
can be written to, else of millrace/data in the user's data directory. An empty
directory becomes a new cluster. Topics are made when they are first used.
Without a --config that says otherwise clients are not asked who they are: listen
at an address that only they reach.";

const AFTER_FORMAT: &str = "\
A broker formats an empty directory itself when it starts. What this adds are its
first users: over a listener that asks for a login nobody could make them. The
password is that of Kafka's `kafka-storage.sh format --add-scram`; `iterations`,
`salt` and `saltedpassword` may stand beside it or in its place.";

const AFTER_SERVER: &str = "\
Whoever can reach the page can evaluate mappings, within bounds of time and
memory. They see no file and no environment variable of this host unless
--trust-mappings is given.";

const AFTER_FMT: &str = "\
`folder` and `folder/...` stand for every .blobl file below a folder. Line
breaks, parentheses, strings and comments stay as they are; blanks, indentation
and empty lines are settled.";

const AFTER_BLOBL: &str = "\
The result of each line is one line of the standard output; of a line that is
deleted, an empty one. A line that the mapping fails on is reported, and the
exit code is 1 at the end.";

const AFTER_CREATE: &str = "\
Parts may be left out: `csv//file`. What has no default holds an example and
says so.";

const AFTER_COMPLETIONS: &str = "\
For bash: millrace completions bash > /etc/bash_completion.d/millrace";

const AFTER_LIST: &str = "\
Kinds: inputs, buffers, processors, outputs, caches, rate-limits, scanners,
metrics, tracers, and bloblang-functions and bloblang-methods; `input` is the
same as `inputs`.";

/// Millrace puts streams to work: it moves messages, transforms them, and loses none of them.
#[derive(Parser, Debug)]
#[command(name = "millrace", version, after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    pub run: RunArgs,
    /// Print the config as JSON, with defaults and without secrets, instead of running it
    #[arg(long)]
    pub print_json: bool,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Which config, and how it is changed.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ConfigArgs {
    /// The config file
    #[arg(short = 'c', long = "config", value_name = "FILE", value_parser = named_path())]
    pub config_file: Option<PathBuf>,
    /// Files of further resources; patterns are allowed
    #[arg(short, long, value_name = "GLOB")]
    pub resources: Vec<String>,
    /// Set one field of the config, as in `-s pipeline.threads=2`
    #[arg(short, long, value_name = "PATH=VALUE", value_parser = assignment)]
    pub set: Vec<String>,
    /// Files of environment variables; patterns are allowed
    #[arg(short, long = "env-file", value_name = "GLOB")]
    pub env_file: Vec<String>,
    /// Files of templates, which are components; patterns and folders are allowed
    #[arg(short, long, value_name = "GLOB")]
    pub templates: Vec<String>,
}

/// Which config, and how it runs.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct RunArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Log from this level on: off, error, warn, info, debug, trace
    #[arg(long = "log.level", value_name = "LEVEL", value_parser = log_level)]
    pub log_level: Option<String>,
    /// Take a changed config over, after what is under way is delivered
    #[arg(short = 'w', long)]
    pub watcher: bool,
}

impl Args {
    /// The files of variables, wherever they are named.
    pub fn env_files(&self) -> Vec<String> {
        let own = match &self.command {
            Some(Command::Run { run, .. }) => run.config.env_file.as_slice(),
            Some(Command::Lint { config, .. } | Command::Echo { config, .. }) => &config.env_file,
            _ => &[],
        };
        [&self.run.config.env_file, own].concat()
    }
}

impl ConfigArgs {
    /// These, behind those that stand before the command.
    #[must_use]
    pub fn behind(self, first: Self) -> Self {
        Self {
            config_file: self.config_file.or(first.config_file),
            resources: [first.resources, self.resources].concat(),
            set: [first.set, self.set].concat(),
            env_file: [first.env_file, self.env_file].concat(),
            templates: [first.templates, self.templates].concat(),
        }
    }
}

impl RunArgs {
    /// These, behind those that stand before the command.
    #[must_use]
    pub fn behind(self, first: Self) -> Self {
        Self {
            config: self.config.behind(first.config),
            log_level: self.log_level.or(first.log_level),
            watcher: self.watcher || first.watcher,
        }
    }
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a config
    Run {
        /// The config file
        #[arg(value_parser = named_path())]
        file: Option<PathBuf>,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Check configs without running them
    #[command(after_help = AFTER_LINT)]
    Lint {
        /// Files, patterns, or folders
        #[arg(value_hint = clap::ValueHint::AnyPath)]
        paths: Vec<String>,
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        rules: LintArgs,
    },
    /// Run the unit tests of configs
    #[command(after_help = AFTER_TEST)]
    Test(TestArgs),
    /// Run a Bloblang mapping on each line of the standard input
    #[command(after_help = AFTER_BLOBL)]
    Blobl(BloblArgs),
    /// Print the script that completes commands in a shell
    #[command(after_help = AFTER_COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the config as it is understood, with defaults and without secrets
    Echo {
        /// The config file
        #[arg(value_parser = named_path())]
        file: Option<PathBuf>,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Print a config to start from
    #[command(after_help = AFTER_CREATE)]
    Create {
        /// `inputs/processors/outputs`, each a list with commas: `file,stdin/mapping/stdout`
        #[arg(default_value = "", hide_default_value = true)]
        expression: String,
        /// Only input, pipeline and output, without advanced fields
        #[arg(short, long)]
        small: bool,
        /// Files of templates, which are components; patterns and folders are allowed
        #[arg(short, long, value_name = "GLOB")]
        templates: Vec<String>,
    },
    /// List the components of this build
    #[command(after_help = AFTER_LIST)]
    List {
        /// Only these kinds: `inputs`, `outputs`, …
        kinds: Vec<String>,
        /// How it is printed
        #[arg(long, default_value = "text", value_parser = ["text", "json", "jsonschema"])]
        format: String,
        /// Files of templates, which are components; patterns and folders are allowed
        #[arg(short, long, value_name = "GLOB")]
        templates: Vec<String>,
    },
    /// Work on templates of components
    #[command(subcommand)]
    Template(TemplateCommand),
    /// Run a broker for Kafka's clients
    #[command(after_help = AFTER_BROKER, args_conflicts_with_subcommands = true)]
    Broker(BrokerArgs),
    /// Make, list, describe, change and remove the topics of a cluster
    #[command(subcommand)]
    Topic(TopicCommand),
    /// List, describe and remove consumer groups, and reset their offsets
    #[command(subcommand)]
    Group(GroupCommand),
    /// Describe a cluster
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Set, list and remove the passwords of the users of a cluster
    #[command(subcommand)]
    User(UserCommand),
    /// Send the lines of the standard input to a topic
    #[command(after_help = kafka::AFTER_PRODUCE)]
    Produce(ProduceArgs),
    /// Print the records of a topic
    #[command(after_help = kafka::AFTER_CONSUME)]
    Consume(ConsumeArgs),
    /// Print, check and cut the files of partitions while no broker runs
    #[command(subcommand)]
    Log(LogCommand),
    /// Copy the data of a broker that runs
    #[command(after_help = backup::AFTER_BACKUP)]
    Backup(BackupArgs),
    /// Make a data directory of a backup
    #[command(after_help = backup::AFTER_RESTORE)]
    Restore(RestoreArgs),
    /// Say what storage, brokers and partitions a load needs
    #[command(after_help = plan::AFTER_PLAN)]
    Plan(PlanArgs),
}

/// The arguments of `broker`.
#[derive(clap::Args, Clone, Debug)]
pub struct BrokerArgs {
    #[command(subcommand)]
    pub command: Option<BrokerCommand>,
    #[command(flatten)]
    pub place: BrokerPlace,
    /// The port that clients connect to, 9092 by default; 0 takes a free one
    #[arg(conflicts_with = "config_file")]
    pub port: Option<u16>,
    /// The address that it listens at: all of this machine by default
    #[arg(long, conflicts_with = "config_file")]
    pub host: Option<String>,
    /// Serve metrics and health at this address, as in `0.0.0.0:4195`
    #[arg(long = "http.address", value_name = "ADDRESS")]
    pub http_address: Option<String>,
    /// Log from this level on: off, error, warn, info, debug, trace
    #[arg(long = "log.level", value_name = "LEVEL", value_parser = log_level)]
    pub log_level: Option<String>,
}

/// What else is done with a broker.
#[derive(Subcommand, Clone, Debug)]
pub enum BrokerCommand {
    /// Make an empty data directory that of a new cluster, and exit
    #[command(after_help = AFTER_FORMAT)]
    Format {
        #[command(flatten)]
        place: BrokerPlace,
        /// A user of SCRAM, as in `SCRAM-SHA-256=[name=alice,password=…]`
        #[arg(long, value_name = "USER")]
        add_scram: Vec<String>,
        /// A directory that is formatted already is left as it is, and is no error
        #[arg(long)]
        ignore_formatted: bool,
    },
}

/// Which broker, and where its data is.
#[derive(clap::Args, Clone, Debug)]
pub struct BrokerPlace {
    /// The id of the broker in its cluster; 1 when neither it nor a file says one
    #[arg(value_parser = clap::value_parser!(i32).range(0..))]
    pub id: Option<i32>,
    /// A file of settings: YAML, or the properties of Kafka
    #[arg(
        short = 'c',
        long = "config",
        value_name = "FILE",
        conflicts_with = "id"
    )]
    pub config_file: Option<PathBuf>,
    /// The data directory
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// What is done with templates.
#[derive(Subcommand, Clone, Debug)]
pub enum TemplateCommand {
    /// Check template files and run the tests in them
    #[command(after_help = AFTER_TEMPLATE_LINT)]
    Lint {
        /// Files, patterns, or folders
        #[arg(value_hint = clap::ValueHint::AnyPath)]
        paths: Vec<String>,
        /// Files of further templates that those use; patterns and folders are allowed
        #[arg(short, long, value_name = "GLOB")]
        templates: Vec<String>,
    },
}

/// What `lint` complains about beside what a run would refuse.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct LintArgs {
    /// Deprecated fields are errors
    #[arg(long)]
    pub deprecated: bool,
    /// Every component must have a label
    #[arg(long)]
    pub labels: bool,
    /// Variables that are not set are no error
    #[arg(long)]
    pub skip_env_var_check: bool,
    /// What weakens the delivery of messages is an error
    #[arg(long)]
    pub strict: bool,
}

/// The arguments of `test`.
#[derive(clap::Args, Clone, Debug)]
pub struct TestArgs {
    /// Configs, definitions of tests, patterns, or folders
    #[arg(value_hint = clap::ValueHint::AnyPath)]
    pub paths: Vec<String>,
    /// Let components log from this level on, to the standard output
    #[arg(long, value_name = "LEVEL")]
    pub log: Option<String>,
    /// Files of further resources; patterns are allowed
    #[arg(short, long, value_name = "GLOB")]
    pub resources: Vec<String>,
    /// Files of environment variables; patterns are allowed
    #[arg(short, long = "env-file", value_name = "GLOB")]
    pub env_file: Vec<String>,
    /// Files of templates, which are components; patterns and folders are allowed
    #[arg(short, long, value_name = "GLOB")]
    pub templates: Vec<String>,
}

/// The arguments of `blobl`.
#[derive(clap::Args, Clone, Debug)]
#[command(subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
pub struct BloblArgs {
    #[command(subcommand)]
    pub command: Option<BloblCommand>,
    /// The mapping
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    pub mapping: Option<String>,
    /// A file that holds the mapping; what it imports is found beside it
    #[arg(short, long)]
    pub file: Option<PathBuf>,
    /// How many threads map; the order of lines is kept
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    pub threads: usize,
    /// Lines are text, not JSON
    #[arg(short, long)]
    pub raw: bool,
    /// Print results over several lines
    #[arg(short, long)]
    pub pretty: bool,
    /// The longest line in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 65_536)]
    pub max_token_length: usize,
}

/// What `blobl` does besides mapping lines.
#[derive(Subcommand, Clone, Debug)]
pub enum BloblCommand {
    /// Write mappings on a page that shows what they do
    #[command(alias = "playground", after_help = AFTER_SERVER)]
    Server(ServerArgs),
    /// Put mapping files into their canonical form
    #[command(after_help = AFTER_FMT)]
    Fmt(FmtArgs),
    /// Answer one question of the playground
    #[command(hide = true)]
    Evaluate(EvaluateArgs),
}

/// The arguments of `blobl server`.
#[derive(clap::Args, Clone, Debug)]
pub struct ServerArgs {
    /// The host whose address it listens on
    #[arg(long, default_value = "localhost")]
    pub host: String,
    /// The port
    #[arg(short, long, default_value_t = 4195)]
    pub port: u16,
    /// Do not open a browser
    #[arg(short, long)]
    pub no_open: bool,
    /// A file with the input to begin with
    #[arg(short, long, value_name = "FILE")]
    pub input_file: Option<PathBuf>,
    /// A file with the mapping to begin with
    #[arg(short, long, value_name = "FILE")]
    pub mapping_file: Option<PathBuf>,
    /// Save what is changed on the page to these files
    #[arg(short, long)]
    pub write: bool,
    /// Let mappings read files and environment variables of this host, and import
    #[arg(long)]
    pub trust_mappings: bool,
}

/// The arguments of `blobl fmt`.
#[derive(clap::Args, Clone, Debug)]
pub struct FmtArgs {
    /// Files, patterns, or folders; without one, or with `-`, the standard input
    #[arg(value_hint = clap::ValueHint::AnyPath)]
    pub paths: Vec<String>,
    /// Change nothing: name the files that are not formatted, and exit with 1 when there are any
    #[arg(long)]
    pub check: bool,
    /// Change the files instead of printing what they become
    #[arg(short, long, conflicts_with = "check")]
    pub write: bool,
}

/// The arguments of `blobl evaluate`.
#[derive(clap::Args, Clone, Debug)]
pub struct EvaluateArgs {
    /// Format the mapping instead of evaluating it
    #[arg(long)]
    pub format: bool,
    /// Let the mapping read files and environment variables, and import
    #[arg(long)]
    pub trust_mappings: bool,
    /// Where relative files are found
    #[arg(long)]
    pub directory: Option<PathBuf>,
}

fn assignment(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((path, _)) if !path.is_empty() => Ok(text.to_owned()),
        _ => Err("write it as PATH=VALUE, such as `pipeline.threads=2`".to_owned()),
    }
}

/// A path; of an empty one, such as that of a variable that is not set, clap says that none is given.
fn named_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|path| match path.is_empty() {
        true => Err("the path is empty: name a file"),
        false => Ok(PathBuf::from(path)),
    })
}

fn log_level(text: &str) -> Result<String, String> {
    let level = text.parse::<LogLevel>();
    level.map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// Commands that take their config as an argument: `-c` works there too, and need not be shown.
const WITH_CONFIG_FILE: [&str; 3] = ["run", "lint", "echo"];

/// The command line as clap sees it.
pub fn command() -> clap::Command {
    WITH_CONFIG_FILE
        .into_iter()
        .fold(Args::command(), |command, name| {
            command.mut_subcommand(name, |it| it.mut_arg("config_file", |it| it.hide(true)))
        })
}

/// Reads the arguments of the process.
///
/// # Errors
/// They are wrong, or ask for help.
pub fn parse(args: impl Iterator<Item = OsString>) -> Result<Args, clap::Error> {
    let args: Vec<OsString> = args.collect();
    let mut matches = matches(&args)
        .map_err(|error| quoting_plainly(error, &args))
        .map_err(with_hint)?;
    Args::from_arg_matches_mut(&mut matches)
}

fn matches(args: &[OsString]) -> Result<clap::ArgMatches, clap::Error> {
    command()
        .arg(chilled())
        .mut_subcommand("run", |it| it.arg(chilled()))
        .try_get_matches_from(args)
}

/// The complaint that is made of the arguments when they are written as a terminal may be given them:
/// what clap quotes of an argument it mixes with the colours of its own.
fn quoting_plainly(error: clap::Error, args: &[OsString]) -> clap::Error {
    let shown = |arg: &OsString| printable_line(&arg.to_string_lossy()).into_owned().into();
    let args: Vec<OsString> = args.iter().map(shown).collect();
    match matches(&args) {
        Err(plain) if plain.kind() == error.kind() => plain,
        _ => error,
    }
}

/// A flag of Bento that changes nothing, since an invalid config is refused all the same: read, and
/// not offered.
fn chilled() -> clap::Arg {
    let flag = clap::Arg::new("chilled").long("chilled").hide(true);
    flag.action(clap::ArgAction::SetTrue)
}

/// What Bento takes and this build does not have, with what can be done instead.
const NOT_BUILT: [(&[&str], &str); 2] = [
    (
        &["streams"],
        "the command `streams`, many pipelines in one process, is not part of this build; run each \
         config in a process of its own: `millrace run FILE`",
    ),
    (
        &["studio"],
        "the command `studio` is not part of this build; `millrace run --watcher FILE` takes a \
         changed config over",
    ),
];

/// Says more of what is refused where more is known: of what Bento has, and of a config in the place
/// of a command.
fn with_hint(mut error: clap::Error) -> clap::Error {
    let unknown = match error.kind() {
        ErrorKind::InvalidSubcommand => error.get(ContextKind::InvalidSubcommand),
        ErrorKind::UnknownArgument => error.get(ContextKind::InvalidArg),
        _ => None,
    };
    let Some(ContextValue::String(name)) = unknown else {
        return error;
    };
    let mut not_built = NOT_BUILT.iter();
    if let Some((_, reason)) = not_built.find(|(names, _)| names.contains(&&**name)) {
        return command().error(error.kind(), reason);
    }
    let path = Path::new(name);
    let is_config = path
        .extension()
        .is_some_and(|it| it == "yaml" || it == "yml")
        || path.is_file();
    if is_config && error.kind() == ErrorKind::InvalidSubcommand {
        let hint = format!("to run this config: `millrace run {name}`");
        let hints = ContextValue::StyledStrs(vec![hint.into()]);
        let _earlier = error.insert(ContextKind::Suggested, hints);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Args {
        parse(line.split(' ').map(Into::into)).expect("good arguments")
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn a_flag_that_changes_nothing_is_read_and_not_shown() {
        for line in [
            "millrace --chilled run x.yaml",
            "millrace run --chilled x.yaml",
        ] {
            assert!(matches!(parsed(line).command, Some(Command::Run { .. })));
        }
        assert!(!command().render_long_help().to_string().contains("chilled"));
    }

    #[test]
    fn s_and_r_have_a_meaning_of_their_own_in_two_commands() {
        assert!(matches!(
            parsed("millrace create -s file").command,
            Some(Command::Create { small: true, .. })
        ));
        let Some(Command::Blobl(blobl)) = parsed("millrace blobl -r content()").command else {
            panic!("`blobl` is a command");
        };
        assert!(blobl.raw);
    }

    #[test]
    fn options_stand_before_or_behind_the_command() {
        let args = parsed("millrace -s a=b -w run -r a.yaml -s c=d x.yaml");
        let Some(Command::Run { file, run }) = args.command else {
            panic!("`run` is a command");
        };
        assert_eq!(file.as_deref(), Some(Path::new("x.yaml")));
        let run = run.behind(args.run);
        assert_eq!(run.config.set, ["a=b", "c=d"]);
        assert_eq!(run.config.resources, ["a.yaml"]);
        assert!(run.watcher);
        let args = parsed("millrace run -c x.yaml");
        let Some(Command::Run { file: None, run }) = args.command else {
            panic!("`run` is a command");
        };
        assert_eq!(
            run.behind(args.run).config.config_file.as_deref(),
            Some(Path::new("x.yaml"))
        );
    }

    #[test]
    fn a_command_shows_its_own_options_only() {
        for (name, foreign) in [
            ("lint", "--watcher"),
            ("echo", "--log.level"),
            ("list", "--resources"),
            ("create", "--set"),
            ("completions", "--env-file"),
            ("blobl", "--config"),
            ("test", "--set"),
            ("blobl server", "--threads"),
            ("blobl fmt", "--raw"),
        ] {
            let mut command = command();
            let command = name.split(' ').fold(&mut command, |command, name| {
                command.find_subcommand_mut(name).expect("a command")
            });
            let help = command.render_long_help().to_string();
            assert!(!help.contains(foreign), "{name}: {help}");
        }
    }
}
