//! Documents whose rows another flow has brought to the same place.
//!
//! A topology that was copied, or that has another name now, knows nothing of what the first one did: the keys of its
//! documents are others, so its rows would stand beside the first's and look as good. Yet several topologies may fill one
//! table on purpose, each with documents of its own. So what counts is the document: the same name, the same bytes, and
//! rows. Before the first row of one leaves, the ledgers of the others are asked, and of flows of this process who is
//! about to bring it.
//!
//! Within one topology a document may move from one flow to another, as where a flow is split in two: the one that claims it
//! now does not bring it a second time. Where both claim it, both may be meant, as where each takes a section of it: both
//! bring it, and people are told.
//!
//! A person may say that both are wanted (`release`): then the flow is not asked any more.
//!
//! Deliberately absent: flows that no run on this data folder knew, and tables in which rows of one key replace each
//! other, where a repeat does no harm.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use connect::{DocumentRecord, LandingError};
use log::{Log, LogError};

use super::TaskContext;
use crate::board::Twice;
use crate::codes;
use crate::end::TaskEnd;
use crate::flow::Destination;
use crate::hold::Hold;
use crate::landing::provenance_of;
use crate::ledger::{Receipt, ledger, receipts};
use crate::names;
use crate::stop::Backoff;

/// A document as its publisher knows it: file name, and SHA-256 of its bytes.
type Published = (String, String);

/// What is known in a process of who brought which document where.
#[derive(Debug, Default)]
pub(crate) struct Beside(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By destination, and of documents of this process only: `topology/flow` of the flow that brings their rows there.
    claims: HashMap<(Arc<str>, Published), String>,
    /// By `topology/flow`, what its ledger says that it brought.
    brought: BTreeMap<String, HashSet<Published>>,
}

impl Known {
    /// Which of these flows brought a document to a destination; true if it does so in this process, false if its
    /// ledger says so.
    fn find(
        &mut self,
        place: &Arc<str>,
        document: &Published,
        flows: &[&str],
        log: &dyn Log,
    ) -> Result<Option<(String, bool)>, LogError> {
        let claim = self.claims.get(&(Arc::clone(place), document.clone()));
        if let Some(claim) = claim.filter(|claim| flows.contains(&claim.as_str())) {
            return Ok(Some((claim.clone(), true)));
        }
        for &flow in flows {
            if !self.brought.contains_key(flow) {
                let [topology, name] = names::parts(flow);
                self.brought.insert(flow.to_owned(), brought(receipts(ledger(log, topology, name)?)));
            }
            if self.brought.get(flow).is_some_and(|documents| documents.contains(document)) {
                return Ok(Some((flow.to_owned(), false)));
            }
        }
        Ok(None)
    }
}

/// The documents whose rows are there: of each the newest version that was accepted.
fn brought(receipts: Vec<Receipt>) -> HashSet<Published> {
    let mut newest: HashMap<String, (i64, Option<Published>)> = HashMap::new();
    for receipt in receipts.into_iter().filter(Receipt::accepted) {
        let known = newest.entry(receipt.document).or_default();
        if receipt.version >= known.0 {
            *known = (receipt.version, (receipt.counts.landed > 0).then_some((receipt.name, receipt.sha256)));
        }
    }
    newest.into_values().filter_map(|(_, published)| published).collect()
}

impl TaskContext {
    fn place(&self) -> &Arc<str> {
        match &self.parts.destination {
            Destination::Topic(output) => &output.topic,
            Destination::Table(output) => &output.table.name,
        }
    }

    /// The flows that may have brought a document before.
    fn others(&self, found: &DocumentRecord) -> Vec<&str> {
        let others = self.parts.beside.iter().filter(|other| other.may_have_brought(&found.name, &found.url));
        others.map(|other| other.flow.as_str()).collect()
    }

