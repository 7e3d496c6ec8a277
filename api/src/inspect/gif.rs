//! Reads the size of a GIF: the specification of version 89a; files of version 87a are laid out
//! alike.

use super::{NO_DIMENSIONS, Reason, Size, read};

/// Where the logical screen descriptor begins: after `GIF87a` or `GIF89a`.
const SCREEN: usize = 6;
/// Where the global colour table begins, or the first block without one.
const AFTER_SCREEN: usize = 13;

const EXTENSION: u8 = 0x21;
const IMAGE: u8 = 0x2c;
const TRAILER: u8 = 0x3b;

/// Takes width and height from the logical screen descriptor (section 18).
///
/// Some writers leave the screen at zero. Viewers then make it as large as the first frame needs,
/// and so does this.
pub(super) fn size(bytes: &[u8]) -> Result<Size, Reason> {
    let side = |at| read::u16_le(bytes, at).map(u32::from).ok_or(NO_DIMENSIONS);
    let (width, height) = (side(SCREEN)?, side(SCREEN + 2)?);
    if width != 0 && height != 0 {
        return Size::new(width, height);
    }
    let (right, bottom) = first_frame(bytes)?;
    Size::new(
        if width == 0 { right } else { width },
        if height == 0 { bottom } else { height },
    )
}

/// The right and bottom edge of the first frame (image descriptor, section 20).
fn first_frame(bytes: &[u8]) -> Result<(u32, u32), Reason> {
    let packed = *bytes.get(SCREEN + 4).ok_or(NO_DIMENSIONS)?;
    let blocks = AFTER_SCREEN + global_colour_table(packed);
    let mut rest = bytes.get(blocks..).ok_or(NO_DIMENSIONS)?;
    loop {
        match rest {
            [EXTENSION, _label, after @ ..] => {
                rest = after_sub_blocks(after).ok_or(NO_DIMENSIONS)?;
            }
            [IMAGE, after @ ..] => return edges(after),
            [TRAILER, ..] => return Err("has neither a size nor a picture"),
            [] | [EXTENSION] => return Err(NO_DIMENSIONS),
            _ => return Err("has no size and is damaged before its first picture"),
        }
    }
}

/// The length of the global colour table in bytes, from the packed fields of the screen descriptor
/// (section 19).
fn global_colour_table(packed: u8) -> usize {
    let present = packed & 0x80 != 0;
    if present { 3 << ((packed & 7) + 1) } else { 0 }
}

/// What follows a chain of data sub-blocks, which an empty one ends (sections 15 and 16).
fn after_sub_blocks(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (&length, after) = rest.split_first()?;
        rest = after.get(usize::from(length)..)?;
        if length == 0 {
            return Some(rest);
        }
    }
}

