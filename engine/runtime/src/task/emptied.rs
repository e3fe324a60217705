//! A version of a document that has no rows, and would take back those of the version before.
//!
//! A publisher may mean it, and an upload that was cut behind its header looks the same. So something must say that it is
//! meant: a trailer that counts the rows, or a rule of the topology. Else the version is refused, and the rows stay.
//!
//! A range of the document that is open was judged when it was opened, and is not judged again.

use batch::DocumentId;
use log::LogError;
use operators::{EMPTIED, Outcome, Proof};

use super::TaskContext;
use super::document::withdrawal;
use crate::ledger::{Receipt, ledger_of, receipts};

impl TaskContext {
    /// Refuses a document without rows if it would take rows back and nothing says that this is meant.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub(super) fn doubt_an_empty(&self, document: &DocumentId, proof: &mut Proof) -> Result<(), LogError> {
        let empty = matches!(proof.outcome, Outcome::Rows | Outcome::Empty) && proof.counts.rows_in == 0;
        if !empty || proof.empty_is_meant || withdrawal(self, document).is_none() {
            return Ok(());
        }
        let Some(Receipt { version, counts, .. }) = self.stands(document)? else { return Ok(()) };
        let rows = batch::counted(counts.landed + counts.dead, "row");
        proof.outcome = Outcome::Incomplete;
        proof.code = EMPTIED.to_string();
        proof.message = format!(
            "no row behind its header, where version {version} has {rows}: it may have been cut, and nothing in it says \
             that it is meant. If it is, say in `delimited`, beside `layouts`: `outcome: [ {{ when: rows = 0, is: empty }} ]`, and it is read again"
        );
        Ok(())
    }

    /// The receipt of the version that a new one would take the place of, if it is an earlier one and has rows: landed
    /// ones, or dead ones that may come back.
    fn stands(&self, document: &DocumentId) -> Result<Option<Receipt>, LogError> {
        let parts = &self.parts;
        let entries = ledger_of(self.shared.log.as_ref(), &parts.topology, &parts.flow, self.input.partition)?;
        let of_document = |receipt: &Receipt| receipt.accepted() && *receipt.document == *document.key;
        // The last that was accepted: a person may have sent the flow back to this one.
        let last = receipts(entries).into_iter().rfind(of_document);
        Ok(last.filter(|last| last.version < document.version && last.counts.landed + last.counts.dead > 0))
    }
}
