//! A decoded picture.

/// What the samples of a pixel are. Each is one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
    /// Ink: 255 is all of it.
    Cmyk,
}

impl Layout {
    /// How many samples a pixel has.
    pub(super) fn samples(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }

    /// Whether the last sample is the opacity.
    pub(super) fn has_alpha(self) -> bool {
        matches!(self, Self::GreyAlpha | Self::Rgba)
    }
}

/// Longer profiles are as good as none: in memory a profile becomes many times its length, which nobody reckons with.
/// Those of presses stay below.
const LONGEST_PROFILE: usize = 2 << 20;

/// What the samples mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ColourSpace {
    /// What is meant where nothing is said.
    Srgb,
    /// As an ICC profile says.
    Profile(Vec<u8>),
}

impl ColourSpace {
    /// That of a file with this profile.
    pub(super) fn of(profile: Option<Vec<u8>>) -> Self {
        profile
            .filter(|profile| profile.len() <= LONGEST_PROFILE)
            .map_or(Self::Srgb, Self::Profile)
    }
}

/// A picture, row by row, without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) layout: Layout,
    pub(super) colour_space: ColourSpace,
    pub(super) samples: Vec<u8>,
}

impl Picture {
    /// Whether every viewer shows the file's samples as we would encode them.
    pub(super) fn shows_as_stored(&self) -> bool {
        self.colour_space == ColourSpace::Srgb && self.layout != Layout::Cmyk
    }

    /// Whether nothing shines through.
    pub(super) fn is_opaque(&self) -> bool {
        match self.layout {
            Layout::GreyAlpha => self.samples.as_chunks().0.iter().all(|[_, a]| *a == 255),
            Layout::Rgba => {
                let mut pixels = self.samples.as_chunks().0.iter();
                pixels.all(|[_, _, _, a]| *a == 255)
            }
            Layout::Grey | Layout::Rgb | Layout::Cmyk => true,
        }
    }

    /// The same picture without its opacity.
    pub(super) fn without_alpha(self) -> Self {
        let (layout, samples) = match self.layout {
            Layout::GreyAlpha => {
                let pixels = self.samples.as_chunks().0.iter();
                (Layout::Grey, pixels.map(|[grey, _]| *grey).collect())
            }
            Layout::Rgba => {
                let pixels = self.samples.as_chunks().0.iter();
                let colours = pixels.flat_map(|[r, g, b, _]| [*r, *g, *b]);
                (Layout::Rgb, colours.collect())
            }
            Layout::Grey | Layout::Rgb | Layout::Cmyk => return self,
        };
        Self {
            layout,
            samples,
            ..self
        }
    }
}
