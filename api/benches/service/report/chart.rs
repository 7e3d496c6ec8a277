//! The chart: a bar for each figure to reach, and one line that all of them have to reach, or not to pass.

use std::fmt::Write as _;

use super::table::{number, with_spread};
use super::{Bound, Goal, Verdict};

const WIDTH: f64 = 960.0;
/// Where bars begin: the names stand before them.
const LEFT: f64 = 360.0;
/// How long a bar is that is just as long as its bound.
const BOUND: f64 = 240.0;
/// Bars end here at the latest, however much more was measured.
const LONGEST: f64 = 400.0;
const TOP: f64 = 64.0;
const ROW: f64 = 34.0;
const BAR: f64 = 16.0;

/// Readable on light and on dark pages.
const STYLE: &str = "
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .title { font-size: 16px; font-weight: 600; }
    .quiet { fill: #59636e; }
    .reached { fill: #2f7fd6; }
    .missed { fill: #d1562b; }
    .bound { stroke: #1f2328; stroke-width: 1.5; stroke-dasharray: 4 3; }
    .spread { stroke: #1f2328; stroke-width: 1.5; }
    @media (prefers-color-scheme: dark) {
        text { fill: #e6edf3; }
        .quiet { fill: #9da7b3; }
        .bound, .spread { stroke: #e6edf3; }
        .reached { fill: #4c9aea; }
        .missed { fill: #e8744a; }
    }
";

/// Draws the goals that were measured.
pub(crate) fn draw(goals: &[Goal]) -> String {
    let rows: Vec<&Goal> = goals
        .iter()
        .filter(|goal| goal.measured.is_some())
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
    let height = TOP + ROW * rows.len() as f64 + 40.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>Figures to reach, and what was measured</title>\n<style>{STYLE}</style>\n\
         <text class=\"title\" x=\"16\" y=\"28\">Figures to reach, and what was measured</text>\n"
    );
    let line = LEFT + BOUND;
    let _ = write!(
        svg,
        "<text class=\"quiet\" x=\"{line}\" y=\"{}\" text-anchor=\"middle\">bound</text>\n\
         <line class=\"bound\" x1=\"{line}\" x2=\"{line}\" y1=\"{}\" y2=\"{}\"/>\n",
        TOP - 12.0,
        TOP - 6.0,
        height - 34.0
    );
    let mut y = TOP;
    for goal in rows {
        row(&mut svg, goal, y);
        y += ROW;
    }
    let _ = write!(
        svg,
        "<text class=\"quiet\" x=\"16\" y=\"{}\">≥ has to reach the line, ≤ has to stay before it. Bars are medians, \
         thin lines least and most.</text>\n</svg>\n",
        height - 12.0
    );
    svg
}

fn row(svg: &mut String, goal: &Goal, y: f64) {
    let Some(measured) = goal.measured else {
        return;
    };
    let place = |value: f64| (value / goal.bound.value() * BOUND).clamp(0.0, LONGEST);
    let class = match goal.verdict {
        Verdict::Missed => "missed",
        Verdict::Reached | Verdict::NotMeasured => "reached",
    };
    let (sign, bound) = match goal.bound {
        Bound::AtLeast(least) => ("≥", least),
        Bound::AtMost(most) => ("≤", most),
    };
    let middle = y + BAR / 2.0;
    let baseline = y + BAR - 3.0;
    let (least, most) = (LEFT + place(measured.least), LEFT + place(measured.most));
    let bar = place(measured.median);
    let told = with_spread(measured);
    let suffix = goal.unit.suffix();
    let _ = write!(
        svg,
        "<text x=\"16\" y=\"{baseline}\">{what} <tspan class=\"quiet\">{sign} {bound}{suffix}</tspan></text>\n\
         <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y}\" width=\"{bar:.1}\" height=\"{BAR}\" rx=\"2\"/>\n\
         <line class=\"spread\" x1=\"{least:.1}\" x2=\"{most:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>\n\
         <text x=\"{after:.1}\" y=\"{baseline}\">{told}</text>\n",
        what = escaped(&goal.what),
        bound = number(bound),
        after = most.max(LEFT + bar).max(LEFT + BOUND) + 10.0,
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
