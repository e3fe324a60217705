//! What earlier runs, or earlier owners, left of a flow, by its ledger. Read once, by whoever needs it first.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use batch::Records;
use connect::RowPosition;
use log::LogError;

use crate::flow::{FlowInput, FlowParts};
use crate::identity::note_landed;
use crate::ledger::{LedgerLine, Receipt, ledger_lines};
use crate::names;
use crate::task::Shared;

#[derive(Debug, Default)]
struct Known {
    /// Documents that are refused, with the version that was judged last and the revision that refused it.
    refused: HashMap<String, (i64, String)>,
    /// Keys of documents that have rows.
    documents: HashSet<String>,
    /// Rows that landed since a person last said where to go on.
    landed: u64,
    /// How often a person said where to go on.
    releases: u64,
    /// By partition the input row after the last one that was closed before that.
    read_before: HashMap<i32, RowPosition>,
}

/// See the module's prose.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    known: Mutex<Option<Known>>,
    /// True once the board has been told, by this or by what is read again.
    told: Arc<AtomicBool>,
}

impl Earlier {
    /// The same, to be read again.
    pub(crate) fn again(&self) -> Self {
        Self { known: Mutex::default(), told: Arc::clone(&self.told) }
    }

    /// Documents that another revision refused and of which nothing waits to be worked, with the refused version.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub(crate) fn refused_by_others(
        &self,
        parts: &FlowParts,
        shared: &Shared,
    ) -> Result<HashMap<String, i64>, LogError> {
        let of_others = |known: &Known| -> HashMap<String, i64> {
            let refused = known.refused.iter().filter(|(_, (_, revision))| **revision != *parts.revision);
            refused.map(|(key, (version, _))| (key.clone(), *version)).collect()
        };
        if self.ask(parts, shared, of_others)?.is_empty() {
            return Ok(HashMap::new());
        }
        // The tasks work meanwhile, and what they close is in the ledger with the position behind it. So the positions
        // are asked before the ledger: whatever waits no more is judged there.
        let waiting = waiting(parts, shared)?;
        let mut refused = self.again().ask(parts, shared, of_others)?;
        refused.retain(|key, _| !waiting.contains(key));
        Ok(refused)
    }

    /// Keys of documents that have rows.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub(crate) fn documents(&self, parts: &FlowParts, shared: &Shared) -> Result<HashSet<String>, LogError> {
        self.ask(parts, shared, |known| known.documents.clone())
    }

    /// Rows that landed since a person last said where to go on, and how often that was.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub(crate) fn landed(&self, parts: &FlowParts, shared: &Shared) -> Result<(u64, u64), LogError> {
        self.ask(parts, shared, |known| (known.landed, known.releases))
    }

    /// The input row of a partition after the last one that was closed before a person last said where to go on.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub(crate) fn read_before(
        &self,
        parts: &FlowParts,
        shared: &Shared,
        partition: i32,
    ) -> Result<RowPosition, LogError> {
        let nothing = RowPosition { offset: 0, row: 0 };
        self.ask(parts, shared, |known| known.read_before.get(&partition).copied().unwrap_or(nothing))
    }

    fn ask<Answer>(
        &self,
        parts: &FlowParts,
        shared: &Shared,
        answer: impl FnOnce(&Known) -> Answer,
    ) -> Result<Answer, LogError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            return Ok(answer(known));
        }
        let read = self.read(parts, shared)?;
        Ok(answer(known.insert(read)))
    }

    fn read(&self, parts: &FlowParts, shared: &Shared) -> Result<Known, LogError> {
        let (log, mut known) = (shared.log.as_ref(), Known::default());
        // Told only once all of it was read: a log may go away in between.
        let (tell, mut entries) = (!self.told.load(Ordering::Relaxed), Vec::new());
        let partitions = log.topic(&names::ledger(&parts.topology, &parts.flow))?.map_or(0, |state| state.partitions);
        for partition in 0..partitions {
            let (mut landed, mut releases) = (0, 0);
            let mut end = RowPosition { offset: 0, row: 0 };
            for line in ledger_lines(log, &parts.topology, &parts.flow, partition)? {
                let entry = match line {
                    LedgerLine::Entry(entry) => *entry,
                    LedgerLine::Release(_) => {
                        landed = 0;
                        releases += 1;
                        known.read_before.insert(partition, end);
                        continue;
                    }
                };
                landed += entry.counts.landed;
                end = end.max(RowPosition { offset: entry.last.0, row: entry.last.1 + 1 });
                if let Some(receipt) = &entry.receipt {
                    note_landed(&mut known.documents, receipt);
                    if receipt.refused() {
                        let judged = (receipt.version, receipt.revision.clone());
                        known.refused.insert(receipt.document.clone(), judged);
                    } else {
                        known.refused.remove(&receipt.document);
                    }
                }
                if let Some(receipt) = entry.amended.as_ref().filter(|receipt| receipt.given_up()) {
                    let judged = known.refused.get(&receipt.document).map(|(version, _)| *version);
                    drop((judged == Some(receipt.version)).then(|| known.refused.remove(&receipt.document)));
                }
                if tell {
                    entries.push(entry);
                }
            }
            known.landed += landed;
            known.releases = known.releases.max(releases);
        }
        if tell && !self.told.swap(true, Ordering::Relaxed) {
            entries.iter().for_each(|entry| shared.board.restore(&parts.name(), entry));
            // One that never had rows and has another identity now is read as that one.
            let receipts = entries.iter().filter_map(|entry| entry.receipt.as_ref());
            let gone: Vec<&str> = receipts
                .filter(|receipt| known.refused.contains_key(&receipt.document))
                .filter(|receipt| !known.documents.contains(&receipt.document) && is_another(parts, receipt))
                .map(|receipt| receipt.document.as_str())
                .collect();
            shared.board.change(&parts.name(), |state| gone.iter().for_each(|key| drop(state.refused.remove(*key))));
        }
        Ok(known)
    }
}

/// Keys of the documents whose records are in the flow's input and are not worked to their end.
fn waiting(parts: &FlowParts, shared: &Shared) -> Result<HashSet<String>, LogError> {
    let (log, mut waiting) = (shared.log.as_ref(), HashSet::new());
    let (group, topic) = (names::group(&parts.topology, &parts.flow), names::documents(&parts.topology, &parts.flow));
    for partition in 0..log.topic(&topic)?.map_or(0, |state| state.partitions) {
        let position = log.position(&group, &topic, partition)?.map_or(0, |position| position.offset);
        // What was committed with the position is to be found in the ledger that is read after this.
        log.await_settled(&names::ledger(&parts.topology, &parts.flow), partition)?;
        let mut offset = position.max(log.first(&topic, partition)?);
        let end = log.end(&topic, partition)?;
        while offset < end {
            let blocks = log.read(&topic, partition, offset, 8 * 1024 * 1024)?;
            let Some(last) = blocks.last() else { break };
            let from = offset;
            offset = last.next_offset();
            let records = blocks.iter().flat_map(Records::iter).filter(|record| record.offset >= from);
            let keys = records.filter_map(|record| std::str::from_utf8(record.key?).ok().map(str::to_owned));
            waiting.extend(keys);
        }
    }
    Ok(waiting)
}

/// True if a document would be another one by the patterns of now.
fn is_another(parts: &FlowParts, receipt: &Receipt) -> bool {
    let FlowInput::Documents(input) = &parts.input else { return false };
    let Some(fields) = (input.identify)(&receipt.name, &receipt.url) else { return false };
    names::document(&format!("{}/{}", parts.topology, parts.flow), &fields, &receipt.name) != receipt.document
}
