//! Makes a smaller version of an image, and its placeholder.
//!
//! Bytes in, bytes out: decode, shrink, convert to sRGB, turn the way up that it is shown, encode. Pixels are shrunk
//! as they are stored, that is in the gamma of their colour space, as browsers do it; with transparency they are
//! weighted by their opacity, so that what is invisible leaves no fringe. Colours are converted after that, when
//! there are few pixels left.
//!
//! What strangers send is read by decoders in Rust alone. Pixels, memory and the time of the thread are limited. A
//! decoder that panics has met what it cannot decode.
//!
//! May import only [`crate::domain`] and [`crate::inspect`], which says how large the picture is and which way up.
//!
//! `decode` has one module per format; `colour`, `shrink`, `turn` and `encode` are the steps after it, `placeholder`
//! makes the `ThumbHash`, and `deadline` gives decoders their input as long as there is time.

mod colour;
mod deadline;
mod decode;
mod encode;
mod picture;
mod placeholder;
mod shrink;
mod turn;

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::domain::{MediaType, ThumbHash};
use crate::inspect::{ImageLimits, Inspected, Metadata, Orientation, inspect};
use deadline::Deadline;

/// Raised when the same original gives other bytes, or when something can be decoded that could not be before.
pub const REVISION: u32 = 1;

/// What is to be made of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The most pixels that the longer side may have. Smaller images keep their size.
    pub longer_side: u32,
    /// Whether it may be a WebP. Everyone takes JPEG, PNG and GIF.
    pub accepts_webp: bool,
    /// Whether the placeholder is wanted, too.
    pub thumb_hash: bool,
}

/// What a render may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderLimits {
    /// Width times height of the original.
    pub max_pixels: u64,
    /// Memory at the worst moment, as [`memory_bytes`] estimates it.
    pub max_memory_bytes: u64,
    /// Time that the thread spends on it, whatever else the machine does. Looked at while decoding; what comes after
    /// that is short.
    pub cpu_time: Duration,
}

/// A smaller version of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// What the bytes are.
    pub media_type: MediaType,
    /// The file, without any metadata.
    pub bytes: Vec<u8>,
    /// Columns of pixels.
    pub width: u32,
    /// Rows of pixels.
    pub height: u32,
    /// The placeholder, when it was asked for.
    pub thumb_hash: Option<ThumbHash>,
}

/// Why there is no smaller version. It will be the same another time.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum RenderError {
    /// The decoder does not know such files, or it is damaged. The reason is for the log.
    #[error("the image cannot be decoded: {0}")]
    Undecodable(String),
    /// It has too many pixels, or decoding it takes too much memory.
    #[error(
        "the image is {width} × {height} pixels, and it takes {memory_bytes} bytes of memory to decode it"
    )]
    TooLarge {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// The estimate of [`memory_bytes`].
        memory_bytes: u64,
    },
    /// Decoding it takes too long.
    #[error("the image takes longer than {} ms to decode", .cpu_time.as_millis())]
    TooSlow {
        /// The limit that applied.
        cpu_time: Duration,
    },
}

/// The memory that a render takes at most, beside the original: for whoever shares memory out between renders.
#[must_use]
pub fn memory_bytes(media_type: MediaType, width: u32, height: u32, longer_side: u32) -> u64 {
    // Tables of colour spaces and codes, the encoders' state, and what the allocator does not give back.
    const ALWAYS: u64 = 8 << 20;
    let pixels = u64::from(width).saturating_mul(u64::from(height));
    // Decoders work on whole blocks, of up to 32 pixels in a JPEG.
    let padded = (u64::from(width) + 31).saturating_mul(u64::from(height) + 31);
    let decoding = match media_type {
        // Four samples a pixel as they leave it, and the coefficients of a progressive one, two bytes each.
        MediaType::Jpeg => padded.saturating_mul(12),
        // Four samples a pixel. They become rows as they are read.
        MediaType::Png => pixels.saturating_mul(4),
        // The indices beside the colours.
        MediaType::Gif => pixels.saturating_mul(5),
        // The canvas, a frame, its planes, and transparency, which is a picture of its own.
        MediaType::Webp => padded.saturating_mul(15),
    };
    let (fit_width, fit_height) = fitting(width, height, longer_side);
    let fit_pixels = u64::from(fit_width).saturating_mul(u64::from(fit_height));
    // What was decoded, shrunk in one direction or the other, and in both.
    let half_way = u64::from(width).saturating_mul(u64::from(fit_height));
    let half_way = half_way.max(u64::from(fit_width).saturating_mul(u64::from(height)));
    let shrinking = [pixels, half_way, fit_pixels]
        .into_iter()
        .fold(0, u64::saturating_add)
        .saturating_mul(4);
    // The encoder of WebPs has copies of its own; transparency is the dearest.
    let encoding = fit_pixels.saturating_mul(28);
    decoding.max(shrinking).max(encoding).saturating_add(ALWAYS)
}

