//! What was on hold when a run ended: `holds.json` of the data folder, a list of holds as `status` shows them.
//!
//! A run takes its own flows out at its start and puts in at its end what waits then. So a run that was killed leaves
//! nothing of its flows: what they wait for is not known.

use anyhow::{Context, Result};
use runtime::Held;

use crate::data::DataFolder;

/// Name of the file.
pub(crate) const FILE: &str = "holds.json";

impl DataFolder {
    /// What was on hold when the last runs ended.
    pub(crate) fn held(&self) -> Result<Vec<Held>> {
        match std::fs::read(self.place(FILE)) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| format!("{FILE} of the data folder is damaged")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error).with_context(|| format!("{FILE} of the data folder cannot be read")),
        }
    }

    /// Notes what is on hold now among these flows, in place of what was noted of them before.
    pub(crate) fn note_held(&self, flows: &[String], now: Vec<Held>) -> Result<()> {
        let before = self.held()?;
        let mut held: Vec<Held> = before.iter().filter(|held| !flows.contains(&held.flow)).cloned().collect();
        held.extend(now);
        if held == before {
            return Ok(());
        }
        let text = serde_json::to_vec_pretty(&held)?;
        self.write(FILE, &text).with_context(|| format!("{FILE} of the data folder cannot be written"))
    }
}
