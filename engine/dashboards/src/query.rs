//! Queries of Prometheus over declared metrics.
//!
//! Several processes may share a flow, and each tells of the partitions that it owns. What adds up over them is summed; of
//! a state that all of them know, the worst or the nearest counts. So every query says how the processes come together.

use telemetry::Metric;
use telemetry::list as metrics;

/// The labels by which a flow is known.
pub(crate) const OF_FLOW: &str = "topology, flow";
/// The labels by which Prometheus knows a process.
pub(crate) const OF_PROCESS: &str = "job, instance";

/// Which series are asked for, and over which time rates are taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    /// Labels that are matched with the variable of a dashboard that has their name.
    chosen: &'static [&'static str],
    /// The window of rates.
    window: &'static str,
}

/// All series, for rules.
pub(crate) const EVERYTHING: Scope = Scope { chosen: &[], window: "5m" };
/// All series, on a dashboard without variables of its own.
pub(crate) const SHOWN: Scope = Scope { chosen: &[], window: "$__rate_interval" };
/// Those of the topologies that a dashboard's variable names.
pub(crate) const TOPOLOGIES: Scope = Scope { chosen: &["topology"], window: "$__rate_interval" };
/// Those of the flows that a dashboard's variables name.
pub(crate) const FLOWS: Scope = Scope { chosen: &["topology", "flow"], window: "$__rate_interval" };

impl Scope {
    /// The series of a metric, or of a part of a histogram (`_sum`, `_count`, `_bucket`).
    fn part(self, metric: &Metric, part: &str) -> String {
        let has = |label: &&&str| metric.labels.iter().any(|own| own.name == **label);
        let matchers: Vec<String> =
            self.chosen.iter().filter(has).map(|label| format!("{label}=~\"${label}\"")).collect();
        match matchers.is_empty() {
            true => format!("{}{part}", metric.name),
            false => format!("{}{part}{{{}}}", metric.name, matchers.join(", ")),
        }
    }

    /// The series of a metric as they are.
    pub(crate) fn raw(self, metric: &Metric) -> String {
        self.part(metric, "")
    }

    pub(crate) fn sum(self, metric: &Metric, by: &str) -> String {
        format!("sum by ({by}) ({})", self.raw(metric))
    }

    pub(crate) fn max(self, metric: &Metric, by: &str) -> String {
        format!("max by ({by}) ({})", self.raw(metric))
    }

    pub(crate) fn min(self, metric: &Metric, by: &str) -> String {
        format!("min by ({by}) ({})", self.raw(metric))
    }

    /// What a counter gains in a second.
    pub(crate) fn rate(self, metric: &Metric, by: &str) -> String {
        self.rate_of(metric, "", by)
    }

    /// What the sum of a histogram gains in a second.
    pub(crate) fn rate_of_sum(self, metric: &Metric, by: &str) -> String {
        self.rate_of(metric, "_sum", by)
    }

    fn rate_of(self, metric: &Metric, part: &str, by: &str) -> String {
        format!("sum by ({by}) (rate({}[{}]))", self.part(metric, part), self.window)
    }

    /// What a counter has gained in the whole time that is shown.
    pub(crate) fn gained(self, metric: &Metric, by: &str) -> String {
        format!("sum by ({by}) (increase({}[$__range]))", self.raw(metric))
    }

    /// The value of a histogram below which this share of the values lies.
    pub(crate) fn quantile(self, share: &str, metric: &Metric, by: &str) -> String {
        let by = if by.is_empty() { "le".to_owned() } else { format!("le, {by}") };
        format!("histogram_quantile({share}, {})", self.rate_of(metric, "_bucket", &by))
    }

    /// Age of the newest accepted document; the process that knows the newest one is right.
    pub(crate) fn newest_document(self) -> String {
        self.min(&metrics::DOCUMENT_NEWEST_AGE, OF_FLOW)
    }

    /// Flows whose newest document is older than their topology declares, with its age.
    pub(crate) fn late(self) -> String {
        self.newest_document_against(">")
    }

    /// 1 for flows that are late, 0 for all others of topologies that declare how old a document may be.
    pub(crate) fn is_late(self) -> String {
        self.newest_document_against("> bool")
    }

    fn newest_document_against(self, comparison: &str) -> String {
        let within = self.max(&metrics::FRESH_WITHIN, "topology");
        format!("{} {comparison} on (topology) group_left () {within}", self.newest_document())
    }

    /// How a flow stands, as a number of [`TROUBLES`] with a fraction that grows with its lag.
    pub(crate) fn trouble(self) -> String {
        let lag = self.max(&metrics::FLOW_LAG_SECONDS, OF_FLOW);
        let up = self.max(&metrics::FLOW_UP, OF_FLOW);
        format!(
            "(
  ({held} > 0) * 0 + 7
  or ({paused} > 0) * 0 + 1
  or ({ready} < 1) * 0 + 6
  or ({late}) * 0 + 5
  or ({lag} > {BEHIND}) * 0 + 4
  or ({refused} > 0) * 0 + 3
  or ({letters} > 0) * 0 + 2
  or {up} * 0
)
+ on ({OF_FLOW}) clamp_max(({lag} or {up} * 0) / 1e9, 0.9)",
            held = self.sum(&metrics::FLOW_HELD, OF_FLOW),
            paused = self.max(&metrics::FLOW_PAUSED, OF_FLOW),
            ready = self.min(&metrics::FLOW_READY, OF_FLOW),
            late = self.late(),
            refused = self.max(&metrics::DOCUMENT_REFUSED, OF_FLOW),
            letters = self.max(&metrics::DLQ_OPEN, OF_FLOW),
        )
    }

    /// Rows that came into a flow and are in none of the counters of what became of them: 0, or there is a fault.
    pub(crate) fn unaccounted(self) -> String {
        let sum = |metric: &Metric| self.sum(metric, OF_FLOW);
        let rows = sum(&metrics::RECORDS_IN);
        let or_none = |metric: &Metric| format!("({} or {rows} * 0)", sum(metric));
        format!(
            "{rows} + {expanded}\n- {out}\n- {dropped}\n- {dead}\n- {held}",
            expanded = sum(&metrics::RECORDS_EXPANDED),
            out = or_none(&metrics::RECORDS_OUT),
            dropped = or_none(&metrics::RECORDS_DROPPED),
            dead = or_none(&metrics::RECORDS_DEAD_LETTERED),
            held = sum(&metrics::RECORDS_HELD),
        )
    }
}

/// A lag of so many seconds is told as trouble, as `spotlight top` does.
pub(crate) const BEHIND: u32 = 60;

/// The words for how a flow stands, with a colour of Grafana, the worst first.
pub(crate) const TROUBLES: [(u32, &str, &str); 8] = [
    (7, "held", "red"),
    (6, "not ready", "red"),
    (5, "late", "orange"),
    (4, "behind", "orange"),
    (3, "refused", "yellow"),
    (2, "dead letters", "yellow"),
    (1, "paused", "blue"),
    (0, "fine", "green"),
];
