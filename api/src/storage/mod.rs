//! Where bytes lie: the local copies, the journal, and the objects in S3.
//!
//! May import `domain`. Knows neither the database nor HTTP as the product speaks it
//! (the embedded S3 endpoint is a server of its own, for laptops and tests).

mod durable;
#[cfg(feature = "embedded-s3")]
pub mod embedded_s3;
mod entry;
mod journal;
mod key;
mod local;
mod s3;
mod settled;

pub use entry::{Entry, Intent, Step};
pub use journal::{Claim, Journal, JournalError, Known, Removal};
pub use key::StorageKey;
pub use local::{LocalStore, Mark, WriteError};
pub use s3::{ObjectAcl, ObjectError, ObjectStore, ObjectStoreConfig, StaticCredentials};
