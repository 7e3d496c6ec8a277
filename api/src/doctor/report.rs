//! What was found: checks, their outcomes, and how they are printed for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

/// How a check ended. Later ones are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It could not be looked at; the detail says why.
    Skipped,
    /// As it should be.
    Ok,
    /// It works, but not as well or as safely as it should.
    Warning,
    /// It does not work.
    Failure,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is about, unique within its group.
    pub name: &'static str,
    /// The concern that it belongs to.
    pub group: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What was seen.
    pub detail: String,
    /// The command or the setting that mends it. `None` where nothing is to be done.
    pub advice: Option<String>,
}

impl Check {
    /// As it should be.
    pub(super) fn ok(group: &'static str, name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(group, name, Outcome::Ok, detail, None)
    }

    /// Works, but should be mended.
    pub(super) fn warning(
        group: &'static str,
        name: &'static str,
        detail: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(group, name, Outcome::Warning, detail, Some(advice.into()))
    }

    /// Does not work.
    pub(super) fn failure(
        group: &'static str,
        name: &'static str,
        detail: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(group, name, Outcome::Failure, detail, Some(advice.into()))
    }

    /// Not looked at, because of something that another check has advice for.
    pub(super) fn skipped(group: &'static str, name: &'static str, why: impl Into<String>) -> Self {
        Self::new(group, name, Outcome::Skipped, why, None)
    }

    /// Not looked at, because of something that can be changed.
    pub(super) fn skipped_until(
        group: &'static str,
        name: &'static str,
        why: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(group, name, Outcome::Skipped, why, Some(advice.into()))
    }

    fn new(
        group: &'static str,
        name: &'static str,
        outcome: Outcome,
        detail: impl Into<String>,
        advice: Option<String>,
    ) -> Self {
        Self {
            name,
            group,
            outcome,
            detail: in_one_line(&detail.into()),
            advice: advice.map(|advice| in_one_line(&advice)),
        }
    }
}

/// What programs that are asked say goes into one line, whatever they say.
fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What stands before each check in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// `✓ ! ✗ –`, for terminals.
    Symbols,
    /// `ok`, `WARNING` and so on, for logs and pipes.
    Words,
}

impl Marks {
    fn of(self, outcome: Outcome) -> &'static str {
        match (self, outcome) {
            (Self::Symbols, Outcome::Ok) => "✓",
            (Self::Symbols, Outcome::Warning) => "!",
            (Self::Symbols, Outcome::Failure) => "✗",
            (Self::Symbols, Outcome::Skipped) => "–",
            (Self::Words, Outcome::Ok) => "ok     ",
            (Self::Words, Outcome::Warning) => "WARNING",
            (Self::Words, Outcome::Failure) => "FAILURE",
            (Self::Words, Outcome::Skipped) => "skipped",
        }
    }

    fn arrow(self) -> &'static str {
        match self {
            Self::Symbols => "  →",
            Self::Words => "        ->",
        }
    }
}

/// Everything that was found, in the order in which it was looked at.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The checks.
    pub checks: Vec<Check>,
}

impl Report {
    /// The worst outcome. What was skipped counts for nothing: its reason is a check of its own, or a choice.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let worst = self.checks.iter().map(|check| check.outcome).max();
        worst.map_or(Outcome::Ok, |worst| worst.max(Outcome::Ok))
    }

    /// 0 when all is fine, 1 with warnings, 2 with failures.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.outcome() {
            Outcome::Ok | Outcome::Skipped => 0,
            Outcome::Warning => 1,
            Outcome::Failure => 2,
        }
    }

    /// A line for each check, one with the advice below it where there is any, and the counts.
    #[must_use]
    pub fn to_text(&self, marks: Marks) -> String {
        let mut text = String::new();
        for check in &self.checks {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{} {}: {}: {}",
                marks.of(check.outcome),
                check.group,
                check.name,
                check.detail
            );
            if let Some(advice) = &check.advice {
                let _ = writeln!(text, "{} {advice}", marks.arrow());
            }
        }
        let _ = write!(
            text,
            "{} ok, {}, {}, {} skipped",
            self.count(Outcome::Ok),
            counted(self.count(Outcome::Warning), "warning"),
            counted(self.count(Outcome::Failure), "failure"),
            self.count(Outcome::Skipped)
        );
        text
    }

    /// The same for programs: `{"status", "checks": [{"name", "group", "outcome", "detail", "advice"}]}`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let report = serde_json::json!({ "status": self.outcome(), "checks": self.checks });
        format!("{report:#}")
    }

    fn count(&self, outcome: Outcome) -> usize {
        let checks = self.checks.iter();
        checks.filter(|check| check.outcome == outcome).count()
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            checks: vec![
                Check::ok("database", "login", "as ada"),
                Check::warning("uploads", "mode", "it is 0755", "chmod 750 uploads"),
                Check::skipped("objects", "put", "no\n  bucket"),
            ],
        }
    }

    #[test]
    fn text_has_a_mark_for_each_check_its_advice_and_the_counts() {
        let text = report().to_text(Marks::Symbols);
        assert_eq!(
            text,
            "✓ database: login: as ada\n\
             ! uploads: mode: it is 0755\n  → chmod 750 uploads\n\
             – objects: put: no bucket\n\
             1 ok, 1 warning, 0 failures, 1 skipped"
        );
        let plain = report().to_text(Marks::Words);
        assert!(plain.is_ascii(), "{plain}");
        assert!(plain.contains("WARNING uploads: mode: it is 0755\n        -> chmod"));
    }

    #[test]
    fn the_exit_code_is_that_of_the_worst_check() {
        let mut report = report();
        assert_eq!(report.exit_code(), 1);
        report.checks.push(Check::failure("a", "b", "c", "d"));
        assert_eq!(report.exit_code(), 2);
        report
            .checks
            .retain(|check| check.outcome < Outcome::Warning);
        assert_eq!(report.exit_code(), 0);
        report
            .checks
            .retain(|check| check.outcome == Outcome::Skipped);
        assert_eq!((report.exit_code(), report.outcome()), (0, Outcome::Ok));
    }
}
