//! Walks the chunks of a PNG, still or animated: PNG (third edition), sections 5 (structure) and 11 (chunks).
//!
//! Nothing is inflated. What stays is what the picture needs (critical chunks, transparency, animation), what
//! says how its samples are meant (colour space, significant bits, background), its density and its
//! orientation. Text, times, suggested palettes and every chunk that is not known go.

use std::ops::Range;

use super::edits::Edits;
use super::exif::{Exif, Orientation};
use super::{NO_DIMENSIONS, Reason, Size, Walked, read};

/// The signature: it holds both kinds of line end, so that a transfer which rewrites them shows.
const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// The greatest length, width or height: four-byte integers stop short of the sign bit (section
/// 7.1).
const MAX: u32 = 0x7fff_ffff;

/// Takes width and height from the IHDR chunk, which must come first and be one that decoders
/// accept.
pub(super) fn size(bytes: &[u8]) -> Result<Size, Reason> {
    let signature: [u8; 8] = read::array(bytes, 0).ok_or(NO_DIMENSIONS)?;
    if &signature != SIGNATURE {
        return Err("was damaged on its way: its signature is wrong");
    }
    let length = read::u32_be(bytes, 8).ok_or(NO_DIMENSIONS)?;
    let kind: [u8; 4] = read::array(bytes, 12).ok_or(NO_DIMENSIONS)?;
    if &kind != b"IHDR" {
        return Err("does not begin with its header");
    }
    let header: [u8; 13] = read::array(bytes, 16).ok_or(NO_DIMENSIONS)?;
    if length != 13 {
        return Err("has a header of the wrong length");
    }

    let [
        w0,
        w1,
        w2,
        w3,
        h0,
        h1,
        h2,
        h3,
        bit_depth,
        colour_type,
        compression,
        filter,
        interlace,
    ] = header;
    let width = u32::from_be_bytes([w0, w1, w2, w3]);
    let height = u32::from_be_bytes([h0, h1, h2, h3]);
    if width > MAX || height > MAX {
        return Err("claims a size that no PNG can have");
    }
    if !is_colour(colour_type, bit_depth) {
        return Err("has a colour type and bit depth that do not go together");
    }
    if compression != 0 || filter != 0 || interlace > 1 {
        return Err("uses a compression, filter or interlace method that does not exist");
    }
    Size::new(width, height)
}

/// The allowed pairs (section 11.2.1).
fn is_colour(colour_type: u8, bit_depth: u8) -> bool {
    match colour_type {
        // Greyscale.
        0 => matches!(bit_depth, 1 | 2 | 4 | 8 | 16),
        // Palette.
        3 => matches!(bit_depth, 1 | 2 | 4 | 8),
        // Truecolour; greyscale with alpha; truecolour with alpha.
        2 | 4 | 6 => matches!(bit_depth, 8 | 16),
        _ => false,
    }
}

const CUT_SHORT: Reason = "ends before its picture does";
const NO_PICTURE: Reason = "has no picture data";
const OUT_OF_PLACE: Reason = "has picture data where none belongs";

const PALETTE: u8 = 3;

/// Goes through the chunks up to IEND.
///
/// Refuses what libpng and browsers refuse, and also what they show only in part: a wrong checksum or an
/// animation that contradicts itself is damage, and nobody wants half of what was sent to be published.
/// A chunk that is only in the wrong place, or there twice, and that viewers therefore skip, is removed.
pub(super) fn walk(bytes: &[u8]) -> Result<Walked, Reason> {
    let mut picture = Picture::new(bytes)?;
    let mut edits = Edits::new(bytes);
    let mut at = SIGNATURE.len();
    loop {
        let chunk = Chunk::read(bytes, at)?;
        at = chunk.range.end;
        match picture.take(&chunk)? {
            Fate::Stays => {}
            Fate::Goes => edits.remove(chunk.range),
            Fate::Becomes(other) => edits.replace(chunk.range, &other),
        }
        if &chunk.kind == b"IEND" {
            return Ok(Walked {
                frames: picture.animation.map_or(1, |animation| animation.frames),
                orientation: picture.orientation,
                end: at,
                edits: edits.into_vec(),
            });
        }
    }
}

/// Length, type, data and checksum (section 5.3).
struct Chunk<'a> {
    kind: [u8; 4],
    data: &'a [u8],
    /// All four fields.
    range: Range<usize>,
}

