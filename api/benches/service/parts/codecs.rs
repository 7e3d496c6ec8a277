//! What criterion measured of inspect, strip and thumbnail (`cargo bench --bench codecs`), in the same table.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

use crate::report::{Measurement, Report, Unit};
use crate::statistics::Summary;
use crate::world::World;

/// `benchmark.json`, as far as it is read.
#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
}

/// `estimates.json`, as far as it is read. Times are nanoseconds.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

pub(crate) fn measure(world: &World, report: &mut Report) -> anyhow::Result<()> {
    let folder = world.settings.folder.join("../criterion");
    let mut found = Vec::new();
    collect(&folder, &mut found)?;
    found.sort();
    if found.is_empty() {
        report
            .left_out
            .push("codecs: criterion has not measured them in this build folder".into());
    }
    for folder in found {
        let benchmark: Benchmark = read(&folder.join("benchmark.json"))?;
        let Estimates { median } = read(&folder.join("estimates.json"))?;
        let value = Summary {
            median: median.point_estimate / 1e6,
            least: median.confidence_interval.lower_bound / 1e6,
            most: median.confidence_interval.upper_bound / 1e6,
            rounds: 2,
        };
        let row = Measurement::new(benchmark.full_id, "criterion, 95 % interval");
        report
            .measurements
            .push(row.with(Unit::Milliseconds, Some(value)));
    }
    Ok(())
}

/// The folders of the newest results below this one.
fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        if path.ends_with("new") && path.join("estimates.json").is_file() {
            found.push(path);
        } else if path.is_dir() {
            collect(&path, found)?;
        }
    }
    Ok(())
}

fn read<T: for<'text> Deserialize<'text>>(path: &Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}
