//! Tells by the first bytes what a file is: one of the accepted types, or something else that has a
//! name.
//!
//! The names of foreign files are for people who uploaded the wrong thing; nothing else depends on
//! them.

use super::read;
use crate::domain::MediaType;

/// How far text is looked at for markup and control characters.
const TEXT_WINDOW: usize = 4096;

/// The accepted type that the magic bytes announce.
pub(super) fn media_type(bytes: &[u8]) -> Option<MediaType> {
    // SOI and the first byte of any marker after it, ITU T.81 annex B.
    if bytes.starts_with(b"\xff\xd8\xff") {
        return Some(MediaType::Jpeg);
    }
    // Half of the signature: the other half shows damage, which is worth a message of its own.
    if bytes.starts_with(b"\x89PNG") && !is_cgbi(bytes) {
        return Some(MediaType::Png);
    }
    if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        return Some(MediaType::Gif);
    }
    is_riff(bytes, b"WEBP").then_some(MediaType::Webp)
}

/// What a file of no accepted type is, with its article, when it is something that people have.
pub(super) fn foreign(bytes: &[u8]) -> Option<&'static str> {
    if bytes.is_empty() {
        Some("an empty file")
    } else if is_cgbi(bytes) {
        Some("a PNG that only Apple software can read")
    } else if is_bmp(bytes) {
        Some("a BMP image")
    } else if is_riff(bytes, b"AVI ") {
        Some("an AVI video")
    } else if is_riff(bytes, b"WAVE") {
        Some("a WAV sound")
    } else {
        iso_media(bytes)
            .or_else(|| by_magic(bytes))
            .or_else(|| text(bytes))
    }
}

/// Apple's build tools put a chunk before IHDR and change the picture behind it, so that hardly
/// anything but Apple's software shows it.
fn is_cgbi(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89PNG") && has(bytes, 12, b"CgBI")
}

/// Two letters are too few to tell, so this asks for one of the lengths that the second header has.
fn is_bmp(bytes: &[u8]) -> bool {
    let length = read::u32_le(bytes, 14);
    bytes.starts_with(b"BM") && matches!(length, Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
}

/// WebP, AVI and WAV share a container and differ in the name after its size.
fn is_riff(bytes: &[u8], name: &[u8]) -> bool {
    bytes.starts_with(b"RIFF") && has(bytes, 8, name)
}

fn has(bytes: &[u8], at: usize, magic: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(magic))
}

/// The first bytes and what they stand for. The first that fits wins.
const MAGIC: &[(&[u8], &str)] = &[
    // Pictures.
    (b"\x8aMNG\r\n", "an MNG animation"),
    (b"\x8bJNG\r\n", "a JNG image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"II\xbc", "a JPEG XR image"),
    (b"II*\0", "a TIFF image or a camera's raw photo"),
    (b"MM\0*", "a TIFF image or a camera's raw photo"),
    (b"II+\0", "a TIFF image"),
    (b"MM\0+", "a TIFF image"),
    (b"FUJIFILMCCD-RAW", "a camera's raw photo"),
    (b"\0\0\x01\0", "a Windows icon"),
    (b"\0\0\x02\0", "a Windows cursor"),
    (b"8BPS", "a Photoshop document"),
    (b"gimp xcf", "a GIMP document"),
    (b"qoif", "a QOI image"),
    // Documents.
    (b"%PDF-", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    // Sound and video.
    (b"\x1a\x45\xdf\xa3", "a WebM or Matroska video"),
    (b"OggS", "an Ogg sound or video"),
    (b"ID3", "an MP3 sound"),
    // Archives.
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    // Images that something on the way has spoilt.
    (
        b"\xef\xbf\xbd",
        "a file that was damaged by being sent as text",
    ),
    (b"data:image/", "a data URL instead of the file itself"),
    (b"iVBORw0KGgo", "an image encoded as Base64 text"),
    (b"/9j/", "an image encoded as Base64 text"),
    (b"R0lGODlh", "an image encoded as Base64 text"),
    (b"UklGR", "an image encoded as Base64 text"),
];

fn by_magic(bytes: &[u8]) -> Option<&'static str> {
    let listed = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic));
    listed.map(|(_, name)| *name)
}