impl<'a> Chunk<'a> {
    fn read(bytes: &'a [u8], at: usize) -> Result<Self, Reason> {
        let length = read::u32_be(bytes, at).ok_or(CUT_SHORT)?;
        let kind: [u8; 4] = read::array(bytes, at + 4).ok_or(CUT_SHORT)?;
        if !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err("is damaged: something in it is not a chunk");
        }
        if length > MAX {
            return Err("has a chunk of a length that cannot be");
        }
        let length = usize::try_from(length).map_err(|_| CUT_SHORT)?;
        // Type and data, over which the checksum goes.
        let begin = at + 4;
        let end = begin + 4 + length;
        let checked = bytes.get(begin..end).ok_or(CUT_SHORT)?;
        let checksum = read::u32_be(bytes, end).ok_or(CUT_SHORT)?;
        if crc32fast::hash(checked) != checksum {
            return Err("is damaged: a checksum in it is wrong");
        }
        Ok(Self {
            kind,
            data: checked.get(4..).unwrap_or_default(),
            range: at..end + 4,
        })
    }

    /// Whether a viewer must not skip it (section 5.4: bit 5 of the first byte).
    fn is_critical(&self) -> bool {
        self.kind.first().is_some_and(u8::is_ascii_uppercase)
    }
}

/// The bytes of a chunk of this type.
fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap_or(MAX);
    let checked = [&kind, data].concat();
    let checksum = crc32fast::hash(&checked);
    [&length.to_be_bytes()[..], &checked, &checksum.to_be_bytes()].concat()
}

/// What becomes of a chunk.
enum Fate {
    Stays,
    Goes,
    /// These bytes take its place.
    Becomes(Vec<u8>),
}

/// What the chunks so far have said.
struct Picture {
    canvas: Size,
    colour_type: u8,
    has_palette: bool,
    /// Types of which there is to be one, and of which there was one.
    seen: Vec<[u8; 4]>,
    /// The IDAT chunks.
    data: PictureData,
    animation: Option<Animation>,
    orientation: Orientation,
}

struct Animation {
    /// How many frames acTL announces.
    announced: u32,
    /// How many have begun.
    frames: u32,
    /// The sequence number that comes next.
    sequence: u32,
    /// The fdAT chunks of the frame that began last; complete when none has.
    data: PictureData,
}

/// The chunks with one picture's data. They follow each other, and the first that is something else ends them.
enum PictureData {
    Awaited,
    Begun { empty: bool },
    Complete,
}

impl PictureData {
    fn add(&mut self, data: &[u8]) -> Result<(), Reason> {
        let empty = match self {
            Self::Awaited => true,
            Self::Begun { empty } => *empty,
            Self::Complete => return Err(OUT_OF_PLACE),
        };
        // Single chunks without data are allowed, and encoders write them.
        *self = Self::Begun {
            empty: empty && data.is_empty(),
        };
        Ok(())
    }

    /// To be called for every chunk of another type.
    fn end(&mut self) -> Result<(), Reason> {
        match self {
            Self::Begun { empty: true } => return Err(NO_PICTURE),
            Self::Begun { empty: false } => *self = Self::Complete,
            Self::Awaited | Self::Complete => {}
        }
        Ok(())
    }

    fn is_awaited(&self) -> bool {
        matches!(self, Self::Awaited)
    }
}

impl Picture {
    fn new(bytes: &[u8]) -> Result<Self, Reason> {
        Ok(Self {
            canvas: size(bytes)?,
            colour_type: *bytes.get(25).ok_or(NO_DIMENSIONS)?,
            has_palette: false,
            seen: Vec::new(),
            data: PictureData::Awaited,
            animation: None,
            orientation: Orientation::AS_STORED,
        })
    }

