//! What was on hold when a run ended: `holds.json` of the data folder, a list of holds as `status` shows them.
//!
//! A run takes the flows of its topologies out at its start and puts in at its end what waits then. So a run that was
//! killed leaves nothing of them: what they wait for is not known. A flow that its topology does not have any more goes
//! too: what would have helped it may take rows out that another flow has landed by now.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use runtime::Held;

use crate::data::DataFolder;
use crate::flow_names::FlowNames;

/// What remedies say of the topology's file.
const PLAN: &str = "spotlight plan FILE";

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

    /// Holds with what who raised them does not know: the files of the flows' topologies, and which topic a flow read
    /// before that has no position in the one it reads now.
    pub(crate) fn with_files(&self, mut held: Vec<Held>) -> Result<Vec<Held>> {
        let no_position = |held: &Held| held.code == runtime::POSITION_GONE.0;
        if held.iter().all(|held| !held.remedy.contains(PLAN) && !no_position(held)) {
            return Ok(held);
        }
        let known = self.known_flows()?;
        let names = FlowNames::of_known(&known);
        for held in &mut held {
            let landing = known.get(&names.recorded(&held.flow)).and_then(|flow| flow.landing.as_ref());
            if no_position(held)
                && let Some(before) = landing.and_then(|landing| landing.read.last())
            {
                held.what = format!(
                    "{}: it read {before} before, whose rows stay in {} and do not come again by themselves",
                    held.what,
                    landing.map_or("its table", |landing| landing.table.as_str())
                );
            }
            if let Some(file) = known.get(&names.recorded(&held.flow)).and_then(|flow| flow.file.as_ref()) {
                held.remedy = held.remedy.replace(PLAN, &format!("spotlight plan {}", file.display()));
            }
        }
        Ok(held)
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
