use crate::goals::{
    CPU_TO_TARGET, DIRECT_TO_NGINX, IDLE, LISTS, NOT_MODIFIED, PEAK, START, THROUGH_NGINX,
    UPLOADS_TO_FLOOR, UPLOADS_TO_TARGET, VARIANTS_TO_TARGET, all,
};
use crate::report::{
    Bound, Goal, GoalUnit, Measurement, Report, Unit, Verdict, chart, goals, measurements,
};
use crate::statistics::Summary;

fn summary(values: &[f64]) -> Option<Summary> {
    Summary::of(values)
}

fn goal(bound: Bound, measured: &[f64]) -> Goal {
    Goal::new(
        "a <thing> & another",
        GoalUnit::Ratio,
        bound,
        summary(measured),
    )
}

#[test]
fn the_median_says_whether_a_figure_is_reached() {
    let rows = [
        (Bound::AtLeast(0.7), &[0.6, 0.7, 0.9][..], Verdict::Reached),
        (Bound::AtLeast(0.7), &[0.6, 0.69, 0.9][..], Verdict::Missed),
        (Bound::AtMost(96.0), &[96.0][..], Verdict::Reached),
        (Bound::AtMost(96.0), &[96.1][..], Verdict::Missed),
        (Bound::AtMost(96.0), &[][..], Verdict::NotMeasured),
    ];
    for (bound, measured, expected) in rows {
        assert_eq!(
            goal(bound, measured).verdict,
            expected,
            "{bound:?} {measured:?}"
        );
    }
}

#[test]
fn a_figure_that_is_measured_later_is_judged_then() {
    let later = goal(Bound::AtLeast(2.0), &[]).measured(summary(&[2.5]));
    assert_eq!(later.verdict, Verdict::Reached);
    assert_eq!(later.measured.unwrap().rounds, 1);
}

#[test]
fn every_goal_can_be_noted_by_its_name() {
    let mut report = Report {
        goals: all(),
        ..Report::default()
    };
    let names: Vec<String> = report.goals.iter().map(|goal| goal.what.clone()).collect();
    let different: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!(different.len(), names.len(), "{names:?}");
    let noted = [
        CPU_TO_TARGET,
        DIRECT_TO_NGINX,
        IDLE,
        NOT_MODIFIED,
        PEAK,
        START,
        THROUGH_NGINX,
        UPLOADS_TO_TARGET,
        VARIANTS_TO_TARGET,
    ];
    let noted = noted
        .into_iter()
        .chain(UPLOADS_TO_FLOOR)
        .chain(LISTS.into_iter().flatten());
    for name in noted {
        report.reached(name, summary(&[1.0]));
    }
    let left: Vec<&Goal> = report
        .goals
        .iter()
        .filter(|goal| goal.measured.is_none())
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn numbers_have_their_units() {
    for (unit, expected) in [
        (GoalUnit::Ratio, "at most 0.3 ×"),
        (GoalUnit::Mebibytes, "at most 0.3 MiB"),
        (GoalUnit::Seconds, "at most 0.3 s"),
    ] {
        let goal = Goal::new("a thing", unit, Bound::AtMost(0.3), summary(&[0.1]));
        let table = goals(&[goal]);
        assert!(table.contains(expected), "{table}");
    }
}

#[test]
fn the_table_of_goals_has_a_line_for_each_with_what_became_of_it() {
    let table = goals(&[
        goal(Bound::AtLeast(0.7), &[0.812, 0.801, 0.79]),
        goal(Bound::AtMost(1.2), &[1.5]),
        goal(Bound::AtLeast(2.0), &[]),
    ]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(
        lines[1].contains("0.8 (0.79 to 0.81)") && lines[1].ends_with("  reached"),
        "{table}"
    );
    assert!(lines[1].contains("at least 0.7 ×"), "{table}");
    assert!(
        lines[2].contains("at most 1.2 ×") && lines[2].ends_with("NOT REACHED"),
        "{table}"
    );
    assert!(lines[3].ends_with("not measured"), "{table}");
}

#[test]
fn the_table_of_measurements_has_only_columns_that_something_stands_in() {
    let table = measurements(&[
        Measurement::new("uploads", "service")
            .with(Unit::PerSecond, summary(&[231.4, 215.0, 244.0]))
            .with(Unit::CpuMilliseconds, summary(&[0.0501])),
        Measurement::new("uploads", "floor").with(Unit::PerSecond, summary(&[1234.0])),
    ]);
    let lines: Vec<&str> = table.lines().collect();
    let words: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(
        words,
        ["what", "of", "per", "second", "CPU", "ms", "each"],
        "{table}"
    );
    assert!(
        lines[1].contains("231 (215 to 244)") && lines[1].ends_with("0.05"),
        "{table}"
    );
    assert!(lines[2].ends_with("1234"), "{table}");
    // Columns begin where their headings do.
    assert_eq!(lines[0].find("per second"), lines[1].find("231"), "{table}");
}

#[test]
fn the_chart_has_a_bar_for_each_measured_goal_as_long_as_it_reached() {
    let drawn = chart::draw(&[
        goal(Bound::AtLeast(0.5), &[0.5]),
        goal(Bound::AtMost(100.0), &[50.0]),
        goal(Bound::AtLeast(1.0), &[1000.0]),
        goal(Bound::AtLeast(1.0), &[0.0]),
        goal(Bound::AtLeast(2.0), &[]),
    ]);
    let bars: Vec<&str> = drawn
        .lines()
        .filter(|line| line.starts_with("<rect"))
        .collect();
    let widths: Vec<f64> = bars.iter().map(|bar| attribute(bar, "width")).collect();
    assert_eq!(widths.len(), 4, "{drawn}");
    let bound = widths[0];
    assert!(
        (widths[1] - bound / 2.0).abs() < 0.1,
        "half of what is allowed: {widths:?}"
    );
    assert!(
        widths[2] > bound && widths[2] < 2.0 * bound,
        "not off the page: {widths:?}"
    );
    assert!(widths[3].abs() < 0.1, "{widths:?}");
    assert!(
        bars[0].contains("\"reached\"") && bars[3].contains("\"missed\""),
        "{drawn}"
    );
    assert!(drawn.contains("a &lt;thing&gt; &amp; another"), "{drawn}");
    assert!(drawn.contains("prefers-color-scheme: dark"), "{drawn}");
    assert!(
        drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"),
        "{drawn}"
    );
}

/// The number in an attribute of an element; none there fails every comparison.
fn attribute(element: &str, name: &str) -> f64 {
    let begin = format!(" {name}=\"");
    let value = element
        .split_once(&begin)
        .and_then(|(_, rest)| rest.split('"').next());
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or(f64::NAN)
}

#[test]
fn programs_read_the_same_as_json() {
    let report = Report {
        conditions: vec!["two cores".to_owned()],
        goals: vec![
            goal(Bound::AtLeast(0.5), &[0.75]),
            goal(Bound::AtMost(2.0), &[]),
        ],
        measurements: vec![
            Measurement::new("reads", "service").with(Unit::P50Milliseconds, summary(&[1.5])),
        ],
        left_out: vec![],
    };
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["goals"][0]["verdict"], "reached");
    assert_eq!(json["goals"][0]["bound"]["at_least"], 0.5);
    assert_eq!(json["goals"][0]["measured"]["median"], 0.75);
    assert_eq!(json["goals"][1]["measured"], serde_json::Value::Null);
    assert_eq!(
        json["measurements"][0]["figures"][0]["unit"],
        "p50_milliseconds"
    );
    assert_eq!(
        json["measurements"][0]["figures"][0]["value"]["median"],
        1.5
    );
}