    fn take(&mut self, chunk: &Chunk) -> Result<Fate, Reason> {
        if &chunk.kind != b"IDAT" {
            self.data.end()?;
        }
        if &chunk.kind != b"fdAT"
            && let Some(animation) = &mut self.animation
        {
            animation.data.end()?;
        }
        match &chunk.kind {
            b"IHDR" if self.is_first(*b"IHDR") => Ok(Fate::Stays),
            b"IHDR" => Err("has two headers"),
            b"PLTE" => self.palette(chunk.data),
            b"IDAT" => self.image_data(chunk.data),
            b"IEND" => self.end(chunk.data),
            b"acTL" => Ok(self.animation_control(chunk.data)),
            b"fcTL" => self.frame_control(chunk.data),
            b"fdAT" => self.frame_data(chunk.data),
            b"eXIf" => Ok(self.exif(chunk.data)),
            _ if chunk.is_critical() => Err("needs a chunk that no viewer knows"),
            _ => Ok(self.ancillary(chunk)),
        }
    }

    /// Notes that a chunk of this type was there, and says whether it is the first.
    fn is_first(&mut self, kind: [u8; 4]) -> bool {
        let first = !self.seen.contains(&kind);
        if first {
            self.seen.push(kind);
        }
        first
    }

    /// The palette (section 11.2.2). More colours than the bit depth reaches are accepted, as libpng does.
    fn palette(&mut self, data: &[u8]) -> Result<Fate, Reason> {
        if self.colour_type != PALETTE {
            // A suggestion for screens of 256 colours, or in a greyscale image a mistake.
            return Ok(Fate::Goes);
        }
        if self.has_palette {
            return Err("has two palettes");
        }
        if data.is_empty() || data.len() > 3 * 256 || !data.len().is_multiple_of(3) {
            return Err("has a palette of the wrong length");
        }
        self.has_palette = true;
        Ok(Fate::Stays)
    }

    fn image_data(&mut self, data: &[u8]) -> Result<Fate, Reason> {
        if self.colour_type == PALETTE && !self.has_palette {
            return Err("has no palette before its picture");
        }
        self.data.add(data)?;
        Ok(Fate::Stays)
    }

    fn end(&mut self, data: &[u8]) -> Result<Fate, Reason> {
        if self.data.is_awaited() {
            return Err(NO_PICTURE);
        }
        if let Some(animation) = &self.animation {
            if animation.data.is_awaited() {
                return Err(FRAME_WITHOUT_DATA);
            }
            // Of too many announced, browsers show those that are there; of too few, those announced.
            if animation.frames != animation.announced {
                return Err("does not have as many frames as it says");
            }
        }
        if !data.is_empty() {
            return Err("has an end of the wrong length");
        }
        Ok(Fate::Stays)
    }

    /// Section 11.3.6.1. Without a usable acTL before the picture, browsers show the picture alone; fcTL and
    /// fdAT are then chunks like any that are not known.
    fn animation_control(&mut self, data: &[u8]) -> Fate {
        let announced = read::u32_be(data, 0).unwrap_or(0);
        if self.animation.is_some() || !self.data.is_awaited() || data.len() != 8 || announced == 0
        {
            return Fate::Goes;
        }
        self.animation = Some(Animation {
            announced,
            frames: 0,
            sequence: 0,
            data: PictureData::Complete,
        });
        Fate::Stays
    }

    /// Section 11.3.6.2.
    fn frame_control(&mut self, data: &[u8]) -> Result<Fate, Reason> {
        let Some(animation) = &mut self.animation else {
            return Ok(Fate::Goes);
        };
        let frame: [u8; 26] = data
            .try_into()
            .map_err(|_| "has a frame header of the wrong length")?;
        animation.check_sequence(&frame)?;
        if animation.data.is_awaited() {
            return Err(FRAME_WITHOUT_DATA);
        }
        let field = |at| read::u32_be(&frame, at).unwrap_or(0);
        let (width, height, left, top) = (field(4), field(8), field(12), field(16));
        let [.., dispose, blend] = frame;
        let fits = |offset: u32, side: u32, canvas: u32| {
            side > 0 && offset.checked_add(side).is_some_and(|edge| edge <= canvas)
        };
        if !fits(left, width, self.canvas.width) || !fits(top, height, self.canvas.height) {
            return Err("has a frame that is empty or reaches out of the picture");
        }
        if dispose > 2 || blend > 1 {
            return Err("has a frame that is shown in a way that does not exist");
        }
        if self.data.is_awaited() {
            // The picture itself is the first frame, whole.
            if animation.frames > 0 {
                return Err(FRAME_WITHOUT_DATA);
            }
            if (width, height) != (self.canvas.width, self.canvas.height) {
                return Err("has a first frame of another size than its picture");
            }
        } else {
            animation.data = PictureData::Awaited;
        }
        animation.frames = animation.frames.saturating_add(1);
        Ok(Fate::Stays)
    }

