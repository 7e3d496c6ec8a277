//! Walks through a JPEG from marker to marker: ITU T.81, annex B.
//!
//! `marker` finds the markers, `header` reads what stands before the first scan; this says what is
//! published. What stays is what a decoder reads: frame and scan headers with their picture data, tables,
//! and the application segments without which the picture would look different.

mod header;
mod marker;

#[cfg(test)]
mod tests;

use super::edits::Edits;
use super::{Reason, Size, Walked};
use header::{Components, Header, profile_chunk, read_lines};
use marker::{
    APP0, APP1, APP14, DAC, DHT, DNL, DQT, DRI, EOI, Reader, SOS, Segment, is_frame, write,
};

/// The most scans that are taken. A decoder goes over the whole picture in each, so a small file with very many
/// keeps it busy for long. Encoders write about ten; the tests of libjpeg-turbo stop at 500.
const MAX_SCANS: u64 = 500;
/// As many are taken of the largest picture, too.
const ALWAYS_SCANS: u64 = 50;
/// Pixels in all scans together, which cost decoders a second or two.
const MAX_SCANNED_PIXELS: u64 = 2_000_000_000;

/// Takes width and height from the frame header (B.2.2).
pub(super) fn size(bytes: &[u8]) -> Result<Size, Reason> {
    Ok(Header::read(bytes)?.size)
}

/// A file that has lost its end, perhaps with a part of the picture.
const NO_END: Reason = "has no end marker, so a part of it may be missing";

/// Walks to the EOI that ends the picture, through the data of every scan.
///
/// A file without EOI is refused. Viewers show it, but cannot tell whether rows are missing before they
/// have decoded it; libjpeg ends with an error or a warning as well.
pub(super) fn walk(bytes: &[u8]) -> Result<Walked, Reason> {
    let cut_short = NO_END;
    let header = Header::read(bytes)?;
    let mut edits = Edits::new(bytes);
    let mut reader = Reader::new(bytes);
    let mut in_header = true;
    let mut scans = 0;
    // Whatever lies between here and what is published next is removed.
    let mut published_to = Reader::START;
    loop {
        let mut segment = reader.segment(cut_short)?;
        let fate = match segment.marker {
            EOI => {
                edits.replace(published_to..segment.range.start, &[]);
                return Ok(Walked {
                    frames: 1,
                    orientation: header.exif.orientation,
                    end: segment.range.end,
                    edits: edits.into_vec(),
                });
            }
            SOS => {
                in_header = false;
                scans += 1;
                if scans > max_scans(header.size) {
                    return Err("has more scans than any picture needs");
                }
                check_scan(header.components, &segment)?;
                segment.range.end = reader.skip_picture_data(cut_short)?;
                Fate::Stays
            }
            marker if is_frame(marker) && !in_header => return Err("gives its dimensions twice"),
            DNL => {
                check_lines(header.size, &segment)?;
                Fate::Stays
            }
            _ if in_header => in_header_fate(&header, &segment)?,
            _ => fate(&segment)?,
        };
        match fate {
            Fate::Stays => edits.replace(published_to..segment.range.start, &[]),
            Fate::Becomes(replacement) => {
                edits.replace(published_to..segment.range.end, &replacement);
            }
            Fate::Goes => continue,
        }
        published_to = segment.range.end;
    }
}

fn max_scans(size: Size) -> u64 {
    let pixels = u64::from(size.width) * u64::from(size.height);
    (MAX_SCANNED_PIXELS / pixels.max(1)).clamp(ALWAYS_SCANS, MAX_SCANS)
}

/// What becomes of a segment.
enum Fate {
    Stays,
    Goes,
    Becomes(Vec<u8>),
}

/// What becomes of a segment before the first scan.
///
/// Colour profile and EXIF count only there: viewers do not look for them between scans.
fn in_header_fate(header: &Header, segment: &Segment) -> Result<Fate, Reason> {
    if header.exif_at == Some(segment.range.start) && !header.exif.is_empty() {
        let exif = [&b"Exif\0\0"[..], &header.exif.tiff()].concat();
        return Ok(Fate::Becomes(write(APP1, &exif)));
    }
    if header.has_profile && profile_chunk(segment).is_some() {
        return Ok(Fate::Stays);
    }
    fate(segment)
}