/// HEIC, AVIF and MP4 share a container (ISO/IEC 14496-12) and differ in the brands that its first
/// box lists.
fn iso_media(bytes: &[u8]) -> Option<&'static str> {
    if !has(bytes, 4, b"ftyp") {
        // QuickTime movies from before there were brands.
        let movie = has(bytes, 4, b"moov") || has(bytes, 4, b"mdat") || has(bytes, 4, b"wide");
        return movie.then_some("a QuickTime video");
    }
    let length = usize::try_from(read::u32_be(bytes, 0)?).ok()?;
    let (brands, _) = bytes.get(8..length.min(bytes.len()))?.as_chunks::<4>();
    // A number stands between the major brand and those that it is compatible with.
    let (major, compatible) = (brands.iter().take(1), brands.iter().skip(2));
    let telling = major.chain(compatible).find_map(|brand| match brand {
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Some("a HEIC photo"),
        b"avif" | b"avis" => Some("an AVIF image"),
        b"crx " => Some("a camera's raw photo"),
        b"qt  " => Some("a QuickTime video"),
        b"M4A " => Some("an MP4 sound"),
        _ => None,
    });
    let still = brands.contains(b"mif1").then_some("a HEIF image");
    telling.or(still).or(Some("an MP4 video"))
}

/// Markup by its first telling tag, or plain text.
fn text(bytes: &[u8]) -> Option<&'static str> {
    // UTF-16 of either byte order, which nothing but text begins with.
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Some("plain text");
    }
    let window = bytes.get(..TEXT_WINDOW).unwrap_or(bytes);
    markup(window).or_else(|| is_text(window).then_some("plain text"))
}

fn markup(window: &[u8]) -> Option<&'static str> {
    const TAGS: [(&[u8], &str); 5] = [
        (b"<svg", "an SVG drawing"),
        (b"<!doctype html", "a web page"),
        (b"<html", "a web page"),
        (b"<head", "a web page"),
        (b"<body", "a web page"),
    ];
    let text = window
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(window)
        .trim_ascii_start();
    if !text.starts_with(b"<") {
        return None;
    }
    // An SVG can begin with a declaration, a comment and a doctype, so any place may tell.
    let tag = |at| TAGS.iter().find(|(tag, _)| starts_with_tag(at, tag));
    let first = (0..text.len()).find_map(|at| tag(text.get(at..)?));
    let xml = text.starts_with(b"<?xml").then_some("an XML document");
    first.map(|(_, name)| *name).or(xml)
}

/// Without regard to case, and only when the name ends there.
fn starts_with_tag(text: &[u8], tag: &[u8]) -> bool {
    text.split_at_checked(tag.len())
        .is_some_and(|(name, after)| {
            name.eq_ignore_ascii_case(tag) && !after.first().is_some_and(u8::is_ascii_alphanumeric)
        })
}

