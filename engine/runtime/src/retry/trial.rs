//! Tries dead letters by the topology as it is now, and changes nothing.
//!
//! Steps that keep state are given what their changelogs say, so that a row is judged as a run would judge it now: one
//! that is too late for `dedupe`, or a repeat, is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use batch::{Code, Input, Records};
use connect::{DocumentRecord, Originals};
use log::Log;
use operators::{Chain, DocumentReader, Facts, RecordReader, WorkingMemory};
use serde::{Deserialize, Serialize};

use super::rework::{Rework, Reworked};
use super::{EQUAL_AGAIN, Retry, RetryAction, not_landed as not_landed_of, record};
use crate::codes;
use crate::dead_letter::DeadLetter;
use crate::end::TaskEnd;
use crate::names;
use crate::snapshots::RestoredFrom;
use crate::task::bytes_of;

/// How a flow makes rows of its input.
pub enum TrialReader {
    /// Of documents.
    Documents {
        /// Makes rows.
        reader: Box<dyn DocumentReader>,
        /// Key columns of the table, where there is one.
        key: Option<Vec<Arc<str>>>,
        /// Share of bad rows in percent above which a document is refused.
        bad_rows_above: f64,
    },
    /// Of records.
    Records(Box<dyn RecordReader>),
}

/// A flow to try dead letters with.
pub struct Trial {
    /// Where its input is.
    pub log: Arc<dyn Log>,
    /// Where the bytes of documents are.
    pub raw: Arc<Originals>,
    /// Makes rows.
    pub reader: TrialReader,
    /// The steps.
    pub chain: Chain,
    /// What documents may take of memory.
    pub memory: WorkingMemory,
    /// The partition of the input whose state the steps have; `None` at first.
    pub partition: Option<i32>,
}

/// Reasons that are told apart. Larger: more memory. More rows than that with reasons of their own count by their code.
const REASONS: usize = 100;

/// What would become of dead letters. Numbers of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialResult {
    /// Would go on to the table, the topic or a named output.
    pub pass: u64,
    /// Would be dropped by a step.
    pub dropped: u64,
    /// Would fail again, by code and reason.
    pub fail: BTreeMap<String, u64>,
}

impl TrialResult {
    fn fails(&mut self, code: &str, message: &str, count: u64) {
        if count == 0 {
            return;
        }
        let reason = format!("{code} {message}");
        let told = self.fail.len() < REASONS || self.fail.contains_key(&reason);
        *self.fail.entry(if told { reason } else { format!("{code} for other reasons") }).or_default() += count;
    }
}

impl Trial {
    /// Tries dead letters of one flow and adds what would become of them to `result`. They may come in parts; where
    /// steps keep state, all letters of a partition before those of another one.
    ///
    /// # Errors
    /// If the log or the raw store fails.
    pub fn run(&mut self, letters: &[DeadLetter], result: &mut TrialResult) -> Result<(), TaskEnd> {
        let mut groups: BTreeMap<(i32, i64), Vec<&DeadLetter>> = BTreeMap::new();
        for letter in letters {
            groups.entry((letter.partition, letter.offset)).or_default().push(letter);
        }
        for ((partition, _), letters) in groups {
            let topic = &letters[0].topic;
            let state = self.log.topic(topic)?;
            let Some(state) = state.filter(|state| state.identity.to_string() == letters[0].identity()) else {
                result.fails("", "its input topic was deleted and made again: it cannot go back", letters.len() as u64);
                continue;
            };
            self.restore((&letters[0].topology, &letters[0].flow), partition)?;
            let input = Input { topic: topic.as_str().into(), identity: state.identity, partition };
            let records = record(&letters, RetryAction::Replay);
            let Some(retry) = Retry::read(&records.get(0)) else {
                return Err(TaskEnd::Fault("a retry record does not read back".to_owned()));
            };
            match &self.reader {
                TrialReader::Documents { .. } => {
                    self.document((&letters[0].topology, &letters[0].flow), &input, &retry, result)?;
                }
                TrialReader::Records(_) => self.record(&input, &retry.original(&records.get(0)), result)?,
            }
        }
        Ok(())
    }

