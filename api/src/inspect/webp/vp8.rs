//! The frame header of a lossy picture (RFC 6386, sections 9 and 19.2), as far as it tells the size and
//! whether everything is there.

use super::super::{NO_DIMENSIONS, Reason, Size, read};

/// The frame tag, the start code, width and height.
const UNCOMPRESSED: usize = 10;

const CUT_SHORT: Reason = "has a lossy picture that is cut short";

/// Takes width and height from the part of the header that is not compressed (section 9.1).
pub(super) fn size(payload: &[u8], chunk_size: usize) -> Result<Size, Reason> {
    const NO_FRAME: Reason = "does not begin with a frame that can be shown";
    if chunk_size < UNCOMPRESSED {
        return Err(NO_FRAME);
    }
    let header: [u8; UNCOMPRESSED] = read::array(payload, 0).ok_or(NO_DIMENSIONS)?;
    let [tag, _, _, s0, s1, s2, w0, w1, h0, h1] = header;
    let key_frame = tag & 1 == 0;
    let version = tag >> 1 & 7;
    let shown = tag & 0x10 != 0;
    if !key_frame || version > 3 || !shown || [s0, s1, s2] != [0x9d, 0x01, 0x2a] {
        return Err(NO_FRAME);
    }
    // The upper two bits ask for upscaling, which decoders ignore.
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    Size::new(side(w0, w1), side(h0, h1))
}

/// Whether the first partition, the table of the others and, but for the end of the last one, the others are
/// there (section 9.5). The last one ends with the chunk, so only decoding it would tell if it is whole.
///
/// This refuses what libwebp refuses.
pub(super) fn check_partitions(payload: &[u8]) -> Result<(), Reason> {
    let tag: [u8; 3] = read::array(payload, 0).ok_or(CUT_SHORT)?;
    let first_size = usize::try_from(super::u24(tag) >> 5).unwrap_or(usize::MAX);
    let compressed = payload.get(UNCOMPRESSED..).unwrap_or_default();
    let (first, rest) = compressed.split_at_checked(first_size).ok_or(CUT_SHORT)?;
    let partitions = Booleans::new(first)
        .token_partitions()
        .ok_or("has a lossy picture that is damaged at its beginning")?;
    // All but the last have three bytes with their size.
    let (table, tokens) = rest
        .split_at_checked(3 * (partitions - 1))
        .ok_or(CUT_SHORT)?;
    let (sizes, _) = table.as_chunks::<3>();
    let all_but_last: u32 = sizes.iter().copied().map(super::u24).sum();
    let begun = usize::try_from(all_but_last).is_ok_and(|size| size < tokens.len());
    begun.then_some(()).ok_or(CUT_SHORT)
}

/// The boolean entropy decoder (section 7), for booleans that are as likely set as not: the header has no
/// others as far as it is read here.
struct Booleans<'a> {
    rest: std::slice::Iter<'a, u8>,
    /// Eight bits that decide the next boolean, and as many more as `spare` says.
    window: u32,
    /// Less than zero when more bits are needed first.
    spare: i32,
    /// 128 to 255.
    range: u32,
}

