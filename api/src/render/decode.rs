//! What a file shows, as pixels. One module per format.

mod gif;
mod jpeg;
mod png;
mod webp;

use super::RenderError;
use super::deadline::Deadline;
use super::picture::Picture;
use crate::domain::MediaType;
use crate::inspect::Inspected;

/// Decodes the picture, or the first of an animation as it appears on its canvas.
///
/// # Errors
///
/// [`RenderError::Undecodable`], also after the deadline.
pub(super) fn decode(inspected: &Inspected, deadline: &Deadline) -> Result<Picture, RenderError> {
    let bytes = inspected.bytes.as_ref();
    match inspected.media_type {
        MediaType::Jpeg => jpeg::decode(bytes, deadline),
        MediaType::Png => png::decode(bytes, deadline),
        MediaType::Gif => gif::decode(inspected, deadline),
        MediaType::Webp => webp::decode(bytes, deadline),
    }
}

/// A buffer for so many pixels.
fn buffer(width: u32, height: u32, samples: usize) -> Result<Vec<u8>, RenderError> {
    let side = |side| usize::try_from(side).ok();
    let length = side(width)
        .zip(side(height))
        .and_then(|(width, height)| width.checked_mul(height)?.checked_mul(samples));
    let length = length.ok_or_else(|| RenderError::undecodable(&"it is too large for memory"))?;
    Ok(vec![0; length])
}
