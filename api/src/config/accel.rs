//! The setting that lets nginx send the bytes of local copies.

use super::ConfigError;

/// What the service and nginx's sites answer themselves begins with these.
const TAKEN: [&str; 7] = [
    ".well-known",
    "api",
    "docs",
    "i",
    "livez",
    "metrics",
    "readyz",
];

/// The address of the internal location. It goes into a header and into nginx's configuration, so it may hold
/// only what needs no escaping in either.
pub(super) fn accel_prefix(value: Option<String>) -> Result<Option<String>, ConfigError> {
    let Some(text) = value else { return Ok(None) };
    let wrong = |problem: &str| ConfigError::new("ACCEL_PREFIX", format!("{text:?} {problem}"));
    let parts: Option<Vec<&str>> = text
        .strip_prefix('/')
        .and_then(|rest| rest.strip_suffix('/'))
        .map(|inner| inner.split('/').collect());
    let is_plain = |part: &&str| {
        !matches!(*part, "" | "." | "..")
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    match parts {
        Some(parts) if parts.iter().all(is_plain) && text.len() <= 100 => {
            if parts.first().is_some_and(|first| TAKEN.contains(first)) {
                return Err(wrong(
                    "lies where the service has addresses of its own; write such as /_uploads/",
                ));
            }
            Ok(Some(text))
        }
        _ => Err(wrong(
            "is no address of a folder: letters, digits, '-', '.', '_' and single slashes, one at both ends, \
             such as /_uploads/",
        )),
    }
}
