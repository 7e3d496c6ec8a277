//! The journal of a process, read past its code.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// The images that something is owed for. The second look for an object two minutes after its deletion does not
/// count.
pub(crate) fn owed(uploads: &Path) -> BTreeSet<String> {
    let mut owed = BTreeSet::new();
    for file in std::fs::read_dir(uploads.join("journal"))
        .into_iter()
        .flatten()
    {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let Ok(bytes) = std::fs::read(&path) else {
            continue; // carried out since the folder was read
        };
        let entry: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let steps = entry["owed"].as_array();
        let only_later = steps.is_some_and(|steps| {
            steps
                .iter()
                .all(|step| step == "delete_object_again" || step == "mark_purged")
        });
        if !only_later {
            owed.insert(path.file_stem().unwrap().to_string_lossy().into_owned());
        }
    }
    owed
}
