//! Where bytes lie: the local copies, the journal, and the objects in S3.
//!
//! May import `domain`, `metrics` and `aws`. Knows neither the database nor HTTP as the product speaks it
//! (the embedded S3 endpoint is a server of its own, for laptops and tests).

mod at_once;
mod disk;
mod durable;
#[cfg(feature = "embedded-s3")]
pub mod embedded_s3;
mod entry;
mod folder_sync;
mod journal;
mod key;
mod local;
mod local_inventory;
mod object_metadata;
mod owed;
mod s3;
mod settled;
mod space;
mod uploads_probe;
mod variants;

pub use at_once::read as read_at_once;
pub use entry::{Entry, Intent, Step};
pub use journal::{Claim, Journal, JournalError, Known, Removal};
pub use key::{CACHE_CONTROL, StorageKey, VariantBytes, VariantKey};
pub use local::{LocalStore, Mark, WriteError};
pub use local_inventory::{ListedCopy, UnreadableEntries};
pub use object_metadata::{InvalidObjectMetadata, ObjectMetadata};
pub use owed::Owed;
pub use s3::{
    BucketProbe, CredentialsFound, Fetched, ListedObject, ObjectAcl, ObjectError, ObjectHead,
    ObjectPage, ObjectStore, ObjectStoreConfig, Refusal, RegionMissing, StaticCredentials,
    Versioning,
};
pub use space::Space;
pub use uploads_probe::{Backlog, Ownership, Room, UploadsProbe};
pub use variants::{FoundVariant, NewVariant, VariantFile, VariantStore};
