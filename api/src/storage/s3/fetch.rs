//! Fetches an original for a host that has no copy of it.

use std::time::Duration;

use bytes::Bytes;

use super::{ObjectError, ObjectStore};
use crate::domain::{Checksum, Image};

/// What S3 has of an original.
#[derive(Debug)]
pub enum Fetched {
    /// The bytes that the record names.
    Original(Bytes),
    /// Other bytes.
    OtherBytes,
    /// Nothing.
    Missing,
}

impl ObjectStore {
    /// The bytes of an image, if its object has them. No more is read than the record says that there is.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub async fn fetch(&self, image: &Image, deadline: Duration) -> Result<Fetched, ObjectError> {
        let request = Box::pin(self.read_at_most(&image.object_key, image.size_bytes));
        let bytes = match self.within("GetObject", deadline, request).await? {
            None => return Ok(Fetched::Missing),
            Some(None) => return Ok(Fetched::OtherBytes),
            Some(Some(bytes)) => bytes,
        };
        // Hashed where it does not keep the network waiting.
        let checksum = tokio::task::block_in_place(|| Checksum::of(&bytes));
        Ok(if checksum == image.sha256 {
            Fetched::Original(bytes)
        } else {
            Fetched::OtherBytes
        })
    }
}
