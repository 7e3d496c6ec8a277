//! The settings of who may do what.

use super::{ConfigError, set};
use crate::config::Options;
use crate::domain::{Access, AdminKey, UploadKeys};

/// Checks `ADMIN_KEY`, `UPLOAD_KEYS` and `PUBLIC_LISTING`.
pub(super) fn access(options: &Options) -> Result<Access, ConfigError> {
    let admin_key = set(options.admin_key.clone())
        .map(|text| AdminKey::new(&text))
        .transpose()
        .map_err(|error| {
            ConfigError::new(
                "ADMIN_KEY",
                format!("{error}; make one with: openssl rand -hex 32"),
            )
        })?;
    let upload_keys = set(options.upload_keys.clone())
        .map(|text| UploadKeys::parse(&text))
        .transpose()
        .map_err(|error| {
            ConfigError::new(
                "UPLOAD_KEYS",
                format!("{error}; make one with: image-handler upload-key NAME"),
            )
        })?;
    let public_listing = switch(
        "PUBLIC_LISTING",
        set(options.public_listing.clone()).as_deref(),
        true,
    )?;
    if !public_listing && admin_key.is_none() {
        return Err(ConfigError::new(
            "PUBLIC_LISTING",
            "it is false and ADMIN_KEY is not set, so nobody could list images; set ADMIN_KEY",
        ));
    }
    Ok(Access {
        admin_key,
        upload_keys,
        public_listing,
    })
}

/// `true` or `false`.
pub(super) fn switch(
    variable: &'static str,
    value: Option<&str>,
    default: bool,
) -> Result<bool, ConfigError> {
    match value {
        None => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(other) => Err(ConfigError::new(
            variable,
            format!("{other:?} is neither true nor false"),
        )),
    }
}
