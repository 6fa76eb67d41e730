//! `cargo xtask power-loss`: the power goes while the broker works.
//!
//! The binary runs under `strace` while clients produce, commit, make topics and end transactions.
//! From its calls the states are built that the disk may have at a moment: of what was not synced any
//! subset, torn pages, lost names. The binary starts on each of them, and all that a client was told
//! before that moment must still be true. With a sync taken away from the calls it must not.

mod medium;
mod strace;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use millrace_log::files::sim::Skip;
use millrace_testkit::millrace::Millrace;
use millrace_testkit::{poll, programs};
use rustix::process::{Pid, Signal, kill_process};

use self::medium::{Moment, leave};
use self::strace::{Call, Change};
use crate::broker::READY;
use crate::packages;
use crate::promises::check;
use crate::promises::story::{COMPACTED, End, RETAINED, Story};
use crate::random::Random;

/// How many states are looked at, and how many in CI.
const STATES: usize = 1000;
const CI_STATES: usize = 150;
/// How many states may pass before a sync that was taken away must have been missed.
const FORGOTTEN_STATES: usize = 100;
/// How long clients work.
const LASTING: Duration = Duration::from_secs(3);
const STOP: Duration = Duration::from_secs(60);
/// How long it compacts and deletes at least after it was started again.
const AFTERWARDS: Duration = Duration::from_millis(500);
/// States that are looked at side by side.
const THREADS: usize = 2;

/// Syncs that the binary is taken not to have made. Each must be missed.
const FORGOTTEN: [(&str, Skip); 2] = [
    ("the sync of segments", Skip::FilesNamed(".log")),
    ("the sync of directories", Skip::Directories),
];

struct Options {
    binary: PathBuf,
    states: usize,
    seed: u64,
    /// Where the state is left that breaks a promise.
    keep: Option<PathBuf>,
}

/// What was recorded.
struct Recording {
    calls: Vec<Call>,
    story: Story,
    /// The directory of the broker.
    root: PathBuf,
}

/// Runs the story; true when nothing was lost, and every sync that was taken away was missed.
pub fn run(arguments: &[String]) -> Result<bool> {
    let options = parse(arguments)?;
    packages::install(programs::TRACERS)?;
    let folder = tempfile::tempdir().context("make a folder")?;
    let recording = record(&options.binary, folder.path())?;
    let (calls, told) = (recording.calls.len(), recording.story.moments().len());
    println!("{calls} calls, {told} promises, seed {}", options.seed);
    let failed = look(&options, &recording, None, options.states)?;
    let mut is_kept = failed.is_none();
    match failed {
        Some(failed) => println!("a promise is broken: {failed}"),
        None => println!("{} states, every promise is kept", options.states),
    }
    for (name, skip) in FORGOTTEN {
        match look(&options, &recording, Some(skip), FORGOTTEN_STATES)? {
            Some(failed) => println!("without {name}: {failed}"),
            None => {
                println!("without {name}: nothing is missed");
                is_kept = false;
            }
        }
    }
    Ok(is_kept)
}

/// As [`run`], with fewer states.
pub fn run_in_ci() -> Result<bool> {
    run(&["--states".to_owned(), CI_STATES.to_string()])
}

/// Runs the broker under `strace` while clients work, kills it, and lets it start again and stop in
/// order: what it mends at a start may be cut off by the power, too.
fn record(binary: &Path, folder: &Path) -> Result<Recording> {
    let (root, traces) = (folder.join("data"), folder.join("traces"));
    fs::create_dir(&traces)?;
    let address = check::free_address();
    let mut broker = traced(binary, folder, address)?;
    let story = Story::play(address, LASTING, End::Asked).context("work with the broker")?;
    // The clients are gone, so that no call of its is cut off.
    kill_process(tracee(&broker)?, Signal::KILL)?;
    broker.wait(STOP)?;
    let mut broker = traced(binary, folder, address)?;
    broker.wait_for_stderr(READY, STOP)?;
    thread::sleep(AFTERWARDS);
    poll::until("compacted and deleted records", STOP, || {
        has_cleaned(&root).then_some(())
    })?;
    kill_process(tracee(&broker)?, Signal::TERM)?;
    broker.wait(STOP)?;
    let calls = strace::read(&traces, &root).context("read the traces")?;
    for (what, is_it) in [
        ("compacted", is_compaction as fn(&Change) -> bool),
        ("deleted for its age", is_retention),
    ] {
        if !calls.iter().any(|it| is_it(&it.change)) {
            bail!("nothing was {what} while it was recorded");
        }
    }
    Ok(Recording { calls, story, root })
}

