//! What was on hold when a run ended: `holds.json` of the data folder, a list of holds as `status` shows them.
//!
//! A run takes the flows of its topologies out at its start and puts in at its end what waits then. So a run that was
//! killed leaves nothing of them: what they wait for is not known. A flow that its topology does not have any more goes
//! too: what would have helped it may take rows out that another flow has landed by now.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use runtime::Held;

use crate::data::DataFolder;

/// Name of the file.
pub(crate) const FILE: &str = "holds.json";

impl DataFolder {
    /// What was on hold when the last runs ended.
    pub(crate) fn held(&self) -> Result<Vec<Held>> {
        match std::fs::read(self.place(FILE)) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                self.unreadable(FILE, &error, "remove it: it only says what was on hold when the last runs ended")
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error).with_context(|| format!("{FILE} of the data folder cannot be read")),
        }
    }

    /// Notes what is on hold now in the topologies of these flows, in place of what was noted of those topologies before.
    pub(crate) fn note_held(&self, flows: &[String], now: Vec<Held>) -> Result<()> {
        let before = self.held()?;
        let topologies: BTreeSet<&str> = flows.iter().map(|flow| topology_of(flow)).collect();
        let of_others = before.iter().filter(|held| !topologies.contains(topology_of(&held.flow)));
        let mut held: Vec<Held> = of_others.cloned().collect();
        held.extend(now);
        if held == before {
            return Ok(());
        }
        let text = serde_json::to_vec_pretty(&held)?;
        self.write(FILE, &text).with_context(|| format!("{FILE} of the data folder cannot be written"))
    }
}

/// The topology of a flow that is written `topology/flow`.
fn topology_of(flow: &str) -> &str {
    flow.split_once('/').map_or(flow, |(topology, _)| topology)
}
