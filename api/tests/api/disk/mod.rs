//! What becomes of uploads and deletes when the disk fails, when it is full, and when the process ends in the
//! middle: the executable as a process of its own, on SQLite in its uploads folder, with an S3 endpoint outside.

#[cfg(feature = "failpoints")]
mod beginnings;
#[cfg(feature = "failpoints")]
mod cases;
#[cfg(feature = "failpoints")]
mod faults;
mod full;
mod points;
mod room;
#[cfg(feature = "failpoints")]
mod together;
mod world;
