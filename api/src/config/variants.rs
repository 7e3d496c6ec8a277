//! The settings of variants: how large they are, and what making and keeping them may take.

use super::{ConfigError, Options, set};
use crate::domain::VariantSizes;
use crate::images::VariantRules;

const SIZES: &str = "VARIANT_SIZES";
const MAX_BYTES: &str = "VARIANTS_MAX_BYTES";
const MEMORY: &str = "RENDER_MEMORY_BYTES";

/// With less, images of everyday size could only be rendered one at a time.
const LEAST_MEMORY: u64 = 16 * 1024 * 1024;

pub(super) fn variants(options: &Options) -> Result<VariantRules, ConfigError> {
    Ok(VariantRules {
        sizes: sizes(set(options.variant_sizes.clone()))?,
        max_bytes: max_bytes(set(options.variants_max_bytes.clone()))?,
        memory_bytes: memory_bytes(set(options.render_memory_bytes.clone()))?,
    })
}

fn sizes(value: Option<String>) -> Result<VariantSizes, ConfigError> {
    let Some(text) = value else {
        return Ok(VariantSizes::default());
    };
    let wrong = |problem: String| {
        ConfigError::new(
            SIZES,
            format!("{text:?}: {problem}; write three, such as 320,640,1280"),
        )
    };
    let sides: Result<Vec<u32>, _> = text.split(',').map(|side| side.trim().parse()).collect();
    let sides: Option<[u32; 3]> = sides.ok().and_then(|sides| sides.try_into().ok());
    let sides = sides.ok_or_else(|| wrong("these are not three numbers of pixels".to_owned()))?;
    VariantSizes::new(sides).map_err(|error| wrong(error.to_string()))
}

fn max_bytes(value: Option<String>) -> Result<u64, ConfigError> {
    let Some(text) = value else {
        return Ok(VariantRules::default().max_bytes);
    };
    text.parse().map_err(|_| {
        ConfigError::new(
            MAX_BYTES,
            format!("{text:?} is not a number of bytes, such as 1073741824, or 0 to keep none"),
        )
    })
}

fn memory_bytes(value: Option<String>) -> Result<u64, ConfigError> {
    let Some(text) = value else {
        return Ok(VariantRules::default().memory_bytes);
    };
    let bytes = text.parse().ok().filter(|bytes| *bytes >= LEAST_MEMORY);
    bytes.ok_or_else(|| {
        ConfigError::new(
            MEMORY,
            format!("{text:?} is not a number of bytes from {LEAST_MEMORY} on, such as 268435456"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sizes: &str, max_bytes: &str, memory: &str) -> Result<VariantRules, ConfigError> {
        variants(&Options {
            variant_sizes: Some(sizes.to_owned()),
            variants_max_bytes: Some(max_bytes.to_owned()),
            render_memory_bytes: Some(memory.to_owned()),
            ..Options::default()
        })
    }

    #[test]
    fn nothing_set_means_the_defaults() {
        assert_eq!(check("", " ", "").unwrap(), VariantRules::default());
    }

    #[test]
    fn what_is_set_is_taken() {
        let rules = check(" 100, 200,300", "0", "16777216").unwrap();
        assert_eq!(
            rules,
            VariantRules {
                sizes: VariantSizes::new([100, 200, 300]).unwrap(),
                max_bytes: 0,
                memory_bytes: 16_777_216,
            }
        );
    }

    #[test]
    fn wrong_settings_are_named_with_what_would_be_right() {
        let rows = [
            (("320,640", "", ""), "VARIANT_SIZES"),
            (("320,640,1280,2560", "", ""), "VARIANT_SIZES"),
            (("a,b,c", "", ""), "VARIANT_SIZES"),
            (("640,320,1280", "", ""), "VARIANT_SIZES"),
            (("320,640,5000", "", ""), "VARIANT_SIZES"),
            (("", "1 GiB", ""), "VARIANTS_MAX_BYTES"),
            (("", "-1", ""), "VARIANTS_MAX_BYTES"),
            (("", "", "16777215"), "RENDER_MEMORY_BYTES"),
            (("", "", "lots"), "RENDER_MEMORY_BYTES"),
        ];
        for ((sizes, max_bytes, memory), variable) in rows {
            let error = check(sizes, max_bytes, memory).unwrap_err();
            assert_eq!(error.variable, variable);
            let message = error.to_string();
            assert!(message.contains("such as"), "{message}");
        }
    }
}
