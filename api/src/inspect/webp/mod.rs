//! Walks through a WebP: RFC 9649, sections 2.3 to 2.7, and what libwebp makes of it.
//!
//! What stays is what shows the picture: the extended header, the first colour profile, the animation with
//! its frames, and the bitstreams with their alpha planes. EXIF shrinks to the orientation; everything else
//! goes. The flags of the header are only ever cleared, never set: viewers leave unread what no flag
//! announces, and would show the picture differently if one did.

mod vp8;

use std::ops::Range;

use super::edits::Edits;
use super::exif::{Exif, Orientation};
use super::icc;
use super::{NO_DIMENSIONS, Reason, Size, Walked, read};

/// Where the chunks begin: after `RIFF`, the size and `WEBP`.
const CHUNKS: usize = 12;
/// What a chunk has before its payload: its name and its size.
const CHUNK_HEADER: usize = 8;
/// Where the payload of the first chunk begins.
const PAYLOAD: usize = CHUNKS + CHUNK_HEADER;

/// Flags of the extended header (section 2.7). The one for XMP (4) is always cleared.
const ANIMATION: u8 = 0x02;
const EXIF: u8 = 0x08;
const ALPHA: u8 = 0x10;
const COLOUR_PROFILE: u8 = 0x20;

const DAMAGED_LOSSLESS: Reason = "has a lossless picture that is damaged at its beginning";
const DAMAGED_ALPHA: Reason = "has a transparency that is damaged at its beginning";
const TWO_PICTURES: Reason = "has more than one picture where there is room for one";

/// Takes width and height from the first chunk, which tells the three kinds of WebP apart.
pub(super) fn size(bytes: &[u8]) -> Result<Size, Reason> {
    let riff_size = read::u32_le(bytes, 4).ok_or(NO_DIMENSIONS)?;
    let kind: [u8; 4] = read::array(bytes, CHUNKS).ok_or(NO_DIMENSIONS)?;
    let chunk_size = read::u32_le(bytes, 16).ok_or(NO_DIMENSIONS)?;

    // The RIFF size also counts WEBP, the chunk's name and the chunk's size.
    if chunk_size > riff_size.saturating_sub(12) {
        return Err("has a first chunk that is larger than the file");
    }
    let chunk_size = usize::try_from(chunk_size).unwrap_or(usize::MAX);
    let payload = bytes.get(PAYLOAD..).ok_or(NO_DIMENSIONS)?;
    match &kind {
        b"VP8 " => vp8::size(payload, chunk_size),
        b"VP8L" => lossless(payload, chunk_size),
        b"VP8X" => extended(payload, chunk_size),
        _ => Err("does not begin with a picture"),
    }
}