/// Whether the first segment of the one topic is gone, and the other was compacted.
fn has_cleaned(root: &Path) -> bool {
    let first = root.join(format!("{RETAINED}-0/{:020}.log", 0));
    let is_deleted = !first.exists() && !first.with_extension("log.deleted").exists();
    let compacted = fs::read_to_string(root.join("cleaner-offset-checkpoint"));
    is_deleted && compacted.is_ok_and(|it| it.contains(COMPACTED))
}

/// Starts the broker on the directory `data` of a folder, where `traces` are left.
fn traced(binary: &Path, folder: &Path, address: SocketAddr) -> Result<Millrace> {
    let mut command = Command::new(programs::STRACE.path()?);
    command.args(["-ff", "-ttt", "-T", "-xx", "-y", "-s", "100000000"]);
    command.arg(format!("--trace={}", strace::CALLS));
    command.arg("-o").arg(folder.join("traces/thread"));
    command.args(check::busy_command(binary, address, folder)?);
    Millrace::start(&mut command)
}

/// The process that the tracer runs.
fn tracee(tracer: &Millrace) -> Result<Pid> {
    let id = tracer.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
    let child = children.split_whitespace().next();
    let child = child.context("the tracer runs nothing")?.parse()?;
    Pid::from_raw(child).context("a process id is above 0")
}

fn is_compaction(change: &Change) -> bool {
    matches!(change, Change::Renamed(from, to)
        if is_in(from, COMPACTED) && to.extension().is_some_and(|it| it == "log"))
}

fn is_retention(change: &Change) -> bool {
    matches!(change, Change::Unlinked(file) if is_in(file, RETAINED))
}

/// Whether a file is one of the only partition of a topic.
fn is_in(file: &Path, topic: &str) -> bool {
    let partition = file.parent().and_then(Path::file_name);
    partition.is_some_and(|it| it.to_string_lossy() == format!("{topic}-0"))
}

/// Looks at so many states; what is wrong with the first that breaks a promise.
fn look(
    options: &Options,
    recording: &Recording,
    skip: Option<Skip>,
    states: usize,
) -> Result<Option<String>> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(None);
    let moments = moments(recording, options.seed, states);
    thread::scope(|scope| {
        let work = || -> Result<()> {
            while let Some(moment) = moments.get(next.fetch_add(1, Ordering::Relaxed)) {
                let folder = tempfile::tempdir().context("make a folder")?;
                let (calls, root) = (&recording.calls, &recording.root);
                leave(calls, *moment, skip, root, folder.path())?;
                let checked =
                    check::check(&options.binary, folder.path(), &recording.story, moment.at);
                if let Err(error) = checked {
                    if let (Some(keep), None) = (&options.keep, skip) {
                        leave(calls, *moment, None, root, keep)?;
                    }
                    next.store(moments.len(), Ordering::Relaxed);
                    let text = format!("{error:#} ({moment:?})");
                    found
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .get_or_insert(text);
                }
            }
            Ok(())
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            match thread.join() {
                Ok(worked) => worked?,
                Err(_) => bail!("a thread panicked"),
            }
        }
        Ok(())
    })?;
    Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Half of the moments are such that something was just told.
fn moments(recording: &Recording, seed: u64, states: usize) -> Vec<Moment> {
    let mut random = Random::new(seed);
    let told = recording.story.moments();
    let first = recording.calls.first().map_or(0.0, |it| it.begun);
    let last = recording.calls.last().map_or(0.0, |it| it.ended);
    let moment = |index: usize| {
        let at = match index % 2 {
            0 if !told.is_empty() => random.pick(&told),
            _ => first + (last - first) * (random.below(1 << 32) as f64 / (1_u64 << 32) as f64),
        };
        Moment {
            at,
            seed: random.next_bits(),
        }
    };
    (0..states).map(moment).collect()
}

fn parse(arguments: &[String]) -> Result<Options> {
    let (mut states, mut seed, mut binary, mut keep) = (STATES, 1, None, None);
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let value = rest
            .next()
            .with_context(|| format!("`{flag}` needs a value"))?;
        let number = || {
            value
                .parse()
                .with_context(|| format!("`{flag} {value}` is no number"))
        };
        match flag.as_str() {
            "--states" => states = usize::try_from(number()?)?,
            "--seed" => seed = number()?,
            "--keep" => keep = Some(PathBuf::from(value)),
            "--binary" => binary = Some(PathBuf::from(value)),
            other => bail!("`{other}` is no option of `cargo xtask power-loss`"),
        }
    }
    Ok(Options {
        binary: crate::test::binary(binary, &[])?,
        states,
        seed,
        keep,
    })
}
