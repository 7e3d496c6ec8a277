//! WebP: lossy and lossless, and the first frame of an animated one on its canvas.

use image_webp::{DecodingError, WebPDecoder};

use super::buffer;
use crate::render::RenderError;
use crate::render::deadline::{Deadline, TimedFile};
use crate::render::picture::{ColourSpace, Layout, Picture};

/// For profiles. Pixels are counted by themselves.
const MAX_METADATA_BYTES: usize = 16 << 20;

pub(super) fn decode(bytes: &[u8], deadline: &Deadline) -> Result<Picture, RenderError> {
    let mut decoder = WebPDecoder::new(TimedFile::new(bytes, deadline)).map_err(undecodable)?;
    decoder.set_memory_limit(MAX_METADATA_BYTES);
    let layout = if decoder.has_alpha() {
        Layout::Rgba
    } else {
        Layout::Rgb
    };
    let profile = decoder.icc_profile().map_err(undecodable)?;
    let (width, height) = decoder.dimensions();
    let mut samples = buffer(width, height, layout.samples())?;
    decoder.read_image(&mut samples).map_err(undecodable)?;
    Ok(Picture {
        width,
        height,
        layout,
        colour_space: ColourSpace::of(profile),
        samples,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn undecodable(error: DecodingError) -> RenderError {
    RenderError::undecodable(&error)
}
