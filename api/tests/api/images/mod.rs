//! The routes of images.

mod access;
mod content;
mod delete;
mod find;
mod idempotency;
mod list;
mod object;
mod privacy;
mod purge;
mod refused;
mod upload;