/// `VP8L`, the lossless kind: the header in section 3.
fn lossless(payload: &[u8], chunk_size: usize) -> Result<Size, Reason> {
    if chunk_size < 5 {
        return Err(DAMAGED_LOSSLESS);
    }
    let [signature, bits @ ..]: [u8; 5] = read::array(payload, 0).ok_or(NO_DIMENSIONS)?;
    let bits = u32::from_le_bytes(bits);
    let version = bits >> 29;
    if signature != 0x2f || version != 0 {
        return Err(DAMAGED_LOSSLESS);
    }
    Size::new((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1)
}

/// `VP8X`, the container for animation, alpha and metadata: section 2.7.
fn extended(payload: &[u8], chunk_size: usize) -> Result<Size, Reason> {
    if chunk_size != 10 {
        return Err("has a header of the wrong length");
    }
    let header: [u8; 10] = read::array(payload, 0).ok_or(NO_DIMENSIONS)?;
    let [_flags, _, _, _, w0, w1, w2, h0, h1, h2] = header;
    let width = u24([w0, w1, w2]) + 1;
    let height = u24([h0, h1, h2]) + 1;
    // The limit of the specification: 2³² - 1 pixels.
    if width.checked_mul(height).is_none() {
        return Err("claims a size that no WebP can have");
    }
    Size::new(width, height)
}

fn u24([low, middle, high]: [u8; 3]) -> u32 {
    u32::from_le_bytes([low, middle, high, 0])
}

/// Goes through the chunks to the end that the RIFF size says. A size over that of the file means that the
/// file is cut short; what comes after it is no part of the image.
///
/// The orientation is always "as stored": browsers leave EXIF in a WebP unread, so width and height as shown
/// are those of the file. The tag itself is kept for the programs that do read it.
pub(super) fn walk(bytes: &[u8]) -> Result<Walked, Reason> {
    let canvas = size(bytes)?;
    let image = read::u32_le(bytes, 4)
        .and_then(|riff_size| usize::try_from(riff_size).ok()?.checked_add(CHUNK_HEADER))
        .and_then(|end| bytes.get(..end))
        .ok_or("ends before its picture does")?;
    let mut walk = Walk {
        image,
        canvas,
        edits: Edits::new(image),
    };
    let (frames, flags) = match image.get(CHUNKS..PAYLOAD) {
        Some([b'V', b'P', b'8', b'X', ..]) => {
            let (frames, flags) = walk.extended()?;
            (frames, Some(flags))
        }
        _ => (walk.simple()?, None),
    };
    let mut header = Edits::new(image);
    header.replace(4..8, &size_field(walk.edits.edited_length() - CHUNK_HEADER));
    if let Some(flags) = flags {
        header.replace(PAYLOAD..PAYLOAD + 4, &[flags, 0, 0, 0]);
    }
    let mut edits = header.into_vec();
    edits.append(&mut walk.edits.into_vec());
    Ok(Walked {
        frames,
        orientation: Orientation::AS_STORED,
        end: image.len(),
        edits,
    })
}

/// A length as the four bytes of a size field. Lengths that do not fit belong to no WebP.
fn size_field(length: usize) -> [u8; 4] {
    let [b0, b1, b2, b3, ..] = length.to_le_bytes();
    [b0, b1, b2, b3]
}

struct Walk<'a> {
    /// The file to the end that its RIFF size says.
    image: &'a [u8],
    canvas: Size,
    edits: Edits<'a>,
}

impl<'a> Walk<'a> {
    /// One bitstream and nothing else (sections 2.5 and 2.6). Whatever follows it, viewers leave unread, and
    /// here it goes unread as well.
    fn simple(&mut self) -> Result<u32, Reason> {
        let mut picture = Picture::default();
        let mut begin = CHUNKS;
        if let Some(chunk) = self.chunks(CHUNKS..self.image.len()).next() {
            let chunk = chunk?;
            picture.take(&chunk)?;
            self.keep(&chunk);
            begin = chunk.range.end;
        }
        self.remove(begin..self.image.len());
        Ok(1)
    }

    /// The chunks behind an extended header. Returns how many frames there are, and the flags of the header
    /// as they have to be.
    fn extended(&mut self) -> Result<(u32, u8), Reason> {
        let flags = self.image.get(PAYLOAD).copied().unwrap_or_default();
        let animated = flags & ANIMATION != 0;
        // A picture may have an alpha plane that no flag announces. Browsers then show it as opaque.
        let mut flags_kept = flags & (ANIMATION | ALPHA);
        let (mut has_profile, mut has_exif, mut has_animation) = (false, false, false);
        let mut picture = Picture::default();
        let mut frames = 0;
        for chunk in self.chunks(PAYLOAD + 10..self.image.len()) {
            let chunk = chunk?;
            match &chunk.name {
                b"VP8X" => return Err("has a second header"),
                // Viewers take the first of several, even if it is of no use.
                b"ICCP" if !has_profile => {
                    has_profile = true;
                    let is_announced = flags & COLOUR_PROFILE != 0;
                    if is_announced && icc::is_profile(chunk.payload, chunk.payload.len()) {
                        flags_kept |= flags & COLOUR_PROFILE;
                        self.keep(&chunk);
                    } else {
                        self.remove(chunk.range);
                    }
                }
                b"EXIF" if !has_exif => {
                    has_exif = true;
                    if let Some(exif) = minimal_exif(chunk.payload) {
                        flags_kept |= flags & EXIF;
                        self.replace(&chunk, &exif);
                    } else {
                        self.remove(chunk.range);
                    }
                }
                b"ANIM" if animated && !has_animation => {
                    has_animation = true;
                    // Viewers accept, and skip, what a longer one has behind its fields.
                    let fields: [u8; 6] = read::array(chunk.payload, 0)
                        .ok_or("has an animation header that is too short")?;
                    self.replace(&chunk, &fields);
                }
                b"ANMF" if animated => {
                    if !has_animation {
                        return Err("has a frame before its animation header");
                    }
                    self.frame(&chunk)?;
                    frames += 1;
                }
                b"ALPH" | b"VP8 " | b"VP8L" if animated => {
                    return Err("is animated and has a picture outside of its frames");
                }
                _ => {
                    if picture.take(&chunk)? {
                        self.keep(&chunk);
                    } else {
                        self.remove(chunk.range);
                    }
                }
            }
        }
        if animated {
            let any = frames > 0;
            return any
                .then_some((frames, flags_kept))
                .ok_or("is animated and has no frame");
        }
        match picture.size {
            None => Err("has no picture"),
            Some(size) if size != self.canvas => Err("has a picture of another size than it says"),
            Some(_) => Ok((1, flags_kept)),
        }
    }