/// What becomes of a segment wherever it stands.
///
/// What is not named here goes: comments, XMP, IPTC, thumbnails, the index of further pictures (MPF),
/// gain maps, provenance, makers' segments, and markers that stand alone where they mean nothing.
fn fate(segment: &Segment) -> Result<Fate, Reason> {
    let payload = segment.payload;
    Ok(match segment.marker {
        DQT | DHT | DAC | DRI if !is_well_formed(segment) => return Err("has a damaged table"),
        // A table segment without a table says nothing.
        DQT | DHT | DAC if payload.is_empty() => Fate::Goes,
        DQT | DHT | DAC | DRI => Fate::Stays,
        marker if is_frame(marker) => Fate::Stays,
        APP0 if payload.starts_with(b"JFIF\0") => Fate::Becomes(write(APP0, &jfif(payload))),
        APP14 => match adobe(payload) {
            Some(adobe) => Fate::Becomes(write(APP14, adobe)),
            None => Fate::Goes,
        },
        _ => Fate::Goes,
    })
}

/// The fields of JFIF (ITU T.871, section 10.1) up to the size of the thumbnail, which becomes 0 × 0.
///
/// Whether the segment is there tells many decoders the colour space, so it stays even if it is too
/// short: libjpeg then ignores it, but others ask only for the name.
fn jfif(payload: &[u8]) -> Vec<u8> {
    const THUMBNAIL_WIDTH: usize = 12;
    const THUMBNAIL_HEIGHT: usize = 13;
    let fields = payload.iter().copied().enumerate();
    fields
        .take(THUMBNAIL_HEIGHT + 1)
        .map(|(at, byte)| if at < THUMBNAIL_WIDTH { byte } else { 0 })
        .collect()
}

/// The fields of Adobe's segment (Adobe technical note 5116, section 18), the last of which is the
/// colour transform.
///
/// The segment stays wherever it is and however often: decoders do not agree on which one counts. A
/// shorter one counts for none.
fn adobe(payload: &[u8]) -> Option<&[u8]> {
    const LENGTH: usize = 12;
    payload
        .get(..LENGTH)
        .filter(|fields| fields.starts_with(b"Adobe"))
}

/// Whether tables are as long as they say and go to places that exist. What libjpeg refuses is refused;
/// anything lenient would leave room for what is no table.
fn is_well_formed(segment: &Segment) -> bool {
    match segment.marker {
        DQT => are_quantisation_tables(segment.payload),
        DHT => are_huffman_tables(segment.payload),
        DAC => are_conditionings(segment.payload),
        // The restart interval alone (B.2.4.4).
        _ => segment.payload.len() == 2,
    }
}

/// Tables of 64 values of one byte or two for one of four places (B.2.4.1).
fn are_quantisation_tables(mut rest: &[u8]) -> bool {
    while let [precision_and_place, values @ ..] = rest {
        let length = if precision_and_place >> 4 == 0 {
            64
        } else {
            128
        };
        match values.get(length..) {
            Some(after) if precision_and_place & 0xf < 4 => rest = after,
            _ => return false,
        }
    }
    true
}

/// Tables that say for each of 16 code lengths how many values follow, for one of two classes and four
/// places (B.2.4.2).
fn are_huffman_tables(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        let Some(([class_and_place, counts @ ..], values)) = rest.split_first_chunk::<17>() else {
            return false;
        };
        let length: usize = counts.iter().copied().map(usize::from).sum();
        match values.get(length..) {
            Some(after) if length <= 256 && class_and_place & !0x13 == 0 => rest = after,
            _ => return false,
        }
    }
    true
}

/// Pairs of a place and its value (B.2.4.3). libjpeg has 16 places in either class.
fn are_conditionings(payload: &[u8]) -> bool {
    let (pairs, rest) = payload.as_chunks::<2>();
    rest.is_empty()
        && pairs
            .iter()
            .all(|[class_and_place, _]| *class_and_place < 0x20)
}

fn check_scan(components: Components, segment: &Segment) -> Result<(), Reason> {
    if components.fit(segment.payload) {
        Ok(())
    } else {
        Err("has a scan that does not fit its frame")
    }
}

/// Refuses a height that differs from the one that was held against the limits.
fn check_lines(size: Size, segment: &Segment) -> Result<(), Reason> {
    if u32::from(read_lines(segment.payload)?) == size.height {
        Ok(())
    } else {
        Err("gives its height twice")
    }
}
