//! Fewer pixels.

use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, MulDiv, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::RenderError;
use super::picture::{Layout, Picture};

/// Nobody sees a difference to Lanczos, which takes half as long again.
const FILTER: FilterType = FilterType::CatmullRom;

/// The picture in this size.
///
/// # Errors
///
/// [`RenderError::Undecodable`] when it has not as many samples as its size and layout need.
pub(super) fn shrink(picture: Picture, width: u32, height: u32) -> Result<Picture, RenderError> {
    if (picture.width, picture.height) == (width, height) {
        return Ok(picture);
    }
    let sees_through = picture.layout.has_alpha() && !picture.is_opaque();
    let pixel_type = pixel_type(picture.layout);
    let mut from = Image::from_vec_u8(picture.width, picture.height, picture.samples, pixel_type)
        .map_err(|error| RenderError::undecodable(&error))?;
    let mut to = Image::new(width, height, pixel_type);
    // Ink is no opacity, though it has four samples as well; and what is opaque needs no weights.
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FILTER))
        .use_alpha(false);
    let alpha = MulDiv::new();
    let weighted = if sees_through {
        alpha.multiply_alpha_inplace(&mut from)
    } else {
        Ok(())
    };
    weighted.map_err(|error| RenderError::undecodable(&error))?;
    Resizer::new()
        .resize(&from, &mut to, &options)
        .map_err(|error| RenderError::undecodable(&error))?;
    if sees_through {
        let divided = alpha.divide_alpha_inplace(&mut to);
        divided.map_err(|error| RenderError::undecodable(&error))?;
    }
    Ok(Picture {
        width,
        height,
        layout: picture.layout,
        colour_space: picture.colour_space,
        samples: to.into_vec(),
    })
}

fn pixel_type(layout: Layout) -> PixelType {
    match layout {
        Layout::Grey => PixelType::U8,
        Layout::GreyAlpha => PixelType::U8x2,
        Layout::Rgb => PixelType::U8x3,
        Layout::Rgba | Layout::Cmyk => PixelType::U8x4,
    }
}
