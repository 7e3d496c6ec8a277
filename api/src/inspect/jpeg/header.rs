//! Everything up to the first scan: what a viewer knows when it begins to decode.

use super::marker::{
    APP1, APP2, DNL, EOI, IMPOSSIBLE_LENGTH, Reader, SOF0, SOF1, SOF2, SOF3, SOF9, SOF10, SOF11,
    SOS, Segment, is_frame,
};
use crate::inspect::exif::Exif;
use crate::inspect::icc;
use crate::inspect::{NO_DIMENSIONS, Reason, Size};

/// What stands before the first scan.
pub(super) struct Header {
    pub(super) size: Size,
    pub(super) components: Components,
    /// What is kept of EXIF.
    pub(super) exif: Exif,
    /// Where the EXIF segment begins that says so, if there is one.
    pub(super) exif_at: Option<usize>,
    /// Whether the chunks of an ICC profile make a whole one.
    pub(super) has_profile: bool,
}

impl Header {
    /// Reads on to the first scan, because a second frame header would leave it to each decoder which
    /// size is meant. A thumbnail inside EXIF has a frame header of its own, but within the payload of
    /// a segment, which is not looked into.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Reason> {
        let mut reader = Reader::new(bytes);
        let mut frame = None;
        let mut exif = None;
        let mut profile = Profile::default();
        loop {
            let cut_short = if frame.is_none() {
                NO_DIMENSIONS
            } else {
                "ends before its picture"
            };
            let segment = reader.segment(cut_short)?;
            match segment.marker {
                EOI => return Err("has no picture in it"),
                SOS => break,
                marker if is_frame(marker) => {
                    let first = frame.replace(Frame::read(marker, segment.payload)?);
                    if first.is_some() {
                        return Err("gives its dimensions twice");
                    }
                }
                _ => profile.add(&segment),
            }
            // Chromium and Pillow look at the first EXIF segment alone, even if it says nothing about the
            // orientation or is damaged.
            exif = exif.or_else(|| Some((segment.range.start, exif_block(&segment)?)));
        }
        let frame = frame.ok_or("has a picture before its dimensions")?;
        let height = match frame.height {
            0 => lines(reader)?,
            height => height,
        };
        Ok(Self {
            size: Size::new(frame.width.into(), height.into())?,
            components: frame.components,
            exif: exif.map_or(Exif::EMPTY, |(_, tiff)| Exif::read(tiff)),
            exif_at: exif.map(|(start, _)| start),
            has_profile: profile.is_whole(),
        })
    }
}

/// The fields of a frame header (B.2.2).
struct Frame {
    width: u16,
    /// 0 says that it comes after the first scan.
    height: u16,
    components: Components,
}

impl Frame {
    fn read(marker: u8, payload: &[u8]) -> Result<Self, Reason> {
        let [precision, h0, h1, w0, w1, count, ref rest @ ..] = *payload else {
            return Err("has a frame header of the wrong length");
        };
        let (specifications, []) = rest.as_chunks::<3>() else {
            return Err("has a frame header of the wrong length");
        };
        if count == 0 || specifications.len() != usize::from(count) {
            return Err("has a frame header of the wrong length");
        }
        // The standard allows 255 in a frame, but no viewer has a colour space for more than four.
        if specifications.len() > MAX_COMPONENTS {
            return Err("has more colour components than viewers can show");
        }
        let is_shown = match marker {
            SOF0 | SOF1 | SOF2 | SOF9 | SOF10 => matches!(precision, 8 | 12),
            // Without loss.
            SOF3 | SOF11 => (2..=16).contains(&precision),
            // Hierarchical: their frames have sizes of their own.
            _ => false,
        };
        if !is_shown {
            return Err("is coded in a way that viewers cannot show");
        }
        let mut components = Components::default();
        for (place, &[id, sampling, table]) in components.0.iter_mut().zip(specifications) {
            let in_range = |factor| (1..=4).contains(&factor);
            if !in_range(sampling >> 4) || !in_range(sampling & 0xf) || table > 3 {
                return Err("has a frame header that cannot be");
            }
            *place = Some(id);
        }
        Ok(Self {
            width: u16::from_be_bytes([w0, w1]),
            height: u16::from_be_bytes([h0, h1]),
            components,
        })
    }
}

