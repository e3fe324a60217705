//! A reader of documents that works ahead on a thread of its own, while what it has read goes through the steps.
//!
//! Reading and working a document take about as long as each other, so a document that is alone keeps two cores busy. At
//! most [`AHEAD`] blocks wait between them. Blocks come in the order in which they were read, so nothing else changes.

use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;
use std::thread;

use operators::{Block, DocumentBytes, DocumentInput, DocumentReader, Facts, ReadError, Verdict};

use crate::stop::StopSignal;

/// Blocks that are read and not worked yet. More only take memory: one side is always the slower one.
const AHEAD: usize = 1;

/// Reads ahead of the sink, and ends the reading when the engine is stopping. What it said is worth nothing then: ask the
/// signal after each reading.
pub(super) struct Ahead<'a> {
    pub(super) reader: &'a dyn DocumentReader,
    pub(super) stop: &'a StopSignal,
}

impl DocumentReader for Ahead<'_> {
    fn facts(&self, document: &DocumentInput) -> Facts {
        self.reader.facts(document)
    }

    fn steps_need_trailer(&self) -> bool {
        self.reader.steps_need_trailer()
    }

    fn read(
        &self,
        document: &DocumentInput,
        bytes: Box<dyn DocumentBytes>,
        sink: &mut dyn FnMut(Block) -> bool,
    ) -> Result<Verdict, ReadError> {
        let (sender, blocks) = sync_channel(AHEAD);
        thread::scope(|scope| {
            // A block that nobody takes any more ends the reading.
            let read = move || self.reader.read(document, bytes, &mut |block| sender.send(block).is_ok());
            let reading = scope.spawn(read);
            let mut wanted = true;
            while wanted && let Ok(block) = blocks.recv() {
                wanted = !self.stop.stopping() && sink(block);
            }
            drop(blocks);
            reading.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }
}
