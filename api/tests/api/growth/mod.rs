//! That nothing costs more because there is more of what is settled: counted, not timed.

mod folders;
mod pages;
mod queries;
#[path = "../../../benches/records/mod.rs"]
mod records;