    /// Section 11.3.6.3: a sequence number, then what an IDAT chunk would hold.
    fn frame_data(&mut self, data: &[u8]) -> Result<Fate, Reason> {
        let Some(animation) = &mut self.animation else {
            return Ok(Fate::Goes);
        };
        animation.check_sequence(data)?;
        animation.data.add(data.get(4..).unwrap_or_default())?;
        Ok(Fate::Stays)
    }

    /// The first one counts, and only before the picture: browsers turn no picture for one behind it. Since
    /// libpng hands that to its callers all the same, its orientation stays where it is.
    fn exif(&mut self, data: &[u8]) -> Fate {
        if !self.is_first(*b"eXIf") {
            return Fate::Goes;
        }
        let exif = Exif::read(data);
        if exif.is_empty() {
            return Fate::Goes;
        }
        if self.data.is_awaited() {
            self.orientation = exif.orientation;
        }
        let kept = exif.tiff();
        if data == kept {
            return Fate::Stays;
        }
        Fate::Becomes(chunk(*b"eXIf", &kept))
    }

    /// Every other chunk that may be skipped. Those that stay are of use before the picture only; of several,
    /// viewers take the first that has a length that fits.
    fn ancillary(&mut self, chunk: &Chunk) -> Fate {
        if !self.data.is_awaited() || !self.is_needed(chunk) || !self.is_first(chunk.kind) {
            return Fate::Goes;
        }
        match compressed_profile(chunk.data) {
            Some((name, compressed)) if &chunk.kind == b"iCCP" && name != PROFILE_NAME => {
                let data = [PROFILE_NAME, b"\0", compressed].concat();
                Fate::Becomes(self::chunk(*b"iCCP", &data))
            }
            _ => Fate::Stays,
        }
    }

    fn is_needed(&self, chunk: &Chunk) -> bool {
        let length = chunk.data.len();
        match (&chunk.kind, self.colour_type) {
            (b"iCCP", _) => compressed_profile(chunk.data).is_some(),
            // More than the palette has colours, libpng skips and Chromium reads: it stays as it is.
            (b"tRNS", PALETTE) => self.has_palette && (1..=256).contains(&length),
            (b"bKGD", PALETTE) => self.has_palette && length == 1,
            // sBIT has a byte for each channel; those of a palette are red, green and blue.
            (b"sRGB", _) | (b"sBIT", 0) => length == 1,
            (b"sBIT" | b"bKGD", 4) | (b"bKGD" | b"tRNS", 0) => length == 2,
            (b"sBIT", 2 | PALETTE) => length == 3,
            (b"gAMA" | b"cICP", _) | (b"sBIT", 6) => length == 4,
            (b"bKGD", 2 | 6) | (b"tRNS", 2) => length == 6,
            (b"cLLI", _) => length == 8,
            (b"pHYs", _) => length == 9,
            (b"mDCV", _) => length == 24,
            (b"cHRM", _) => length == 32,
            _ => false,
        }
    }
}

const FRAME_WITHOUT_DATA: Reason = "has a frame without a picture";

impl Animation {
    /// fcTL and fdAT share one sequence, which begins with 0 (section 11.3.6).
    fn check_sequence(&mut self, data: &[u8]) -> Result<(), Reason> {
        if read::u32_be(data, 0) != Some(self.sequence) {
            return Err("has frames that are not in order");
        }
        self.sequence = self.sequence.saturating_add(1);
        Ok(())
    }
}

/// What every colour profile is called when it is published: its name is text for people.
const PROFILE_NAME: &[u8] = b"ICC profile";

/// The name of a profile, 1 to 79 bytes, and behind a zero the compression method, which is zero, and the
/// profile. That is taken on trust: to check it, it would have to be inflated (section 11.3.2.3).
fn compressed_profile(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = data.iter().take(80).position(|&byte| byte == 0)?;
    let (name, rest) = data.split_at_checked(length)?;
    let (_zero, compressed) = rest.split_first()?;
    (length > 0 && matches!(compressed, [0, _, ..])).then_some((name, compressed))
}

#[cfg(test)]
mod tests;
