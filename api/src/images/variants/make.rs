//! Makes one variant: finds the original, waits for a turn, renders, and keeps what came of it.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::VariantError;
use super::flights::Flight;
use crate::domain::{Checksum, Image, ThumbHash, Variant};
use crate::fault;
use crate::images::{FindError, Images};
use crate::render::{self, REVISION, Recipe, RenderLimits};
use crate::storage::{
    Fetched, FoundVariant, ObjectError, StorageKey, VariantBytes, VariantFile, VariantStore,
};

/// How long a thread may work on one variant: many times what the largest image takes.
const CPU_TIME: Duration = Duration::from_secs(10);

/// What a flight has come to.
enum Landed {
    /// Another flight kept it just before this one began.
    Kept(VariantFile),
    /// Another flight found just before that it cannot be made.
    KnownUndecodable,
    Made(Box<Made>),
}

/// A variant that was made.
struct Made {
    file: VariantFile,
    /// Whose, and its placeholder, if that was wanted.
    placeholder: Option<(Image, ThumbHash)>,
}

/// Where the bytes of the original are.
enum Original {
    /// On this host. Read when a thread is free.
    Here,
    /// Fetched from S3.
    Fetched(Bytes),
}

impl Images {
    /// Makes a variant and tells all who wait for it.
    pub(super) async fn fly(self: Arc<Self>, variant: Variant, flight: Flight) {
        let began = Instant::now();
        let flight = Arc::new(flight);
        let landed = self.make(&flight).await;
        let outcome = match &landed {
            Ok(Landed::Kept(_) | Landed::KnownUndecodable) => None,
            Ok(Landed::Made(_)) => Some("made"),
            Err(VariantError::Undecodable) => Some("undecodable"),
            Err(VariantError::Find(FindError::Deleted | FindError::NotFound)) => Some("removed"),
            Err(VariantError::OriginalAway | VariantError::Find(FindError::Pending)) => {
                Some("away")
            }
            Err(_) => Some("failed"),
        };
        if let Some(outcome) = outcome {
            let metrics = self.metrics();
            metrics.variant_made(variant.name(), outcome, began.elapsed());
        }
        match landed {
            Ok(Landed::Kept(file)) => flight.land(Ok(file)),
            Ok(Landed::KnownUndecodable) => flight.land(Err(VariantError::Undecodable)),
            Ok(Landed::Made(made)) => {
                let Made { file, placeholder } = *made;
                flight.land(Ok(file));
                drop(flight);
                if self.variants.store.is_over_budget() {
                    self.variants.too_much.notify_one();
                }
                if let Some((image, thumbhash)) = placeholder {
                    self.note_placeholder(&image, thumbhash).await;
                }
            }
            Err(error) => flight.land(Err(error)),
        }
    }

    async fn make(&self, flight: &Arc<Flight>) -> Result<Landed, VariantError> {
        let key = flight.key;
        // Only now, and not as it was remembered: a removal that came before the flight has not cancelled it.
        let image = self.image_now(key.id).await?;
        match self.variants.store.find(key, REVISION).await {
            Ok(Some(FoundVariant::File(file))) => return Ok(Landed::Kept(file)),
            Ok(Some(FoundVariant::Undecodable)) => return Ok(Landed::KnownUndecodable),
            Ok(None) | Err(_) => {}
        }
        // Held until the original has been rendered: so many of them are in memory at most.
        let mut fetching = None;
        let original = if self.parts.local.has(StorageKey::original(&image)).await {
            Original::Here
        } else {
            let turn = self.variants.fetches.acquire().await;
            fetching = Some(turn);
            Original::Fetched(self.fetch_original(&image).await?)
        };
        let memory =
            render::memory_bytes(image.media_type, image.width, image.height, key.longer_side);
        let render = Render {
            store: Arc::clone(&self.variants.store),
            flight: Arc::clone(flight),
            recipe: Recipe {
                longer_side: key.longer_side,
                accepts_webp: key.accepts_webp,
                thumb_hash: image.thumbhash.is_none(),
            },
            limits: self.render_limits(memory),
            has_room: self.has_room(),
            image: image.clone(),
            original,
        };
        let made = self
            .variants
            .pool
            .run(memory + image.size_bytes, move || render.run())
            .await;
        drop(fetching);
        match made.map_err(VariantError::Disk)? {
            Err(Unrendered::Damaged) => {
                let trouble = "its local copy is damaged, no variant is made of it";
                self.report_once(image.id, trouble);
                let damaged = io::Error::new(io::ErrorKind::InvalidData, trouble);
                Err(FindError::Disk(damaged).into())
            }
            Err(Unrendered::Failed(error)) => Err(error),
            Ok(made) => Ok(Landed::Made(Box::new(made))),
        }
    }

