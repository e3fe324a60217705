//! Where records went: what the client reports of each one, gathered by append.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;
use rdkafka::statistics::Statistics;

use crate::statistics::OneClient;

/// Offsets of the first and the last record of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: i64,
    pub(super) last: i64,
}

#[derive(Debug, Default)]
struct State {
    spans: Vec<Option<Span>>,
    /// Records of which a report is awaited.
    awaited: usize,
    refusal: Option<KafkaError>,
    said: Option<String>,
}

/// What the client has reported in this transaction. A record carries the number of its append.
#[derive(Debug)]
pub(super) struct Reports {
    state: Mutex<State>,
    /// No report is awaited any more, or one is a refusal.
    changed: Condvar,
    figures: OneClient,
}

impl Reports {
    /// Of a client whose figures go there.
    pub(super) fn new(figures: OneClient) -> Self {
        Self { state: Mutex::default(), changed: Condvar::default(), figures }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a transaction of so many appends.
    pub(super) fn start(&self, appends: usize) {
        let mut state = self.state();
        state.spans = vec![None; appends];
        state.awaited = 0;
        state.refusal = None;
    }

    /// So many records are about to be sent.
    pub(super) fn expect(&self, records: usize) {
        self.state().awaited += records;
    }

    /// So many records were not sent after all.
    pub(super) fn unexpect(&self, records: usize) {
        self.state().awaited -= records;
    }

    /// Waits until each record has been reported, or for so long. Says whether each has.
    pub(super) fn wait(&self, limit: Duration) -> bool {
        let waiting = |state: &mut State| state.awaited > 0;
        let waited = self.changed.wait_timeout_while(self.state(), limit, waiting);
        waited.unwrap_or_else(PoisonError::into_inner).0.awaited == 0
    }

    /// The first record that was refused.
    pub(super) fn refusal(&self) -> Option<KafkaError> {
        self.state().refusal.clone()
    }

    /// Where each append lies.
    pub(super) fn spans(&self) -> Vec<Option<Span>> {
        std::mem::take(&mut self.state().spans)
    }

    /// What the client last said about its connections.
    pub(super) fn last_said(&self) -> Option<String> {
        self.state().said.clone()
    }
}

impl ClientContext for Reports {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.state().said = Some(if reason.is_empty() { error.to_string() } else { reason.to_owned() });
    }

    fn stats(&self, said: Statistics) {
        self.figures.says(&said);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, report: &DeliveryResult<'_>, append: usize) {
        let mut state = self.state();
        match report {
            Ok(message) => {
                let offset = message.offset();
                if let Some(span) = state.spans.get_mut(append) {
                    let before = span.unwrap_or(Span { first: offset, last: offset });
                    *span = Some(Span { first: before.first.min(offset), last: before.last.max(offset) });
                }
            }
            Err((error, _)) => {
                state.refusal.get_or_insert_with(|| error.clone());
            }
        }
        state.awaited = state.awaited.saturating_sub(1);
        let last = state.awaited == 0;
        drop(state);
        if last {
            self.changed.notify_all();
        }
    }
}
