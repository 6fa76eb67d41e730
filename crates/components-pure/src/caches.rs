//! Caches in this process, and caches made of other caches.

use millrace_component::component_list;

component_list! { pub CACHES: lru, memory, multilevel, noop, ttlru }

mod recency;
