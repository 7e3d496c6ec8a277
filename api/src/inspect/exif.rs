//! What pictures need of EXIF: which way up they are shown, and how large they are meant to be (EXIF 3.0,
//! section 4.6.5). Everything else in it is left unread and is not published.

use super::read;

/// What is kept of an EXIF block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exif {
    /// Which way up the picture is shown.
    pub(super) orientation: Orientation,
    density: Option<Density>,
}

/// Which way up a picture is shown: 1 to 8 as in EXIF, 1 being as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orientation(u8);

/// Pixels per inch or centimetre: numerator and denominator, for columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Density {
    columns: [u32; 2],
    rows: [u32; 2],
    unit: u16,
}

// Tags.
const ORIENTATION: u16 = 0x0112;
const X_RESOLUTION: u16 = 0x011a;
const Y_RESOLUTION: u16 = 0x011b;
const RESOLUTION_UNIT: u16 = 0x0128;

// Types (TIFF 6.0, section 2).
const SHORT: u16 = 3;
const RATIONAL: u16 = 5;

// Values of the resolution unit. Another one, "none", says nothing about the size.
const INCH: u16 = 2;
const CENTIMETRE: u16 = 3;

const HEADER_BYTES: u32 = 8;
const ENTRY_BYTES: u32 = 12;

impl Orientation {
    /// As stored.
    pub const AS_STORED: Self = Self(1);

    /// Whether the picture is shown on its side: width and height change places, so that its first row is a
    /// column of what is stored. This comes before the mirrors of [`Self::mirrors_columns`] and
    /// [`Self::mirrors_rows`].
    #[must_use]
    pub fn swaps_sides(self) -> bool {
        self.0 >= 5
    }

    /// Whether left and right of what is shown change places.
    #[must_use]
    pub fn mirrors_columns(self) -> bool {
        matches!(self.0, 2 | 3 | 6 | 7)
    }

    /// Whether top and bottom of what is shown change places.
    #[must_use]
    pub fn mirrors_rows(self) -> bool {
        matches!(self.0, 3 | 4 | 7 | 8)
    }
}

impl Exif {
    /// A picture that is shown as stored, and has no size on paper.
    pub(super) const EMPTY: Self = Self {
        orientation: Orientation::AS_STORED,
        density: None,
    };

    /// Reads an EXIF block, which is a TIFF file in small (TIFF 6.0, section 2).
    ///
    /// Viewers ignore a damaged block, entries of another type or count than they should have, and values
    /// that do not exist, and so does this.
    pub(super) fn read(tiff: &[u8]) -> Self {
        let Some(block) = Block::open(tiff) else {
            return Self::EMPTY;
        };
        let (mut orientation, mut columns, mut rows, mut unit) = (None, None, None, None);
        for entry in block.entries() {
            match entry.tag {
                ORIENTATION => orientation = orientation.or_else(|| entry.orientation()),
                X_RESOLUTION => columns = columns.or_else(|| entry.rational(&block)),
                Y_RESOLUTION => rows = rows.or_else(|| entry.rational(&block)),
                RESOLUTION_UNIT => unit = unit.or_else(|| entry.short()),
                _ => {}
            }
        }
        let density = match (columns, rows, unit.unwrap_or(INCH)) {
            (Some(columns), Some(rows), unit @ (INCH | CENTIMETRE)) => Some(Density {
                columns,
                rows,
                unit,
            }),
            _ => None,
        };
        Self {
            orientation: orientation.unwrap_or(Orientation::AS_STORED),
            density,
        }
    }

    /// Whether there is nothing that a block would have to say.
    pub(super) fn is_empty(self) -> bool {
        self == Self::EMPTY
    }

