//! What is told: a table for whoever waits, JSON for programs, a chart for pages.

pub(crate) mod chart;
mod table;

use serde::Serialize;

use crate::statistics::Summary;

pub(crate) use table::{goals, measurements};

/// Everything that came of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// The machine and the settings, in words.
    pub(crate) conditions: Vec<String>,
    pub(crate) goals: Vec<Goal>,
    pub(crate) measurements: Vec<Measurement>,
    /// What was not measured, and why.
    pub(crate) left_out: Vec<String>,
}

/// One thing that was measured, of one side.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measurement {
    /// `uploads, 16 clients`
    pub(crate) what: String,
    /// `service`, `floor`, `plain nginx`
    pub(crate) side: String,
    pub(crate) figures: Vec<Figure>,
}

/// A figure of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) unit: Unit,
    pub(crate) value: Summary,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    PerSecond,
    P50Milliseconds,
    P99Milliseconds,
    /// Time on the processors for each request, in milliseconds.
    CpuMilliseconds,
    PeakMebibytes,
    IdleMebibytes,
    Seconds,
    /// Time of one run of a function.
    Milliseconds,
}

/// A figure to reach.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Goal {
    pub(crate) what: String,
    pub(crate) unit: GoalUnit,
    pub(crate) bound: Bound,
    /// `None`: it was not measured in this run.
    pub(crate) measured: Option<Summary>,
    pub(crate) verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GoalUnit {
    /// How many times as much.
    Ratio,
    Mebibytes,
    Seconds,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Reached,
    Missed,
    NotMeasured,
}

impl Bound {
    pub(crate) fn value(self) -> f64 {
        match self {
            Self::AtLeast(value) | Self::AtMost(value) => value,
        }
    }

    fn admits(self, measured: f64) -> bool {
        match self {
            Self::AtLeast(least) => measured >= least,
            Self::AtMost(most) => measured <= most,
        }
    }
}

impl GoalUnit {
    /// What stands behind a number.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Ratio => " ×",
            Self::Mebibytes => " MiB",
            Self::Seconds => " s",
        }
    }
}

impl Goal {
    /// The median decides.
    pub(crate) fn new(
        what: impl Into<String>,
        unit: GoalUnit,
        bound: Bound,
        measured: Option<Summary>,
    ) -> Self {
        let verdict = match measured {
            None => Verdict::NotMeasured,
            Some(measured) if bound.admits(measured.median) => Verdict::Reached,
            Some(_) => Verdict::Missed,
        };
        Self {
            what: what.into(),
            unit,
            bound,
            measured,
            verdict,
        }
    }
}

impl Goal {
    /// The same with what was measured.
    #[must_use]
    pub(crate) fn measured(self, measured: Option<Summary>) -> Self {
        Self::new(self.what, self.unit, self.bound, measured)
    }
}

impl Report {
    /// Notes what was measured of a goal.
    ///
    /// # Panics
    /// When it is none: then a figure would be lost.
    pub(crate) fn reached(&mut self, what: &str, measured: Option<Summary>) {
        let goal = self.goals.iter_mut().find(|goal| goal.what == what);
        let goal = goal.expect("it is one of the goals");
        *goal = goal.clone().measured(measured);
    }
}

impl Measurement {
    pub(crate) fn new(what: impl Into<String>, side: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            side: side.into(),
            figures: Vec::new(),
        }
    }

    /// The same with another figure, if there is one.
    #[must_use]
    pub(crate) fn with(mut self, unit: Unit, value: Option<Summary>) -> Self {
        self.figures
            .extend(value.map(|value| Figure { unit, value }));
        self
    }

    pub(crate) fn figure(&self, unit: Unit) -> Option<Summary> {
        self.figures
            .iter()
            .find(|figure| figure.unit == unit)
            .map(|figure| figure.value)
    }
}
