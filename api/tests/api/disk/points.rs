//! The table of points at which tests make the service fail is the one that the source uses.

use std::collections::BTreeSet;

use image_handler::fault::{DISK_STEPS, STEPS_BETWEEN, VARIANT_STEPS};

use crate::helpers::app::files_below;
use crate::helpers::root;

/// Names as the source writes them: what is called with a name that begins like this is a point.
fn used() -> BTreeSet<String> {
    let families: BTreeSet<&str> = DISK_STEPS
        .iter()
        .chain(VARIANT_STEPS)
        .chain(STEPS_BETWEEN)
        .map(|name| name.split('.').next().unwrap())
        .collect();
    let mut used = BTreeSet::new();
    for file in files_below(&root().join("api/src")) {
        if file.ends_with("fault.rs") {
            continue;
        }
        let source = std::fs::read_to_string(&file).unwrap();
        let begins: Vec<String> = families
            .iter()
            .map(|family| format!("\"{family}."))
            .chain(["fault::step(\"".to_owned(), "fault::crash(\"".to_owned()])
            .collect();
        for begin in begins {
            for (at, _) in source.match_indices(&begin) {
                let quote = at + begin.find('"').unwrap() + 1;
                let name = source[quote..].split('"').next().unwrap();
                used.insert(name.to_owned());
            }
        }
    }
    used
}

#[test]
fn every_point_in_the_source_is_in_the_table_and_no_other() {
    let table: BTreeSet<String> = DISK_STEPS
        .iter()
        .chain(VARIANT_STEPS)
        .chain(STEPS_BETWEEN)
        .map(|name| (*name).to_owned())
        .collect();
    let names = DISK_STEPS.len() + VARIANT_STEPS.len() + STEPS_BETWEEN.len();
    assert_eq!(table.len(), names, "twice");
    assert_eq!(used(), table);
}
