use std::time::Duration;

use crate::statistics::{Summary, percentile};

#[track_caller]
fn assert_summary(values: &[f64], expected: [f64; 3]) {
    let summary = Summary::of(values).expect("there is something to say");
    let found = [summary.median, summary.least, summary.most];
    for (found, expected) in found.into_iter().zip(expected) {
        assert!((found - expected).abs() < 1e-9, "{summary:?} of {values:?}");
    }
    assert_eq!(summary.rounds, values.len());
}

#[test]
fn the_median_is_the_one_in_the_middle_or_between_two() {
    assert_summary(&[7.0], [7.0, 7.0, 7.0]);
    assert_summary(&[9.0, 1.0, 5.0], [5.0, 1.0, 9.0]);
    assert_summary(&[4.0, 1.0, 100.0, 2.0], [3.0, 1.0, 100.0]);
    assert_eq!(Summary::of(&[]), None);
}

#[test]
fn ratios_are_made_round_by_round() {
    // The machine became ten times as slow for both: the ratio did not change.
    let ratio = Summary::of_ratios(&[200.0, 20.0], &[100.0, 10.0]).unwrap();
    assert!((ratio.least - 2.0).abs() < 1e-9 && (ratio.most - 2.0).abs() < 1e-9);
    assert_eq!(
        Summary::of_ratios(&[1.0], &[0.0]),
        None,
        "nothing to compare with"
    );
}

#[test]
fn a_percentile_is_a_latency_that_was_measured() {
    let hundred: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
    for (share, expected) in [(0.0, 1), (0.5, 50), (0.99, 99), (1.0, 100)] {
        assert_eq!(
            percentile(&hundred, share),
            Some(Duration::from_millis(expected)),
            "{share}"
        );
    }
    let one = [Duration::from_millis(3)];
    assert_eq!(percentile(&one, 0.99), Some(one[0]));
    assert_eq!(percentile(&[], 0.5), None);
}
