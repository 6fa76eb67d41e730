//! What is printed from field tables and configs.

pub mod emit;
pub mod json_schema;
pub mod markdown;
pub mod normalise;
pub mod sample;

#[cfg(test)]
mod tests;
