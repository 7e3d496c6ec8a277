//! The words of the product as types: what an image, an uploader, a checksum or a token *is*.
//!
//! Types here parse instead of validate: who holds an [`Uploader`] holds a valid one.
//! No I/O. May import nothing else of this crate.

mod access;
mod admin_key;
mod availability;
mod checksum;
mod delete_token;
mod idempotency_key;
mod image;
mod image_buffer;
mod media_type;
mod text;
mod thumb_hash;
mod variant;

pub use access::{Access, Denied, InvalidUploadKeys, UploadKeys, UploadedBy};
pub use admin_key::{AdminKey, InvalidAdminKey};
pub use availability::Availability;
pub use checksum::Checksum;
pub use delete_token::{Secret, SecretTooShort};
pub use idempotency_key::{IdempotencyKey, IdempotencyKeyHash, InvalidIdempotencyKey};
pub use image::{Image, ImageId, InvalidImageId, Storage, StorageState};
pub use image_buffer::ImageBuffer;
pub use media_type::MediaType;
pub use text::{AltText, BlockReason, FileName, InvalidText, Uploader};
pub use thumb_hash::{InvalidThumbHash, ThumbHash};
pub use variant::{InvalidVariantSizes, Variant, VariantSizes};
