//! The routes of images.

mod content;
mod delete;
mod find;
mod idempotency;
mod list;
mod refused;
mod upload;