    /// A frame of an animation (section 2.7.1.1).
    fn frame(&mut self, chunk: &Chunk) -> Result<(), Reason> {
        const FIELDS: usize = 16;
        let fields: [u8; FIELDS] =
            read::array(chunk.payload, 0).ok_or("has a frame that ends before its picture")?;
        let [x0, x1, x2, y0, y1, y2, w0, w1, w2, h0, h1, h2, ..] = fields;
        // Offsets are stored in halves. Nothing here exceeds 3 · 2²⁴.
        let (left, top) = (2 * u24([x0, x1, x2]), 2 * u24([y0, y1, y2]));
        let (width, height) = (u24([w0, w1, w2]) + 1, u24([h0, h1, h2]) + 1);
        if left + width > self.canvas.width || top + height > self.canvas.height {
            return Err("has a frame that reaches beyond its edge");
        }

        let begin = chunk.range.start + CHUNK_HEADER + FIELDS;
        let mut picture = Picture::default();
        let mut parts = Vec::new();
        // The frame's own padding counts: some writers leave it to the frame to pad its last part.
        for part in self.chunks(begin..chunk.range.end) {
            let part = part?;
            if picture.take(&part)? {
                parts.push(part);
            }
        }
        match picture.size {
            None => return Err("has a frame without a picture"),
            Some(size) if size != (Size { width, height }) => {
                return Err("has a frame whose picture is of another size than it says");
            }
            Some(_) => {}
        }

        let length = parts.iter().map(Chunk::padded_length).sum::<usize>();
        let size_at = chunk.range.start + 4;
        self.edits
            .replace(size_at..size_at + 4, &size_field(FIELDS + length));
        let mut begin = begin;
        for part in parts {
            self.remove(begin..part.range.start);
            self.keep(&part);
            begin = part.range.end;
        }
        self.remove(begin..chunk.range.end);
        Ok(())
    }

    fn chunks(&self, range: Range<usize>) -> Chunks<'a> {
        let within = self.image.get(..range.end).unwrap_or(self.image);
        Chunks {
            within,
            begin: range.start,
        }
    }

    /// A chunk stays. Only its padding may change: it has to be there and to be zero.
    fn keep(&mut self, chunk: &Chunk) {
        if !chunk.payload.len().is_multiple_of(2) {
            let payload_end = chunk.range.start + CHUNK_HEADER + chunk.payload.len();
            self.edits.replace(payload_end..chunk.range.end, &[0]);
        }
    }

    /// A chunk gets another payload, which has an even length.
    fn replace(&mut self, chunk: &Chunk, payload: &[u8]) {
        let replacement = [&chunk.name, &size_field(payload.len())[..], payload].concat();
        self.edits.replace(chunk.range.clone(), &replacement);
    }

    fn remove(&mut self, range: Range<usize>) {
        self.edits.remove(range);
    }
}

