//! The sized variants of an image.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A smaller version of an image, by the name that its address ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// For grids of many images.
    Thumb,
    /// For a card, or a page on a phone.
    Small,
    /// For a page on a desktop.
    Medium,
}

impl Variant {
    /// Every variant, from the smallest to the largest.
    pub const ALL: [Self; 3] = [Self::Thumb, Self::Small, Self::Medium];

    /// Its name in addresses and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Thumb => "thumb",
            Self::Small => "small",
            Self::Medium => "medium",
        }
    }

    /// The variant with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.name() == name)
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How large each variant is: its longer side in pixels. Smaller images keep their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VariantSizes {
    thumb: u32,
    small: u32,
    medium: u32,
}

/// The sizes do not grow from one variant to the next, or one is out of bounds.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "variants are from {} to {} pixels long, each longer than the one before",
    VariantSizes::SHORTEST,
    VariantSizes::LONGEST
)]
pub struct InvalidVariantSizes;

impl VariantSizes {
    /// The least longer side of a variant, in pixels.
    pub const SHORTEST: u32 = 16;
    /// The greatest longer side of a variant, in pixels. Larger ones would not be small.
    pub const LONGEST: u32 = 4096;

    /// Sizes for the variants, from the smallest to the largest, in pixels.
    ///
    /// # Errors
    /// [`InvalidVariantSizes`].
    pub fn new([thumb, small, medium]: [u32; 3]) -> Result<Self, InvalidVariantSizes> {
        let grow =
            Self::SHORTEST <= thumb && thumb < small && small < medium && medium <= Self::LONGEST;
        grow.then_some(Self {
            thumb,
            small,
            medium,
        })
        .ok_or(InvalidVariantSizes)
    }

    /// The longer side of a variant in pixels.
    #[must_use]
    pub fn longer_side(self, variant: Variant) -> u32 {
        match variant {
            Variant::Thumb => self.thumb,
            Variant::Small => self.small,
            Variant::Medium => self.medium,
        }
    }
}

impl Default for VariantSizes {
    fn default() -> Self {
        Self {
            thumb: 320,
            small: 640,
            medium: 1280,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_variant() {
        for variant in Variant::ALL {
            assert_eq!(Variant::from_name(variant.name()), Some(variant));
        }
        assert_eq!(Variant::from_name("Thumb"), None, "one address a variant");
        assert_eq!(Variant::from_name("large"), None);
    }

    #[test]
    fn sizes_grow_within_bounds() {
        let rows = [
            ([320, 640, 1280], true),
            ([16, 17, 4096], true),
            ([15, 640, 1280], false),
            ([320, 320, 1280], false),
            ([320, 1280, 640], false),
            ([320, 640, 4097], false),
        ];
        for (sizes, valid) in rows {
            assert_eq!(VariantSizes::new(sizes).is_ok(), valid, "{sizes:?}");
        }
    }

    #[test]
    fn each_variant_has_its_own_size() {
        let sizes = VariantSizes::new([100, 200, 300]).unwrap();
        assert_eq!(
            Variant::ALL.map(|each| sizes.longer_side(each)),
            [100, 200, 300]
        );
    }
}
