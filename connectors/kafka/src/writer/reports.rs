//! Where records went: what the client reports of each one, gathered by append.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, ProducerContext};

/// Offsets of the first and the last record of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: i64,
    pub(super) last: i64,
}

#[derive(Debug, Default)]
struct State {
    spans: Vec<Option<Span>>,
    refusal: Option<KafkaError>,
    said: Option<String>,
}

/// What the client has reported in this transaction. A record carries the number of its append.
#[derive(Debug, Default)]
pub(super) struct Reports {
    state: Mutex<State>,
}

impl Reports {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a transaction of so many appends.
    pub(super) fn start(&self, appends: usize) {
        let mut state = self.state();
        state.spans = vec![None; appends];
        state.refusal = None;
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
    pub(super) fn last_said(&self, producer: &BaseProducer<Self>) -> Option<String> {
        producer.poll(Duration::ZERO);
        self.state().said.clone()
    }
}

impl ClientContext for Reports {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.state().said = Some(if reason.is_empty() { error.to_string() } else { reason.to_owned() });
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
    }
}
