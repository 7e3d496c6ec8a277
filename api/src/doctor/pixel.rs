//! The image that is uploaded to see whether images can be.

/// A PNG of one pixel, made as long as asked for by a chunk that viewers skip and the service takes out. At
/// the least as long as it has to be.
pub(super) fn padded_png(bytes: usize) -> Vec<u8> {
    /// `zlib`'s form of one line with one black pixel.
    const PIXEL: [u8; 10] = [0x78, 0x01, 0x63, 0x60, 0x00, 0x00, 0x00, 0x02, 0x00, 0x01];
    const CHUNK: usize = 12;
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, *b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]);
    let after = 2 * CHUNK + PIXEL.len();
    let padding = bytes.saturating_sub(png.len() + after + CHUNK);
    chunk(&mut png, *b"prVt", &vec![0; padding]);
    chunk(&mut png, *b"IDAT", &PIXEL);
    chunk(&mut png, *b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    png.extend_from_slice(&length.to_be_bytes());
    let checked_from = png.len();
    png.extend_from_slice(&kind);
    png.extend_from_slice(payload);
    let checksum = crc32fast::hash(png.get(checked_from..).unwrap_or_default());
    png.extend_from_slice(&checksum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padded_png_is_an_image_of_exactly_that_length() {
        for bytes in [100, 1000, 1_048_576] {
            let png = padded_png(bytes);
            assert_eq!(png.len(), bytes);
            let image = image::load_from_memory(&png).unwrap();
            assert_eq!((image.width(), image.height()), (1, 1));
        }
    }
}
