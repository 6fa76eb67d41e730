//! Watches the files of a config, for `--watcher`.
//!
//! The files are read every quarter of a second: they are small, and polling sees what
//! notifications miss (mounted volumes, links that are swapped as Kubernetes does it, files that
//! begin to match a pattern). A change counts when two readings in a row agree, so that a file is not
//! used while it is being written. A file that is written for longer than that is known by what it
//! lacks: a config that lost its input or its output is not used.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use millrace_bloblang::Imported;
use millrace_component::{files, read_whole};
use millrace_spec::tree::MAX_TEXT_BYTES;
use tokio::sync::mpsc;
use tracing::{error, info};

use crate::RootConfig;
use crate::load::{Blocks, Files, Loaded, Main, load};
use crate::templates::{Templates, template_files};

const INTERVAL: Duration = Duration::from_millis(250);

/// The files of a config, as they were when this was made.
pub struct Watcher {
    files: Files,
    /// Paths, patterns and folders of templates.
    templates: Vec<String>,
    seen: Seen,
    /// Of the config that runs.
    running: Blocks,
}

/// What the files of a config held.
#[derive(Clone, PartialEq, Eq)]
struct Seen {
    /// Of the files that are named when the config is run.
    named: u64,
    /// Of those that its mappings name.
    imported: Imported,
}

/// The configs that the files hold after each change that lints.
pub struct Changes {
    configs: mpsc::Receiver<Box<RootConfig>>,
}

impl Watcher {
    /// Remembers what the files hold; make it before they are loaded, so that no change is missed.
    pub fn new(files: Files, templates: Vec<String>) -> Self {
        let seen = Seen {
            named: fingerprint(&files, &templates),
            imported: Imported::default(),
        };
        Self {
            files,
            templates,
            seen,
            running: Blocks::default(),
        }
    }

    /// Starts to watch, from the config that runs on, and the templates it was read with; call it on
    /// the asynchronous runtime. Watching ends when the changes are dropped.
    pub fn start(mut self, running: &Loaded, templates: &Templates) -> Changes {
        self.running = running.blocks;
        self.seen.imported = templates.imported();
        self.seen.imported.extend(running.imported.clone());
        let (sender, configs) = mpsc::channel(1);
        tokio::spawn(self.run(sender));
        Changes { configs }
    }

    async fn run(mut self, sender: mpsc::Sender<Box<RootConfig>>) {
        let mut before = self.seen.clone();
        let mut interval = tokio::time::interval(INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = interval.tick() => {}
                () = sender.closed() => return,
            }
            let (files, templates) = (self.files.clone(), self.templates.clone());
            let imported = self.seen.imported.clone();
            let taken = tokio::task::spawn_blocking(move || Seen {
                named: fingerprint(&files, &templates),
                imported: imported.again(),
            });
            let Ok(now) = taken.await else {
                return;
            };
            let is_stable = std::mem::replace(&mut before, now.clone()) == now;
            if now == self.seen || !is_stable {
                continue;
            }
            self.seen = now;
            let Some(config) = self.load() else {
                continue;
            };
            if sender.send(config).await.is_err() {
                return;
            }
        }
    }

    /// The config that the files hold now; what is wrong with it is logged. What it imports is watched
    /// from then on.
    fn load(&mut self) -> Option<Box<RootConfig>> {
        info!("the config has changed");
        let not_used = |line: &str| error!("the changed config is not used: {line}");
        // A pipe is read once, and who opens it waits for its writer.
        if let Some(path) = self.paths().find(|it| it.exists() && !it.is_file()) {
            not_used(&format!("{} is no regular file", path.display()));
            return None;
        }
        let templates = Templates::read(&self.templates);
        let lines = if templates.has_errors() {
            // The config was not read: what it imports is as before.
            self.seen.imported.extend(templates.imported());
            templates.lines()
        } else {
            let loaded = load(&self.files, templates.registry());
            self.seen.imported = templates.imported();
            self.seen.imported.extend(loaded.imported.clone());
            if !loaded.has_errors() {
                if let Some(lack) = loaded.blocks.lacks(self.running) {
                    not_used(&format!(
                        "{lack}; it may be half written, and is looked at again when it changes"
                    ));
                    return None;
                }
                self.running = loaded.blocks;
                return loaded.config.map(Box::new);
            }
            loaded.lines()
        };
        lines.iter().for_each(|line| not_used(line));
        None
    }

    /// The files that are watched now.
    fn paths(&self) -> impl Iterator<Item = PathBuf> {
        paths(&self.files, &self.templates).into_iter()
    }
}

impl Changes {
    /// Waits for the next config.
    ///
    /// # Cancel safety
    /// No change is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Box<RootConfig>> {
        self.configs.recv().await
    }
}

/// The files of a config, those that its patterns name included.
fn paths(files: &Files, templates: &[String]) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    if let Main::File(path) = &files.main {
        paths.push(path.clone());
    }
    for pattern in files.resources.iter().chain(&files.env_files) {
        paths.extend(files::expand(pattern).unwrap_or_default());
    }
    paths.extend(template_files(templates).unwrap_or_default());
    paths
}

/// What the files hold, and which there are.
fn fingerprint(files: &Files, templates: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in paths(files, templates) {
        path.hash(&mut hasher);
        path.exists().hash(&mut hasher);
        // A file that cannot be read now is a state like any other; loading says what is wrong.
        content(&path).hash(&mut hasher);
    }
    hasher.finish()
}

/// What a regular file holds; nothing else is opened, because a pipe may have no writer.
fn content(path: &Path) -> Option<Vec<u8>> {
    if !path.is_file() {
        return None;
    }
    read_whole(File::open(path).ok()?, MAX_TEXT_BYTES, 0).ok()?
}
