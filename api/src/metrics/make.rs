//! Makes metrics, each with its name, and enters them into the registry.

use prometheus::core::Collector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

use super::Calls;

/// What the names of all metrics of ours begin with.
const PREFIX: &str = "image_handler";

/// From a query on a quiet host to the longest deadline.
const SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Makes metrics and enters them into the registry.
pub(super) struct Maker(pub(super) Registry);

impl Maker {
    pub(super) fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.registered(right(IntCounter::with_opts(options(name, help))))
    }

    pub(super) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.registered(right(IntCounterVec::new(options(name, help), labels)))
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.registered(right(IntGauge::with_opts(options(name, help))))
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.registered(right(IntGaugeVec::new(options(name, help), labels)))
    }

    pub(super) fn measure(&self, name: &str, help: &str) -> Gauge {
        self.registered(right(Gauge::with_opts(options(name, help))))
    }

    pub(super) fn histogram(&self, name: &str, help: &str) -> Histogram {
        self.registered(right(Histogram::with_opts(durations(name, help))))
    }

    pub(super) fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
        self.registered(right(HistogramVec::new(durations(name, help), labels)))
    }

    pub(super) fn calls(&self, many: &str, one: &str, what: &str) -> Calls {
        Calls {
            total: self.counters(
                &format!("{many}_total"),
                &format!("{what} by operation and outcome (ok, error, timeout)"),
                &["operation", "outcome"],
            ),
            duration: self.histograms(
                &format!("{one}_duration_seconds"),
                &format!("{what}: how long they took, those that were given up included"),
                &["operation"],
            ),
        }
    }

    pub(super) fn registered<T: Collector + Clone + 'static>(&self, metric: T) -> T {
        right(self.0.register(Box::new(metric.clone())));
        metric
    }
}

fn options(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace(PREFIX)
}

fn durations(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help)
        .namespace(PREFIX)
        .buckets(SECONDS.to_vec())
}

/// Names and labels are written above, once each: they are right or every test fails.
pub(super) fn right<T>(made: Result<T, prometheus::Error>) -> T {
    match made {
        Ok(made) => made,
        Err(error) => unreachable!("the names of metrics are fixed: {error}"),
    }
}
