//! What became of rows, behind one invariant: for each flow, `in + expanded = out + dropped + dead_lettered + held`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What became of the rows of one flow, or of one range of it. Numbers of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows that came in: decoded from documents or records, the undecodable ones too.
    pub rows_in: u64,
    /// Rows that a step made out of one beyond the first.
    pub expanded: u64,
    /// Rows that left by the flow's destination.
    pub landed: u64,
    /// Rows that left by a named output.
    pub outputs: BTreeMap<String, u64>,
    /// Rows that were dropped on purpose, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Rows that became dead letters.
    pub dead: u64,
    /// Rows of refused documents: they wait in the raw store.
    pub held: u64,
}

impl Counts {
    /// Adds other counts to these.
    pub fn add(&mut self, other: &Self) {
        self.rows_in += other.rows_in;
        self.expanded += other.expanded;
        self.landed += other.landed;
        self.dead += other.dead;
        self.held += other.held;
        for (name, count) in &other.outputs {
            *self.outputs.entry(name.clone()).or_default() += count;
        }
        for (reason, count) in &other.dropped {
            *self.dropped.entry(reason.clone()).or_default() += count;
        }
    }

    /// Adds `count` rows dropped for `reason`.
    pub fn drop_rows(&mut self, reason: &str, count: u64) {
        if count > 0 {
            *self.dropped.entry(reason.to_owned()).or_default() += count;
        }
    }

    /// True if every row is accounted for.
    #[must_use]
    pub fn balanced(&self) -> bool {
        let out: u64 = self.landed + self.outputs.values().sum::<u64>();
        self.rows_in + self.expanded == out + self.dropped.values().sum::<u64>() + self.dead + self.held
    }
}