    /// An EXIF block that says this and nothing else.
    pub(super) fn tiff(self) -> Vec<u8> {
        let mut entries: Vec<[u8; 12]> = Vec::new();
        let mut values = Vec::new();
        if self.orientation != Orientation::AS_STORED {
            entries.push(entry(ORIENTATION, SHORT, self.orientation.0.into()));
        }
        if let Some(density) = self.density {
            let count = if entries.is_empty() { 3 } else { 4 };
            // Behind the header, the number of entries, the entries and the end of the directory.
            let columns_at = HEADER_BYTES + 2 + count * ENTRY_BYTES + 4;
            entries.push(entry(X_RESOLUTION, RATIONAL, columns_at));
            entries.push(entry(Y_RESOLUTION, RATIONAL, columns_at + 8));
            entries.push(entry(RESOLUTION_UNIT, SHORT, density.unit.into()));
            for value in density.columns.into_iter().chain(density.rows) {
                values.extend_from_slice(&value.to_le_bytes());
            }
        }
        // At most four.
        let count = u8::try_from(entries.len()).unwrap_or_default();
        [
            // Least significant byte first; the directory follows the header.
            &b"II*\0\x08\0\0\0"[..],
            &[count, 0],
            entries.as_flattened(),
            // There is no further directory.
            &[0; 4],
            &values,
        ]
        .concat()
    }
}

/// One entry of a directory that is written: one value, or where it is.
fn entry(tag: u16, kind: u16, value: u32) -> [u8; 12] {
    let [t0, t1] = tag.to_le_bytes();
    let [k0, k1] = kind.to_le_bytes();
    let [v0, v1, v2, v3] = value.to_le_bytes();
    [t0, t1, k0, k1, 1, 0, 0, 0, v0, v1, v2, v3]
}

/// An EXIF block whose header can be read.
struct Block<'a> {
    tiff: &'a [u8],
    big_endian: bool,
    directory: usize,
}

impl<'a> Block<'a> {
    fn open(tiff: &'a [u8]) -> Option<Self> {
        let big_endian = match tiff.get(..4)? {
            b"MM\0*" => true,
            b"II*\0" => false,
            _ => return None,
        };
        let mut block = Self {
            tiff,
            big_endian,
            directory: 0,
        };
        block.directory = usize::try_from(block.long(4)?).ok()?;
        Some(block)
    }

