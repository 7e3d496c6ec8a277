//! Walks the blocks of a GIF: the specification of version 89a; files of version 87a are laid out alike.
//!
//! What stays is what the picture needs: colour tables, graphic controls, frames, the number of repetitions
//! and a colour profile. Comments, text and every other extension go.

use super::edits::Edits;
use super::exif::Orientation;
use super::icc;
use super::{NO_DIMENSIONS, Reason, Size, Walked, read};

/// Where the logical screen descriptor begins: after `GIF87a` or `GIF89a`.
const SCREEN: usize = 6;
/// Where the global colour table begins, or the first block without one.
const AFTER_SCREEN: usize = 13;

const EXTENSION: u8 = 0x21;
const IMAGE: u8 = 0x2c;
const TRAILER: u8 = 0x3b;

const GRAPHIC_CONTROL: u8 = 0xf9;
const APPLICATION: u8 = 0xff;

const CUT_SHORT: Reason = "ends before its picture does";
const DAMAGED: Reason = "is damaged between two of its blocks";

/// Takes width and height from the logical screen descriptor (section 18) and the first frame.
///
/// Browsers enlarge the screen until the first frame fits, and some writers leave it at zero for that. This does
/// the same, so that a small screen does not hide a large frame from the limits.
pub(super) fn size(bytes: &[u8]) -> Result<Size, Reason> {
    let side = |at| read::u16_le(bytes, at).map(u32::from).ok_or(NO_DIMENSIONS);
    let (width, height) = (side(SCREEN)?, side(SCREEN + 2)?);
    let (right, bottom) = first_frame(bytes)?;
    Size::new(width.max(right), height.max(bottom))
}

/// The right and bottom edge of the first frame.
fn first_frame(bytes: &[u8]) -> Result<(u32, u32), Reason> {
    let mut rest = bytes.get(after_header(bytes)?..).ok_or(NO_DIMENSIONS)?;
    loop {
        match rest {
            [EXTENSION, _label, after @ ..] => {
                rest = after_sub_blocks(after).ok_or(NO_DIMENSIONS)?;
            }
            [IMAGE, after @ ..] => {
                let Frame {
                    left, top, size, ..
                } = Frame::read(after).unwrap_or(Err(NO_DIMENSIONS))?;
                return Ok((left + size.width, top + size.height));
            }
            [TRAILER, ..] => return Err("has no picture"),
            [] | [EXTENSION] => return Err(NO_DIMENSIONS),
            _ => return Err("is damaged before its first picture"),
        }
    }
}

/// Where the blocks begin: after the screen descriptor and the global colour table.
fn after_header(bytes: &[u8]) -> Result<usize, Reason> {
    let packed = *bytes.get(SCREEN + 4).ok_or(NO_DIMENSIONS)?;
    Ok(AFTER_SCREEN + colour_table(packed))
}