    /// Gives the steps what they know in a partition.
    fn restore(&mut self, (topology, flow): (&str, &str), partition: i32) -> Result<(), TaskEnd> {
        if self.partition.replace(partition) == Some(partition) {
            return Ok(());
        }
        for store in self.chain.stores() {
            store.clear();
            let topic = names::changelog(topology, flow, store.name());
            if self.log.topic(&topic)?.is_some_and(|state| partition < state.partitions) {
                RestoredFrom { log: self.log.as_ref(), changelog: &topic, partition }.whole(store)?;
            }
        }
        Ok(())
    }

    fn record(&mut self, input: &Input, records: &Records, result: &mut TrialResult) -> Result<(), TaskEnd> {
        let TrialReader::Records(reader) = &mut self.reader else { return Ok(()) };
        let decoded = reader.read(records, &Arc::new(input.clone())).map_err(TaskEnd::fault)?;
        decoded.bad.iter().for_each(|bad| result.fails(bad.code.0, &bad.message, 1));
        // What it adds to the state stays for the letters after it: two rows of one key are one and a repeat.
        let worked = self.chain.run(decoded.batch, &Facts::default()).map_err(TaskEnd::fault)?;
        let rows = worked.rows.iter().chain(worked.outputs.iter().map(|(_, rows)| rows));
        result.pass += rows.map(|rows| rows.len() as u64).sum::<u64>();
        result.dropped += decoded.dropped.iter().chain(&worked.dropped).map(|(_, count)| count).sum::<u64>();
        for failure in worked.failed.iter().flat_map(|failed| &failed.failures) {
            result.fails(failure.code.0, &failure.message, 1);
        }
        Ok(())
    }

    fn document(
        &mut self,
        flow: (&str, &str),
        input: &Input,
        retry: &Retry,
        result: &mut TrialResult,
    ) -> Result<(), TaskEnd> {
        let offset = retry.offset;
        let TrialReader::Documents { reader, key, bad_rows_above } = &self.reader else { return Ok(()) };
        let originals = self.log.read(&input.topic, input.partition, offset, 1)?;
        let original = originals.first().map(|records| records.get(0));
        let Some(original) = original.filter(|record| record.offset == offset) else {
            return Err(TaskEnd::Fault(format!("record {offset} of {} is gone", input.topic)));
        };
        let found: DocumentRecord =
            serde_json::from_slice(original.value.unwrap_or_default()).map_err(TaskEnd::fault)?;
        let document = crate::task::document_input(&Arc::new(input.clone()), &original, &found);
        let open = || bytes_of(&self.raw, &found);
        let (key, bad_rows_above) = (key.clone(), *bad_rows_above);
        let (chain, memory) = (&mut self.chain, &self.memory);
        let (reader, not_landed) = (reader.as_ref(), None);
        let mut rework = Rework { reader, document: &document, chain, key, bad_rows_above, memory, not_landed };
        let rows = retry.rows.len() as u64;
        let mut reworked = rework.run(&open, &retry.rows).map_err(TaskEnd::fault)?;
        if matches!(reworked, Reworked::Equal) {
            let at = (retry.topic.as_str(), input.partition, offset);
            rework.not_landed = Some(not_landed_of(self.log.as_ref(), flow, at)?);
            reworked = rework.run(&open, &retry.rows).map_err(TaskEnd::fault)?;
        }
        match reworked {
            Reworked::Equal => return Err(TaskEnd::Fault(EQUAL_AGAIN.to_owned())),
            Reworked::Refused { code, message } => result.fails(&code, &message, rows),
            Reworked::Rows(worked, missed) => {
                let Code(code) = codes::ROW_MOVED;
                result.fails(code, "the row is not where it was", missed.len() as u64);
                for worked in worked {
                    result.pass += worked.counts.landed + worked.counts.outputs.values().sum::<u64>();
                    result.dropped += worked.counts.dropped.values().sum::<u64>();
                    worked.bad.iter().for_each(|bad| result.fails(bad.code.0, &bad.message, 1));
                    for failure in worked.failed.iter().flat_map(|failed| &failed.failures) {
                        result.fails(failure.code.0, &failure.message, 1);
                    }
                }
            }
        }
        Ok(())
    }
}
