//! Where the modules of a program are found, by the rules of Node.js for CommonJS.

use std::path::{Component, Path, PathBuf};

use millrace_component::read_text_file;
use millrace_message::Value;

/// The largest file of a program or a module, in bytes.
const FILE_MAX: usize = 16 << 20;

/// The folders in which modules are looked for last.
#[derive(Clone, Debug, Default)]
pub(super) struct Modules {
    global_folders: Vec<PathBuf>,
}

impl Modules {
    pub fn new(global_folders: &[String]) -> Self {
        Self {
            global_folders: global_folders.iter().map(PathBuf::from).collect(),
        }
    }

    /// The file of a module that a program in a folder asks for.
    ///
    /// # Errors
    /// There is none.
    pub fn resolve(&self, folder: &Path, name: &str) -> Result<PathBuf, String> {
        let is_path = name.starts_with(['/', '.'])
            && (name.starts_with('/')
                || matches!(name, "." | "..")
                || name.starts_with("./")
                || name.starts_with("../"));
        let found = match is_path {
            true => module_at(&folder.join(name)),
            false => {
                let ancestors = folder.ancestors().map(|it| it.join("node_modules"));
                let mut folders = ancestors.chain(self.global_folders.iter().cloned());
                folders.find_map(|folder| module_at(&folder.join(name)))
            }
        };
        found
            .map(|path| without_dots(&path))
            .ok_or_else(|| format!("there is no module `{name}`"))
    }
}

/// A file, a file without its ending, or a folder of a module.
fn module_at(path: &Path) -> Option<PathBuf> {
    let folder = || {
        let main = main_of(path).map(|main| path.join(main));
        let main = main.and_then(|it| file_at(&it).or_else(|| file_at(&it.join("index"))));
        main.or_else(|| file_at(&path.join("index")))
    };
    file_at(path).or_else(folder)
}

fn file_at(path: &Path) -> Option<PathBuf> {
    let with = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let mut candidates = [path.to_owned(), with(".js"), with(".json")].into_iter();
    candidates.find(|it| it.is_file())
}

/// What `package.json` of a folder names as its module.
fn main_of(folder: &Path) -> Option<String> {
    let package = read(&folder.join("package.json")).ok()?;
    let package = Value::parse_json(package.into()).ok()?;
    let main = package.as_object()?.get("main")?.into_owned();
    match main {
        Value::String(main) => Some(main.into()),
        _ => None,
    }
}

/// The path without `.` and `..`, so that a module has one name.
fn without_dots(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        let can_pop = matches!(clean.components().next_back(), Some(Component::Normal(_)));
        match component {
            Component::CurDir => {}
            Component::ParentDir if can_pop => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

/// # Errors
/// The file cannot be read, is too large, or is no UTF-8.
pub(super) fn read(path: &Path) -> Result<String, String> {
    read_text_file(path, FILE_MAX).map_err(|error| error.to_string())
}
