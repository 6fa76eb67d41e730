//! Inputs over files and standard streams.

use millrace_component::component_list;

mod scanned;

component_list! { pub INPUTS: csv, file, stdin }
