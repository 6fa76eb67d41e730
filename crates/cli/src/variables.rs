//! Files of variables as a part of the environment of the process.
//!
//! `env()` of a mapping, programs that are started, and proxies look there; `${NAME}` of a config
//! reads the files anew each time that the config is loaded.

use millrace_node::read_env_files;

/// Sets the variables of these files, over what the process was started with. What is wrong with the
/// files is said where the config is loaded, and then nothing runs.
pub fn adopt(files: &[String]) {
    let (assignments, _said_later) = read_env_files(files);
    for (name, value) in assignments {
        #[expect(unsafe_code, reason = "there is no other way to set the environment")]
        // SAFETY: called by `main` before anything else, so this is the only thread. The parser of
        // the files lets no empty name, and no zero byte or `=` in one, pass.
        unsafe {
            std::env::set_var(name, value);
        }
    }
}