    fn short(&self, at: usize) -> Option<u16> {
        let bytes = read::array(self.tiff, at)?;
        Some(if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let bytes = read::array(self.tiff, at)?;
        Some(if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    /// The entries of the first directory, up to the first that is cut short.
    fn entries(&self) -> impl Iterator<Item = Entry> {
        let count = self.short(self.directory).map_or(0, usize::from);
        (0..count).map_while(move |index| {
            let at = self.directory.checked_add(2 + index * 12)?;
            Some(Entry {
                tag: self.short(at)?,
                kind: self.short(at + 2)?,
                count: self.long(at + 4)?,
                short: self.short(at + 8)?,
                long: self.long(at + 8)?,
            })
        })
    }
}

/// One entry of a directory that is read.
struct Entry {
    tag: u16,
    kind: u16,
    count: u32,
    /// The value, should it be a SHORT.
    short: u16,
    /// The value, should it be a LONG, or where it is.
    long: u32,
}

impl Entry {
    fn short(&self) -> Option<u16> {
        (self.kind == SHORT && self.count == 1).then_some(self.short)
    }

    fn orientation(&self) -> Option<Orientation> {
        let value = u8::try_from(self.short()?).ok()?;
        (1..=8).contains(&value).then_some(Orientation(value))
    }

    /// A fraction, neither part of which is zero.
    fn rational(&self, block: &Block) -> Option<[u32; 2]> {
        if self.kind != RATIONAL || self.count != 1 {
            return None;
        }
        let at = usize::try_from(self.long).ok()?;
        let (numerator, denominator) = (block.long(at)?, block.long(at.checked_add(4)?)?);
        (numerator != 0 && denominator != 0).then_some([numerator, denominator])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(value: u8) -> Exif {
        Exif {
            orientation: Orientation(value),
            ..Exif::EMPTY
        }
    }

    const DENSITY: Density = Density {
        columns: [300, 1],
        rows: [1_181, 10],
        unit: CENTIMETRE,
    };

    #[test]
    fn what_is_written_is_read_back() {
        for value in 1..=8 {
            for density in [None, Some(DENSITY)] {
                let exif = Exif {
                    density,
                    ..turned(value)
                };
                assert_eq!(Exif::read(&exif.tiff()), exif);
                assert_eq!(exif.orientation.swaps_sides(), value > 4);
                assert_eq!(exif.is_empty(), value == 1 && density.is_none());
            }
        }
    }

    #[test]
    fn the_smallest_block_has_one_entry() {
        assert_eq!(turned(6).tiff().len(), 26);
    }

    #[test]
    fn tags_are_found_among_others_in_either_byte_order() {
        let big = b"MM\0*\0\0\0\x0a\xff\xff\0\x02\
            \x01\x0f\0\x02\0\0\0\x04Ada\0\
            \x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        assert_eq!(Exif::read(big), turned(6));
        let little = b"II*\0\x08\0\0\0\x02\0\
            \x0f\x01\x02\0\x04\0\0\0Ada\0\
            \x12\x01\x03\0\x01\0\0\0\x08\0\0\0\0\0\0\0";
        assert_eq!(Exif::read(little), turned(8));
        let with_density = b"MM\0*\0\0\0\x08\0\x02\
            \x01\x1a\0\x05\0\0\0\x01\0\0\0\x26\
            \x01\x1b\0\x05\0\0\0\x01\0\0\0\x26\
            \0\0\0\0\0\0\x01\x2c\0\0\0\x01";
        let dots_per_inch = Density {
            columns: [300, 1],
            rows: [300, 1],
            unit: INCH,
        };
        assert_eq!(Exif::read(with_density).density, Some(dots_per_inch));
    }

    #[test]
    fn damaged_blocks_and_impossible_values_turn_nothing() {
        let whole = turned(6).tiff();
        for end in 0..22 {
            assert_eq!(Exif::read(&whole[..end]), Exif::EMPTY, "{end}");
        }
        for (why, at, value) in [
            ("no byte order", 0, b'X'),
            ("a directory far away", 4, 0xff),
            ("a directory very far away", 7, 0xff),
            ("a LONG", 12, 4),
            ("two of them", 14, 2),
            ("none of them", 14, 0),
            ("no way up", 18, 0),
            ("a ninth way up", 18, 9),
            ("256 and more", 19, 1),
        ] {
            let mut damaged = whole.clone();
            damaged[at] = value;
            assert_eq!(Exif::read(&damaged), Exif::EMPTY, "{why}");
        }
    }

    #[test]
    fn the_first_good_value_counts() {
        let mut block = b"II*\0\x08\0\0\0\x02\0".to_vec();
        block.extend_from_slice(&entry(ORIENTATION, SHORT, 1));
        block.extend_from_slice(&entry(ORIENTATION, SHORT, 6));
        assert_eq!(Exif::read(&block), Exif::EMPTY);
    }

    #[test]
    fn a_good_value_behind_a_bad_one_counts() {
        let mut block = b"II*\0\x08\0\0\0\x02\0".to_vec();
        block.extend_from_slice(&entry(ORIENTATION, SHORT, 9));
        block.extend_from_slice(&entry(ORIENTATION, SHORT, 3));
        assert_eq!(Exif::read(&block), turned(3));
    }

    #[test]
    fn a_density_without_both_sides_or_without_a_unit_is_none() {
        let exif = Exif {
            density: Some(DENSITY),
            ..Exif::EMPTY
        };
        let whole = exif.tiff();
        for (why, at, value) in [
            ("columns of another tag", 10, 0),
            ("rows of another tag", 22, 0),
            ("rows of another type", 24, SHORT),
            ("two rows", 26, 2),
            ("no unit", 42, 1),
            ("rows far away", 30, 0xff),
            ("rows by nothing", 62, 0),
        ] {
            let mut damaged = whole.clone();
            damaged[at] = u8::try_from(value).unwrap();
            assert_eq!(Exif::read(&damaged), Exif::EMPTY, "{why}");
        }
    }
}