    /// What a render may cost. One that takes more memory than all may together has it for itself.
    pub(super) fn render_limits(&self, memory_bytes: u64) -> RenderLimits {
        RenderLimits {
            max_pixels: self.parts.image_limits.max_pixels,
            max_memory_bytes: memory_bytes.max(self.parts.variants.memory_bytes),
            cpu_time: CPU_TIME,
        }
    }

    /// The original, for a host that has no copy of it.
    async fn fetch_original(&self, image: &Image) -> Result<Bytes, VariantError> {
        if image.stored_at.is_none() {
            return Err(FindError::Pending.into());
        }
        let objects = &self.parts.objects;
        if !objects.availability().admit() {
            return Err(VariantError::OriginalAway);
        }
        let trouble = match objects
            .fetch(image, self.parts.patience.fetch_original)
            .await
        {
            Ok(Fetched::Original(bytes)) => return Ok(bytes),
            Ok(Fetched::OtherBytes) => "its object holds other bytes".to_owned(),
            Ok(Fetched::Missing) => "there is no object of it, and no local copy".to_owned(),
            Err(error @ ObjectError::Away { .. }) => {
                log::debug!("image {}: {error}", image.id);
                return Err(VariantError::OriginalAway);
            }
            Err(error) => error.to_string(),
        };
        // Unless it has just been deleted.
        self.image_now(image.id).await?;
        self.report_once(image.id, &trouble);
        Err(VariantError::OriginalAway)
    }
}

/// Why nothing was rendered.
enum Unrendered {
    /// The local copy holds other bytes than the record says.
    Damaged,
    Failed(VariantError),
}

impl From<VariantError> for Unrendered {
    fn from(error: VariantError) -> Self {
        Self::Failed(error)
    }
}

impl From<FindError> for Unrendered {
    fn from(error: FindError) -> Self {
        Self::Failed(error.into())
    }
}

/// What is done when a thread is free.
struct Render {
    store: Arc<VariantStore>,
    flight: Arc<Flight>,
    image: Image,
    original: Original,
    recipe: Recipe,
    limits: RenderLimits,
    /// Whether the disk has room for more.
    has_room: bool,
}

impl Render {
    fn run(mut self) -> Result<Made, Unrendered> {
        let image = self.image.clone();
        if self.flight.is_cancelled() {
            return Err(FindError::Deleted.into());
        }
        let original = self.original()?;
        fault::hold("render.began");
        let rendered = render::render(&original, image.media_type, &self.recipe, &self.limits);
        drop(original);
        let rendered = match rendered {
            Ok(rendered) => rendered,
            Err(error) => {
                log::info!("image {}: it has no variants: {error}", image.id);
                return Err(self.remember_undecodable().into());
            }
        };
        fault::hold("render.ended");
        let told = VariantBytes::of(rendered.media_type, &rendered.bytes);
        let keep = self.has_room && self.store.keeps_any();
        let written = self.store.write(&rendered.bytes, told, keep);
        let variant = written.map_err(VariantError::Disk)?;
        let kept = self.flight.unless_cancelled(|| {
            if !keep {
                return Ok(variant.without_name());
            }
            // Short: a folder and a name.
            self.store.keep(self.flight.key, variant)
        });
        let file = match kept {
            None => return Err(FindError::Deleted.into()),
            Some(Ok(file)) => file,
            Some(Err((error, variant))) => {
                log::warn!("image {}: a variant cannot be kept: {error}", image.id);
                variant.without_name()
            }
        };
        Ok(Made {
            file,
            placeholder: rendered.thumb_hash.map(|thumbhash| (image, thumbhash)),
        })
    }

    /// The bytes that the record names.
    fn original(&mut self) -> Result<Bytes, Unrendered> {
        let bytes = match std::mem::replace(&mut self.original, Original::Here) {
            Original::Fetched(bytes) => return Ok(bytes),
            Original::Here => self.store.original(StorageKey::original(&self.image)),
        };
        match bytes {
            Ok(Some(bytes)) if Checksum::of(&bytes) == self.image.sha256 => Ok(bytes),
            Ok(Some(_)) => Err(Unrendered::Damaged),
            // It was there a moment ago.
            Ok(None) => Err(FindError::Deleted.into()),
            Err(error) => Err(FindError::Disk(error).into()),
        }
    }

    /// Has nobody try again until the decoders have changed.
    fn remember_undecodable(&self) -> VariantError {
        let marked = self.flight.unless_cancelled(|| {
            if self.has_room && self.store.keeps_any() {
                self.store.mark_undecodable(self.image.id, REVISION)
            } else {
                Ok(())
            }
        });
        match marked {
            None => return FindError::Deleted.into(),
            Some(Ok(())) => {}
            Some(Err(error)) => {
                log::warn!(
                    "image {}: that it cannot be decoded is not remembered: {error}",
                    self.image.id
                );
            }
        }
        VariantError::Undecodable
    }
}
