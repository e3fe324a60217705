//! What people watch a run with, made from the topologies that they run: dashboards of Grafana, recording and alerting
//! rules of Prometheus, and examples of the two files that bring metrics in and alerts out.
//!
//! ```text
//! grafana/*.json                  one dashboard a file, to be provisioned
//! prometheus/recording.yaml       what rules have in common, by flow
//! prometheus/alerts.yaml          when somebody should look, and what helps
//! prometheus/prometheus.yaml      how a run is scraped: an example
//! alertmanager/alertmanager.yaml  where alerts go: an example
//! ```
//!
//! A query names a metric by its declaration in [`telemetry::list`] and in no other way, so none can outlive its metric.
//! Limits such as `fresh-within` are compared as metrics that the run tells: a changed topology is watched by its own
//! word, even where the rules are older. What no metric can tell, that a feed is not there at all, is made of the plan.
//!
//! Equal topologies give equal bytes. Deliberately absent: files and folders, which are the caller's.

mod board;
mod boards;
mod examples;
mod grafana;
mod query;
mod rules;
#[cfg(test)]
mod tests;
mod yaml;

use std::collections::BTreeMap;

use topology::plan::Topology;

pub use rules::{Alert, Severity, alerts};

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where, below a folder of the reader's choice, with `/` between names.
    pub path: String,
    /// What stands in it.
    pub text: String,
}

/// All files for these topologies, in order of path.
#[must_use]
pub fn files(topologies: &[Topology]) -> Vec<File> {
    let feeds = Feeds::of(topologies);
    let mut files: Vec<File> = boards::all(&feeds)
        .iter()
        .map(|board| File { path: format!("grafana/{}.json", board.uid), text: grafana::text(board) })
        .collect();
    files.extend([
        File { path: "prometheus/recording.yaml".to_owned(), text: rules::recording_text() },
        File { path: "prometheus/alerts.yaml".to_owned(), text: rules::alerts_text(&feeds) },
        File { path: "prometheus/prometheus.yaml".to_owned(), text: examples::prometheus() },
        File { path: "alertmanager/alertmanager.yaml".to_owned(), text: examples::alertmanager() },
    ]);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

/// What of the topologies is shown.
struct Feeds {
    /// Names, sorted, each once.
    names: Vec<String>,
    /// Most dead letters, and the topologies that allow so many, by name.
    limits: BTreeMap<Limit, Vec<String>>,
}

/// Most dead letters of a feed: `alerts: dead-letters`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Limit {
    letters: u64,
    per: Per,
}

/// What a limit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Per {
    Day,
    Document,
}

impl Limit {
    /// Reads it as it is written: `50 per day`, `20 per document`. `None` for anything else, which the reader of
    /// topologies refuses.
    fn read(written: &str) -> Option<Self> {
        let (letters, per) = written.split_once("per")?;
        let per = match per.trim() {
            "day" => Per::Day,
            "document" => Per::Document,
            _ => return None,
        };
        Some(Self { letters: letters.trim().parse().ok()?, per })
    }
}

impl Feeds {
    fn of(topologies: &[Topology]) -> Self {
        let mut names: Vec<String> = topologies.iter().map(|topology| topology.name.to_string()).collect();
        names.sort();
        names.dedup();
        let mut limits: BTreeMap<Limit, Vec<String>> = BTreeMap::new();
        for topology in topologies {
            if let Some(limit) = topology.alerts.dead_letters.as_deref().and_then(Limit::read) {
                limits.entry(limit).or_default().push(topology.name.to_string());
            }
        }
        limits.values_mut().for_each(|names| names.sort());
        Self { names, limits }
    }

    /// A query whose answer has a series for each feed of which nothing is scraped.
    fn not_scraped(&self) -> String {
        let absent = |name: &String| format!("absent({}{{topology=\"{name}\"}})", telemetry::list::TOPOLOGY_INFO.name);
        self.names.iter().map(absent).collect::<Vec<_>>().join("\nor ")
    }
}
