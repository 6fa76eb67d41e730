//! Outputs, processors and buffers over SQL databases: PostgreSQL, MySQL and MariaDB, SQLite.
//!
//! Three drivers instead of one abstraction over them, because arguments are bound by what each
//! database says of a statement: PostgreSQL names the type of every parameter and takes text for
//! any of them, MySQL converts by column, SQLite by affinity.

mod buffers;
mod database;
mod dsn;
mod fields;
mod insert;
mod mysql;
mod outputs;
mod pool;
mod postgres;
mod processors;
mod raw;
mod result;
mod rows;
mod sqlite;

pub use buffers::BUFFERS;
pub use outputs::OUTPUTS;
pub use processors::PROCESSORS;
