//! Markers and the segments behind them: ITU T.81, annex B.
//!
//! As lenient as libjpeg, which is what most viewers use: stray bytes before a marker are skipped.

use std::ops::Range;

use crate::inspect::Reason;

// Marker codes, ITU T.81 table B.1. The byte 0xff comes before each.
pub(super) const TEM: u8 = 0x01;
pub(super) const SOF0: u8 = 0xc0;
pub(super) const SOF1: u8 = 0xc1;
pub(super) const SOF2: u8 = 0xc2;
pub(super) const SOF3: u8 = 0xc3;
pub(super) const DHT: u8 = 0xc4;
pub(super) const JPG: u8 = 0xc8;
pub(super) const SOF9: u8 = 0xc9;
pub(super) const SOF10: u8 = 0xca;
pub(super) const SOF11: u8 = 0xcb;
pub(super) const DAC: u8 = 0xcc;
pub(super) const SOF15: u8 = 0xcf;
pub(super) const RST0: u8 = 0xd0;
pub(super) const RST7: u8 = 0xd7;
pub(super) const EOI: u8 = 0xd9;
pub(super) const SOS: u8 = 0xda;
pub(super) const DQT: u8 = 0xdb;
pub(super) const DNL: u8 = 0xdc;
pub(super) const DRI: u8 = 0xdd;
pub(super) const APP0: u8 = 0xe0;
pub(super) const APP1: u8 = 0xe1;
pub(super) const APP2: u8 = 0xe2;
pub(super) const APP14: u8 = 0xee;
pub(super) const APP15: u8 = 0xef;
pub(super) const COM: u8 = 0xfe;

pub(super) const IMPOSSIBLE_LENGTH: Reason = "has a segment of an impossible length";

/// A marker and what belongs to it.
#[derive(Debug)]
pub(super) struct Segment<'a> {
    pub(super) marker: u8,
    /// What follows the length; empty for a marker that stands alone.
    pub(super) payload: &'a [u8],
    /// Where it is in the file, from the one 0xff before the marker to the end of the payload.
    pub(super) range: Range<usize>,
}

/// The bytes of a segment with this payload, which has to fit (B.1.1.4). A longer one is cut off.
pub(super) fn write(marker: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 2).unwrap_or(u16::MAX);
    let payload = payload.get(..usize::from(length) - 2).unwrap_or(payload);
    [&[0xff, marker], &length.to_be_bytes()[..], payload].concat()
}

/// Goes through a JPEG marker by marker.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Behind SOI, which the magic bytes have shown to be there.
    pub(super) const START: usize = 2;

    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: Self::START,
        }
    }

    /// The next segment. `cut_short` is the reason if the file ends before it does.
    pub(super) fn segment(&mut self, cut_short: Reason) -> Result<Segment<'a>, Reason> {
        let (start, marker) = self.marker().ok_or(cut_short)?;
        let payload = match marker {
            TEM | RST0..=RST7 | EOI => &[],
            _ if has_length(marker) => self.payload(cut_short)?,
            _ => return Err("has a marker that few viewers accept"),
        };
        Ok(Segment {
            marker,
            payload,
            range: start..self.at,
        })
    }

    /// Goes on behind the picture data of a scan, which restart markers do not end, and says where that
    /// is.
    pub(super) fn skip_picture_data(&mut self, cut_short: Reason) -> Result<usize, Reason> {
        loop {
            let (start, marker) = self.marker().ok_or(cut_short)?;
            if !matches!(marker, RST0..=RST7) {
                self.at = start;
                return Ok(start);
            }
        }
    }

    /// The next marker and where its 0xff is.
    ///
    /// Any number of 0xff may come before a marker (B.1.1.2), and 0xff 0x00 is a byte of picture data
    /// (B.1.1.5), so this reads across a scan as well as between segments.
    fn marker(&mut self) -> Option<(usize, u8)> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            let fill = memchr::memchr(0xff, rest)?;
            let behind_fill = rest.get(fill..)?.iter().position(|&byte| byte != 0xff)?;
            let code = self.at + fill + behind_fill;
            let marker = *self.bytes.get(code)?;
            self.at = code + 1;
            if marker != 0 {
                return Some((code - 1, marker));
            }
        }
    }

    /// What follows a marker with a length, which counts itself (B.1.1.4).
    fn payload(&mut self, cut_short: Reason) -> Result<&'a [u8], Reason> {
        let rest = self.bytes.get(self.at..).ok_or(cut_short)?;
        let (length, rest) = rest.split_first_chunk().ok_or(cut_short)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let payload = length.checked_sub(2).ok_or(IMPOSSIBLE_LENGTH)?;
        self.at += length;
        rest.get(..payload).ok_or(cut_short)
    }
}

/// Markers of frame headers, one per coding: baseline, progressive, lossless, arithmetic and so on
/// (table B.1). Three codes in their range mean something else.
pub(super) fn is_frame(marker: u8) -> bool {
    matches!(marker, SOF0..=SOF15) && !matches!(marker, DHT | JPG | DAC)
}

/// Markers that a length follows, as far as a decoder has to know them.
///
/// Left out, as libjpeg does: those of hierarchical files (DHP, EXP), whose frames have sizes of
/// their own; a second SOI; and the reserved codes, one of which makes JPEG-LS.
fn has_length(marker: u8) -> bool {
    matches!(
        marker,
        SOS | DQT | DNL | DRI | DHT | DAC | APP0..=APP15 | COM
    ) || is_frame(marker)
}
