//! The routes of images.

mod content;
mod delete;
mod find;
mod idempotency;
mod list;
mod object;
mod refused;
mod upload;
