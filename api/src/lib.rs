//! Takes image uploads and never loses one: a local copy on the host, the image in Amazon S3 under a public
//! URL, and a record with uploader and URL in MySQL or SQLite.
//!
//! Imports run one way. They may skip a layer, never point back:
//!
//! ```text
//! main → server → routes → images → { db, storage, inspect, render } → domain
//! ```
//!
//! `config` describes what `server` builds; `db`, `storage` and `inspect` never import each other, `render` imports
//! only `inspect` of them; only `routes` knows HTTP. `doctor`, `nginx` and `reconcile` are commands of `main` and stand beside `server`. `metrics`, which
//! counts, and `fault`, which is for tests, import none of these and may be used by all but `domain`, `inspect` and `render`;
//! nor does `aws`, which `db` and `storage` make their clients of AWS from.
//! `api/README.md` has the rules.

pub mod aws;
pub mod config;
pub mod db;
pub mod doctor;
pub mod domain;
pub mod fault;
pub mod images;
pub mod inspect;
pub mod metrics;
pub mod nginx;
pub mod reconcile;
pub mod render;
pub mod routes;
pub mod server;
pub mod storage;
