//! Outputs over files and standard streams.

use millrace_component::component_list;

mod codec;

component_list! { pub OUTPUTS: file, stdout }
