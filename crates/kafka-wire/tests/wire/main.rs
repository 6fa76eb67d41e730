//! The codec against the tables it is made from, another codec, and hostile bytes.

mod allocation;
mod differential;
mod golden;
mod headers;
mod hostile;
mod random;
mod round_trips;
mod sample;
mod segments;
mod versions;

#[global_allocator]
static ALLOCATOR: allocation::Counting = allocation::Counting;