    /// True if it may matter who brought a document.
    fn is_shared(&self, found: &DocumentRecord) -> bool {
        !self.parts.beside.is_empty() && !found.sha256.is_empty()
    }

    /// Holds while another topology has brought the rows of a document to where this flow would bring them once more.
    /// Takes no slot: those whose documents these are may need it.
    ///
    /// # Errors
    /// If the task must end.
    pub(super) fn is_not_brought(&self, found: &DocumentRecord, offset: i64) -> Result<(), TaskEnd> {
        if !self.is_shared(found) || self.releases > 0 {
            return Ok(());
        }
        let document = (found.name.clone(), found.sha256.clone());
        let others = self.others(found);
        let mut held = false;
        loop {
            let other = self.reached(|log| {
                let mut known = self.shared.beside.0.lock().unwrap_or_else(PoisonError::into_inner);
                if held {
                    others.iter().for_each(|flow| drop(known.brought.remove(*flow)));
                }
                known.find(self.place(), &document, &others, log)
            })?;
            let Some((other, now)) = other else { break };
            if !now && !self.holds_rows_of(&other)? {
                break;
            }
            let hold = self.brought_by(&other, found, offset);
            self.holder.hold(hold)?;
            held = true;
        }
        if held {
            self.holder.mended();
        }
        Ok(())
    }

    /// Notes that this flow brings the rows of a document. False if a flow of another topology was quicker, since
    /// [`Self::is_not_brought`] was asked.
    pub(super) fn brings(&self, found: &DocumentRecord) -> bool {
        if !self.is_shared(found) {
            return true;
        }
        let document = (Arc::clone(self.place()), (found.name.clone(), found.sha256.clone()));
        let mut known = self.shared.beside.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = self.parts.recorded_as();
        let claim = known.claims.entry(document).or_insert_with(|| own.clone());
        *claim == own || self.releases > 0 || !self.others(found).contains(&claim.as_str())
    }

    /// Tells people of a document that another flow of the topology has brought too, and claims still.
    ///
    /// # Errors
    /// If the task must end.
    pub(super) fn tell_of_twice(&self, found: &DocumentRecord) -> Result<(), TaskEnd> {
        let too = self.parts.beside.iter().filter(|other| other.brings_too(&found.name, &found.url));
        let too: Vec<&str> = too.map(|other| other.flow.as_str()).collect();
        if too.is_empty() || found.sha256.is_empty() {
            return Ok(());
        }
        let document = (found.name.clone(), found.sha256.clone());
        let other = self.reached(|log| {
            let mut known = self.shared.beside.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.find(self.place(), &document, &too, log)
        })?;
        if let Some((other, _)) = other {
            let (name, place) = (found.name.clone(), self.place().to_string());
            tracing::warn!(flow = self.name, document = name, other, place, "claimed twice");
            self.shared.board.change(&self.name, |state| state.note_twice(Twice { name, other, place, more: 0 }));
        }
        Ok(())
    }

    /// What to say of a document that another flow brought.
    fn brought_by(&self, other: &str, found: &DocumentRecord, offset: i64) -> Hold {
        let (name, document, place) = (&self.name, &found.name, self.place());
        let [topology, flow] = names::parts(names::first(other));
        let release = format!(
            "if both are to stand there, spotlight release {name} --from {offset} --partition {}, without a run: it is \
             not asked again then",
            self.input.partition
        );
        let own = &self.parts.topology;
        let split = topology == &**own;
        let gone = !self.parts.beside.iter().any(|one| one.flow == other && one.claims.is_some());
        let table = matches!(self.parts.destination, Destination::Table(_));
        let same = match (split, gone) {
            (true, true) => {
                format!("if {name} is {other} under another name, write `was: {flow}` below it in its file")
            }
            // A document moved from one flow of the file to another.
            (true, false) if table => format!(
                "have {other} claim the document again; or, if it was split, give what is left of it another name too, and \
                 take all its rows out, so that each flow lands what it claims"
            ),
            (true, false) => format!("have {other} claim the document again"),
            (false, _) => format!(
                "if {own} and {topology} are one feed under two names, run only one of them: {topology}, whose rows are there"
            ),
        };
        let take_out = if split && !gone { "" } else { "; or take its rows out" };
        let (what, remedy) = if table {
            (
                format!("{other} landed the rows of {document} in table {place}"),
                format!(
                    "{same}{take_out}: spotlight sql \"delete from {place} where startsWith(_landing, '{other}/')\"; or, \
                     {release}"
                ),
            )
        } else {
            (format!("{other} wrote the rows of {document} to topic {place}"), format!("{same}; or, {release}"))
        };
        let whose = if split { "which claims it now" } else { "of another topology" };
        let what = format!("{what}, and {name}, {whose}, would bring them there once more: the bytes are the same");
        Hold { code: codes::BROUGHT_BESIDE, what, remedy }
    }