impl<'a> Booleans<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes.iter(),
            window: 0,
            spare: -8,
            range: 255,
        }
    }

    fn flag(&mut self) -> Option<bool> {
        if self.spare < 0 {
            self.window = self.window << 8 | u32::from(*self.rest.next()?);
            self.spare += 8;
        }
        let split = self.range.div_ceil(2);
        let threshold = split << self.spare;
        let set = self.window >= threshold;
        if set {
            self.window -= threshold;
            self.range -= split;
        } else {
            self.range = split;
        }
        while self.range < 128 {
            self.range <<= 1;
            self.spare -= 1;
        }
        Some(set)
    }

    /// An unsigned number of so many bits.
    fn number(&mut self, bits: u32) -> Option<u32> {
        (0..bits).try_fold(0, |number, _| Some(number << 1 | u32::from(self.flag()?)))
    }

    /// Numbers that a flag each announces, of so many bits.
    fn skip_optional(&mut self, count: u32, bits: u32) -> Option<()> {
        for _ in 0..count {
            if self.flag()? {
                self.number(bits)?;
            }
        }
        Some(())
    }

    /// How many partitions the tokens are in: 1, 2, 4 or 8 (section 19.2, up to `log2_nbr_of_dct_partitions`).
    fn token_partitions(mut self) -> Option<usize> {
        let _colour_space = self.flag()?;
        let _clamping_type = self.flag()?;
        let segmentation = self.flag()?;
        if segmentation {
            let (update_map, update_data) = (self.flag()?, self.flag()?);
            if update_data {
                let _absolute = self.flag()?;
                // Quantisers and filter levels, with their signs.
                self.skip_optional(4, 7 + 1)?;
                self.skip_optional(4, 6 + 1)?;
            }
            if update_map {
                self.skip_optional(3, 8)?;
            }
        }
        let _filter_type = self.flag()?;
        let _level_and_sharpness = self.number(6 + 3)?;
        let adjustments = self.flag()?;
        if adjustments && self.flag()? {
            self.skip_optional(8, 6 + 1)?;
        }
        Some(1 << self.number(2)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAMAGED: Reason = "has a lossy picture that is damaged at its beginning";

    /// A key frame of 40 × 24 pixels with this first partition, and what comes after it.
    fn frame(first: &[u8], rest: &[u8]) -> Vec<u8> {
        let [t0, t1, t2, _] = u32::try_from(first.len() << 5 | 0x10)
            .unwrap()
            .to_le_bytes();
        let header = [t0, t1, t2, 0x9d, 0x01, 0x2a, 40, 0, 24, 0];
        [&header, first, rest].concat()
    }

    /// A first partition that begins with these flags. As long as the first is not set, the boolean coder
    /// writes likely and unlikely flags as plain bits.
    fn first(flags: &str) -> Vec<u8> {
        let bits: Vec<_> = flags.bytes().filter(|byte| *byte != b' ').collect();
        let byte = |bits: &[u8]| {
            (0..8).fold(0, |byte, at| {
                byte << 1 | u8::from(bits.get(at) == Some(&b'1'))
            })
        };
        let bytes = bits.chunks(8).map(byte);
        // The decoder looks ahead.
        bytes.chain([0]).collect()
    }

    #[test]
    fn each_partition_but_the_last_is_there_as_a_whole() {
        let one = first("00 0 0000000000 0 00");
        let two = first("00 0 0000000000 0 01");
        let four = first("00 0 0000000000 0 10");
        let eight = first("00 0 0000000000 0 11");
        let table = [
            1, 0, 0, 2, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0,
        ];
        let ok = Ok(());
        let cut = Err(CUT_SHORT);
        let rows: [(&str, Vec<u8>, Result<(), Reason>); 15] = [
            ("one", frame(&one, &[0]), ok),
            ("one, without tokens", frame(&one, &[]), cut),
            ("two", frame(&two, &[1, 0, 0, 0, 0]), ok),
            ("two, without the second", frame(&two, &[1, 0, 0, 0]), cut),
            (
                "two, without an end of the first",
                frame(&two, &[2, 0, 0, 0]),
                cut,
            ),
            ("two, with a cut table", frame(&two, &[0, 0]), cut),
            (
                "two, the first of 16 MB",
                frame(&two, &[0xff, 0xff, 0xff, 0, 0]),
                cut,
            ),
            ("four", frame(&four, &[&table[..9], &[0; 7]].concat()), ok),
            (
                "four, cut",
                frame(&four, &[&table[..9], &[0; 6]].concat()),
                cut,
            ),
            ("eight", frame(&eight, &[&table[..], &[0; 11]].concat()), ok),
            (
                "eight, cut",
                frame(&eight, &[&table[..], &[0; 10]].concat()),
                cut,
            ),
            ("eight, with a cut table", frame(&eight, &table[..20]), cut),
            ("the first cut", frame(&one, &[])[..12].to_vec(), cut),
            ("only the tag", frame(&one, &[])[..3].to_vec(), cut),
            ("not even the tag", vec![0x10, 0], cut),
        ];
        for (why, payload, expected) in rows {
            assert_eq!(check_partitions(&payload), expected, "{why}");
        }
    }

    #[test]
    fn the_number_of_partitions_is_found_behind_whatever_the_header_has() {
        let quantisers = "1 0000001 1 0 1 1111111 0 0";
        let levels = "0 1 000001 1 0 1 111111 0";
        let rows = [
            ("a clamping type", "01 0 0 000000 000 0".to_owned()),
            ("a filter", "00 0 1 111111 111 0".to_owned()),
            (
                "segments without updates",
                "00 1 00 0 000000 000 0".to_owned(),
            ),
            (
                "a map",
                "00 1 10 1 11111111 0 1 00000000 0 000000 000 0".to_owned(),
            ),
            (
                "data",
                format!("00 1 01 1 {quantisers} {levels} 0 000000 000 0"),
            ),
            (
                "both",
                format!("00 1 11 1 {quantisers} {levels} 0 1 10101010 0 0 000000 000 0"),
            ),
            (
                "adjustments without updates",
                "00 0 0 000000 000 1 0".to_owned(),
            ),
            (
                "adjustments",
                "00 0 0 000000 000 1 1 1 111111 1 0 0 0 0 0 0 1 000000 0".to_owned(),
            ),
        ];
        for (why, header) in rows {
            for (number, partitions) in [("00", 1), ("01", 2), ("10", 4), ("11", 8)] {
                let first = first(&format!("{header} {number}"));
                let found = Booleans::new(&first).token_partitions();
                assert_eq!(found, Some(partitions), "{why}");
            }
        }
    }

    #[test]
    fn a_header_that_goes_on_behind_its_partition_is_refused() {
        let segments = "1 11 1  1 00000000 000  0000  1 00000000 00";
        let all = &format!("00 {segments} 0 000000 000 1 1  1 0000000 0000000 00");
        let whole = first(all);
        for length in 0..whole.len() {
            let payload = frame(&whole[..length], &[0; 99]);
            assert_eq!(check_partitions(&payload), Err(DAMAGED), "{length} bytes");
        }
        assert_eq!(check_partitions(&frame(&whole, &[0])), Ok(()));
    }
}
