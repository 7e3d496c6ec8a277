//! Colours as sRGB means them.

use moxcms::{ColorProfile, DataColorSpace, Layout as ProfileLayout, TransformOptions};

use super::picture::{ColourSpace, Layout, Picture};

/// The picture in sRGB: grey or red, green and blue, with its opacity.
///
/// A profile that cannot be read, or is for other colours than the picture has, is as good as none, as in browsers.
pub(super) fn to_srgb(picture: Picture) -> Picture {
    let converted = match &picture.colour_space {
        ColourSpace::Srgb => None,
        ColourSpace::Profile(profile) => convert(&picture, profile),
    };
    let (layout, samples) = match converted {
        Some(converted) => converted,
        None if picture.layout == Layout::Cmyk => (Layout::Rgb, without_profile(&picture.samples)),
        None => (picture.layout, picture.samples),
    };
    Picture {
        layout,
        samples,
        colour_space: ColourSpace::Srgb,
        ..picture
    }
}

/// Layout and samples in sRGB. `None` when the profile is no use.
fn convert(picture: &Picture, profile: &[u8]) -> Option<(Layout, Vec<u8>)> {
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    let (space, from, to) = match picture.layout {
        Layout::Grey => (DataColorSpace::Gray, ProfileLayout::Gray, Layout::Rgb),
        Layout::GreyAlpha => (DataColorSpace::Gray, ProfileLayout::GrayAlpha, Layout::Rgba),
        Layout::Rgb => (DataColorSpace::Rgb, ProfileLayout::Rgb, Layout::Rgb),
        Layout::Rgba => (DataColorSpace::Rgb, ProfileLayout::Rgba, Layout::Rgba),
        Layout::Cmyk => (DataColorSpace::Cmyk, ProfileLayout::Rgba, Layout::Rgb),
    };
    if profile.color_space != space {
        return None;
    }
    let to_layout = if to == Layout::Rgba {
        ProfileLayout::Rgba
    } else {
        ProfileLayout::Rgb
    };
    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    let transform = profile.create_transform_8bit(from, &srgb, to_layout, options);
    let transform = transform.ok()?;
    let pixels = picture.samples.len() / picture.layout.samples();
    let mut samples = vec![0; pixels * to.samples()];
    transform.transform(&picture.samples, &mut samples).ok()?;
    Some((to, samples))
}

/// Red, green and blue of ink whose colours nobody knows.
fn without_profile(ink: &[u8]) -> Vec<u8> {
    let pixels = ink.as_chunks().0.iter();
    let colours = pixels.flat_map(|[cyan, magenta, yellow, black]| {
        [cyan, magenta, yellow].map(|ink| product(255 - ink, 255 - black))
    });
    colours.collect()
}

/// Of two values from 0 to 255 that stand for 0 to 1.
fn product(one: u8, two: u8) -> u8 {
    let product = (u16::from(one) * u16::from(two) + 127) / 255;
    u8::try_from(product).unwrap_or(u8::MAX)
}
