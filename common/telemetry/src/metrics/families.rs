//! Families of series: how `prometheus-client` is told of each, once.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// A label and its value.
pub(super) type Label = (&'static str, &'static str);

/// Things that are counted.
pub(super) type Counts<const N: usize> = Family<[Label; N], Counter>;

/// Seconds that add up.
pub(super) type Amounts<const N: usize> = Family<[Label; N], Counter<f64, AtomicU64>>;

/// What is measured now.
pub(super) type Gauges<const N: usize> = Family<[Label; N], Gauge<f64, AtomicU64>>;

/// How long things take.
pub(super) type Histograms<const N: usize> = Family<[Label; N], Histogram, fn() -> Histogram>;

/// Bounds of what is waited for, in seconds: a journal, a turn of a loop.
const WAITS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// Bounds of what is worked on, in seconds: an attempt, a lease.
const WORKS: [f64; 12] =
    [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0, 7_200.0];

pub(super) fn counts<const N: usize>(into: &mut Registry, name: &str, help: &str) -> Counts<N> {
    let family = Counts::default();
    into.register(name, help, family.clone());
    family
}

pub(super) fn count(into: &mut Registry, name: &str, help: &str) -> Counter {
    let counter = Counter::default();
    into.register(name, help, counter.clone());
    counter
}

pub(super) fn amounts<const N: usize>(into: &mut Registry, name: &str, help: &str) -> Amounts<N> {
    let family = Amounts::default();
    into.register(name, help, family.clone());
    family
}

pub(super) fn gauges<const N: usize>(into: &mut Registry, name: &str, help: &str) -> Gauges<N> {
    let family = Gauges::default();
    into.register(name, help, family.clone());
    family
}

/// A gauge without labels.
pub(super) fn gauge(into: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Gauge::<f64, AtomicU64>::default();
    gauge.set(value);
    into.register(name, help, gauge);
}

/// A histogram of what is worked on.
pub(super) fn works<const N: usize>(into: &mut Registry, name: &str, help: &str) -> Histograms<N> {
    let make: fn() -> Histogram = || Histogram::new(WORKS);
    let family = Histograms::new_with_constructor(make);
    into.register(name, help, family.clone());
    family
}

/// A histogram of what is waited for.
pub(super) fn waits(into: &mut Registry, name: &str, help: &str) -> Histogram {
    let histogram = Histogram::new(WAITS);
    into.register(name, help, histogram.clone());
    histogram
}

/// Seconds, as Prometheus wants them.
pub(super) fn seconds(span: Duration) -> f64 {
    span.as_secs_f64()
}

/// Milliseconds in seconds.
pub(super) fn seconds_of(millis: u64) -> f64 {
    seconds(Duration::from_millis(millis))
}

/// A number as Prometheus keeps all of them: exact up to 2^53.
pub(super) const fn number(count: u64) -> f64 {
    count as f64
}
