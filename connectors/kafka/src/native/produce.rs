//! Records handed to the client many at a time, and the word that no more are coming.
//!
//! Invariants: the client copies key and value before a call returns, so nothing borrowed outlives it; what comes back
//! in a report is the number that went in here.
#![expect(unsafe_code, reason = "the safe client hands over one record a call; see the prose of `native`")]

use std::ffi::c_void;
use std::ops::Range;
use std::ptr;
use std::time::Duration;

use arrow::array::{Array, BinaryArray};
use batch::Records;
use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafkaRespErr;

use super::c_name;
use crate::failure::KafkaFailure;

/// The client copies values.
const COPY: i32 = sys::RD_KAFKA_MSG_F_COPY;

/// A topic that records are handed to.
pub(crate) struct ProducedTopic<'a, C: ClientContext> {
    topic: *mut sys::rd_kafka_topic_t,
    /// Outlives the topic.
    _client: &'a Client<C>,
}

impl<'a, C: ClientContext> ProducedTopic<'a, C> {
    /// A topic of this name. Nothing is asked of Kafka yet.
    pub(crate) fn new(client: &'a Client<C>, name: &str) -> Result<Self, KafkaFailure> {
        const CALL: &str = "writing records";
        let name = c_name(CALL, name)?;
        // SAFETY: the client lives as long as the topic, which frees the pointer once.
        let topic = unsafe { sys::rd_kafka_topic_new(client.native_ptr(), name.as_ptr(), ptr::null_mut()) };
        if topic.is_null() {
            // SAFETY: no argument.
            return Err(KafkaFailure::coded(CALL, unsafe { sys::rd_kafka_last_error() }.into(), ""));
        }
        Ok(Self { topic, _client: client })
    }

    /// Hands over records of a range in order, without their headers. `number` comes back with the report of each.
    /// Gives how many the client has taken, and why it did not take the one after them.
    pub(crate) fn hand_over(
        &self,
        partition: i32,
        records: &Records,
        range: Range<usize>,
        number: usize,
    ) -> (usize, Option<RDKafkaErrorCode>) {
        let mut messages: Vec<sys::rd_kafka_message_t> = range
            .map(|index| {
                let (payload, len) = bytes(&records.values, index);
                let (key, key_len) = bytes(&records.keys, index);
                sys::rd_kafka_message_t {
                    err: RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR,
                    rkt: ptr::null_mut(),
                    partition,
                    payload,
                    len,
                    key,
                    key_len,
                    offset: 0,
                    // What `IntoOpaque` makes of a number.
                    _private: number as *mut c_void,
                }
            })
            .collect();
        let count = i32::try_from(messages.len()).unwrap_or(i32::MAX);
        // SAFETY: keys and values are copied before the call returns; the array has room for `count`.
        unsafe { sys::rd_kafka_produce_batch(self.topic, partition, COPY, messages.as_mut_ptr(), count) };
        let refused = messages.iter().position(|message| message.err != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
        match refused {
            None => (messages.len(), None),
            Some(index) => (index, Some(messages[index].err.into())),
        }
    }
}

impl<C: ClientContext> Drop for ProducedTopic<'_, C> {
    fn drop(&mut self) {
        // SAFETY: it is alive and freed once.
        unsafe { sys::rd_kafka_topic_destroy(self.topic) }
    }
}

/// A value for C: null for none.
fn bytes(column: &BinaryArray, index: usize) -> (*mut c_void, usize) {
    if column.is_null(index) {
        return (ptr::null_mut(), 0);
    }
    let value = column.value(index);
    (value.as_ptr().cast_mut().cast(), value.len())
}

/// Sends what the client keeps back in the hope of more. Waits until each record was reported, or for so long.
pub(crate) fn flush<C: ClientContext>(client: &Client<C>, wait: Duration) {
    let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is alive. What it answers is what the reports say too.
    let _ = unsafe { sys::rd_kafka_flush(client.native_ptr(), wait) };
}
