//! The right way up.

use super::picture::Picture;
use crate::inspect::Orientation;

/// The picture as it is shown.
pub(super) fn turn(picture: Picture, orientation: Orientation) -> Picture {
    if orientation == Orientation::AS_STORED {
        return picture;
    }
    match picture.layout.samples() {
        1 => turn_pixels::<1>(picture, orientation),
        2 => turn_pixels::<2>(picture, orientation),
        3 => turn_pixels::<3>(picture, orientation),
        _ => turn_pixels::<4>(picture, orientation),
    }
}

fn turn_pixels<const SAMPLES: usize>(picture: Picture, orientation: Orientation) -> Picture {
    let (stored, _) = picture.samples.as_chunks::<SAMPLES>();
    let side = |side| usize::try_from(side).unwrap_or(usize::MAX);
    let stored_width = side(picture.width).max(1);
    let (width, height) = if orientation.swaps_sides() {
        (picture.height, picture.width)
    } else {
        (picture.width, picture.height)
    };
    let (columns, rows) = (side(width), side(height));
    let mut shown = Vec::with_capacity(picture.samples.len());
    for row in 0..rows {
        let row = if orientation.mirrors_rows() {
            rows - 1 - row
        } else {
            row
        };
        // Where the row begins in what is stored, and how far its pixels are apart.
        let (begin, step) = if orientation.swaps_sides() {
            (row, stored_width)
        } else {
            (row * stored_width, 1)
        };
        let mut pixels = stored.iter().skip(begin).step_by(step).take(columns);
        if orientation.mirrors_columns() {
            let mirrored = stored
                .get(..=begin + (columns - 1) * step)
                .unwrap_or_default();
            let pixels = mirrored.iter().rev().step_by(step).take(columns);
            shown.extend(pixels.flatten());
        } else {
            shown.extend(pixels.by_ref().flatten());
        }
    }
    Picture {
        width,
        height,
        samples: shown,
        ..picture
    }
}
