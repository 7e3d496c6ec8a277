//! The smallest file that shows a picture well.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use webp::{PixelLayout, WebPConfig};

use super::RenderError;
use super::picture::{Layout, Picture};
use crate::domain::MediaType;

/// Of 100.
const JPEG_QUALITY: u8 = 80;
/// Of 100. It looks as [`JPEG_QUALITY`] does.
const WEBP_QUALITY: f32 = 80.0;
/// How hard the encoder tries, of 6. From 3 on it takes more than twice as long, for a twentieth of the bytes.
const WEBP_METHOD: i32 = 2;

/// The smallest of the files that show this picture and are accepted; `original` is one of them.
///
/// # Errors
///
/// [`RenderError::Undecodable`] when an encoder refuses the picture, which does not happen.
pub(super) fn smallest(
    picture: &Picture,
    original: Option<(MediaType, &[u8])>,
    accepts_webp: bool,
) -> Result<(MediaType, Vec<u8>), RenderError> {
    let opaque = picture.is_opaque();
    let solid;
    let picture = if opaque && picture.layout.has_alpha() {
        solid = picture.clone().without_alpha();
        &solid
    } else {
        picture
    };
    let mut best = if opaque {
        (MediaType::Jpeg, jpeg(picture)?)
    } else {
        (MediaType::Png, png(picture)?)
    };
    if accepts_webp {
        let webp = webp(picture)?;
        if webp.len() < best.1.len() {
            best = (MediaType::Webp, webp);
        }
    }
    if let Some((media_type, bytes)) = original
        && (media_type != MediaType::Webp || accepts_webp)
        && bytes.len() <= best.1.len()
    {
        best = (media_type, bytes.to_vec());
    }
    Ok(best)
}

fn jpeg(picture: &Picture) -> Result<Vec<u8>, RenderError> {
    let colour_type = match picture.layout {
        Layout::Grey => ColorType::Luma,
        _ => ColorType::Rgb,
    };
    let side = |side| u16::try_from(side).map_err(|error| RenderError::undecodable(&error));
    let (width, height) = (side(picture.width)?, side(picture.height)?);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, JPEG_QUALITY);
    // Code tables of its own would make the file a fortieth smaller, and take half as long again.
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder
        .encode(&picture.samples, width, height, colour_type)
        .map_err(|error| RenderError::undecodable(&error))?;
    Ok(bytes)
}

fn png(picture: &Picture) -> Result<Vec<u8>, RenderError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width, picture.height);
    encoder.set_color(match picture.layout {
        Layout::Grey => png::ColorType::Grayscale,
        Layout::GreyAlpha => png::ColorType::GrayscaleAlpha,
        Layout::Rgb => png::ColorType::Rgb,
        Layout::Rgba | Layout::Cmyk => png::ColorType::Rgba,
    });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&picture.samples));
    written.map_err(|error| RenderError::undecodable(&error))?;
    Ok(bytes)
}

fn webp(picture: &Picture) -> Result<Vec<u8>, RenderError> {
    let grey = |grey: &[u8]| grey.iter().flat_map(|g| [*g; 3]).collect::<Vec<u8>>();
    let converted;
    let (layout, samples) = match picture.layout {
        Layout::Grey => {
            converted = grey(&picture.samples);
            (PixelLayout::Rgb, &converted)
        }
        Layout::GreyAlpha => {
            let pixels = picture.samples.as_chunks().0.iter();
            converted = pixels.flat_map(|[g, a]| [*g, *g, *g, *a]).collect();
            (PixelLayout::Rgba, &converted)
        }
        Layout::Rgb => (PixelLayout::Rgb, &picture.samples),
        Layout::Rgba | Layout::Cmyk => (PixelLayout::Rgba, &picture.samples),
    };
    let failed = || RenderError::undecodable(&"the WebP encoder failed");
    let mut config = WebPConfig::new().map_err(|()| failed())?;
    config.quality = WEBP_QUALITY;
    config.method = WEBP_METHOD;
    let encoder = webp::Encoder::new(samples, layout, picture.width, picture.height);
    let bytes = encoder.encode_advanced(&config).map_err(|_| failed())?;
    Ok(bytes.to_vec())
}
