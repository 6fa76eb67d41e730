//! Buffers that hold messages in memory, or not at all.

use millrace_component::component_list;

component_list! { pub BUFFERS: batch, memory, none }