/// Left plus width and top plus height, from the fields of an image descriptor.
fn edges(fields: &[u8]) -> Result<(u32, u32), Reason> {
    let field = |at| read::u16_le(fields, at).map(u32::from).ok_or(NO_DIMENSIONS);
    let (left, top) = (field(0)?, field(2)?);
    // Refuses a frame without an area, which would get its offset for a size.
    let frame = Size::new(field(4)?, field(6)?)?;
    Ok((left + frame.width, top + frame.height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::fixtures;

    const NO_TABLE: u8 = 0;

    /// A header and a logical screen descriptor.
    fn screen(width: u16, height: u16, packed: u8) -> Vec<u8> {
        let [w0, w1] = width.to_le_bytes();
        let [h0, h1] = height.to_le_bytes();
        [&b"GIF89a"[..], &[w0, w1, h0, h1, packed, 0, 0]].concat()
    }

    /// An image descriptor and the beginning of the frame's data.
    fn frame(left: u8, top: u8, width: u8, height: u8) -> Vec<u8> {
        vec![IMAGE, left, 0, top, 0, width, 0, height, 0, 0, 2, 1, 0]
    }

    #[test]
    fn real_files_have_the_size_that_their_encoder_wrote() {
        for file in fixtures::GIF {
            assert_eq!(
                size(file.bytes),
                Size::new(file.width, file.height),
                "{}",
                file.name
            );
        }
    }

    #[test]
    fn both_versions_are_read_alike() {
        let newer = screen(40, 24, NO_TABLE);
        let older = [b"GIF87a", &newer[6..]].concat();
        assert_eq!(size(&newer), Size::new(40, 24));
        assert_eq!(size(&older), Size::new(40, 24));
    }

    #[test]
    fn sizes_reach_up_to_sixteen_bits() {
        let largest = screen(u16::MAX, u16::MAX, NO_TABLE);
        assert_eq!(size(&largest), Size::new(65_535, 65_535));
    }

    #[test]
    fn a_frame_larger_than_the_screen_does_not_change_the_size() {
        let file = [screen(10, 9, NO_TABLE), frame(0, 0, 40, 24)].concat();
        assert_eq!(size(&file), Size::new(10, 9));
    }

    #[test]
    fn a_screen_of_zero_takes_its_size_from_the_first_frame() {
        let zero = |packed| screen(0, 0, packed);
        let palette = |colours: usize| vec![0; 3 * colours];
        let delay = b"!\xf9\x04\0\x0a\0\0\0".to_vec();
        let comment = b"!\xfe\x05,,,,,\x02!;\0".to_vec();
        let rows = [
            (
                "no colour table",
                vec![zero(NO_TABLE), frame(0, 0, 40, 24)],
                (40, 24),
            ),
            (
                "two colours",
                vec![zero(0x80), palette(2), frame(0, 0, 40, 24)],
                (40, 24),
            ),
            (
                "256 colours",
                vec![zero(0x87), palette(256), frame(0, 0, 40, 24)],
                (40, 24),
            ),
            (
                "a table's size without a table",
                vec![zero(0x07), frame(0, 0, 40, 24)],
                (40, 24),
            ),
            (
                "extensions, one of which looks like a frame",
                vec![zero(NO_TABLE), delay, comment, frame(0, 0, 40, 24)],
                (40, 24),
            ),
            (
                "a frame that is set in",
                vec![zero(NO_TABLE), frame(5, 3, 40, 24)],
                (45, 27),
            ),
            (
                "a larger second frame",
                vec![zero(NO_TABLE), frame(0, 0, 40, 24), frame(0, 0, 80, 80)],
                (40, 24),
            ),
            (
                "only no width",
                vec![screen(0, 99, NO_TABLE), frame(0, 0, 40, 24)],
                (40, 99),
            ),
            (
                "only no height",
                vec![screen(99, 0, NO_TABLE), frame(0, 0, 40, 24)],
                (99, 24),
            ),
        ];
        for (why, parts, (width, height)) in rows {
            assert_eq!(size(&parts.concat()), Size::new(width, height), "{why}");
        }
    }

    #[test]
    fn a_screen_of_zero_without_a_usable_frame_is_refused() {
        let rows: [(&str, &[u8], Reason); 8] = [
            ("nothing behind", b"", NO_DIMENSIONS),
            ("half an extension", b"!", NO_DIMENSIONS),
            (
                "an extension without an end",
                b"!\xfe\x05abcde",
                NO_DIMENSIONS,
            ),
            (
                "a sub-block that is too long",
                b"!\xfe\xffabc\0",
                NO_DIMENSIONS,
            ),
            ("half a descriptor", b",\0\0\0\0\x28", NO_DIMENSIONS),
            ("the end", b";", "has neither a size nor a picture"),
            (
                "garbage, where browsers stop as well",
                b"\0\0,\0\0\0\0\x28\0\x18\0\0",
                "has no size and is damaged before its first picture",
            ),
            (
                "a frame without an area",
                b",\x05\0\x03\0\0\0\x18\0\0",
                "has a width of zero",
            ),
        ];
        for (why, blocks, reason) in rows {
            let file = [&screen(0, 0, NO_TABLE)[..], blocks].concat();
            assert_eq!(size(&file), Err(reason), "{why}");
        }
        assert_eq!(
            size(&screen(0, 0, 0x87)),
            Err(NO_DIMENSIONS),
            "no room for the colour table"
        );
        assert_eq!(
            size(b"GIF89a\x28\0\x18"),
            Err(NO_DIMENSIONS),
            "half a screen descriptor"
        );
    }
}
