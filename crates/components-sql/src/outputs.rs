//! The outputs of this family.

millrace_component::component_list! { pub OUTPUTS: sql_insert, sql_raw }
