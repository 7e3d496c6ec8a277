//! Takes image uploads and never loses one: a local copy on the host, the image in Amazon S3 under a public
//! URL, and a record with uploader and URL in MySQL or SQLite.
//!
//! Imports run one way. They may skip a layer, never point back:
//!
//! ```text
//! main → server → routes → images → { db, storage, inspect } → domain
//! ```
//!
//! `config` describes what `server` builds; `db`, `storage` and `inspect` never import each other; only
//! `routes` knows HTTP. `api/README.md` has the rules.

pub mod config;
pub mod db;
pub mod domain;
pub mod images;
pub mod inspect;
pub mod routes;
pub mod server;
pub mod storage;
