//! What a metric is declared as, and how a value of it is told.

use metrics::{Key, Level, Metadata, Recorder, Unit, with_recorder};

/// What a label's values say, and what bounds how many there are. No value is ever a record's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// What bounds its values, for people.
    pub bounded_by: &'static str,
}

/// How a metric moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only up, from 0 at the start of the process.
    Counter,
    /// Up and down.
    Gauge,
    /// Many values, told as numbers of those below each bound.
    Histogram {
        /// The bounds, ascending.
        bounds: &'static [f64],
    },
}

/// One metric. Its labels are given values in the order in which they are declared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Its name, with its unit and, for a counter, `_total` at the end.
    pub name: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// What it says, for people.
    pub help: &'static str,
    /// Its labels.
    pub labels: &'static [Label],
}

/// One histogram with its labels.
#[derive(Clone)]
pub struct Observed(metrics::Histogram);

impl Observed {
    /// Adds a value: an event.
    pub fn observe(&self, number: f64) {
        self.0.record(number);
    }
}

/// What a recorder is told of where a value comes from: always the same.
const METADATA: Metadata<'static> = Metadata::new("spotlight", Level::INFO, None);

impl Metric {
    /// A counter.
    #[must_use]
    pub const fn counter(name: &'static str, labels: &'static [Label], help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, help, labels }
    }

    /// A gauge.
    #[must_use]
    pub const fn gauge(name: &'static str, labels: &'static [Label], help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, help, labels }
    }

    /// A histogram.
    #[must_use]
    pub const fn histogram(
        name: &'static str,
        labels: &'static [Label],
        bounds: &'static [f64],
        help: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Histogram { bounds }, help, labels }
    }

    /// Its unit, as the end of the name says it.
    #[must_use]
    pub fn unit(&self) -> Option<Unit> {
        let name = self.name.strip_suffix("_total").unwrap_or(self.name);
        if name.ends_with("_seconds") {
            Some(Unit::Seconds)
        } else if name.ends_with("_bytes") {
            Some(Unit::Bytes)
        } else {
            None
        }
    }

    /// Adds to a counter: an event.
    pub fn add(&self, values: &[&str], number: u64) {
        debug_assert_eq!(self.kind, Kind::Counter, "{}", self.name);
        with_recorder(|recorder| recorder.register_counter(&self.key(values), &METADATA).increment(number));
    }

    /// Says what a counter stands at: a state.
    pub fn reached(&self, values: &[&str], number: u64) {
        debug_assert_eq!(self.kind, Kind::Counter, "{}", self.name);
        with_recorder(|recorder| recorder.register_counter(&self.key(values), &METADATA).absolute(number));
    }

    /// Says what a gauge stands at.
    pub fn set(&self, values: &[&str], number: f64) {
        debug_assert_eq!(self.kind, Kind::Gauge, "{}", self.name);
        with_recorder(|recorder| recorder.register_gauge(&self.key(values), &METADATA).set(number));
    }

    /// Adds a value to a histogram: an event.
    pub fn observe(&self, values: &[&str], number: f64) {
        debug_assert!(matches!(self.kind, Kind::Histogram { .. }), "{}", self.name);
        with_recorder(|recorder| recorder.register_histogram(&self.key(values), &METADATA).record(number));
    }

    /// A histogram of these labels, for who tells many values to it: each then costs next to nothing. To be asked for after
    /// the process's recorder was installed.
    #[must_use]
    pub fn of(&self, values: &[&str]) -> Observed {
        debug_assert!(matches!(self.kind, Kind::Histogram { .. }), "{}", self.name);
        Observed(with_recorder(|recorder| recorder.register_histogram(&self.key(values), &METADATA)))
    }

    /// A counter without labels that counts parts of its unit, which no recorder does, as a text of Prometheus.
    #[must_use]
    pub fn text(&self, number: f64) -> String {
        let Self { name, help, .. } = self;
        format!("# HELP {name} {help}\n# TYPE {name} counter\n{name} {number}\n\n")
    }

    /// Tells a recorder what the metric is.
    pub(crate) fn describe(&self, recorder: &dyn Recorder) {
        let (name, unit, help) = (self.name.into(), self.unit(), self.help.into());
        match self.kind {
            Kind::Counter => recorder.describe_counter(name, unit, help),
            Kind::Gauge => recorder.describe_gauge(name, unit, help),
            Kind::Histogram { .. } => recorder.describe_histogram(name, unit, help),
        }
    }

    fn key(&self, values: &[&str]) -> Key {
        debug_assert_eq!(self.labels.len(), values.len(), "{}", self.name);
        let label = |(label, value): (&Label, &&str)| metrics::Label::new(label.name, (*value).to_owned());
        Key::from_parts(self.name, self.labels.iter().zip(values).map(label).collect::<Vec<_>>())
    }
}