/// Makes a smaller version of an image.
///
/// It shows the first frame of an animation, the right way up, in sRGB, without metadata. It is a PNG when any of
/// its pixels is not opaque, else a JPEG; a WebP where that is accepted and smaller. A still image that is small enough
/// already and needs no change may be given as it is.
///
/// # Errors
///
/// Every [`RenderError`]. The same input fails always in the same way, but for [`RenderError::TooSlow`], which depends
/// on the machine.
pub fn render(
    original: &[u8],
    media_type: MediaType,
    recipe: &Recipe,
    limits: &RenderLimits,
) -> Result<Rendered, RenderError> {
    let deadline = Deadline::after(limits.cpu_time);
    let rendered = without_panic(|| render_within(original, media_type, recipe, limits, &deadline));
    // Decoders that run out of input say all kinds of things.
    if deadline.has_passed() {
        return Err(RenderError::TooSlow {
            cpu_time: limits.cpu_time,
        });
    }
    rendered
}

fn render_within(
    original: &[u8],
    media_type: MediaType,
    recipe: &Recipe,
    limits: &RenderLimits,
    deadline: &Deadline,
) -> Result<Rendered, RenderError> {
    let inspected = inspect(original, &NO_LIMITS, Metadata::Remove);
    let inspected = inspected.map_err(|error| RenderError::undecodable(&error))?;
    if inspected.media_type != media_type {
        return Err(RenderError::undecodable(&"it is of another type"));
    }
    check_size(&inspected, recipe, limits)?;
    let picture = decode::decode(&inspected, deadline)?;
    let as_stored = picture.shows_as_stored();
    let (width, height) = fitting(inspected.width, inspected.height, recipe.longer_side);
    let shrunk = if inspected.orientation.swaps_sides() {
        shrink::shrink(picture, height, width)?
    } else {
        shrink::shrink(picture, width, height)?
    };
    let picture = turn::turn(colour::to_srgb(shrunk), inspected.orientation);
    let thumb_hash = recipe
        .thumb_hash
        .then(|| placeholder::thumb_hash(&picture))
        .transpose()?;
    let may_stay = as_stored
        && inspected.frames == 1
        && inspected.orientation == Orientation::AS_STORED
        && (width, height) == (inspected.width, inspected.height);
    let original = may_stay.then_some((media_type, inspected.bytes.as_ref()));
    let (media_type, bytes) = encode::smallest(&picture, original, recipe.accepts_webp)?;
    Ok(Rendered {
        media_type,
        bytes,
        width,
        height,
        thumb_hash,
    })
}

/// The limits of uploads are not those of renders.
const NO_LIMITS: ImageLimits = ImageLimits {
    max_pixels: u64::MAX,
    max_side: u32::MAX,
    max_frames: u32::MAX,
    max_animation_pixels: u64::MAX,
};

fn check_size(
    inspected: &Inspected,
    recipe: &Recipe,
    limits: &RenderLimits,
) -> Result<(), RenderError> {
    let Inspected { width, height, .. } = *inspected;
    let memory_bytes = memory_bytes(inspected.media_type, width, height, recipe.longer_side);
    let pixels = u64::from(width) * u64::from(height);
    if pixels > limits.max_pixels || memory_bytes > limits.max_memory_bytes {
        return Err(RenderError::TooLarge {
            width,
            height,
            memory_bytes,
        });
    }
    Ok(())
}

/// Width and height of a picture whose longer side is no longer than this.
fn fitting(width: u32, height: u32, longer_side: u32) -> (u32, u32) {
    let longer = width.max(height);
    if longer <= longer_side {
        return (width, height);
    }
    let fit = |side: u32| {
        let scaled =
            (u64::from(side) * u64::from(longer_side) + u64::from(longer) / 2) / u64::from(longer);
        u32::try_from(scaled).unwrap_or(longer_side).max(1)
    };
    (fit(width), fit(height))
}

/// Makes an error of a panic: decoders should have none, but they have been found to.
fn without_panic(
    render: impl FnOnce() -> Result<Rendered, RenderError>,
) -> Result<Rendered, RenderError> {
    catch_unwind(AssertUnwindSafe(render)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        let text = text.unwrap_or("it does not say why");
        Err(RenderError::Undecodable(format!(
            "a decoder panicked: {text}"
        )))
    })
}

impl RenderError {
    fn undecodable(reason: &impl ToString) -> Self {
        Self::Undecodable(reason.to_string())
    }
}