    /// True if the flow's table holds rows of another flow; of a topic, which keeps what was written, always.
    fn holds_rows_of(&self, other: &str) -> Result<bool, TaskEnd> {
        let Destination::Table(table) = &self.parts.destination else { return Ok(true) };
        let provenance = provenance_of(&self.parts.topology, &self.parts.flow, &self.input);
        let mut backoff = Backoff::new(Duration::from_secs(30), 5);
        loop {
            match table.landing.landed_before(other, &provenance) {
                Ok(rows) => return Ok(rows > 0),
                Err(LandingError::Operator { code, what, remedy }) => {
                    self.holder.hold(Hold { code, what, remedy })?;
                }
                Err(LandingError::Unknown { what } | LandingError::Transient { what }) => {
                    let wait = backoff.next();
                    let (flow, wait_ms) = (self.name.as_str(), wait.as_millis() as u64);
                    tracing::warn!(flow, wait_ms, reason = what, "the table will be asked again");
                    if !self.shared.stop.wait(wait) {
                        return Err(TaskEnd::Stopped);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use telemetry::Counts;

    use super::{Published, Receipt, brought};

    fn receipt((document, version, sha256, outcome, landed): (&str, i64, &str, &str, u64)) -> Receipt {
        let of = json!({
            "topology": "t", "flow": "f", "document": document, "version": version, "name": "n", "url": "",
            "sha256": sha256, "size": 0, "outcome": outcome, "code": "", "message": "", "withdrawn": 0, "revision": "",
            "fetched_at": 0, "at": 0, "counts": Counts { landed, ..Counts::default() },
        });
        serde_json::from_value(of).expect("a receipt")
    }

    #[test]
    fn what_was_brought_is_the_newest_version_with_rows() {
        /// Document, version, SHA-256, outcome and rows of each receipt; the SHA-256 of what was brought.
        type Case<'a> = (&'a [(&'a str, i64, &'a str, &'a str, u64)], &'a [&'a str]);
        let cases: [Case<'_>; 6] = [
            (&[("d", 1, "a", "rows", 2)], &["a"]),
            (&[("d", 1, "a", "rows", 2), ("d", 2, "b", "rows", 2)], &["b"]),
            (&[("d", 1, "a", "rows", 2), ("d", 2, "b", "failed", 0)], &["a"]),
            (&[("d", 1, "a", "rows", 2), ("d", 2, "b", "empty", 0)], &[]),
            (&[("d", 1, "a", "rows", 0), ("e", 1, "b", "rows", 1)], &["b"]),
            (&[("d", 1, "a", "incomplete", 0)], &[]),
        ];
        for (given, expected) in cases {
            let mut found: Vec<Published> = brought(given.iter().copied().map(receipt).collect()).into_iter().collect();
            found.sort();
            let expected: Vec<Published> = expected.iter().map(|one| ("n".to_owned(), (*one).to_owned())).collect();
            assert_eq!(found, expected, "{given:?}");
        }
    }
}