/// The payload of an EXIF chunk without anything but what is kept, if there is something worth saying.
fn minimal_exif(payload: &[u8]) -> Option<Vec<u8>> {
    // The prefix belongs into a JPEG. Some programs write it here too, and some can only read one kind, so it
    // stays as it was.
    let (prefix, tiff) = match payload.strip_prefix(b"Exif\0\0") {
        Some(tiff) => (&b"Exif\0\0"[..], tiff),
        None => (&b""[..], payload),
    };
    let exif = Exif::read(tiff);
    (!exif.is_empty()).then(|| [prefix, &exif.tiff()].concat())
}

/// The parts of one picture: a bitstream, and perhaps an alpha plane before it.
#[derive(Default)]
struct Picture<'a> {
    alpha: Option<&'a [u8]>,
    /// As the bitstream says, which then is there.
    size: Option<Size>,
}

impl<'a> Picture<'a> {
    /// Takes a chunk that is a part of a picture, and returns whether it is one.
    fn take(&mut self, chunk: &Chunk<'a>) -> Result<bool, Reason> {
        let payload = chunk.payload;
        match (&chunk.name, self.alpha) {
            (b"ALPH" | b"VP8 " | b"VP8L", _) if self.size.is_some() => return Err(TWO_PICTURES),
            (b"ALPH", Some(_)) => return Err(TWO_PICTURES),
            (b"ALPH", None) => self.alpha = Some(payload),
            (b"VP8 ", alpha) => {
                let size = vp8::size(payload, payload.len())?;
                vp8::check_partitions(payload)?;
                if let Some(alpha) = alpha {
                    check_alpha(alpha, size)?;
                }
                self.size = Some(size);
            }
            (b"VP8L", Some(_)) => return Err("has a transparency beside a lossless picture"),
            (b"VP8L", None) => self.size = Some(lossless(payload, payload.len())?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// `ALPH` (section 2.7.1.2), held against the size of the picture that it belongs to.
///
/// libwebp refuses reserved bits and values although the specification would have them ignored.
fn check_alpha(payload: &[u8], size: Size) -> Result<(), Reason> {
    let Some((&header, plane)) = payload.split_first() else {
        return Err(DAMAGED_ALPHA);
    };
    let (compression, preprocessing, reserved) = (header & 3, header >> 4 & 3, header >> 6);
    if compression > 1 || preprocessing > 1 || reserved != 0 || plane.is_empty() {
        return Err(DAMAGED_ALPHA);
    }
    let pixels = u64::from(size.width) * u64::from(size.height);
    if compression == 0 && u64::try_from(plane.len()).is_ok_and(|length| length < pixels) {
        return Err("has a transparency that is cut short");
    }
    Ok(())
}

/// A chunk of RIFF (section 2.3).
struct Chunk<'a> {
    name: [u8; 4],
    payload: &'a [u8],
    /// From the name to the padding, which may be missing at the end of the file.
    range: Range<usize>,
}

impl Chunk<'_> {
    /// How long it is with its header and its padding, in bytes.
    fn padded_length(&self) -> usize {
        CHUNK_HEADER + self.payload.len().next_multiple_of(2)
    }
}

/// The chunks from a place on to the end of what holds them.
struct Chunks<'a> {
    within: &'a [u8],
    begin: usize,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, Reason>;

    fn next(&mut self) -> Option<Self::Item> {
        let begin = self.begin;
        let rest = self.within.get(begin..).filter(|rest| !rest.is_empty())?;
        // Whatever comes of this chunk: after an error there is nothing to go on with.
        self.begin = self.within.len();
        let Some((header, rest)) = rest.split_at_checked(CHUNK_HEADER) else {
            return Some(Err("ends within the header of a chunk"));
        };
        let &[n0, n1, n2, n3, s0, s1, s2, s3] = header else {
            return None;
        };
        let size = u32::from_le_bytes([s0, s1, s2, s3]);
        let Some(payload) = usize::try_from(size).ok().and_then(|size| rest.get(..size)) else {
            return Some(Err("has a chunk that is larger than what holds it"));
        };
        let mut chunk = Chunk {
            name: [n0, n1, n2, n3],
            payload,
            range: begin..begin,
        };
        // dwebp does without the last padding, if the RIFF size does not count it.
        chunk.range.end = (begin + chunk.padded_length()).min(self.within.len());
        self.begin = chunk.range.end;
        Some(Ok(chunk))
    }
}

#[cfg(test)]
mod tests;
