//! A strict reader of the text format of Prometheus
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>): whatever a scraper might stumble over fails.

use std::collections::{BTreeMap, HashSet};

/// A scrape: each series with its value, and the kind of each family.
#[derive(Debug)]
pub(crate) struct Exposition {
    series: BTreeMap<String, f64>,
}

impl Exposition {
    pub(crate) fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line does not end");
        let mut series = BTreeMap::new();
        let mut families = HashSet::new();
        let mut family: Option<(String, String)> = None;
        let mut helped = "";
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect("a name and a text");
                assert!(!help.trim().is_empty(), "{line}");
                helped = name;
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect("a name and a type");
                assert_eq!(name, helped, "HELP and TYPE belong together");
                assert!(is_name(name, true), "{line}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(families.insert(name.to_owned()), "{name} comes twice");
                family = Some((name.to_owned(), kind.to_owned()));
            } else {
                let (name, labels, value) = sample(line);
                let (family, kind) = family.as_ref().expect("a TYPE before its samples");
                let suffix = name
                    .strip_prefix(family.as_str())
                    .unwrap_or_else(|| panic!("{line} under {family}"));
                let fits = match kind.as_str() {
                    "histogram" => ["_bucket", "_sum", "_count"].contains(&suffix),
                    _ => suffix.is_empty(),
                };
                assert!(fits, "{line} under {family}");
                assert!(kind != "counter" || value >= 0.0, "{line}");
                let key = format!("{name}{{{}}}", labels.join(","));
                assert!(series.insert(key, value).is_none(), "{line} comes twice");
            }
        }
        let exposition = Self { series };
        exposition.check_histograms();
        exposition
    }

    /// The same as [`Self::value`], for what has whole numbers.
    pub(crate) fn count(&self, series: &str) -> u64 {
        let value = self.value(series);
        let whole = format!("{value:.0}").parse();
        whole.unwrap_or_else(|_| panic!("{series} is {value}"))
    }

    /// The value of a series, written as `name{label="value"}`; 0 when it is not there yet.
    pub(crate) fn value(&self, series: &str) -> f64 {
        let whole = if series.ends_with('}') {
            series.to_owned()
        } else {
            format!("{series}{{}}")
        };
        self.series.get(&whole).copied().unwrap_or(0.0)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        let begin = format!("{name}{{");
        self.series.keys().any(|series| series.starts_with(&begin))
    }

    pub(crate) fn series(&self) -> impl Iterator<Item = &str> {
        self.series.keys().map(String::as_str)
    }

    /// Buckets grow, and the last one holds all that was counted.
    fn check_histograms(&self) {
        let mut buckets: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
        for (series, value) in &self.series {
            let Some((name, labels)) = series.split_once("_bucket{") else {
                continue;
            };
            let (others, le) = labels.rsplit_once("le=\"").expect("a bucket has a bound");
            let bound = le.trim_end_matches("\"}").parse().expect("a number");
            let others = others.trim_end_matches(',');
            let of = format!("{name}_count{{{others}}}");
            buckets.entry(of).or_default().push((bound, *value));
        }
        assert!(!buckets.is_empty());
        for (count, mut buckets) in buckets {
            buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
            assert!(buckets.is_sorted_by_key(|bucket| bucket.1), "{count}");
            let last = buckets.last().unwrap();
            assert_eq!(
                (last.0, Some(&last.1)),
                (f64::INFINITY, self.series.get(&count))
            );
        }
    }
}

fn is_name(name: &str, colons: bool) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .chars()
            .all(|each| each.is_ascii_alphanumeric() || each == '_' || (colons && each == ':'))
}

/// `name{label="value",…} value`
fn sample(line: &str) -> (String, Vec<String>, f64) {
    let (series, value) = line.rsplit_once(' ').expect("a series and a value");
    let value = value
        .replace("Inf", "inf")
        .parse()
        .unwrap_or_else(|_| panic!("no number: {line}"));
    let Some((name, labels)) = series.split_once('{') else {
        assert!(is_name(series, true), "{line}");
        return (series.to_owned(), Vec::new(), value);
    };
    assert!(is_name(name, true), "{line}");
    let mut rest = labels.strip_suffix('}').expect("labels end");
    let mut found = Vec::new();
    let mut names = HashSet::new();
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"").expect("a label and its value");
        assert!(
            is_name(label, false) && names.insert(label.to_owned()),
            "{line}"
        );
        let end = closing_quote(after).unwrap_or_else(|| panic!("a value without end: {line}"));
        found.push(format!("{label}=\"{}\"", &after[..end]));
        rest = &after[end + 1..];
        if let Some(more) = rest.strip_prefix(',') {
            rest = more;
        } else {
            assert!(rest.is_empty(), "{line}");
        }
    }
    // The bound of a bucket stands last, whatever the order of the others.
    found.sort_by_key(|label| (label.starts_with("le="), label.clone()));
    (name.to_owned(), found, value)
}

/// Where the value ends. Only backslash, quote and line feed may be escaped.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, each) in text.char_indices() {
        match each {
            'n' | '"' | '\\' if escaped => escaped = false,
            _ if escaped => return None,
            '\\' => escaped = true,
            '"' => return Some(at),
            _ => {}
        }
    }
    None
}

mod tests {
    use super::Exposition;

    const GOOD: &str = "# HELP h Help\n# TYPE h histogram\nh_bucket{a=\"x\",le=\"1\"} 1\n\
        h_bucket{a=\"x\",le=\"+Inf\"} 2\nh_sum{a=\"x\"} 3.5\nh_count{a=\"x\"} 2\n\
        # HELP c_total Help\n# TYPE c_total counter\nc_total{b=\"q\\\"\"} 4\n";

    #[test]
    fn what_is_right_is_read() {
        let read = Exposition::read(GOOD);
        assert!((read.value("h_sum{a=\"x\"}") - 3.5).abs() < f64::EPSILON);
        assert!((read.value("c_total{b=\"q\\\"\"}") - 4.0).abs() < f64::EPSILON);
    }

    #[test]
    fn what_is_wrong_is_noticed() {
        for (right, wrong) in [
            ("c_total{b=\"q\\\"\"} 4\n", "c_total{b=\"q\\\"\"} 4"),
            ("c_total{b=\"q\\\"\"} 4", "c_total{b=\"q\"\"} 4"),
            ("c_total{b=\"q\\\"\"} 4", "c_total{b=\"q\\x\"} 4"),
            ("c_total{b=\"q\\\"\"} 4", "c_total{b=\"q\\\"\"} four"),
            ("c_total{b=\"q\\\"\"} 4", "c_total{b=\"q\\\"\"} -4"),
            ("# TYPE c_total counter\n", ""),
            ("h_count{a=\"x\"} 2", "h_count{a=\"x\"} 3"),
            ("le=\"1\"} 1", "le=\"1\"} 7"),
            ("h_sum{a=\"x\"} 3.5\n", "h_sum 3.5\nh_sum 3.5\n"),
            (
                "# TYPE c_total counter\nc_total",
                "# TYPE c_total counter\nd_total",
            ),
        ] {
            let text = GOOD.replacen(right, wrong, 1);
            assert_ne!(text, GOOD);
            let read = std::panic::catch_unwind(|| Exposition::read(&text));
            assert!(read.is_err(), "{text}");
        }
    }
}
