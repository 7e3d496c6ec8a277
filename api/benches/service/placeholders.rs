//! Addresses that are known only when an upload has been answered.

use anyhow::Context as _;
use serde_json::Value;

/// A path with the fields of an answer in the places of their names in braces.
pub(crate) fn filled(path: &str, answer: &Value) -> anyhow::Result<String> {
    let mut filled = String::new();
    let mut left = path;
    while let Some((before, after)) = left.split_once('{') {
        let (name, behind) = after.split_once('}').context("a brace is not closed")?;
        let value = answer[name].as_str();
        let value = value.with_context(|| format!("no {name} in the target's answer"))?;
        filled += before;
        filled += value;
        left = behind;
    }
    Ok(filled + left)
}
