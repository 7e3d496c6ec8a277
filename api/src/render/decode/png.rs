//! PNG: every colour type and depth, and the default image of an animated one.

use png::{ColorType, DecodingError, Limits, Transformations};

use super::buffer;
use crate::render::RenderError;
use crate::render::deadline::{Deadline, TimedFile};
use crate::render::picture::{ColourSpace, Layout, Picture};

/// For compressed profiles and the like. Pixels are counted by themselves.
const MAX_METADATA_BYTES: usize = 16 << 20;

pub(super) fn decode(bytes: &[u8], deadline: &Deadline) -> Result<Picture, RenderError> {
    let file = TimedFile::new(bytes, deadline);
    let mut decoder = png::Decoder::new_with_limits(
        file,
        Limits {
            bytes: MAX_METADATA_BYTES,
        },
    );
    // Palettes and transparent colours become samples; of 16 bits the 8 that can be seen stay.
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    let mut reader = decoder.read_info().map_err(undecodable)?;
    let layout = match reader.output_color_type().0 {
        ColorType::Grayscale => Layout::Grey,
        ColorType::GrayscaleAlpha => Layout::GreyAlpha,
        ColorType::Rgb => Layout::Rgb,
        ColorType::Rgba => Layout::Rgba,
        ColorType::Indexed => return Err(RenderError::undecodable(&"its palette is missing")),
    };
    let info = reader.info();
    let (width, height) = info.size();
    let profile = info.icc_profile.as_ref().map(|profile| profile.to_vec());
    let mut samples = buffer(width, height, layout.samples())?;
    reader.next_frame(&mut samples).map_err(undecodable)?;
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
