//! JPEG: grey, YCbCr, RGB, CMYK and YCCK, sequential and progressive.
//!
//! `zune-jpeg` decodes them, but for sequential ones whose components come one after the other: where those have
//! different sizes it gives wrong colours and no error (0.5.15). `jpeg-decoder` takes a third longer and gets them right.

use jpeg_decoder::PixelFormat;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::buffer;
use crate::render::RenderError;
use crate::render::deadline::{Deadline, TimedFile, TimedScans};
use crate::render::picture::{ColourSpace, Layout, Picture};

/// As many as `inspect` lets through. The deadline is for those that take too long.
const MAX_SCANS: usize = 500;

pub(super) fn decode(bytes: &[u8], deadline: &Deadline) -> Result<Picture, RenderError> {
    let header = Header::read(bytes);
    if let Some(reason) = header.refusal {
        return Err(RenderError::undecodable(&reason));
    }
    let decoded = if header.is_one_component_after_the_other {
        decode_apart(bytes, deadline)
    } else {
        decode_together(bytes, deadline)
    };
    decoded.map(|(mut picture, is_ycck)| {
        if picture.layout == Layout::Cmyk {
            to_ink(&mut picture.samples, is_ycck, header.is_by_adobe);
        }
        picture
    })
}

/// The picture as it is stored, and whether its four components are YCCK.
fn decode_together(bytes: &[u8], deadline: &Deadline) -> Result<(Picture, bool), RenderError> {
    let options = DecoderOptions::default()
        // Files with small faults are shown as far as they go, as viewers do.
        .set_strict_mode(false)
        .jpeg_set_max_scans(MAX_SCANS)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(TimedScans::new(bytes, deadline), options);
    let undecodable = |error| RenderError::Undecodable(format!("{error:?}"));
    decoder.decode_headers().map_err(undecodable)?;
    let stored = decoder.input_colorspace().unwrap_or(ColorSpace::Unknown);
    let (layout, given) = match stored {
        ColorSpace::Luma => (Layout::Grey, ColorSpace::Luma),
        ColorSpace::YCbCr | ColorSpace::RGB => (Layout::Rgb, ColorSpace::RGB),
        // The decoder's conversion to RGB knows no profiles.
        ColorSpace::CMYK | ColorSpace::YCCK => (Layout::Cmyk, stored),
        _ => {
            return Err(RenderError::undecodable(
                &"its colours are of no known kind",
            ));
        }
    };
    decoder.set_options(options.jpeg_set_out_colorspace(given));
    let Some((width, height)) = decoder.info().map(|info| (info.width, info.height)) else {
        return Err(RenderError::undecodable(&"it has no size"));
    };
    let (width, height) = (u32::from(width), u32::from(height));
    let colour_space = ColourSpace::of(decoder.icc_profile());
    let mut samples = buffer(width, height, layout.samples())?;
    decoder.decode_into(&mut samples).map_err(undecodable)?;
    let picture = Picture {
        width,
        height,
        layout,
        colour_space,
        samples,
    };
    Ok((picture, stored == ColorSpace::YCCK))
}

/// The same by another decoder, which makes CMYK of YCCK, and inverts it.
fn decode_apart(bytes: &[u8], deadline: &Deadline) -> Result<(Picture, bool), RenderError> {
    let mut decoder = jpeg_decoder::Decoder::new(TimedFile::new(bytes, deadline));
    let undecodable = |error: jpeg_decoder::Error| RenderError::undecodable(&error);
    let mut samples = decoder.decode().map_err(undecodable)?;
    let colour_space = ColourSpace::of(decoder.icc_profile());
    let info = decoder.info();
    let info = info.ok_or_else(|| RenderError::undecodable(&"it has no size"))?;
    let layout = match info.pixel_format {
        PixelFormat::L8 => Layout::Grey,
        PixelFormat::RGB24 => Layout::Rgb,
        PixelFormat::CMYK32 => Layout::Cmyk,
        PixelFormat::L16 => {
            return Err(RenderError::undecodable(
                &"it has more than 8 bits a sample",
            ));
        }
    };
    if layout == Layout::Cmyk {
        for sample in &mut samples {
            *sample = 255 - *sample;
        }
    }
    let picture = Picture {
        width: info.width.into(),
        height: info.height.into(),
        layout,
        colour_space,
        samples,
    };
    Ok((picture, false))
}

/// Makes ink of what is stored, where 255 is all of it.
///
/// With Adobe's segment, none of it is 255 in the file.
fn to_ink(samples: &mut [u8], is_ycck: bool, inverted: bool) {
    let invert = |sample: u8| if inverted { 255 - sample } else { sample };
    let (pixels, _) = samples.as_chunks_mut::<4>();
    for pixel in pixels {
        let [c, m, y, k] = *pixel;
        let [c, m, y] = if is_ycck {
            // What Y, Cb and Cr give is the light that the stored ink lets through.
            from_ycc([c, m, y]).map(|light| 255 - light)
        } else {
            [c, m, y]
        };
        *pixel = [c, m, y, k].map(invert);
    }
}

/// Red, green and blue (ITU T.871, section 7).
fn from_ycc([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    // In 65,536ths.
    let red = y + ((91_881 * cr + 32_768) >> 16);
    let green = y + ((-22_554 * cb - 46_802 * cr + 32_768) >> 16);
    let blue = y + ((116_130 * cb + 32_768) >> 16);
    [red, green, blue].map(|light| u8::try_from(light.clamp(0, 255)).unwrap_or_default())
}

/// What decoders do not say, or get wrong.
#[derive(Clone, Copy, Debug, Default)]
struct Header {
    /// Whether Adobe's segment is there.
    is_by_adobe: bool,
    /// Whether it is sequential, and the first scan has not all of its components.
    is_one_component_after_the_other: bool,
    /// Why no decoder here knows it.
    refusal: Option<&'static str>,
}

impl Header {
    /// Reads the segments before the first scan. `inspect` has seen to it that they are whole.
    fn read(bytes: &[u8]) -> Self {
        // ITU T.81, table B.1.
        const SOF0: u8 = 0xc0;
        const SOF1: u8 = 0xc1;
        const SOF2: u8 = 0xc2;
        const SOF3: u8 = 0xc3;
        const SOF9: u8 = 0xc9;
        const SOF10: u8 = 0xca;
        const SOF11: u8 = 0xcb;
        const SOS: u8 = 0xda;
        const APP14: u8 = 0xee;
        let mut header = Self::default();
        let mut components = None;
        // Behind SOI.
        let mut rest = bytes.get(2..).unwrap_or_default();
        while let [0xff, marker, high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low])).saturating_sub(2);
            let Some((payload, next)) = after.split_at_checked(length) else {
                break;
            };
            match *marker {
                APP14 => header.is_by_adobe |= payload.starts_with(b"Adobe"),
                SOF3 | SOF11 => header.refusal = Some("it is a lossless JPEG"),
                SOF9 | SOF10 => header.refusal = Some("its coding is arithmetic"),
                SOF0 | SOF1 | SOF2 => {
                    // Precision, height, width, and the number of components.
                    if payload.first().is_some_and(|precision| *precision != 8) {
                        header.refusal = Some("it has more than 8 bits a sample");
                    }
                    if *marker != SOF2 {
                        components = payload.get(5).copied();
                    }
                }
                SOS => {
                    let in_scan = payload.first().copied();
                    header.is_one_component_after_the_other =
                        components.is_some_and(|components| in_scan < Some(components));
                    break;
                }
                _ => {}
            }
            rest = next;
        }
        header
    }
}