/// The length in bytes of the colour table that follows a descriptor, from the descriptor's packed fields
/// (sections 18 and 20).
fn colour_table(packed: u8) -> usize {
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

/// The fields of an image descriptor (section 20).
struct Frame {
    left: u32,
    top: u32,
    size: Size,
    /// The length of the local colour table in bytes.
    colour_table: usize,
}

impl Frame {
    /// The length of the descriptor without its separator, in bytes.
    const LENGTH: usize = 9;

    /// `None` when the file ends before the descriptor does.
    fn read(fields: &[u8]) -> Option<Result<Self, Reason>> {
        let field = |at| read::u16_le(fields, at).map(u32::from);
        let (left, top, packed) = (field(0)?, field(2)?, *fields.get(8)?);
        // Without an area, some viewers show nothing and others a frame of the whole screen.
        Some(Size::new(field(4)?, field(6)?).map(|size| Self {
            left,
            top,
            size,
            colour_table: colour_table(packed),
        }))
    }
}

/// Goes through the blocks up to the trailer.
///
/// A file may end without one, or with zeros before it, as long as it ends between two blocks and after a frame:
/// such files are common, and every browser shows them. What is published has a trailer, unless metadata is
/// kept, for then nothing is changed.
pub(super) fn walk(bytes: &[u8]) -> Result<Walked, Reason> {
    let screen = size(bytes)?;
    let mut edits = Edits::new(bytes);
    let mut frames = 0_u32;
    // Whether a graphic control waits for its frame.
    let mut frame_announced = false;
    let mut has_profile = false;
    let mut rest = bytes.get(after_header(bytes)?..).ok_or(CUT_SHORT)?;
    loop {
        let begin = bytes.len() - rest.len();
        match rest {
            [EXTENSION, label, after @ ..] => {
                let next = after_sub_blocks(after).ok_or(CUT_SHORT)?;
                let end = bytes.len() - next.len();
                let extension = bytes.get(begin..end).ok_or(CUT_SHORT)?;
                match *label {
                    GRAPHIC_CONTROL => {
                        check_graphic_control(extension)?;
                        frame_announced = true;
                    }
                    APPLICATION => match application(extension) {
                        Application::Repetitions(sub_block) => {
                            edits
                                .replace(begin + IDENTIFIED..end, &[&sub_block[..], &[0]].concat());
                        }
                        Application::ColourProfile if !has_profile => has_profile = true,
                        Application::ColourProfile | Application::Other => edits.remove(begin..end),
                    },
                    _ => edits.remove(begin..end),
                }
                rest = next;
            }
            [IMAGE, after @ ..] => {
                rest = after_frame(after, (frames > 0).then_some(screen))?;
                frames = frames.saturating_add(1);
                frame_announced = false;
            }
            [TRAILER, ..] => return Ok(walked(frames, begin + 1, edits)),
            [] | [0, ..] => {
                let zeros = rest.iter().take_while(|&&byte| byte == 0).count();
                let end = begin + zeros;
                if frames == 0 || frame_announced {
                    return Err(if end == bytes.len() {
                        CUT_SHORT
                    } else {
                        DAMAGED
                    });
                }
                match bytes.get(end) {
                    None => edits.replace(begin..end, &[TRAILER]),
                    Some(&TRAILER) => edits.remove(begin..end),
                    // Browsers stop at the zero, others go on: they would not show the same.
                    Some(_) => return Err(DAMAGED),
                }
                let trailer = usize::from(end < bytes.len());
                return Ok(walked(frames, end + trailer, edits));
            }
            [EXTENSION] => return Err(CUT_SHORT),
            _ => return Err(DAMAGED),
        }
    }
}

fn walked(frames: u32, end: usize, edits: Edits) -> Walked {
    Walked {
        frames,
        orientation: Orientation::AS_STORED,
        end,
        edits: edits.into_vec(),
    }
}

/// What follows a frame, whose separator was read: descriptor, colour table, code size and data (sections 20
/// to 22).
///
/// The first frame decides about the screen. Later ones are clipped to it, wherever they lie; but some decoders
/// allocate them whole, so they must not be larger than the screen.
fn after_frame(bytes: &[u8], screen: Option<Size>) -> Result<&[u8], Reason> {
    let frame = Frame::read(bytes).unwrap_or(Err(CUT_SHORT))?;
    if screen
        .is_some_and(|screen| frame.size.width > screen.width || frame.size.height > screen.height)
    {
        return Err("has a frame that is larger than its screen");
    }
    let data = bytes
        .get(Frame::LENGTH + frame.colour_table..)
        .unwrap_or_default();
    match data {
        // One bit is for writers of black and white that overlook that the specification asks for two. More
        // than eight, giflib and Chromium refuse.
        [1..=8, data @ ..] => match data {
            [0, ..] => Err("has a frame without picture data"),
            _ => after_sub_blocks(data).ok_or(CUT_SHORT),
        },
        [_, ..] => Err("has a frame with a code size that cannot be"),
        [] => Err(CUT_SHORT),
    }
}

/// A graphic control has four bytes in one sub-block (section 23). At any other, Chromium stops.
fn check_graphic_control(extension: &[u8]) -> Result<(), Reason> {
    match extension {
        [EXTENSION, GRAPHIC_CONTROL, 4, _, _, _, _, 0] => Ok(()),
        _ => Err("has a graphic control of the wrong length"),
    }
}

/// What an application extension is for (section 26).
enum Application {
    /// How often the animation is repeated, as a sub-block of its own with its length.
    Repetitions([u8; 4]),
    /// An ICC profile.
    ColourProfile,
    /// XMP, or data of a program.
    Other,
}

/// The length of an extension up to and including the identifier of the application, in bytes.
const IDENTIFIED: usize = 14;

fn application(extension: &[u8]) -> Application {
    let Some((identified, data)) = extension.split_at_checked(IDENTIFIED) else {
        return Application::Other;
    };
    let repetitions = || {
        // Sub-block 1 of Netscape's extension. Of 2 and others, which may come before it, viewers make nothing.
        sub_blocks(data).find_map(|sub_block| match *sub_block {
            [1, low, high, ..] => Some([3, 1, low, high]),
            _ => None,
        })
    };
    match identified.strip_prefix(&[EXTENSION, APPLICATION, 11]) {
        Some(b"NETSCAPE2.0" | b"ANIMEXTS1.0") => {
            repetitions().map_or(Application::Other, Application::Repetitions)
        }
        Some(b"ICCRGBG1012") => {
            let length = sub_blocks(data).map(<[u8]>::len).sum();
            let bytes = sub_blocks(data).flatten().copied();
            let head: Vec<u8> = bytes.take(icc::HEAD).collect();
            if icc::is_profile(&head, length) {
                Application::ColourProfile
            } else {
                Application::Other
            }
        }
        _ => Application::Other,
    }
}

/// The data sub-blocks up to the empty one that ends them (section 15).
fn sub_blocks(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&length, after) = rest.split_first()?;
        let (sub_block, after) = after.split_at_checked(length.into())?;
        rest = after;
        (!sub_block.is_empty()).then_some(sub_block)
    })
}

#[cfg(test)]
mod tests;
