//! GIF: the first frame on its canvas.

use gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};

use super::buffer;
use crate::inspect::Inspected;
use crate::render::RenderError;
use crate::render::deadline::{Deadline, TimedFile};
use crate::render::picture::{ColourSpace, Layout, Picture};

pub(super) fn decode(inspected: &Inspected, deadline: &Deadline) -> Result<Picture, RenderError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    // The buffers are ours, of a size that was held against the limits.
    options.set_memory_limit(MemoryLimit::Unlimited);
    let file = TimedFile::new(&inspected.bytes, deadline);
    let mut decoder = options.read_info(file).map_err(undecodable)?;
    let frame = decoder.next_frame_info().map_err(undecodable)?;
    let frame = frame.ok_or_else(|| RenderError::undecodable(&"it has no picture"))?;
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let frame_width = usize::from(frame.width);
    let transparent = frame.transparent;
    let mut indices = buffer(frame.width.into(), frame.height.into(), 1)?;
    decoder
        .read_into_buffer(&mut indices)
        .map_err(undecodable)?;
    let colours = colours(decoder.palette().map_err(undecodable)?, transparent);

    // The canvas is as large as the first frame needs, as `inspect` says and browsers do. What the frame does not
    // cover is transparent: nobody shows the background colour.
    let Inspected { width, height, .. } = *inspected;
    let mut samples = buffer(width, height, Layout::Rgba.samples())?;
    let canvas_width = usize::try_from(width).unwrap_or(usize::MAX);
    let (canvas, _) = samples.as_chunks_mut::<4>();
    let rows = canvas.chunks_exact_mut(canvas_width).skip(top);
    for (row, indices) in rows.zip(indices.chunks_exact(frame_width)) {
        for (pixel, index) in row.iter_mut().skip(left).zip(indices) {
            *pixel = colours[usize::from(*index)];
        }
    }
    Ok(Picture {
        width,
        height,
        layout: Layout::Rgba,
        colour_space: ColourSpace::Srgb,
        samples,
    })
}

/// The colour of each index. Those that the palette lacks are black, as in browsers.
fn colours(palette: &[u8], transparent: Option<u8>) -> [[u8; 4]; 256] {
    let mut colours = [[0, 0, 0, 255]; 256];
    for (colour, [red, green, blue]) in colours.iter_mut().zip(palette.as_chunks().0) {
        *colour = [*red, *green, *blue, 255];
    }
    if let Some(index) = transparent {
        colours[usize::from(index)] = [0; 4];
    }
    colours
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn undecodable(error: DecodingError) -> RenderError {
    RenderError::undecodable(&error)
}
