//! The tables.

use std::fmt::Write as _;

use super::{Bound, Goal, Measurement, Unit, Verdict};
use crate::statistics::Summary;

/// The columns, and how they are headed.
const COLUMNS: [(Unit, &str); 8] = [
    (Unit::PerSecond, "per second"),
    (Unit::P50Milliseconds, "p50 ms"),
    (Unit::P99Milliseconds, "p99 ms"),
    (Unit::CpuMilliseconds, "CPU ms each"),
    (Unit::PeakMebibytes, "peak MiB"),
    (Unit::IdleMebibytes, "idle MiB"),
    (Unit::Seconds, "seconds"),
    (Unit::Milliseconds, "ms"),
];

/// What was measured: medians, least and most in parentheses. Columns that nothing stands in are left out.
pub(crate) fn measurements(measurements: &[Measurement]) -> String {
    let used: Vec<(Unit, &str)> = COLUMNS
        .into_iter()
        .filter(|(unit, _)| measurements.iter().any(|each| each.figure(*unit).is_some()))
        .collect();
    let mut rows = vec![
        ["what", "of"]
            .into_iter()
            .chain(used.iter().map(|(_, heading)| *heading))
            .map(str::to_owned)
            .collect::<Vec<String>>(),
    ];
    for each in measurements {
        let figures = used
            .iter()
            .map(|(unit, _)| each.figure(*unit).map_or_else(String::new, with_spread));
        rows.push(
            [each.what.clone(), each.side.clone()]
                .into_iter()
                .chain(figures)
                .collect(),
        );
    }
    aligned(&rows)
}

/// The figures to reach.
pub(crate) fn goals(goals: &[Goal]) -> String {
    let mut rows = vec![
        ["what", "measured", "to reach", ""]
            .map(str::to_owned)
            .to_vec(),
    ];
    for goal in goals {
        let suffix = goal.unit.suffix();
        let bound = match goal.bound {
            Bound::AtLeast(least) => format!("at least {}{suffix}", number(least)),
            Bound::AtMost(most) => format!("at most {}{suffix}", number(most)),
        };
        let measured = goal.measured.map_or_else(String::new, with_spread);
        let verdict = match goal.verdict {
            Verdict::Reached => "reached",
            Verdict::Missed => "NOT REACHED",
            Verdict::NotMeasured => "not measured",
        };
        rows.push(vec![goal.what.clone(), measured, bound, verdict.to_owned()]);
    }
    aligned(&rows)
}

/// `231 (215 to 244)`
pub(crate) fn with_spread(value: Summary) -> String {
    let median = number(value.median);
    if value.rounds < 2 {
        return median;
    }
    format!(
        "{median} ({} to {})",
        number(value.least),
        number(value.most)
    )
}

/// With as many digits as mean something.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
