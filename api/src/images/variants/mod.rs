//! Variants: smaller versions of images, made when they are first asked for, and kept.
//!
//! Made once, however many ask (`flights`), on a few threads that give way to everything else (`pool`), from the local
//! copy or from the object (`make`). The first one also gives the image its placeholder (`placeholder`). What is
//! removed takes its variants along, and those that are being made (`removal`).

mod failure;
mod flights;
mod make;
mod placeholder;
mod pool;
mod removal;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};

use self::flights::{Entered, Flights};
use self::placeholder::Placeholders;
use self::pool::Pool;
use super::{FindError, Images};
use crate::db::DbError;
use crate::domain::{FileName, Image, ImageId, MediaType, Variant, VariantSizes};
use crate::fault;
use crate::render::REVISION;
use crate::storage::{FoundVariant, LocalStore, VariantFile, VariantKey, VariantStore};

/// How many originals are fetched from S3 at once.
const FETCHES: usize = 4;

/// How variants are made and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VariantRules {
    /// The longer side of each.
    pub sizes: VariantSizes,
    /// What those that are kept may take on disk, in bytes. 0: none is kept.
    pub max_bytes: u64,
    /// What all that are being made at the same time may take in memory, in bytes. An image that takes more is
    /// rendered alone.
    pub memory_bytes: u64,
}

impl Default for VariantRules {
    /// 320, 640 and 1280 pixels, 1 GiB on disk, 256 MiB in memory.
    fn default() -> Self {
        Self {
            sizes: VariantSizes::default(),
            max_bytes: 1024 * 1024 * 1024,
            memory_bytes: 256 * 1024 * 1024,
        }
    }
}

/// A variant, ready to be sent.
#[derive(Debug)]
pub struct VariantContent {
    /// Its bytes, from the beginning. Nobody else reads from this descriptor.
    pub file: File,
    /// How many they are.
    pub size_bytes: u64,
    /// What they are.
    pub media_type: MediaType,
    /// The first 32 hexadecimal digits of their SHA-256.
    pub checksum: String,
    /// Where it lies below the uploads folder, for nginx. `None`: it could not be kept, and is gone when the file is
    /// closed.
    pub path: Option<PathBuf>,
    /// The image, whose id says when it was made.
    pub id: ImageId,
    /// What the uploader's file was called, if that is known.
    pub file_name: Option<FileName>,
}

/// Why there is no variant.
#[derive(Debug, thiserror::Error)]
pub enum VariantError {
    /// There is no such image, nobody can tell, or its original cannot be read.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The image cannot be decoded, at least not within what a render may take.
    #[error("the image cannot be decoded")]
    Undecodable,
    /// As many variants as may wait are waiting to be made.
    #[error("too many variants are waiting to be made")]
    Busy,
    /// This host has no copy of the image, and S3 does not give it.
    #[error("the original is in S3 only, which does not give it")]
    OriginalAway,
    /// The variant could not be written, not even to be sent once.
    #[error("the variant cannot be written")]
    Disk(#[source] io::Error),
}

/// What making and keeping variants needs.
pub(super) struct Variants {
    store: Arc<VariantStore>,
    flights: Arc<Flights>,
    pool: Pool,
    /// Originals that are fetched from S3, and wait in memory for their turn.
    fetches: Semaphore,
    placeholders: Placeholders,
    /// Told when more is kept than may be.
    too_much: Notify,
}

impl Variants {
    pub(super) fn new(local: LocalStore, rules: VariantRules) -> Self {
        Self {
            store: Arc::new(VariantStore::new(local, rules.max_bytes)),
            flights: Arc::default(),
            pool: Pool::new(rules.memory_bytes),
            fetches: Semaphore::new(FETCHES),
            placeholders: Placeholders::default(),
            too_much: Notify::new(),
        }
    }

    /// What those that are kept take on disk, as far as is known.
    pub(super) fn bytes(&self) -> u64 {
        self.store.bytes()
    }
}

impl Images {
    /// How large variants are.
    #[must_use]
    pub fn variant_sizes(&self) -> VariantSizes {
        self.parts.variants.sizes
    }