/// As many components as a scan can have (B.2.3).
const MAX_COMPONENTS: usize = 4;

/// The component identifiers of a frame.
#[derive(Clone, Copy, Default)]
pub(super) struct Components([Option<u8>; MAX_COMPONENTS]);

impl Components {
    /// Whether a scan header (B.2.3) is as long as it says and selects components of the frame, each
    /// once. Two that share an identifier may both be selected: libjpeg tells them apart by their order.
    pub(super) fn fit(mut self, scan_header: &[u8]) -> bool {
        let [count, ref rest @ .., start, end, _approximation] = *scan_header else {
            return false;
        };
        let (selectors, []) = rest.as_chunks::<2>() else {
            return false;
        };
        let tables_exist = |tables: u8| tables >> 4 < 4 && tables & 0xf < 4;
        let all_found = selectors.iter().all(|&[selector, tables]| {
            let mut unselected = self.0.iter_mut();
            let found = unselected.find(|component| **component == Some(selector));
            found.and_then(Option::take).is_some() && tables_exist(tables)
        });
        let last_coefficient = 63;
        count > 0
            && usize::from(count) == selectors.len()
            && all_found
            && start.max(end) <= last_coefficient
    }
}

/// The height from the DNL segment (B.2.5), which stands behind the first scan.
fn lines(mut reader: Reader) -> Result<u16, Reason> {
    let cut_short = "ends before its height";
    reader.skip_picture_data(cut_short)?;
    let segment = reader.segment(cut_short)?;
    if segment.marker == DNL {
        read_lines(segment.payload)
    } else {
        Err("has a height of zero")
    }
}

/// The number of lines in a DNL segment (B.2.5).
pub(super) fn read_lines(payload: &[u8]) -> Result<u16, Reason> {
    match *payload {
        [high, low] => Ok(u16::from_be_bytes([high, low])),
        _ => Err(IMPOSSIBLE_LENGTH),
    }
}

/// The TIFF block in an EXIF segment (EXIF 3.0, section 4.7.2), be it damaged or not.
///
/// The sixth byte is padding, which Chromium does not look at either.
fn exif_block<'a>(segment: &Segment<'a>) -> Option<&'a [u8]> {
    match segment.payload.strip_prefix(b"Exif\0")? {
        [_padding, tiff @ ..] if segment.marker == APP1 && !tiff.is_empty() => Some(tiff),
        _ => None,
    }
}

/// A chunk of an ICC profile (ICC.1:2022, annex B.4): its number, counted from 1, the number of chunks,
/// and its part of the profile.
pub(super) fn profile_chunk<'a>(segment: &Segment<'a>) -> Option<(u8, u8, &'a [u8])> {
    match segment.payload.strip_prefix(b"ICC_PROFILE\0")? {
        &[number, count, ref data @ ..] if segment.marker == APP2 => Some((number, count, data)),
        _ => None,
    }
}

/// The chunks of an ICC profile, which may come in any order.
#[derive(Default)]
struct Profile<'a> {
    chunks: Vec<Option<&'a [u8]>>,
    contradictory: bool,
}

impl<'a> Profile<'a> {
    /// Takes the segment if it is a chunk. Viewers ignore the profile if chunks do not agree on their
    /// number, or come twice.
    fn add(&mut self, segment: &Segment<'a>) {
        let Some((number, count, data)) = profile_chunk(segment) else {
            return;
        };
        if self.chunks.is_empty() {
            self.chunks = vec![None; count.into()];
        }
        let is_same_count = self.chunks.len() == usize::from(count);
        match self.chunks.get_mut(usize::from(number).wrapping_sub(1)) {
            Some(chunk @ None) if is_same_count => *chunk = Some(data),
            _ => self.contradictory = true,
        }
    }

    /// Whether every chunk is there and together they are a profile.
    fn is_whole(&self) -> bool {
        let chunks = self.chunks.iter().flatten().copied();
        let length = chunks.clone().map(<[u8]>::len).sum();
        let head: Vec<u8> = chunks.flatten().copied().take(icc::HEAD).collect();
        icc::is_profile(&head, length)
            && !self.contradictory
            && self.chunks.iter().all(Option::is_some)
    }
}
