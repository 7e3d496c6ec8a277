//! The routes of images.

mod accel;
mod access;
mod content;
mod delete;
mod find;
mod idempotency;
mod keys_of_two_hosts;
mod list;
mod object;
mod page;
mod privacy;
mod purge;
mod refused;
mod upload;
mod variant;
mod variants;
mod versions;
