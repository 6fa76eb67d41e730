//! Watches the files of a config, for `--watcher`.
//!
//! The files are read every quarter of a second: they are small, and polling sees what
//! notifications miss (mounted volumes, links that are swapped as Kubernetes does it, files that
//! begin to match a pattern). A change counts when two readings in a row agree, so that a file is not
//! used while it is being written.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::Duration;

use millrace_component::files;
use tokio::sync::mpsc;
use tracing::{error, info};

use crate::RootConfig;
use crate::load::{Files, Main, load};
use crate::templates::{Templates, template_files};

const INTERVAL: Duration = Duration::from_millis(250);

/// The files of a config, as they were when this was made.
pub struct Watcher {
    files: Files,
    /// Paths, patterns and folders of templates.
    templates: Vec<String>,
    seen: u64,
}

/// The configs that the files hold after each change that lints.
pub struct Changes {
    configs: mpsc::Receiver<Box<RootConfig>>,
}

impl Watcher {
    /// Remembers what the files hold; make it before they are loaded, so that no change is missed.
    pub fn new(files: Files, templates: Vec<String>) -> Self {
        let seen = fingerprint(&files, &templates);
        Self {
            files,
            templates,
            seen,
        }
    }

    /// Starts to watch; call it on the asynchronous runtime. Watching ends when the changes are
    /// dropped.
    pub fn start(self) -> Changes {
        let (sender, configs) = mpsc::channel(1);
        tokio::spawn(self.run(sender));
        Changes { configs }
    }

    async fn run(mut self, sender: mpsc::Sender<Box<RootConfig>>) {
        let mut before = self.seen;
        let mut interval = tokio::time::interval(INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = interval.tick() => {}
                () = sender.closed() => return,
            }
            let (files, templates) = (self.files.clone(), self.templates.clone());
            let taken = tokio::task::spawn_blocking(move || fingerprint(&files, &templates));
            let Ok(now) = taken.await else {
                return;
            };
            let is_stable = std::mem::replace(&mut before, now) == now;
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

    /// The config that the files hold now; what is wrong with it is logged.
    fn load(&self) -> Option<Box<RootConfig>> {
        info!("the config has changed");
        let templates = Templates::read(&self.templates);
        let lines = if templates.has_errors() {
            templates.lines()
        } else {
            let loaded = load(&self.files, templates.registry());
            if !loaded.has_errors() {
                return loaded.config.map(Box::new);
            }
            loaded.lines()
        };
        for line in lines {
            error!("the changed config is not used: {line}");
        }
        None
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

/// What the files hold, and which there are.
fn fingerprint(files: &Files, templates: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let Main::File(path) = &files.main {
        hash_file(path, &mut hasher);
    }
    for pattern in files.resources.iter().chain(&files.env_files) {
        let paths = files::expand(pattern).unwrap_or_default();
        paths.iter().for_each(|path| hash_file(path, &mut hasher));
    }
    for path in template_files(templates).unwrap_or_default() {
        hash_file(&path, &mut hasher);
    }
    hasher.finish()
}

fn hash_file(path: &Path, hasher: &mut DefaultHasher) {
    path.hash(hasher);
    // A file that cannot be read now is a state like any other; loading says what is wrong.
    std::fs::read(path).ok().hash(hasher);
}
