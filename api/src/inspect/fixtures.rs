//! The real files under `tests/fixtures`, with what their encoders were asked for.

use crate::domain::MediaType;

/// A file, and its width and height in pixels.
pub(crate) struct Fixture {
    pub(crate) name: &'static str,
    pub(crate) bytes: &'static [u8],
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Fixture {
    /// Width and height as shown, in pixels.
    pub(crate) fn shown(&self) -> (u32, u32) {
        // Stored on its side. Its name says so, or the README does.
        if self.name.contains("orientation-6") || self.name == "exiftool-exif-gps-icc.png" {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        }
    }
}

/// A file that is no accepted image, and what it is recognised as.
pub(crate) struct Foreign {
    pub(crate) name: &'static str,
    pub(crate) bytes: &'static [u8],
    pub(crate) found: &'static str,
}

/// Every image of an accepted type.
pub(crate) fn images() -> impl Iterator<Item = (MediaType, &'static Fixture)> {
    [
        (MediaType::Jpeg, JPEG),
        (MediaType::Png, PNG),
        (MediaType::Gif, GIF),
        (MediaType::Webp, WEBP),
    ]
    .into_iter()
    .flat_map(|(media_type, files)| files.iter().map(move |file| (media_type, file)))
}

macro_rules! fixture {
    ($name:literal, $width:literal, $height:literal) => {
        Fixture {
            name: $name,
            bytes: include_bytes!(concat!("../../tests/fixtures/", $name)),
            width: $width,
            height: $height,
        }
    };
}

macro_rules! foreign {
    ($name:literal, $found:literal) => {
        Foreign {
            name: $name,
            bytes: include_bytes!(concat!("../../tests/fixtures/", $name)),
            found: $found,
        }
    };
}

pub(crate) const JPEG: &[Fixture] = &[
    fixture!("chromium-canvas.jpg", 90, 60),
    fixture!("cjpeg-arithmetic-progressive.jpg", 71, 41),
    fixture!("cjpeg-arithmetic.jpg", 70, 42),
    fixture!("cjpeg-restart.jpg", 72, 40),
    fixture!("cjpeg-rgb.jpg", 73, 39),
    fixture!("exiftool-large-segments.jpg", 74, 38),
    fixture!("exiftool-orientation-6-gps.jpg", 240, 160),
    fixture!("ffmpeg-lossless.jpg", 79, 33),
    fixture!("ffmpeg-mjpeg.jpg", 78, 34),
    fixture!("firefox-canvas.jpg", 93, 60),
    fixture!("ghostscript.jpg", 82, 30),
    fixture!("gimp-progressive.jpg", 90, 63),
    fixture!("go.jpg", 94, 61),
    fixture!("graphicsmagick-progressive.jpg", 76, 36),
    fixture!("imagemagick.jpg", 75, 37),
    fixture!("java-imageio.jpg", 97, 61),
    fixture!("jpeg-js.jpg", 95, 62),
    fixture!("libjpeg-turbo-12-bit.jpg", 84, 28),
    fixture!("libjpeg-turbo-lossless-16-bit.jpg", 85, 27),
    fixture!("opencv.jpg", 83, 29),
    fixture!("php-gd.jpg", 90, 61),
    fixture!("pillow-baseline.jpg", 64, 48),
    fixture!("pillow-cmyk.jpg", 66, 46),
    fixture!("pillow-grey.jpg", 67, 45),
    fixture!("pillow-icc.jpg", 68, 44),
    fixture!("pillow-mpf.jpg", 320, 200),
    fixture!("pillow-progressive.jpg", 65, 47),
    fixture!("rust-image.jpg", 100, 64),
    fixture!("rust-jpeg-encoder-progressive.jpg", 104, 64),
    fixture!("sharp-exif.jpg", 94, 62),
    fixture!("sharp-mozjpeg.jpg", 90, 62),
    fixture!("vips.jpg", 80, 32),
];

pub(crate) const PNG: &[Fixture] = &[
    fixture!("apngasm.png", 76, 49),
    fixture!("chromium-canvas.png", 91, 60),
    fixture!("chromium-screenshot.png", 160, 120),
    fixture!("exiftool-exif-gps-icc.png", 72, 49),
    fixture!("ffmpeg.png", 81, 49),
    fixture!("firefox-canvas.png", 94, 60),
    fixture!("gdk-pixbuf.png", 94, 63),
    fixture!("ghostscript.png", 83, 49),
    fixture!("gimp-interlaced.png", 91, 63),
    fixture!("go.png", 95, 61),
    fixture!("graphicsmagick.png", 75, 49),
    fixture!("imagemagick-16-bit.png", 74, 49),
    fixture!("imagemagick-interlaced.png", 73, 49),
    fixture!("java-imageio.png", 98, 61),
    fixture!("netpbm.png", 82, 49),
    fixture!("optipng-interlaced.png", 78, 49),
    fixture!("php-gd.png", 91, 61),
    fixture!("pillow-1-bit.png", 68, 49),
    fixture!("pillow-animated.png", 71, 49),
    fixture!("pillow-grey-16-bit.png", 70, 49),
    fixture!("pillow-grey-alpha.png", 67, 49),
    fixture!("pillow-grey.png", 66, 49),
    fixture!("pillow-palette-transparency.png", 69, 49),
    fixture!("pillow-rgb.png", 64, 49),
    fixture!("pillow-text-chunks.png", 65, 49),
    fixture!("pngcrush.png", 77, 49),
    fixture!("pngjs.png", 96, 62),
    fixture!("pngquant.png", 79, 49),
    fixture!("rust-image.png", 101, 64),
    fixture!("sharp-palette.png", 91, 62),
    fixture!("upng-animated.png", 97, 62),
    fixture!("vips-palette.png", 84, 49),
    fixture!("zopflipng.png", 80, 49),
];

pub(crate) const GIF: &[Fixture] = &[
    fixture!("exiftool-xmp.gif", 69, 50),
    fixture!("ffmpeg-animated.gif", 65, 50),
    fixture!("gifenc.gif", 98, 62),
    fixture!("gifsicle-animated.gif", 62, 50),
    fixture!("gifsicle-interlaced.gif", 63, 50),
    fixture!("gimp-interlaced.gif", 93, 63),
    fixture!("go-animated.gif", 96, 61),
    fixture!("graphicsmagick.gif", 67, 50),
    fixture!("imagemagick-animated.gif", 64, 50),
    fixture!("java-imageio.gif", 99, 61),
    fixture!("netpbm.gif", 66, 50),
    fixture!("omggif-animated.gif", 99, 62),
    fixture!("php-gd.gif", 92, 61),
    fixture!("pillow-87a.gif", 60, 50),
    fixture!("pillow-animated.gif", 61, 50),
    fixture!("pillow-transparent.gif", 68, 50),
    fixture!("rust-image.gif", 102, 64),
    fixture!("sharp.gif", 93, 62),
];

pub(crate) const WEBP: &[Fixture] = &[
    fixture!("chromium-canvas.webp", 92, 60),
    fixture!("cwebp-lossless-alpha.webp", 67, 51),
    fixture!("cwebp-lossless.webp", 65, 51),
    fixture!("cwebp-lossy-alpha.webp", 66, 51),
    fixture!("cwebp-lossy.webp", 64, 51),
    fixture!("exiftool-exif-gps.webp", 76, 51),
    fixture!("ffmpeg.webp", 73, 51),
    fixture!("firefox-canvas.webp", 95, 60),
    fixture!("gif2webp-animated.webp", 68, 51),
    fixture!("gimp.webp", 92, 63),
    fixture!("imagemagick.webp", 74, 51),
    fixture!("img2webp-animated-mixed.webp", 69, 51),
    fixture!("php-gd.webp", 93, 61),
    fixture!("pillow-animated.webp", 72, 51),
    fixture!("pillow.webp", 71, 51),
    fixture!("rust-image-lossless.webp", 103, 64),
    fixture!("sharp.webp", 92, 62),
    fixture!("vips.webp", 75, 51),
    fixture!("webpmux-metadata.webp", 70, 51),
];

pub(crate) const FOREIGN: &[Foreign] = &[
    foreign!("avifenc.avif", "an AVIF image"),
    foreign!("cjxl-container.jxl", "a JPEG XL image"),
    foreign!("cjxl.jxl", "a JPEG XL image"),
    foreign!("drawing.svg", "an SVG drawing"),
    foreign!("ffmpeg.mp4", "an MP4 video"),
    foreign!("ffmpeg.webm", "a WebM or Matroska video"),
    foreign!("ghostscript.pdf", "a PDF document"),
    foreign!("heif-enc.heic", "a HEIC photo"),
    foreign!("pillow.bmp", "a BMP image"),
    foreign!("pillow.ico", "a Windows icon"),
    foreign!("pillow.jp2", "a JPEG 2000 image"),
    foreign!("pillow.tiff", "a TIFF image or a camera's raw photo"),
    foreign!("text-named.png", "plain text"),
];

/// Starts like a JPEG, so it is no [`FOREIGN`] file, but refused all the same.
pub(crate) const JPEG_LS: &[u8] = include_bytes!("../../tests/fixtures/charls-jpeg-ls.jls");
