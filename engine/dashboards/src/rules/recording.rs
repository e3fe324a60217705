//! What is recorded: the state of each flow, of all processes that share it.
//!
//! Counters with a label such as a code begin with the first row that has it, so `increase` would not see that row. They
//! are recorded by process and flow, from zero on.

use telemetry::Metric;
use telemetry::list as metrics;

use super::Recorded;
use crate::query::{EVERYTHING as ALL, OF_FLOW, OF_PROCESS};

/// Names of what is recorded. `topology_flow` is the level: one series a flow.
pub(super) mod names {
    pub(crate) const LAG_RECORDS: &str = "topology_flow:spotlight_flow_lag_records:sum";
    pub(crate) const LAG_SECONDS: &str = "topology_flow:spotlight_flow_lag_seconds:max";
    pub(crate) const NEWEST_DOCUMENT: &str = "topology_flow:spotlight_document_newest_age_seconds:min";
    pub(crate) const LOOKED: &str = "topology_flow:spotlight_document_cursor_age_seconds:min";
    pub(crate) const INTERVAL: &str = "topology_flow:spotlight_document_interval_seconds:max";
    pub(crate) const STOPPED: &str = "topology_flow:spotlight_flow_stopped:max";
    pub(crate) const ROWS_IN: &str = "topology_flow:spotlight_records_in:rate5m";
    pub(crate) const OPEN_LETTERS: &str = "topology_flow:spotlight_dlq_open_records:max";
    pub(crate) const TROUBLE: &str = "topology_flow:spotlight_trouble:rank";
    pub(crate) const RUNS_FOR: &str = "topology:spotlight_process_age_seconds:max";
    pub(crate) const DEAD: &str = "flow_process:spotlight_records_dead_lettered_total:sum";
    pub(crate) const ENDED: &str = "flow_process:spotlight_document_outcomes_total:sum";
}

pub(super) fn all() -> Vec<Recorded> {
    use names::*;
    let from_zero = |metric: &Metric, label: &str| {
        format!("sum without ({label}) ({})\nor {} * 0", metric.name, metrics::FLOW_UP.name)
    };
    let held = ALL.sum(&metrics::FLOW_HELD, OF_FLOW);
    let paused = ALL.max(&metrics::FLOW_PAUSED, OF_FLOW);
    let info = metrics::TOPOLOGY_INFO.name;
    let age = format!("time() - {}", metrics::PROCESS_START.name);
    [
        (LAG_RECORDS, ALL.sum(&metrics::FLOW_LAG_RECORDS, OF_FLOW)),
        (LAG_SECONDS, ALL.max(&metrics::FLOW_LAG_SECONDS, OF_FLOW)),
        (NEWEST_DOCUMENT, ALL.newest_document()),
        (LOOKED, ALL.min(&metrics::DOCUMENT_CURSOR_AGE, OF_FLOW)),
        (INTERVAL, ALL.max(&metrics::DOCUMENT_INTERVAL, OF_FLOW)),
        // 1 while a person is waited for, or has it paused.
        (STOPPED, format!("{held} > bool 0\nor {paused}")),
        (ROWS_IN, ALL.rate(&metrics::RECORDS_IN, OF_FLOW)),
        (OPEN_LETTERS, ALL.max(&metrics::DLQ_OPEN, OF_FLOW)),
        (TROUBLE, ALL.trouble()),
        // How long the oldest process has run that runs a topology.
        (RUNS_FOR, format!("max by (topology) ({info} * on ({OF_PROCESS}) group_left () ({age}))")),
        (DEAD, from_zero(&metrics::RECORDS_DEAD_LETTERED, "code")),
        (ENDED, from_zero(&metrics::DOCUMENT_OUTCOMES, "outcome")),
    ]
    .into_iter()
    .map(|(name, query)| Recorded { name: name.to_owned(), query })
    .collect()
}