    /// Opens a variant of an image, and makes it before if it is not there.
    ///
    /// # Errors
    /// [`VariantError`].
    pub async fn variant(
        self: &Arc<Self>,
        id: ImageId,
        variant: Variant,
        accepts_webp: bool,
    ) -> Result<VariantContent, VariantError> {
        let key = self.variant_key(id, variant, accepts_webp);
        if let Some(content) = self.variant_at_once(key) {
            return Ok(content);
        }
        self.detached(move |images| async move { images.variant_here(variant, key).await })
            .await
    }

    fn variant_key(&self, id: ImageId, variant: Variant, accepts_webp: bool) -> VariantKey {
        VariantKey {
            id,
            longer_side: self.variant_sizes().longer_side(variant),
            accepts_webp,
        }
    }

    /// The variant, if nothing has to be waited for: neither the database nor the disk.
    fn variant_at_once(self: &Arc<Self>, key: VariantKey) -> Option<VariantContent> {
        let image = self.readable_at_once(key.id)?;
        let file = self.variants.store.find_at_once(key)?;
        self.see_to_placeholder(&image);
        Some(content(key.id, image.file_name.clone(), file))
    }

    async fn variant_here(
        self: &Arc<Self>,
        variant: Variant,
        key: VariantKey,
    ) -> Result<VariantContent, VariantError> {
        let id = key.id;
        let image = match self.readable(id).await {
            Err(error @ FindError::Database(DbError::Away(_))) => Err(error),
            image => Ok(image?),
        };
        match (self.variants.store.find(key, REVISION).await, image) {
            (Ok(Some(FoundVariant::Undecodable)), _) => Err(VariantError::Undecodable),
            // Without the database a variant is served as its original is. It would have gone with the image.
            (Ok(Some(FoundVariant::File(file))), image) => {
                let image = image.ok();
                if let Some(image) = &image {
                    self.see_to_placeholder(image);
                }
                let file_name = image.and_then(|image| image.file_name.clone());
                Ok(content(id, file_name, file))
            }
            (_, Err(error)) => Err(error.into()),
            (found, Ok(image)) => {
                if let Err(error) = found {
                    // It is made once more, and if the disk is broken then that says so.
                    log::warn!("image {id}: its variants cannot be looked at: {error}");
                }
                self.made(variant, key, &image).await
            }
        }
    }

    /// Waits for the variant to be made, by this request or by another one's.
    async fn made(
        self: &Arc<Self>,
        variant: Variant,
        key: VariantKey,
        image: &Image,
    ) -> Result<VariantContent, VariantError> {
        fault::hold_task("render.wanted").await;
        let mut outcome = match self.variants.flights.enter(key) {
            Entered::Full => return Err(VariantError::Busy),
            Entered::Joined(outcome) => outcome,
            Entered::First(flight) => {
                let outcome = flight.outcome();
                self.spawn_counted(|images| async move { images.fly(variant, flight).await });
                outcome
            }
        };
        let stopped = || VariantError::Disk(io::Error::other("making the variant stopped"));
        let outcome = outcome.wait_for(Option::is_some).await;
        match outcome.as_deref() {
            Ok(Some(Ok(file))) => shared_content(image, file),
            Ok(Some(Err(failure))) => Err(failure::again(failure)),
            Ok(None) | Err(_) => Err(stopped()),
        }
    }
}

fn content(id: ImageId, file_name: Option<FileName>, file: VariantFile) -> VariantContent {
    VariantContent {
        size_bytes: file.size_bytes,
        media_type: file.bytes.media_type,
        checksum: file.bytes.checksum.clone(),
        path: file.path.clone(),
        id,
        file_name,
        file: file.into_file(),
    }
}

/// The same of a file that others read, too.
fn shared_content(image: &Image, file: &VariantFile) -> Result<VariantContent, VariantError> {
    Ok(VariantContent {
        file: file.open_again().map_err(VariantError::Disk)?,
        size_bytes: file.size_bytes,
        media_type: file.bytes.media_type,
        checksum: file.bytes.checksum.clone(),
        path: file.path.clone(),
        id: image.id,
        file_name: image.file_name.clone(),
    })
}
