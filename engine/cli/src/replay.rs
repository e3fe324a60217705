//! Sends dead letters back to their flows, tries them, or gives them up: the same in the run that owns the data folder
//! and in a command that opened it itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use driver::assemble;
use runtime::{DeadLetter, RetryAction, Trial, TrialReader, TrialResult};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use topology::plan;

use crate::access::Access;
use crate::data;
use crate::exit::{Exit, failure};

/// What became, or would become, of the dead letters of one flow.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Replayed {
    /// `topology/flow`.
    pub(crate) flow: String,
    /// Open dead letters that were chosen.
    pub(crate) chosen: u64,
    /// How many went back.
    pub(crate) sent: u64,
    /// What a trial says.
    pub(crate) trial: Option<TrialResult>,
    /// True if a run is there to work them.
    pub(crate) running: bool,
}

/// Sends back, or tries, the open dead letters of the topologies in these files.
pub(crate) fn replay(access: &Access, files: &[PathBuf], code: Option<&str>, dry: bool) -> Result<Vec<Replayed>> {
    let loaded = topology::load(files, &topology::DiskFiles);
    if let Some(finding) = loaded.findings.iter().find(|finding| finding.severity == topology::Severity::Error) {
        return Err(failure(Exit::Topology, finding.text(false), "mend the file"));
    }
    let mut letters: BTreeMap<String, Vec<DeadLetter>> = BTreeMap::new();
    for letter in access.dead_letters()?.into_iter().filter(|letter| code.is_none_or(|code| code == letter.code)) {
        letters.entry(format!("{}/{}", letter.topology, letter.flow)).or_default().push(letter);
    }
    let mut done = Vec::new();
    for topology in &loaded.topologies {
        let running = access.revisions.get(&*topology.name);
        if !dry && running.is_some_and(|running| **running != *topology.revision) {
            return Err(failure(
                Exit::Usage,
                format!(
                    "the run that is going on has {} as its file was earlier: the rows would fail again",
                    topology.name
                ),
                "start the run again, then replay",
            ));
        }
        for flow in &topology.flows {
            let name = format!("{}/{}", topology.name, flow.name);
            let Some(letters) = letters.remove(&name) else { continue };
            let running = running.is_some();
            let chosen = letters.len() as u64;
            let (sent, trial) = match dry {
                true => (0, Some(trial(access, flow, &letters).with_context(|| name.clone())?)),
                false => (send(access, &letters, RetryAction::Replay)?, None),
            };
            done.push(Replayed { flow: name, chosen, sent, trial, running });
        }
    }
    Ok(done)
}

/// Closes open dead letters of a flow, or of a topology, for good.
pub(crate) fn give_up(access: &Access, flow: &str, code: Option<&str>) -> Result<Value> {
    let mut letters = access.dead_letters()?;
    letters.retain(|letter| {
        let name = format!("{}/{}", letter.topology, letter.flow);
        (name == flow || letter.topology == flow) && code.is_none_or(|code| code == letter.code)
    });
    Ok(json!({ "chosen": letters.len(), "given_up": send(access, &letters, RetryAction::GiveUp)? }))
}

fn send(access: &Access, letters: &[DeadLetter], action: RetryAction) -> Result<u64> {
    runtime::send_back(access.log.as_ref(), &access.system, letters, action)
        .map_err(|error| anyhow::anyhow!("{}", data::chain(&error)))
}

fn trial(access: &Access, flow: &plan::Flow, letters: &[DeadLetter]) -> Result<TrialResult> {
    let reader = match &flow.from {
        plan::From::Documents(documents) => TrialReader::Documents {
            reader: Box::new(assemble::document_reader(flow, documents)?),
            key: match &flow.to {
                plan::To::Table(table) => Some(table.table.key.clone()),
                plan::To::Topic(_) => None,
            },
            bad_rows_above: flow.bad_rows_above,
        },
        plan::From::Topic(topic) => {
            TrialReader::Records(Box::new(operators::AvroReader::new(Arc::clone(&access.schemas), &topic.columns)))
        }
    };
    let (log, raw) = (Arc::clone(&access.log), Arc::clone(&access.raw));
    let mut trial = Trial { log, raw, reader, chain: assemble::chain(flow), memory: access.folder.memory() };
    trial.run(letters).map_err(|error| anyhow::anyhow!("{}", data::chain(&error)))
}
