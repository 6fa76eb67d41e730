//! Scanners: how a stream of bytes is cut into messages.

use millrace_component::component_list;

component_list! { pub SCANNERS: chunker, csv, lines, skip_bom, to_the_end }
