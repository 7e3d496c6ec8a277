//! The placeholder.

use thumbhash::rgba_to_thumb_hash;

use super::RenderError;
use super::picture::{Layout, Picture};
use super::shrink::shrink;
use crate::domain::ThumbHash;

/// The longer side of what is hashed. The hash has seven waves in a row at most: more pixels cost time and show
/// nothing.
const LONGER_SIDE: u32 = 32;

/// The placeholder of a picture in sRGB.
///
/// # Errors
///
/// [`RenderError::Undecodable`] should there be none, which does not happen.
pub(super) fn thumb_hash(picture: &Picture) -> Result<ThumbHash, RenderError> {
    let (width, height) = super::fitting(picture.width, picture.height, LONGER_SIDE);
    let small = shrink(picture.clone(), width, height)?;
    let pixels: Vec<u8> = match small.layout {
        Layout::Grey => small
            .samples
            .iter()
            .flat_map(|g| [*g, *g, *g, 255])
            .collect(),
        Layout::GreyAlpha => {
            let pixels = small.samples.as_chunks().0.iter();
            pixels.flat_map(|[g, a]| [*g, *g, *g, *a]).collect()
        }
        Layout::Rgb => {
            let pixels = small.samples.as_chunks().0.iter();
            pixels.flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect()
        }
        Layout::Rgba | Layout::Cmyk => small.samples,
    };
    let side = |side| usize::try_from(side).unwrap_or_default();
    let hash = rgba_to_thumb_hash(side(width), side(height), &pixels);
    ThumbHash::new(hash).map_err(|error| RenderError::undecodable(&error))
}
