//! Rules of Prometheus: what is recorded, and when somebody should look.

mod alerts;
mod recording;

use serde_json::{Value, json};
use topology::plan::Topology;

use crate::{Feeds, yaml};

/// How soon somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// At once, at any hour: a feed stands still, or rows may be lost or doubled.
    Critical,
    /// On the next working day: nothing is lost meanwhile.
    Warning,
}

impl Severity {
    /// The value of the label.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        }
    }
}

/// An alerting rule. Texts may hold Prometheus' `{{ $labels.flow }}` and `{{ $value }}`.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Its name, which no other rule has. The section of the runbook is called by it.
    pub name: &'static str,
    /// The query: an alert for each series of its answer.
    pub query: String,
    /// How long the query must have had the same answer, in Prometheus' words; empty for not at all.
    pub lasting: &'static str,
    /// How soon somebody should look.
    pub severity: Severity,
    /// What is so, in a line.
    pub summary: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to do.
    pub action: &'static str,
    /// Commands as they are typed, in the order in which they help.
    pub commands: &'static [&'static str],
}

/// A recording rule.
struct Recorded {
    /// Name of the series that it makes: level, metric and what was done.
    name: String,
    query: String,
}

/// The alerting rules for these topologies.
#[must_use]
pub fn alerts(topologies: &[Topology]) -> Vec<Alert> {
    alerts::all(&Feeds::of(topologies))
}

/// Names of the series that rules make.
#[cfg(test)]
pub(crate) fn recorded() -> Vec<(String, String)> {
    recording::all().into_iter().map(|rule| (rule.name, rule.query)).collect()
}

/// The file of recording rules.
pub(crate) fn recording_text() -> String {
    let rules: Vec<Value> =
        recording::all().iter().map(|rule| json!({ "record": rule.name, "expr": rule.query })).collect();
    let head = "# Recording rules of Spotlight: what its alerts have in common. Written by `spotlight dashboards`.\n\
                # One Prometheus watches one environment: series of processes that share a flow come together here.\n";
    format!("{head}{}", yaml::text(&json!({ "groups": [{ "name": "spotlight-recording", "rules": rules }] })))
}

/// The file of alerting rules.
pub(crate) fn alerts_text(feeds: &Feeds) -> String {
    let rules: Vec<Value> = alerts::all(feeds).iter().map(rule).collect();
    let head = "# Alerting rules of Spotlight. Written by `spotlight dashboards`; they need the recording rules beside them.\n";
    format!("{head}{}", yaml::text(&json!({ "groups": [{ "name": "spotlight-alerts", "rules": rules }] })))
}

fn rule(alert: &Alert) -> Value {
    let mut rule = json!({ "alert": alert.name, "expr": alert.query });
    if !alert.lasting.is_empty() {
        rule["for"] = json!(alert.lasting);
    }
    rule["labels"] = json!({ "severity": alert.severity.word() });
    rule["annotations"] = json!({
        "summary": alert.summary,
        "meaning": alert.meaning,
        "action": alert.action,
        "command": alert.commands.join("\n"),
        "runbook": format!("docs/alerts.md#{}", alert.name.to_lowercase()),
    });
    rule
}