/// UTF-8 without the control characters that the WHATWG MIME Sniffing Standard calls binary data
/// bytes.
fn is_text(window: &[u8]) -> bool {
    let binary = |byte: &u8| matches!(byte, 0x00..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
    // An error without a length is a character that the window's end cuts in two.
    let utf8 = str::from_utf8(window).map_or_else(|error| error.error_len().is_none(), |_| true);
    utf8 && !window.iter().any(binary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::fixtures;

    #[test]
    fn real_foreign_files_are_named() {
        for file in fixtures::FOREIGN {
            assert_eq!(media_type(file.bytes), None, "{}", file.name);
            assert_eq!(foreign(file.bytes), Some(file.found), "{}", file.name);
        }
    }

    #[test]
    fn real_images_have_the_media_type_of_their_encoder() {
        for (media_type, file) in fixtures::images() {
            assert_eq!(
                super::media_type(file.bytes),
                Some(media_type),
                "{}",
                file.name
            );
        }
    }

    #[test]
    fn containers_are_told_apart_by_their_brands() {
        let rows: &[(&[u8], &str)] = &[
            (b"heic\0\0\0\0mif1heic", "a HEIC photo"),
            (b"mif1\0\0\0\0mif1miafheic", "a HEIC photo"),
            (b"msf1\0\0\0\0hevcmif1", "a HEIC photo"),
            (b"avif\0\0\0\0avifmif1miaf", "an AVIF image"),
            (b"mif1\0\0\0\0avifmif1", "an AVIF image"),
            (b"mif1\0\0\0\0mif1miaf", "a HEIF image"),
            (b"crx \0\0\0\0crx isom", "a camera's raw photo"),
            (b"qt  \0\0\0\0qt  ", "a QuickTime video"),
            (b"M4A \0\0\0\0isom", "an MP4 sound"),
            (b"isom\0\0\x02\0isomiso2avc1mp41", "an MP4 video"),
            // The number between the brands is no brand, even when it reads like one.
            (b"isomavifmp41", "an MP4 video"),
        ];
        for (brands, found) in rows {
            let length = u32::try_from(8 + brands.len()).unwrap();
            let file = [&length.to_be_bytes(), &b"ftyp"[..], brands].concat();
            assert_eq!(foreign(&file), Some(*found), "{brands:?}");
            // Brands beyond the box are something else.
            let outside = [&file[..], b"avifheic"].concat();
            assert_eq!(foreign(&outside), Some(*found), "{brands:?}, more behind");
        }
    }

    #[test]
    fn foreign_files_are_named_by_their_first_bytes() {
        let rows: &[(&[u8], Option<&str>)] = &[
            (b"", Some("an empty file")),
            (
                b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI\x50\0\x20\x02",
                Some("a PNG that only Apple software can read"),
            ),
            (
                b"MM\0*\0\0\0\x08",
                Some("a TIFF image or a camera's raw photo"),
            ),
            (b"8BPS\0\x01", Some("a Photoshop document")),
            (
                b"PK\x03\x04\x14\0",
                Some("a ZIP archive or an office document"),
            ),
            (b"RIFF\x24\0\0\0WAVEfmt ", Some("a WAV sound")),
            (b"RIFF\x24\0\0\0AVI LIST", Some("an AVI video")),
            (b"\0\0\0\x08wide\0\0\0\0mdat", Some("a QuickTime video")),
            (b"\0\0\x10\0mdat", Some("a QuickTime video")),
            (b"\0\0\x10\0moov", Some("a QuickTime video")),
            (
                b"\xef\xbf\xbdPNG\r\n\x1a\n",
                Some("a file that was damaged by being sent as text"),
            ),
            (
                b"data:image/png;base64,iVBOR",
                Some("a data URL instead of the file itself"),
            ),
            (
                b"iVBORw0KGgoAAAANSUhEUg",
                Some("an image encoded as Base64 text"),
            ),
            // Not a bitmap, only the same two letters.
            (b"BMW is a maker of cars.", Some("plain text")),
            // Neither version of GIF; no viewer shows it.
            (b"GIF88a\x40\0\x30\0\0\0\0", None),
            (b"\x7fELF\x02\x01\x01\0", None),
            (b"\xff\xd8", None),
            (b"\0", None),
        ];
        for (bytes, found) in rows {
            assert_eq!(foreign(bytes), *found, "{}", bytes.escape_ascii());
            assert_eq!(media_type(bytes), None, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn text_and_markup_are_told_apart() {
        let rows: &[(&[u8], Option<&str>)] = &[
            (
                b"<svg xmlns='http://www.w3.org/2000/svg'/>",
                Some("an SVG drawing"),
            ),
            (
                b"\xef\xbb\xbf \n<!-- by hand -->\n<SVG>",
                Some("an SVG drawing"),
            ),
            (
                b"<?xml version='1.0'?><!DOCTYPE svg PUBLIC '' ''><svg:svg>",
                Some("an SVG drawing"),
            ),
            (b"<!DOCTYPE html><title>404</title>", Some("a web page")),
            // The drawing is inside the page.
            (b"<html><body><svg></svg></body></html>", Some("a web page")),
            // In Latin-1, which is not UTF-8.
            (b"<html><title>\xe9t\xe9</title>", Some("a web page")),
            (
                b"<?xml version='1.0'?><Error><Code>AccessDenied</Code>",
                Some("an XML document"),
            ),
            // Other tags that begin alike.
            (b"<header/><svgfont/>", Some("plain text")),
            ("d\u{e9}j\u{e0} vu".as_bytes(), Some("plain text")),
            (b"\xff\xfeh\0i\0", Some("plain text")),
            (b"{\"message\": \"Not Found\"}", Some("plain text")),
            (b"text, and then\0a zero", None),
            (b"\xe9t\xe9", None),
        ];
        for (bytes, found) in rows {
            assert_eq!(foreign(bytes), *found, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_character_that_the_window_cuts_in_two_is_still_text() {
        let long = ["x".repeat(TEXT_WINDOW - 1), "\u{e9}".repeat(10)].concat();
        assert_eq!(foreign(long.as_bytes()), Some("plain text"));
    }
}
